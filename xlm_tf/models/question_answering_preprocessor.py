"""Questions and their contexts: the inputs of the backbone, in graph."""

import keras

from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.preprocessor import PackedTextPreprocessor, TaskPreprocessor


@keras.saving.register_keras_serializable("xlm_tf")
class XLMQuestionAnsweringPreprocessor(PackedTextPreprocessor, TaskPreprocessor):
    """Pairs of question and context -> inputs of the backbone, in graph.

    Arguments, call arguments and result are those of
    `XLMTextClassifierPreprocessor`: the question is the `text`, the context the
    `text_pair`.
    """

    backbone_cls = XLMBackbone
