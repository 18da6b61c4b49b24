"""XLM-R's tokenizer: SentencePiece on raw text, with fairseq's token ids."""

import copy
import os
import re

import keras
import keras_hub
import tensorflow as tf

from xlm_tf.private_keras import SentencePieceModels
from xlm_tf.text import sentencepiece_proto, unknown_characters
from xlm_tf.text.long_words import cut_long_words, cut_long_words_with_offsets
from xlm_tf.text.special_tokens import encode_around, pattern, tokenize_around
from xlm_tf.text.token_ids import ragged_ids

SPECIAL_TOKENS = ("<s>", "<pad>", "</s>", "<unk>")  # ids 0 to 3
MASK_TOKEN = "<mask>"  # the last id
# Unicode's white space, of which RE2's \s is the ASCII part.
_SPACE_BEFORE_MASK = r"[\s\v\x{1c}-\x{1f}\x{85}\p{Z}]+<mask>"


@keras.saving.register_keras_serializable("xlm_tf")
class XLMSentencePieceTokenizer(
    SentencePieceModels, keras_hub.tokenizers.SentencePieceTokenizer
):
    """Raw text -> token ids, in graph, over one vocabulary for all languages.

    Ids are fairseq's: `<s>` 0, `<pad>` 1, `</s>` 2, `<unk>` 3, then every piece of
    the SentencePiece model at its own id + 1, and `<mask>` last. A literal `<mask>`
    in a text becomes that id, and takes the white space before it along, as in the
    original. The other special tokens in a text are read as ordinary characters, so
    that no user's text can forge them, unless `special_tokens_in_strings` is true:
    then they become their ids, as in transformers.

    Every sequence of bytes is a legal text; invalid UTF-8 reads as `<unk>`. In a text
    of more than 20,000 bytes, a word of more than 1,000 characters is read as several
    words of 1,000 characters: hostile input cannot take minutes.

    Where two segmentations of a text are equally probable, the SentencePiece inside
    TensorFlow Text may take the other one than the `sentencepiece` package does (6 of
    20,000 sentences in a trial of ten languages). This class always uses the former,
    in eager code too, so that training and serving agree.

    Args:
        proto: bytes of a SentencePiece model, or the path of one. Its first three
            pieces must be `<unk>`, `<s>`, `</s>`, as in the released models and in
            those of `xlm-tf vocabulary`.
        special_tokens_in_strings: bool, read `<s>`, `<pad>`, `</s>` and `<unk>` in a
            text as special tokens.
        added_tokens: list of pairs (token: str, normalized: bool) with the ids after
            `<mask>`, as some released folders have them. Each is found wherever it
            stands in a text, or, where `normalized` is true, in the normalised text;
            the text between them is read by parts.

    Call arguments:
        inputs: string tensor (B,), list of str, or one str.

    Returns:
        int32 RaggedTensor (B, None), without start and end tokens; for one str an
        int32 tensor (None,).

    Raises:
        FileNotFoundError: there is no file at the path.
        ValueError: not a SentencePiece model, one with other special pieces, an added
            token that is empty or there already, or `sequence_length`, `add_bos` or
            `add_eos`, which belong to preprocessors.

    Example:
    ```python
    tokenizer = xlm_tf.XLMSentencePieceTokenizer("sentencepiece.bpe.model")
    tokenizer(["Hello world!"])  # [[35378, 8999, 38]] for the released model
    tokenizer.detokenize([[35378, 8999, 38]])  # ["Hello world!"]
    ```

    Source: fairseq's XLM-R; Kudo and Richardson 2018 (arXiv 1808.06226).
    """

    def __init__(
        self,
        proto=None,
        special_tokens_in_strings=False,
        added_tokens=(),
        **kwargs,
    ):
        for name in ("sequence_length", "add_bos", "add_eos"):
            if kwargs.get(name):
                raise ValueError(
                    "The tokenizer gives the tokens of the text alone: a preprocessor "
                    "cuts, pads and adds start and end. "
                    f"Received: {name}={kwargs[name]}."
                )
        self.special_tokens_in_strings = special_tokens_in_strings
        self.added_tokens = [[token, bool(normal)] for token, normal in added_tokens]
        self.start_token, self.start_token_id = "<s>", 0
        self.pad_token, self.pad_token_id = "<pad>", 1
        self.end_token, self.end_token_id = "</s>", 2
        self.unk_token, self.unk_token_id = "<unk>", 3
        self.mask_token, self.mask_token_id = MASK_TOKEN, None
        super().__init__(proto=proto, **kwargs)

    @property
    def special_tokens(self):
        return [*SPECIAL_TOKENS, MASK_TOKEN]

    @property
    def special_token_ids(self):
        return [0, 1, 2, 3, self.mask_token_id]

    def set_proto(self, proto):
        if isinstance(proto, os.PathLike):
            proto = os.fspath(proto)
        try:
            super().set_proto(proto)
        except (
            RuntimeError,
            tf.errors.InternalError,
            tf.errors.InvalidArgumentError,
        ) as error:
            source = "bytes" if isinstance(proto, bytes) else repr(proto[:200])
            raise ValueError(
                f"This is not a SentencePiece model. Received: {source} ({error})."
            ) from error
        if proto is None:
            self.mask_token_id = None
            return
        self.pieces = super().get_vocabulary()
        self.piece_ids = {piece: i for i, piece in enumerate(self.pieces)}
        first_pieces = self.pieces[:3]
        if first_pieces != ["<unk>", "<s>", "</s>"]:
            raise ValueError(
                "The SentencePiece model must start with the pieces <unk>, <s>, </s> "
                "(train it with unk_id=0, bos_id=1, eos_id=2, or with `xlm-tf "
                f"vocabulary`). Received: {first_pieces}."
            )
        self.mask_token_id = super().vocabulary_size() + 1
        self._check_added_tokens()

    def _check_added_tokens(self):
        tokens = [token for token, _ in self.added_tokens]
        known = {*self.special_tokens, *super().get_vocabulary()}
        wrong = [
            x for x in tokens if not x.strip() or x in known or tokens.count(x) > 1
        ]
        if wrong:
            raise ValueError(
                "An added token must not be empty, and in no vocabulary yet. "
                f"Received: {wrong[0]!r}."
            )
        model = self.model_in_python
        has_bytes = any(map(model.is_byte, range(model.vocab_size())))
        if has_bytes and any(is_normalized for _, is_normalized in self.added_tokens):
            raise ValueError(
                "A vocabulary that spells unknown characters in bytes has no "
                "normalised text to find added tokens in. Received: "
                f"{self.added_tokens}."
            )

    def proto_of_models(self, proto):
        """The proto of both models inside, see `SentencePieceModels`."""
        return sentencepiece_proto.with_places(proto)

    def check_vocabulary(self):
        """Raise a ValueError where there is no vocabulary yet."""
        if self.proto is None:
            raise ValueError(
                "This tokenizer has no vocabulary yet. Pass `proto`, the bytes or the "
                "path of a SentencePiece model."
            )

    @property
    def has_vocabulary(self):
        """bool: a tokenizer of a preset gets its vocabulary after it was made."""
        return self.proto is not None

    def vocabulary_size(self):
        """Number of ids: the pieces, `<pad>`, `<mask>` and added tokens."""
        return super().vocabulary_size() + 2 + len(self.added_tokens)

    def get_vocabulary(self):
        """Tokens in the order of their ids."""
        self.check_vocabulary()
        added = [token for token, _ in self.added_tokens]
        return [*SPECIAL_TOKENS, *self.pieces[3:], MASK_TOKEN, *added]

    def id_to_token(self, id):
        """The token of an id."""
        self.check_vocabulary()
        if not 0 <= id < self.vocabulary_size():
            raise ValueError(
                f"An id must be in [0, {self.vocabulary_size() - 1}]. Received: {id}."
            )
        if id == self.mask_token_id:
            return MASK_TOKEN
        if id > self.mask_token_id:
            return self.added_tokens[id - self.mask_token_id - 1][0]
        return SPECIAL_TOKENS[id] if id < 4 else self.pieces[id - 1]

    def token_to_id(self, token):
        """The id of a token; `<unk>`'s for one that is not in the vocabulary."""
        if token == MASK_TOKEN:
            return self.mask_token_id
        if token in SPECIAL_TOKENS:
            return SPECIAL_TOKENS.index(token)
        for added_id, (added, _) in enumerate(
            self.added_tokens, self.mask_token_id + 1
        ):
            if token == added:
                return added_id
        piece_id = self.piece_ids.get(token, 0)
        return piece_id + 1 if piece_id else self.unk_token_id

    def tokenize(self, inputs):
        self.check_vocabulary()
        with tf.device("cpu"):
            texts = tf.convert_to_tensor(inputs, tf.string)
            if texts.shape.rank == 0:
                return self._tokenize_batch(texts[None])[0]
            return self._tokenize_batch(texts)

    def _tokenize_batch(self, texts):
        texts = cut_long_words(texts)
        # Texts with special tokens are rare outside of evaluation and fill-mask
        # requests.
        texts = tf.strings.regex_replace(texts, _SPACE_BEFORE_MASK, MASK_TOKEN)
        return tokenize_around(
            texts, self._specials_in_texts(), self._tokenize_normalized
        )

    def _specials_in_texts(self):
        """dict from the tokens that are found in a text as it is to their ids."""
        tokens = [MASK_TOKEN]
        if self.special_tokens_in_strings:
            tokens += SPECIAL_TOKENS
        tokens += [token for token, normalized in self.added_tokens if not normalized]
        return {token: self.token_to_id(token) for token in tokens}

    def _added_in_normalized(self):
        """dict from the tokens that are found in a normalised text to their ids."""
        tokens = [token for token, is_normalized in self.added_tokens if is_normalized]
        return {
            self.model_in_python.normalize(token).replace("▁", " ").strip(): (
                self.token_to_id(token)
            )
            for token in tokens
        }

    def _tokenize_normalized(self, texts):
        """ids of texts without the tokens that are found in them as they are."""
        added = self._added_in_normalized()
        if not added:
            return self._tokenize_text(texts)
        # As strings, pieces are the normal form of a text, unknown ones too.
        model = copy.copy(self.model_in_graph)
        model.out_type = tf.string
        normal = tf.strings.reduce_join(model.tokenize(texts), axis=1)
        normal = tf.strings.strip(tf.strings.regex_replace(normal, "▁", " "))
        return tokenize_around(normal, added, self._tokenize_text)

    def _tokenize_text(self, texts):
        pieces = self.model_in_graph.tokenize(texts)  # (B, None)
        ids = pieces.values
        return pieces.with_values(tf.where(ids == 0, self.unk_token_id, ids + 1))

    def tokenize_with_offsets(self, texts):
        """Token ids of texts, and which bytes of a text a token stands for.

        `<mask>` and added tokens are read as the characters that they are made of.

        Args:
            texts: string tensor (B,).

        Returns:
            `(ids, starts, ends)`: int32 RaggedTensors (B, None). The bytes of a token
            run from its start to before its end; spaces before a word are its own, and
            a token that normalisation makes of nothing has none.
        """
        self.check_vocabulary()
        with tf.device("cpu"):
            texts = tf.convert_to_tensor(texts, tf.string)
            cut, original = cut_long_words_with_offsets(texts)
            pieces, starts, ends = self.model_in_graph.tokenize_with_offsets(cut)
            ids = pieces.values
            ids = pieces.with_values(tf.where(ids == 0, self.unk_token_id, ids + 1))
            starts, ends = (
                original(x.with_values(tf.cast(x.values, "int32")))
                for x in (starts, ends)
            )
            return ids, starts, ends

    def unknown_parts(self, texts):
        """What every text holds that its tokens say no more of than `<unk>`.

        Args:
            texts: string tensor (B,).

        Returns:
            string RaggedTensor (B, None): the parts, in order, as many as there are
            `<unk>`. Unknown characters one after another are one part.
        """
        self.check_vocabulary()
        with tf.device("cpu"):
            specials = pattern(self._specials_in_texts())
            texts = tf.strings.regex_replace(texts, specials, " ")
            texts = cut_long_words(texts)
            pieces, starts, ends = self.model_in_graph.tokenize_with_offsets(texts)
            parts = tf.strings.substr(
                tf.gather(texts, pieces.value_rowids()),
                starts.values,
                ends.values - starts.values,
            )
            # Bytes that are no text would be none in what is written either.
            parts = tf.strings.unicode_transcode(parts, "UTF-8", "UTF-8")
            return tf.ragged.boolean_mask(pieces.with_values(parts), pieces == 0)

    def detokenize(self, inputs, mark=unknown_characters.MARK, copies=None):
        """Token ids -> text.

        Args:
            inputs: ids, ragged or dense (B, T), or of one text (T,). Special tokens
                and padding are left out.
            mark: str, what stands for `<unk>`; by default what sentencepiece writes, a
                double question mark (U+2047) between spaces.
            copies: string RaggedTensor (B, None), what stands for the first `<unk>` of
                every text instead, in order.

        Returns:
            string tensor (B,), or a scalar for one text.

        Raises:
            tf.errors.InvalidArgumentError: an id that is not in the vocabulary.
        """
        self.check_vocabulary()
        with tf.device("cpu"):
            ids, is_single = ragged_ids(inputs, self.vocabulary_size())
            is_text = (ids >= self.unk_token_id) & (ids != self.mask_token_id)
            ids = tf.ragged.boolean_mask(ids, is_text)
            if self.added_tokens:
                texts = self._joined_tokens(ids)
            else:
                pieces = tf.where(ids == self.unk_token_id, 0, ids - 1)
                texts = self.model_in_graph.detokenize(pieces)
            texts = unknown_characters.filled(texts, mark, copies)
            return texts[0] if is_single else texts

    def _joined_tokens(self, ids):
        """Texts of ids (B, None), added tokens among them."""
        tokens = tf.gather(tf.constant(self._tokens_as_text()), ids.values)
        texts = tf.strings.reduce_join(ids.with_values(tokens), axis=1)
        return tf.strings.strip(tf.strings.regex_replace(texts, "▁", " "))

    def _tokens_as_text(self):
        tokens = self.get_vocabulary()
        tokens[self.unk_token_id] = unknown_characters.PLACE
        return tokens

    def trimmed(self, token_ids):
        """A tokenizer with some of the tokens.

        A text whose tokens are all kept keeps them: its best segmentation is still
        there, and no new one is.

        Args:
            token_ids: set of int. The special tokens stay in any case.

        Returns:
            `(tokenizer, old_ids)`: the new tokenizer, and the list of the ids that its
            tokens had.
        """
        self.check_vocabulary()
        proto, kept = sentencepiece_proto.trimmed(self.proto, token_ids)
        last_ids = range(self.mask_token_id, self.vocabulary_size())
        old_ids = [0, 1, 2, 3, *(i + 1 for i in kept[3:]), *last_ids]
        return self._with_proto(proto), old_ids

    def extended(self, tokens):
        """A tokenizer with more tokens, each found wherever its text occurs.

        Args:
            tokens: list of str.

        Returns:
            `(tokenizer, new_ids)`: the new tokenizer, and the ids of its new tokens.
        """
        self.check_vocabulary()
        proto = sentencepiece_proto.extended(self.proto, tokens)
        first = self.mask_token_id
        return self._with_proto(proto), list(range(first, first + len(tokens)))

    def _with_proto(self, proto):
        return type(self).from_config({**self.get_config(), "proto": proto})

    def encode(self, text):
        """Token ids of one text in plain Python, by the `sentencepiece` package.

        The reference for the ids in graph, which are the same but for texts with two
        equally probable segmentations, see the class.

        Args:
            text: str.

        Returns:
            List of int, without start and end tokens.
        """
        self.check_vocabulary()
        text = re.sub(r"\s+<mask>", MASK_TOKEN, text)
        return encode_around(text, self._specials_in_texts(), self._encode_normalized)

    def _encode_normalized(self, text):
        added = self._added_in_normalized()
        if added:
            text = self.model_in_python.normalize(text).replace("▁", " ").strip()
            return encode_around(text, added, self._encode_text)
        return self._encode_text(text)

    def _encode_text(self, text):
        pieces = self.model_in_python.encode(text)
        return [i + 1 if i else self.unk_token_id for i in pieces]

    def decode(self, ids, mark=unknown_characters.MARK):
        """The text of some ids in plain Python; special tokens are left out.

        Args:
            ids: sequence of int.
            mark: str, what stands for `<unk>`, see `detokenize`.

        Returns:
            str.
        """
        self.check_vocabulary()
        ids = [
            int(i) for i in ids if i >= self.unk_token_id and i != self.mask_token_id
        ]
        if self.added_tokens:
            tokens = self._tokens_as_text()
            text = "".join(tokens[i] for i in ids).replace("▁", " ").strip()
        else:
            pieces = [0 if i == self.unk_token_id else i - 1 for i in ids]
            text = self.model_in_python.decode(pieces)
        return text.replace(unknown_characters.PLACE, mark)

    def get_config(self):
        config = super().get_config()
        for name in ("sequence_length", "add_bos", "add_eos"):
            del config[name]
        config["special_tokens_in_strings"] = self.special_tokens_in_strings
        config["added_tokens"] = self.added_tokens
        return config
