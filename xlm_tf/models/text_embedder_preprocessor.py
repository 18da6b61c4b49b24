"""Texts to embed: the inputs of the backbone, in graph."""

import keras
import keras_hub

from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.preprocessor import PackedTextPreprocessor


@keras.saving.register_keras_serializable("xlm_tf")
class XLMTextEmbedderPreprocessor(
    PackedTextPreprocessor, keras_hub.models.TextEmbedderPreprocessor
):
    """Raw texts -> inputs of the backbone, in graph.

    Arguments, call arguments and result are those of
    `XLMTextClassifierPreprocessor`.
    """

    backbone_cls = XLMBackbone
