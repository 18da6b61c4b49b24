"""XLM's tokenizer: words, then byte-pair encoding with fastBPE's codes."""

import collections
import functools
import itertools
import json
import os
from pathlib import Path

import keras
import keras_hub
import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text

from xlm_tf.text import moses, moses_in_graph, unknown_characters

SPECIAL_TOKENS = (
    "<s>",
    "</s>",
    "<pad>",
    "<unk>",
    *(f"<special{i}>" for i in range(10)),
)
START_TOKENS = ("</s>", "<s>")
MASK_TOKEN = "<mask>"  # in texts; in the vocabulary it is <special1>
WORD_END = "</w>"
VOCABULARY_FILE = "vocab.json"
MERGES_FILE = "merges.txt"
# Merging takes as many rounds as a word has merges: no hostile text decides how many.
LONG_WORD = 200  # characters
# What `str.split` takes as white space, of which `tf.strings.split` knows a part.
_SPACE = r"[\x{1c}-\x{1f}\x{85}\p{Z}]"
_UNKNOWN = "\ufffd"  # in no vocabulary
WORD_RULES = ("moses", "whitespace")


@keras.saving.register_keras_serializable("xlm_tf")
class XLMBPETokenizer(keras_hub.tokenizers.Tokenizer):
    """Raw text -> token ids of the XLM models of 2019.

    There are two ways. `encode` is the original's pipeline in Python, exactly: Moses'
    normalisation and tokenizer (or a segmenter, see `xlm_tf.text.moses`), lower-casing
    and removal of accents where the model did it, then byte-pair encoding. Calling the
    tokenizer does the same in graph, for training and serving, with the nearest rules
    for words that TensorFlow's ops allow (`xlm_tf.text.moses_in_graph`); texts whose
    words are already apart (`words="whitespace"`) get exactly the same ids.

    Ids 0 to 13 are special: `<s>`, `</s>`, `<pad>`, `<unk>`, `<special0>` to
    `<special9>`. `</s>` stands at the start and at the end of every text, and
    `<special1>` is the mask; both it and a literal `<mask>` in a text become that id.

    Args:
        vocabulary: path of transformers' `vocab.json`, or of fastBPE's vocabulary
            ("token count" a line); or a dict from token to id as in the former; or a
            list of tokens in the order of their ids, in either's form, with the
            special tokens.
        merges: path of fastBPE's codes or of transformers' `merges.txt`; or a list of
            pairs of str.
        lowercase: bool, lower-case and remove accents: true for models of up to 15
            languages, false for XLM-17 and XLM-100.
        words: "moses" for raw text, "whitespace" for text that is split into words.
        start_token: "</s>", or "<s>" as transformers' tokenizer has it.
        language: str, language of texts that come without one; in any spelling, see
            `xlm_tf.text.language_codes.parse_language_code`.
        max_vocabulary: int, tokens to keep of a fastBPE vocabulary, the special ones
            included: the XLM-15 models keep 95,000. None keeps all.

    Call arguments:
        inputs: string tensor (B,), list of str, or one str.
        language: string tensor (B,), or a str for all.

    Returns:
        int32 RaggedTensor (B, None), without start and end tokens; for one str an
        int32 tensor (None,).

    Raises:
        FileNotFoundError: there is no file at a path.
        ValueError: a file or an argument that cannot be used; says why.

    Example:
    ```python
    tokenizer = xlm_tf.XLMBPETokenizer("vocab_xnli_15", "codes_xnli_15")
    tokenizer(["Hello, world!"], language="en")
    tokenizer.encode("Bonjour à tous", language="fr")
    ```

    Sources: Sennrich et al. 2016 (arXiv 1508.07909), Lample and Conneau 2019.
    """

    # The preprocessors tell it the language of every text.
    reads_language = True

    def __init__(
        self,
        vocabulary=None,
        merges=None,
        lowercase=True,
        words="moses",
        start_token="</s>",
        language="en",
        max_vocabulary=None,
        dtype="int32",
        **kwargs,
    ):
        super().__init__(dtype=dtype, **kwargs)
        if words not in WORD_RULES:
            raise ValueError(
                f"words must be one of {WORD_RULES}. Received: words={words!r}."
            )
        if start_token not in START_TOKENS:
            raise ValueError(
                f"start_token must be one of {START_TOKENS}. "
                f"Received: start_token={start_token!r}."
            )
        self.lowercase = lowercase
        self.words = words
        self.language = language
        self.start_token = start_token
        self.start_token_id = SPECIAL_TOKENS.index(start_token)
        self.end_token, self.end_token_id = "</s>", 1
        self.pad_token, self.pad_token_id = "<pad>", 2
        self.unk_token, self.unk_token_id = "<unk>", 3
        self.mask_token, self.mask_token_id = "<special1>", 5
        self.file_assets = [VOCABULARY_FILE, MERGES_FILE]
        self._vocabulary = None
        if (vocabulary is None) != (merges is None):
            raise ValueError("A BPE tokenizer needs a vocabulary and its merges, both.")
        if vocabulary is not None:
            self.set_vocabulary_and_merges(vocabulary, merges, max_vocabulary)

    def set_vocabulary_and_merges(self, vocabulary, merges, max_vocabulary=None):
        """Read the vocabulary and the merges, see the class."""
        self._vocabulary = _read_vocabulary(vocabulary, max_vocabulary)
        self._ids = {token: i for i, token in enumerate(self._vocabulary)}
        self._merges = _read_merges(merges)
        self._ranks = {pair: rank for rank, pair in enumerate(self._merges)}
        self._word_ids = functools.lru_cache(maxsize=100_000)(self._merge_word)
        self._in_graph = None

    @property
    def special_tokens(self):
        return list(SPECIAL_TOKENS)

    @property
    def special_token_ids(self):
        return list(range(len(SPECIAL_TOKENS)))

    @property
    def has_vocabulary(self):
        """bool: a tokenizer of a preset gets its vocabulary after it was made."""
        return self._vocabulary is not None

    def vocabulary_size(self):
        """Number of ids."""
        self._check_vocabulary()
        return len(self._vocabulary)

    def get_vocabulary(self):
        """Tokens in the order of their ids; `</w>` ends those that end a word."""
        self._check_vocabulary()
        return list(self._vocabulary)

    def get_merges(self):
        """The pairs that are merged, in order."""
        self._check_vocabulary()
        return list(self._merges)

    def id_to_token(self, id):
        """The token of an id."""
        if not 0 <= id < self.vocabulary_size():
            raise ValueError(
                f"An id must be in [0, {self.vocabulary_size() - 1}]. Received: {id}."
            )
        return self._vocabulary[id]

    def token_to_id(self, token):
        """The id of a token; `<unk>`'s for one that is not in the vocabulary."""
        self._check_vocabulary()
        token = self.mask_token if token == MASK_TOKEN else token
        return self._ids.get(token, self.unk_token_id)

    @property
    def graph_resources(self):
        """What a graph that tokenises must own when it is saved."""
        return [self._merges_in_graph()]

    def _merges_in_graph(self):
        if self._in_graph is None:
            with tf.init_scope():
                self._in_graph = _Merges(
                    self._vocabulary, self._merges, self.unk_token_id
                )
        return self._in_graph

    def merges_of(self, word):
        """The merges that a word goes through, and the ids that it ends as.

        Args:
            word: str, after lower-casing and the like.

        Returns:
            `(merges, token_ids)`: a list of pairs of str in their order, and a tuple.
        """
        symbols = [*word[:-1], word[-1] + WORD_END]
        return [pair for pair, _ in self._merge(symbols)], self._word_ids(word)

    def split_words(self, texts, language=None):
        """The words of raw texts that are merged, by the rules in graph.

        Args:
            texts: list of str.
            language: str, of all texts.

        Returns:
            Set of str.
        """
        texts = tf.strings.unicode_transcode(tf.constant(texts), "UTF-8", "UTF-8")
        texts = _mask_parts(texts).values
        language = tf.fill(tf.shape(texts), language or self.language)
        words = self._words_in_graph(texts, language).values.numpy().tolist()
        return {word.decode() for word in words}

    def trimmed(self, token_ids, merges):
        """A tokenizer with some of the tokens.

        Args:
            token_ids: set of int. The special tokens stay in any case.
            merges: set of pairs of str, of the merges to keep. A text whose merges and
                tokens are all kept keeps its tokens.

        Returns:
            `(tokenizer, old_ids)`: the new tokenizer, and the list of the ids that its
            tokens had.
        """
        self._check_vocabulary()
        specials = set(range(len(SPECIAL_TOKENS)))
        old_ids = sorted(specials | {int(i) for i in token_ids})
        tokens = {self._vocabulary[old]: new for new, old in enumerate(old_ids)}
        kept = [pair for pair in self._merges if pair in merges]
        return self._with_vocabulary(tokens, kept), old_ids

    def extended(self, tokens):
        """A tokenizer with more tokens, each a word.

        Args:
            tokens: list of str.

        Returns:
            `(tokenizer, new_ids)`: the new tokenizer, and the ids of its new tokens.

        Raises:
            ValueError: a text of several words.
        """
        ids, merges = dict(self._ids), list(self._merges)
        for token in tokens:
            words = list(self._split(token, self.language, None))
            if len(words) != 1:
                raise ValueError(f"A new token must be one word. Received: {token!r}.")
            symbols = [*words[0][:-1], words[0][-1] + WORD_END]
            steps = list(self._merge(symbols))
            symbols = steps[-1][1] if steps else symbols
            whole = symbols[0]
            for symbol in symbols[1:]:  # after all other merges
                merges.append((whole, symbol))
                whole += symbol
            ids[whole] = len(ids)
        new_ids = list(range(len(self._ids), len(ids)))
        return self._with_vocabulary(ids, merges), new_ids

    def _with_vocabulary(self, vocabulary, merges):
        return type(self).from_config(
            {**self.get_config(), "vocabulary": vocabulary, "merges": merges}
        )

    def encode(self, text, language=None, segmenter=None):
        """Token ids of one text by the original's pipeline, in Python.

        Args:
            text: str.
            language: str; defaults to the tokenizer's.
            segmenter: see `xlm_tf.text.moses.split_words`.

        Returns:
            List of int, without start and end tokens.

        Raises:
            ModuleNotFoundError: a package for the language is missing; says which.
        """
        self._check_vocabulary()
        ids = []
        for part in _around_masks(text):
            if part == MASK_TOKEN:
                ids.append(self.mask_token_id)
                continue
            for word in self._split(part, language or self.language, segmenter):
                ids.extend(self._word_ids(word))
        return ids

    def decode(self, ids, mark=unknown_characters.MARK):
        """The text of some ids, in Python; special tokens are left out.

        Args:
            ids: sequence of int.
            mark: str, what stands for `<unk>`, see `detokenize`.

        Returns:
            str: the words with spaces between them, as they went into the merges.
        """
        tokens = [
            mark if i == self.unk_token_id else self.id_to_token(int(i))
            for i in ids
            if i == self.unk_token_id or i >= len(SPECIAL_TOKENS)
        ]
        return "".join(tokens).replace(WORD_END, " ").strip()

    def _split(self, text, language, segmenter):
        if self.words == "whitespace":
            words = text.split()
        else:
            words = moses.split_words(text, language, segmenter)
        if self.lowercase:
            words = moses.lowercase_and_remove_accents(" ".join(words)).split(" ")
        return (word for word in words if word)

    def _merge_word(self, word):
        symbols = [*word[:-1], word[-1] + WORD_END]
        for _, merged in self._merge(symbols):
            symbols = merged
        return tuple(self._ids.get(symbol, self.unk_token_id) for symbol in symbols)

    def _merge(self, symbols):
        """Yield every pair that is merged, with the symbols after it."""
        while len(symbols) > 1:
            pairs = itertools.pairwise(symbols)
            best = min(pairs, key=lambda pair: self._ranks.get(pair, len(self._ranks)))
            if best not in self._ranks:
                break
            merged, i = [], 0
            while i < len(symbols):
                if tuple(symbols[i : i + 2]) == best:
                    merged.append(best[0] + best[1])
                    i += 2
                else:
                    merged.append(symbols[i])
                    i += 1
            symbols = merged
            yield best, symbols

    def tokenize(self, inputs, language=None):
        """Token ids in graph, see the class."""
        self._check_vocabulary()
        with tf.device("cpu"):
            texts = tf.convert_to_tensor(inputs, tf.string)
            is_single = texts.shape.rank == 0
            texts = texts[None] if is_single else texts
            language = self.language if language is None else language
            language = tf.convert_to_tensor(language, tf.string)
            language = tf.broadcast_to(language, tf.shape(texts))
            # Invalid bytes become U+FFFD, which no vocabulary has.
            texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8")
            num_parts = tf.size(_mask_parts(texts).values)
            ids = tf.cond(
                num_parts > tf.size(texts),
                lambda: self._tokenize_around_masks(texts, language),
                lambda: self._tokenize_texts(texts, language),
            )
            return ids[0] if is_single else ids

    def _tokenize_around_masks(self, texts, language):
        parts = _mask_parts(texts)  # (B, None)
        language = tf.gather(language, parts.value_rowids())
        ids = self._tokenize_texts(parts.values, language)  # (parts, None)
        mask = tf.fill((ids.nrows(), 1), self.mask_token_id)
        ids = tf.concat([ids, tf.RaggedTensor.from_tensor(mask)], axis=1)
        return parts.with_values(ids).merge_dims(1, 2)[:, :-1]

    def _words_in_graph(self, texts, language):
        if self.words == "moses":
            words = moses_in_graph.split_words(texts, language)
        else:
            # TensorFlow ends a string at NUL when it lower-cases.
            texts = tf.strings.regex_replace(texts, r"\x00", _UNKNOWN)
            words = tf.strings.split(tf.strings.regex_replace(texts, _SPACE, " "))
        if self.lowercase:
            flat = tf_text.normalize_utf8(
                tf.strings.lower(words.values, encoding="utf-8"), "NFD"
            )
            # Hangul is split into letters, as in the original.
            flat = tf.strings.regex_replace(flat, r"\p{Mn}", "")
            words = words.with_values(tf.strings.lower(flat, encoding="utf-8"))
            words = tf.ragged.boolean_mask(words, words != "")
        return words

    def _tokenize_texts(self, texts, language):
        words = self._words_in_graph(texts, language)  # (B, None)
        unique, index = tf.unique(words.values)
        ids = self._merges_in_graph()(unique)  # (words, None)
        return words.with_values(tf.gather(ids, index)).merge_dims(1, 2)

    def unknown_parts(self, texts, language=None):
        """The characters of every text that its tokens say no more of than `<unk>`.

        Args:
            texts: string tensor (B,).
            language: string tensor (B,), or a str for all.

        Returns:
            string RaggedTensor (B, None): the characters in order, as they went into
            the merges, with `</w>` where they end a word.
        """
        self._check_vocabulary()
        with tf.device("cpu"):
            language = self.language if language is None else language
            language = tf.convert_to_tensor(language, tf.string)
            language = tf.broadcast_to(language, tf.shape(texts))
            texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8")
            texts = tf.strings.regex_replace(texts, "<special1>|<mask>", " ")
            words = self._words_in_graph(texts, language)  # (B, None)
            characters = self._merges_in_graph().unknown_characters(words.values)
            return words.with_values(characters).merge_dims(1, 2)

    def detokenize(self, inputs, mark=unknown_characters.MARK, copies=None):
        """Token ids -> text, in graph.

        Args:
            inputs: ids, ragged or dense (B, T), or of one text (T,). Special tokens
                and padding are left out.
            mark: str, what stands for `<unk>`; by default a double question mark
                (U+2047) between spaces.
            copies: string RaggedTensor (B, None), what stands for the first `<unk>` of
                every text instead, in order.

        Returns:
            string tensor (B,), or a scalar for one text.

        Raises:
            tf.errors.InvalidArgumentError: an id that is not in the vocabulary.
        """
        self._check_vocabulary()
        with tf.device("cpu"):
            ids = inputs
            if isinstance(ids, list | tuple):
                ids = tf.ragged.constant(ids, dtype="int32")
            elif not isinstance(ids, tf.RaggedTensor):
                ids = tf.convert_to_tensor(ids)
            is_single = ids.shape.rank == 1
            ids = ids[None] if is_single else ids
            if not isinstance(ids, tf.RaggedTensor):
                ids = tf.RaggedTensor.from_tensor(ids)
            is_text = (ids >= len(SPECIAL_TOKENS)) | (ids == self.unk_token_id)
            ids = tf.ragged.boolean_mask(ids, is_text)
            in_vocabulary = tf.debugging.assert_less(
                tf.cast(ids.flat_values, "int32"),
                self.vocabulary_size(),
                "An id is not in the tokenizer's vocabulary.",
            )
            with tf.control_dependencies([in_vocabulary] if in_vocabulary else []):
                vocabulary = list(self._vocabulary)
                vocabulary[self.unk_token_id] = unknown_characters.PLACE
                tokens = ids.with_flat_values(
                    tf.gather(tf.constant(vocabulary), ids.flat_values)
                )
            texts = tf.strings.reduce_join(tokens, axis=1)
            texts = unknown_characters.filled(texts, mark, copies)
            texts = tf.strings.strip(tf.strings.regex_replace(texts, WORD_END, " "))
            return texts[0] if is_single else texts

    def call(self, inputs, *args, training=None, **kwargs):
        return self.tokenize(inputs, *args, **kwargs)

    def save_assets(self, dir_path):
        """Write `vocab.json` and `merges.txt`, as transformers has them."""
        self._check_vocabulary()
        vocabulary = {token: i for i, token in enumerate(self._vocabulary)}
        Path(dir_path, VOCABULARY_FILE).write_text(
            json.dumps(vocabulary, ensure_ascii=False, indent=0), encoding="utf-8"
        )
        Path(dir_path, MERGES_FILE).write_text(
            "".join(f"{first} {second}\n" for first, second in self._merges),
            encoding="utf-8",
        )

    def load_assets(self, dir_path):
        """Read what `save_assets` wrote."""
        self.set_vocabulary_and_merges(
            Path(dir_path, VOCABULARY_FILE), Path(dir_path, MERGES_FILE)
        )

    def _check_vocabulary(self):
        if self._vocabulary is None:
            raise ValueError("The tokenizer has no vocabulary: pass one, with merges.")

    def get_config(self):
        return {
            **super().get_config(),
            "lowercase": self.lowercase,
            "words": self.words,
            "start_token": self.start_token,
            "language": self.language,
        }


