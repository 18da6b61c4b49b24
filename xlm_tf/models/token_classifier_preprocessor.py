"""Texts whose words or tokens have classes: inputs, labels and weights, in graph."""

import keras
import tensorflow as tf

from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.preprocessor import PackedTextPreprocessor, TaskPreprocessor
from xlm_tf.models.text_fields import aligned
from xlm_tf.models.token_targets import labels_of_tokens, weighed_tokens
from xlm_tf.models.windows import cut_windows
from xlm_tf.models.word_reading import check_names


@keras.saving.register_keras_serializable("xlm_tf")
class XLMTokenClassifierPreprocessor(PackedTextPreprocessor, TaskPreprocessor):
    """Words, or raw texts -> inputs of the backbone, in graph.

    Arguments are those of `XLMTextClassifierPreprocessor`. Texts are

    - a string RaggedTensor (B, None), or `{"words": ...}` of it, with `language` where
      the model or its tokenizer needs it. Every word is read for itself, one without
      tokens as `<unk>`. Labels are one per word, and stand at its first token (Devlin
      et al. 2019, section 5.3); its other tokens have none;
    - or what `XLMTextClassifierPreprocessor` takes. Labels are then one per token,
      `<s>` and `</s>` included.

    Labels are int (B, W), dense or ragged, or vectors (B, W, C). They are cut to the
    texts' length T, or filled up to it; negative ones are left out.

    Returns:
        The inputs; with labels `(inputs, labels, weights)`: labels (B, T), weights
        float (B, T), 0 on padding and where there is no label.
    """

    backbone_cls = XLMBackbone

    def call(self, x, y=None, sample_weight=None):
        if isinstance(x, tf.RaggedTensor):
            x = {"words": x}
        if isinstance(x, dict) and "words" in x:
            return self._call_on_words(x, y, sample_weight)
        inputs = self.pack(x)
        if y is None:
            return keras.utils.pack_x_y_sample_weight(inputs, y, sample_weight)
        mask = inputs["padding_mask"]
        if mask.shape.rank == 1:  # a text alone
            labels, weights = labels_of_tokens(y[None], mask[None])
            weights = weighed_tokens(weights[0], sample_weight)
            return inputs, labels[0], weights
        return inputs, *labels_of_tokens(y, mask, sample_weight)

    def _call_on_words(self, x, y, sample_weight):
        words, pieces, language = self._read_words(x)
        text_pieces = pieces.merge_dims(1, 2)[:, : self.room(1)]
        inputs = self.pack_segments([text_pieces], language)
        if y is None:
            return keras.utils.pack_x_y_sample_weight(inputs, y, sample_weight)
        mask = inputs["padding_mask"]
        numbers = tf.ragged.range(words.row_lengths())  # of words in their texts
        flat = pieces.values  # (words, None)
        places = tf.ragged.range(flat.row_lengths()).values
        numbers = tf.gather(numbers.values, flat.value_rowids())
        numbers = tf.where(places == 0, tf.cast(numbers, "int32"), -1)
        numbers = pieces.with_values(flat.with_values(numbers)).merge_dims(1, 2)
        numbers = _of_tokens(numbers[:, : self.room(1)], mask)
        y = _one_per_word(y, words)
        labels = _of_words(y, numbers, -1)
        if sample_weight is not None and _is_per_word(sample_weight):
            sample_weight = _of_words(sample_weight, numbers, 0)
        return inputs, *labels_of_tokens(labels, mask, sample_weight)

    def pack_windows(self, words, language=None, overlap=None):
        """Words of texts of any length -> windows that the model reads.

        Args:
            words: string RaggedTensor (B, None).
            language: string tensor (B,), or a str for all, where it is needed.
            overlap: int, tokens that neighbouring windows share; by default a quarter
                of a window.

        Returns:
            `(inputs, places)`: the backbone's inputs for W windows, and int32 (W, T):
            the word that a token belongs to, counted through all texts, or -1. Every
            word is in one window alone, in which its first token is farthest from the
            edges.
        """
        fields = {"words": words}
        if language is not None:
            fields["language"] = language
        words, pieces, language = self._read_words(fields)
        text_pieces = pieces.merge_dims(1, 2)  # (B, None)
        size = max(self.room(1), 1)
        windows = cut_windows(
            text_pieces.row_lengths(), size, size // 4 if overlap is None else overlap
        )
        if language is not None:
            language = tf.gather(language, windows.row)
        inputs = self.pack_segments([windows.pieces(text_pieces)], language)
        # Of every token: its word, and the window that the word is read in.
        row = tf.cast(words.value_rowids(), "int32")
        first = tf.cast(pieces.values.row_starts(), "int32")
        first -= tf.gather(tf.cast(text_pieces.row_starts(), "int32"), row)
        owner = windows.owner(row, first)  # (words,)
        word = tf.cast(pieces.values.value_rowids(), "int32")
        in_windows = windows.pieces(text_pieces.with_values(word))
        number = tf.gather(windows.number, in_windows.value_rowids())
        is_own = tf.gather(owner, in_windows.values) == number
        places = in_windows.with_values(tf.where(is_own, in_windows.values, -1))
        return inputs, _of_tokens(places, inputs["padding_mask"])

    def check_texts(self, x):
        if isinstance(x, dict) and "words" in x:
            x = {"text" if name == "words" else name: x[name] for name in x}
        super().check_texts(x)

    def _read_words(self, x):
        """The words (B, None), their tokens (B, None, None), language (B,) or None."""
        check_names(x)
        words = x["words"]
        if not isinstance(words, tf.RaggedTensor):
            words = tf.RaggedTensor.from_tensor(words)
        texts = tf.fill((words.nrows(),), "")
        fields = aligned(
            {"text": texts, **{key: x[key] for key in x if key != "words"}}
        )
        self.check_language_fields(fields)
        language = fields.get("language")
        if language is not None:
            language = tf.broadcast_to(language, tf.shape(texts))
        of_words = None
        if language is not None:
            of_words = tf.gather(language, words.value_rowids())
        pieces = self._tokenize(words.values, of_words)  # (words, None)
        unknown = tf.fill((pieces.nrows(), 1), self.tokenizer.unk_token_id)
        is_empty = pieces.row_lengths() == 0
        unknown = tf.RaggedTensor.from_row_lengths(
            tf.boolean_mask(unknown[:, 0], is_empty),
            tf.cast(is_empty, "int64"),
            validate=False,
        )
        pieces = tf.concat([pieces, tf.cast(unknown, pieces.dtype)], axis=1)
        return words, words.with_values(pieces), language


