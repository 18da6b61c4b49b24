"""XLM's tokenizer: words, then byte-pair encoding with fastBPE's codes."""

import functools
from pathlib import Path

import keras
import keras_hub
import tensorflow as tf

from xlm_tf.text import moses, moses_in_graph, unknown_characters
from xlm_tf.text.bpe_files import (
    MERGES_FILE,
    SPECIAL_TOKENS,
    VOCABULARY_FILE,
    WORD_END,
    read_merges,
    read_vocabulary,
    write_files,
)
from xlm_tf.text.bpe_merges import MergesInGraph, merge, word_symbols
from xlm_tf.text.token_ids import ragged_ids
from xlm_tf.text.word_offsets import split_words_with_offsets

START_TOKENS = ("</s>", "<s>")
MASK_TOKEN = "<mask>"  # in texts; in the vocabulary it is <special1>
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
        self._vocabulary = read_vocabulary(vocabulary, max_vocabulary)
        self._ids = {token: i for i, token in enumerate(self._vocabulary)}
        self._merges = read_merges(merges)
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
                self._in_graph = MergesInGraph(
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
        pairs = [pair for pair, _ in merge(word_symbols(word), self._ranks)]
        return pairs, self._word_ids(word)

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
            symbols = self._merged_symbols(words[0])
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
        symbols = self._merged_symbols(word)
        return tuple(self._ids.get(symbol, self.unk_token_id) for symbol in symbols)

    def _merged_symbols(self, word):
        symbols = word_symbols(word)
        for _, merged in merge(symbols, self._ranks):
            symbols = merged
        return symbols

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
            lowercase = moses_in_graph.lowercase_and_remove_accents
            words = words.with_values(lowercase(words.values))
            words = tf.ragged.boolean_mask(words, words != "")
        return words

    def _tokenize_texts(self, texts, language):
        words = self._words_in_graph(texts, language)  # (B, None)
        unique, index = tf.unique(words.values)
        ids = self._merges_in_graph()(unique)  # (words, None)
        return words.with_values(tf.gather(ids, index)).merge_dims(1, 2)

    def tokenize_with_offsets(self, texts, language=None):
        """Token ids of texts, and which bytes of a text a token stands for.

        Words are those of `split_words_with_offsets`, each read for itself: what comes
        before the merges has no offsets. Their ids are those of the text as a whole,
        but where a rule for words looks at the neighbours.

        Args:
            texts: string tensor (B,).
            language: string tensor (B,), or a str for all.

        Returns:
            `(ids, starts, ends)`: int32 RaggedTensors (B, None). A token stands for the
            bytes of its word.
        """
        with tf.device("cpu"):
            texts = tf.convert_to_tensor(texts, tf.string)
            language = self.language if language is None else language
            language = tf.convert_to_tensor(language, tf.string)
            language = tf.broadcast_to(language, tf.shape(texts))
            words, starts, ends = split_words_with_offsets(texts)
            language = tf.gather(language, words.value_rowids())
            ids = self.tokenize(words.values, language)  # (words, None)
            word = ids.value_rowids()
            return tuple(
                words.with_values(ids.with_values(values)).merge_dims(1, 2)
                for values in (
                    ids.values,
                    tf.gather(starts.values, word),
                    tf.gather(ends.values, word),
                )
            )

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
            ids, is_single = ragged_ids(inputs, self.vocabulary_size())
            is_text = (ids >= len(SPECIAL_TOKENS)) | (ids == self.unk_token_id)
            ids = tf.ragged.boolean_mask(ids, is_text)
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
        write_files(dir_path, self._vocabulary, self._merges)

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


def _mask_parts(texts):
    texts = tf.strings.regex_replace(texts, r"<special1>", MASK_TOKEN)
    return tf.strings.split(texts, MASK_TOKEN)


def _around_masks(text):
    parts = text.replace("<special1>", MASK_TOKEN).split(MASK_TOKEN)
    for number, part in enumerate(parts):
        if number:
            yield MASK_TOKEN
        yield part