class _Merges(tf.Module):
    """Byte-pair merging of many words at once, as tensor operations.

    All words lie in one flat tensor of symbols. Every round finds the best pair of
    each word, merges all its occurrences from the left, and closes the gaps.
    """

    def __init__(self, vocabulary, merges, unk_token_id):
        super().__init__(name="bpe")
        symbols = collections.OrderedDict()
        for token in vocabulary[len(SPECIAL_TOKENS) :]:
            symbols.setdefault(token, len(symbols))
        for first, second in merges:
            for symbol in (first, second, first + second):
                symbols.setdefault(symbol, len(symbols))
        self.num_symbols = len(symbols) + 1
        self.unknown = len(symbols)  # a character without a symbol
        ids = {token: i for i, token in enumerate(vocabulary)}
        self.token_ids = tf.constant(
            [ids.get(symbol, unk_token_id) for symbol in symbols] + [unk_token_id],
            "int32",
        )
        characters = {
            symbol: i
            for symbol, i in symbols.items()
            if len(symbol.removesuffix(WORD_END)) == 1
        }
        self.characters = _table(
            list(characters), list(characters.values()), self.unknown
        )
        ranks = {
            symbols[first] * self.num_symbols + symbols[second]: rank
            for rank, (first, second) in enumerate(merges)
        }
        self.no_rank = tf.constant(len(merges), "int64")
        self.ranks = _table(
            np.array(list(ranks), "int64"),
            np.array(list(ranks.values()), "int64"),
            len(merges),
        )
        self.merged = tf.constant(
            [symbols[first + second] for first, second in merges] + [0], "int64"
        )

    def unknown_characters(self, words):
        """string (W,) -> string RaggedTensor (W, None), those without a symbol."""
        characters, _, _ = self._characters(words)
        is_unknown = self.characters.lookup(characters.values) == self.unknown
        return tf.ragged.boolean_mask(characters, characters.with_values(is_unknown))

    def _characters(self, words):
        """string (W,) -> characters (W, None), their words, and the number of those."""
        characters = tf.strings.unicode_split(words, "UTF-8")  # (W, None)
        flat = characters.values
        row = characters.value_rowids()
        position = tf.range(tf.size(flat, tf.int64), dtype="int64") - tf.gather(
            characters.row_starts(), row
        )
        # A long word is several, each of at most LONG_WORD characters.
        starts_word = position % LONG_WORD == 0
        word = tf.cumsum(tf.cast(starts_word, "int64")) - 1
        num_words = tf.reduce_sum(tf.cast(starts_word, "int64"))
        is_last = _differs_from_next(word)
        flat = tf.where(is_last, tf.strings.join([flat, WORD_END]), flat)
        return characters.with_values(flat), word, num_words

    def __call__(self, words):
        """string (W,) -> int32 RaggedTensor (W, None) of token ids."""
        characters, word, num_words = self._characters(words)
        row = characters.value_rowids()
        symbol = self.characters.lookup(characters.values)

        def merge(symbol, word, row, _):
            following = tf.concat([symbol[1:], [self.unknown]], 0)[: tf.size(symbol)]
            rank = self.ranks.lookup(symbol * self.num_symbols + following)
            rank = tf.where(_differs_from_next(word), self.no_rank, rank)
            best = tf.math.unsorted_segment_min(rank, word, num_words)
            is_best = (rank == tf.gather(best, word)) & (rank < self.no_rank)
            # Pairs may overlap (aaa): in a run of them every other one is merged.
            positions = tf.range(tf.size(symbol))
            breaks = tf.concat([[-1], tf.boolean_mask(positions, ~is_best)], 0)
            last_break = tf.gather(breaks, tf.cumsum(tf.cast(~is_best, "int32")))
            is_merged = is_best & ((positions - last_break) % 2 == 1)
            rank = tf.where(is_merged, rank, 0)
            symbol = tf.where(is_merged, tf.gather(self.merged, rank), symbol)
            is_kept = tf.logical_not(
                tf.concat([[False], is_merged[:-1]], 0)[: tf.size(symbol)]
            )
            return (
                tf.boolean_mask(symbol, is_kept),
                tf.boolean_mask(word, is_kept),
                tf.boolean_mask(row, is_kept),
                tf.reduce_any(is_merged),
            )

        vector = tf.TensorShape([None])
        symbol, word, row, _ = tf.while_loop(
            lambda symbol, word, row, has_merges: has_merges,
            merge,
            (symbol, word, row, tf.size(symbol) > 1),
            shape_invariants=(vector, vector, vector, tf.TensorShape([])),
        )
        return tf.RaggedTensor.from_value_rowids(
            tf.gather(self.token_ids, symbol), row, tf.size(words, tf.int64)
        )