def _of_tokens(values, padding_mask):
    """Values of the tokens of a text (B, None), -1 of the others: (B, T)."""
    width = tf.shape(padding_mask)[1]
    values = values[:, : width - 1].to_tensor(
        -1, shape=tf.stack([values.nrows("int32"), width - 1])
    )
    return tf.pad(values, [[0, 0], [1, 0]], constant_values=-1)


def _one_per_word(y, words):
    """Labels, checked in graph where their rows say how many they are."""
    if not isinstance(y, tf.RaggedTensor):
        return y
    counts, sizes = (
        tf.cast(x, "int64") for x in (y.row_lengths(), words.row_lengths())
    )
    check = tf.debugging.Assert(
        tf.reduce_all(counts == sizes),
        ["Every word needs one label. Received labels, words:", counts, sizes],
    )
    with tf.control_dependencies([check] if check is not None else []):
        return y.with_values(tf.identity(y.values))


def _of_words(values, words, fill):
    """Values of words (B, W, ...) at the tokens that are `words` (B, T), or `fill`."""
    if isinstance(values, tf.RaggedTensor):
        values = values.to_tensor(fill)
    width = tf.shape(values)[1]
    behind = [[0, 0], [0, 1]] + [[0, 0]] * (len(values.shape) - 2)
    values = tf.pad(values, behind, constant_values=tf.cast(fill, values.dtype))
    is_there = (words >= 0) & (words < width)
    return tf.gather(values, tf.where(is_there, words, width), batch_dims=1)


def _is_per_word(sample_weight):
    shape = sample_weight.shape
    return isinstance(sample_weight, tf.RaggedTensor) or (
        len(shape) == 2 and shape[1] != 1
    )
