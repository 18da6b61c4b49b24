"""Token embeddings that begin with pretrained vectors of words, such as fastText's."""

import dataclasses

import numpy as np
import tensorflow as tf

from xlm_tf.data.corpus_report import CorpusReport
from xlm_tf.data.word_vectors import check_dimension, read_word_vectors

# The most frequent words of a file, which tokens inside words are looked for in.
SEGMENTED_WORDS = 200_000
_EXACT, _OTHER_CASE = 2, 1


@dataclasses.dataclass(frozen=True)
class TokenVectorReport:
    """Which tokens have got a vector.

    Attributes:
        tokens: int, all but the special ones.
        words: int, those that have the vector of the word that they are.
        parts: int, those that have the mean of the words that they are part of.
        words_of: dict from language to int, the tokens that are a word of its file.
        reading: `CorpusReport` of the files.
    """

    tokens: int
    words: int
    parts: int
    words_of: dict
    reading: CorpusReport

    def __str__(self):
        by_language = ", ".join(f"{x} {n:,}" for x, n in self.words_of.items())
        rest = self.tokens - self.words - self.parts
        return (
            f"Of {self.tokens:,} tokens {self.words:,} begin with the vector of a word "
            f"({by_language}), {self.parts:,} with the mean of the words that they are "
            f"part of, {rest:,} at random."
        )


def set_initial_embeddings(recipe, model, reporter):
    """What `initial_embeddings` of a recipe asks for, where it does.

    Args:
        recipe: `Recipe`.
        model: a task of new weights, with a preprocessor.
        reporter: `Reporter`.
    """
    if recipe.initial_embeddings is None:
        return
    report = set_token_vectors(
        model.backbone, model.preprocessor.tokenizer, recipe.initial_embeddings
    )
    reporter.say_broken([report.reading])
    reporter.say(str(report))


def set_token_vectors(backbone, tokenizer, files):
    """Give the token embedding of a new model the vectors of words, by their spelling.

    A token that is a whole word has the vector of that word, or, where the file has it
    in another case only, of that one; the mean where it is a word of several languages.
    Other tokens have the mean of the vectors of the words that they are part of, all
    alike, among the 200,000 first of each file, which are the most frequent. What
    neither holds for, and special tokens, keep what they have. All vectors are scaled
    by one number, so that they deviate as much as those that the model began with.

    Args:
        backbone: `XLMBackbone` or `XLMSeq2SeqBackbone`; of the latter both tables.
        tokenizer: a tokenizer of `xlm_tf.text`, the model's.
        files: dict from language to Path, see `xlm_tf.data.word_vectors`; aligned, so
            that words of one meaning have like vectors in all.

    Returns:
        `TokenVectorReport`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a file is of another format or dimension, or no token is in any.
    """
    width = backbone.hidden_dim
    for path in files.values():
        check_dimension(path, width)
    tokens = _Tokens(tokenizer)
    shape = tokens.count, width
    of_words, of_parts = (_Mean(shape) for _ in range(2))
    reading, words_of = CorpusReport(), {}
    for language, path in files.items():
        vectors, found, parts = tokens.read(path, language, width, reading)
        of_words.add(vectors, found)
        of_parts.add(*parts)
        words_of[language] = int(found.sum())
    is_word = of_words.counts > 0
    is_part = (of_parts.counts > 0) & ~is_word
    is_set = is_word | is_part
    values = np.where(is_word[:, None], of_words.values(), of_parts.values())[is_set]
    size = np.sqrt(np.mean(np.square(values))) if is_set.any() else 0
    if not size:
        raise ValueError(
            "No token of the vocabulary is in the word vectors of "
            f"{', '.join(str(path) for path in files.values())}."
        )
    encoder = getattr(backbone, "encoder", backbone)
    values *= (encoder.embedding_initializer_range or width**-0.5) / size
    tables = [encoder.embeddings.token_embedding]
    if encoder is not backbone and not backbone.share_embeddings:
        tables.append(backbone.decoder_embeddings.token_embedding)
    for table in tables:
        rows = np.array(table.embeddings)
        rows[: tokens.count][is_set] = values
        table.embeddings.assign(rows)
    return TokenVectorReport(
        tokens.count - len(tokens.special_ids),
        int(is_word.sum()),
        int(is_part.sum()),
        words_of,
        reading,
    )


class _Mean:
    """Means of vectors by token, of languages one after the other."""

    def __init__(self, shape):
        self.sums = np.zeros(shape, "float32")
        self.counts = np.zeros(shape[0], "int32")

    def add(self, vectors, found):
        """Add the vectors (V, D) of the tokens that are found, bool (V,)."""
        self.sums[found] += vectors[found]
        self.counts += found

    def values(self):
        """(V, D)."""
        return self.sums / np.maximum(self.counts, 1)[:, None]


class _Tokens:
    """The tokens of a vocabulary, by the words that they are."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        vocabulary = tokenizer.get_vocabulary()
        self.count = len(vocabulary)
        self.special_ids = sorted({int(x) for x in tokenizer.special_token_ids})
        self.ids = {}
        self.ids_in_any_case = {}
        for token_id, token in enumerate(vocabulary):
            word = _word_of(token)
            if token_id not in self.special_ids and word:
                self.ids[word] = token_id
                own = self.ids_in_any_case.setdefault(word.casefold(), [])
                own.append(token_id)

    def read(self, path, language, width, report):
        """What a file has for tokens.

        Returns:
            `(vectors, found, (means, is_part))`: float32 (V, D) and bool (V,) of tokens
            that are words; and the same of tokens that are parts of words.
        """
        vectors = np.zeros((self.count, width), "float32")
        found = np.zeros(self.count, "int8")
        sums = np.zeros((self.count, width), "float32")
        counts = np.zeros(self.count, "int32")
        number_read = 0

        def is_wanted(number, word):
            return number <= SEGMENTED_WORDS or word.casefold() in self.ids_in_any_case

        for words, own in read_word_vectors(path, report, is_wanted):
            for word, vector in zip(words, own, strict=True):
                exact = self.ids.get(word)
                for token_id in self.ids_in_any_case.get(word.casefold(), ()):
                    match = _EXACT if token_id == exact else _OTHER_CASE
                    if match > found[token_id]:
                        vectors[token_id], found[token_id] = vector, match
            if number_read < SEGMENTED_WORDS:
                row, token_id = self._parts(words, language)
                np.add.at(sums, token_id, own[row])
                np.add.at(counts, token_id, 1)
            number_read += len(words)
        counts[self.special_ids] = 0
        means = sums / np.maximum(counts, 1)[:, None]
        return vectors, found > 0, (means, counts > 0)

    def _parts(self, words, language):
        """Pairs of a word and a token of it, each once, as two int arrays."""
        of_language = {}
        if getattr(self.tokenizer, "reads_language", False):
            of_language["language"] = language
        ids = self.tokenizer.tokenize(tf.constant(words), **of_language)
        pairs = np.unique(
            np.stack([ids.value_rowids().numpy(), ids.values.numpy()], axis=1), axis=0
        )
        return pairs[:, 0], pairs[:, 1]


def _word_of(token):
    """The word that a token is, or None for a part of words."""
    if token.startswith("\u2581"):
        return token.removeprefix("\u2581")
    return token.removesuffix("</w>") if token.endswith("</w>") else None