def _differs_from_next(word):
    """Whether a position is the last of its word."""
    return tf.concat([word[1:] != word[:-1], [True]], 0)[: tf.size(word)]


def _table(keys, values, default):
    keys = tf.constant(keys)
    return tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(keys, tf.constant(values, "int64")),
        tf.constant(default, "int64"),
    )


def _mask_parts(texts):
    texts = tf.strings.regex_replace(texts, r"<special1>", MASK_TOKEN)
    return tf.strings.split(texts, MASK_TOKEN)


def _around_masks(text):
    parts = text.replace("<special1>", MASK_TOKEN).split(MASK_TOKEN)
    for number, part in enumerate(parts):
        if number:
            yield MASK_TOKEN
        yield part


def _read_vocabulary(source, max_vocabulary):
    """Tokens in the order of their ids, in transformers' form."""
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        text = _read_text(path)
        if text.lstrip().startswith("{"):
            source = json.loads(text)
        else:
            source = [*SPECIAL_TOKENS, *_fastbpe_tokens(path, text)]
    if isinstance(source, dict):
        tokens = sorted(source, key=source.get)
        if [source[token] for token in tokens] != list(range(len(tokens))):
            raise ValueError("The ids of a vocabulary must be 0, 1, 2, ... in full.")
    else:
        tokens = list(source)
        if not any(token.endswith(WORD_END) for token in tokens):
            tokens = [_with_word_end(token) for token in tokens]
    if tuple(tokens[: len(SPECIAL_TOKENS)]) != SPECIAL_TOKENS:
        raise ValueError(
            "A vocabulary of XLM begins with the 14 special tokens "
            f"{', '.join(SPECIAL_TOKENS)}. Received: {tokens[:14]}."
        )
    if len(set(tokens)) != len(tokens):
        twice = [t for t, n in collections.Counter(tokens).items() if n > 1][:5]
        raise ValueError(f"A vocabulary must hold every token once. Twice: {twice}.")
    return tokens[:max_vocabulary]


