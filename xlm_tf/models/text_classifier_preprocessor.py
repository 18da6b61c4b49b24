"""Texts, and pairs of them, to classify: the inputs of the backbone, in graph."""

import keras
import keras_hub

from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.preprocessor import PackedTextPreprocessor


@keras.saving.register_keras_serializable("xlm_tf")
class XLMTextClassifierPreprocessor(
    PackedTextPreprocessor, keras_hub.models.TextClassifierPreprocessor
):
    """Raw texts, or pairs of them, -> inputs of the backbone, in graph.

    Args:
        tokenizer: a tokenizer of `xlm_tf.text`.
        sequence_length: int, longest input in tokens, specials included; what is
            longer is cut, pairs in turn at their longer text.
        num_separators: int, `</s>` tokens between the texts of a pair: 2 (XLM-R) or
            1 (XLM).
        languages: list of str, the languages of the model's language embedding, in
            the order of its rows; None where it has none.
        language: str, the language of texts that come without one.

    Call arguments:
        x: string tensor (B,) or list of str; a tuple of two of them for pairs; or a
            dict with `text` and, where they apply, `text_pair`, `language`,
            `language_pair`.
        y: labels, passed on.
        sample_weight: weights, passed on.

    Returns:
        dict of `token_ids` int32 (B, T), `padding_mask` bool (B, T) and, where the
        model has languages, `language_ids` int32 (B, T); with `y` and
        `sample_weight` where they were given.
    """

    backbone_cls = XLMBackbone
