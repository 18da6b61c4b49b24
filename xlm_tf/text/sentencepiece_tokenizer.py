"""XLM-R's tokenizer: SentencePiece on raw text, with fairseq's token ids."""

import keras
import keras_hub
import tensorflow as tf

SPECIAL_TOKENS = ("<s>", "<pad>", "</s>", "<unk>")  # ids 0 to 3
MASK_TOKEN = "<mask>"  # the last id


@keras.saving.register_keras_serializable("xlm_tf")
class XLMSentencePieceTokenizer(keras_hub.tokenizers.SentencePieceTokenizer):
    """Raw text -> token ids, in graph, over one vocabulary for all languages.

    Ids are fairseq's: `<s>` 0, `<pad>` 1, `</s>` 2, `<unk>` 3, then every piece of
    the SentencePiece model at its own id + 1, and `<mask>` last. A literal `<mask>`
    in a text becomes that id, and takes the white space before it along, as in the
    original.

    Every sequence of bytes is a legal text; invalid UTF-8 reads as U+FFFD.

    Args:
        proto: bytes of a SentencePiece model, or the path of one. Its first three
            pieces must be `<unk>`, `<s>`, `</s>`, as in the released models and in
            those of `xlm-tf vocabulary`.

    Call arguments:
        inputs: string tensor (B,), list of str, or one str.

    Returns:
        int32 RaggedTensor (B, None), without start and end tokens; for one str an
        int32 tensor (None,).

    Raises:
        ValueError: a SentencePiece model with other special pieces.

    Example:
    ```python
    tokenizer = xlm_tf.XLMSentencePieceTokenizer("sentencepiece.bpe.model")
    tokenizer(["Hello world!"])  # [[35378, 8999, 38]] for the released model
    tokenizer.detokenize([[35378, 8999, 38]])  # ["Hello world!"]
    ```

    Source: fairseq's XLM-R; Kudo and Richardson 2018 (arXiv 1808.06226).
    """

    def __init__(self, proto=None, **kwargs):
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
        super().set_proto(proto)
        if proto is None:
            self.mask_token_id = None
            return
        first_pieces = self._vocabulary[:3]
        if first_pieces != ["<unk>", "<s>", "</s>"]:
            raise ValueError(
                "The SentencePiece model must start with the pieces <unk>, <s>, </s> "
                "(train it with unk_id=0, bos_id=1, eos_id=2, or with `xlm-tf "
                f"vocabulary`). Received: {first_pieces}."
            )
        self.mask_token_id = self.vocabulary_size() - 1

    def vocabulary_size(self):
        """Number of ids: the pieces, `<pad>` and `<mask>`."""
        return super().vocabulary_size() + 2

    def get_vocabulary(self):
        """Tokens in the order of their ids."""
        return [*SPECIAL_TOKENS, *super().get_vocabulary()[3:], MASK_TOKEN]

    def id_to_token(self, id):
        """The token of an id."""
        if not 0 <= id < self.vocabulary_size():
            raise ValueError(
                f"An id must be in [0, {self.vocabulary_size() - 1}]. Received: {id}."
            )
        if id == self.mask_token_id:
            return MASK_TOKEN
        return SPECIAL_TOKENS[id] if id < 4 else self._vocabulary[id - 1]

    def token_to_id(self, token):
        """The id of a token; `<unk>`'s for one that is not in the vocabulary."""
        if token == MASK_TOKEN:
            return self.mask_token_id
        if token in SPECIAL_TOKENS:
            return SPECIAL_TOKENS.index(token)
        piece_id = self._token_to_id_map.get(token, 0)
        return piece_id + 1 if piece_id else self.unk_token_id

    def tokenize(self, inputs):
        self._check_vocabulary()
        texts = tf.convert_to_tensor(inputs, tf.string)
        if texts.shape.rank == 0:
            return self._tokenize_batch(texts[None])[0]
        return self._tokenize_batch(texts)

    def _tokenize_batch(self, texts):
        # The parts between masks are texts of their own, as in the original.
        parts = tf.strings.split(
            tf.strings.regex_replace(texts, r"\s*<mask>", MASK_TOKEN), MASK_TOKEN
        )  # (B, None)
        piece_ids = self._sentence_piece.tokenize(parts.values)  # (parts, None)
        ids = tf.where(piece_ids == 0, self.unk_token_id, piece_ids + 1)
        mask = tf.fill((parts.values.shape[0] or tf.size(parts.values), 1), 0)
        mask = mask + self.mask_token_id
        ids = tf.concat([ids, tf.RaggedTensor.from_tensor(mask)], axis=1)
        ids = parts.with_values(ids).merge_dims(1, 2)
        return ids[:, :-1]  # without the mask after the last part

    def detokenize(self, inputs):
        """Token ids -> text.

        Args:
            inputs: ids, ragged or dense (B, T), or of one text (T,). Special tokens
                and padding are left out.

        Returns:
            string tensor (B,), or a scalar for one text.
        """
        self._check_vocabulary()
        ids = inputs
        if not isinstance(ids, tf.RaggedTensor):
            ids = tf.ragged.constant(ids) if isinstance(ids, list) else ids
            ids = (
                tf.convert_to_tensor(ids)
                if not isinstance(ids, tf.RaggedTensor)
                else ids
            )
        is_single = ids.shape.rank == 1
        if is_single:
            ids = ids[None]
        if not isinstance(ids, tf.RaggedTensor):
            ids = tf.RaggedTensor.from_tensor(ids)
        ids = tf.cast(ids, "int32")
        is_text = tf.logical_and(ids > self.unk_token_id, ids != self.mask_token_id)
        pieces = tf.ragged.boolean_mask(ids, is_text) - 1
        texts = self._sentence_piece.detokenize(pieces)
        return texts[0] if is_single else texts