def _read_text(path):
    """UTF-8, of which a byte order mark is no part."""
    try:
        return Path(path).read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} must be UTF-8 text. Received: {error.reason} at byte "
            f"{error.start}."
        ) from error


def _fastbpe_tokens(path, text):
    tokens = []
    for number, line in enumerate(text.split("\n"), start=1):
        token, _, count = line.rpartition(" ")
        if not line:
            continue
        if not token or not count.isdecimal():
            raise ValueError(
                f"{path}, line {number}: expected a token and its count, as fastBPE "
                f"writes them. Received: {line[:80]!r}."
            )
        tokens.append(token)
    return tokens


def _with_word_end(token):
    if token in SPECIAL_TOKENS:
        return token
    return token.replace("@@", "") if "@@" in token else token + WORD_END


def _read_merges(source):
    """Pairs of str in the order of the merges."""
    if not isinstance(source, str | os.PathLike):
        return [tuple(pair) for pair in source]
    merges = []
    lines = _read_text(source).split("\n")
    for number, line in enumerate(lines, start=1):
        parts = line.split(" ")
        if not line or (number == 1 and line.startswith("#version")):
            continue
        if len(parts) not in (2, 3):
            raise ValueError(
                f"{source}, line {number}: expected two symbols and perhaps a count. "
                f"Received: {line[:80]!r}."
            )
        merges.append((parts[0], parts[1]))
    return merges
