"""Texts whose tokens have classes: inputs, labels and weights, in graph."""

import keras

from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.preprocessor import PackedTextPreprocessor, TaskPreprocessor
from xlm_tf.models.token_targets import labels_of_tokens, weighed_tokens


@keras.saving.register_keras_serializable("xlm_tf")
class XLMTokenClassifierPreprocessor(PackedTextPreprocessor, TaskPreprocessor):
    """Raw texts -> inputs of the backbone, in graph.

    Arguments and call arguments are those of `XLMTextClassifierPreprocessor`, but
    labels are one per token, `<s>` and `</s>` included: int (B, W), dense or ragged, or
    vectors (B, W, C). They are cut to the texts' length T, or filled up to it; negative
    ones are left out.

    Returns:
        The inputs; with labels `(inputs, labels, weights)`: labels (B, T), weights
        float (B, T), 0 on padding and where there is no label.
    """

    backbone_cls = XLMBackbone

    def call(self, x, y=None, sample_weight=None):
        inputs = self.pack(x)
        if y is None:
            return keras.utils.pack_x_y_sample_weight(inputs, y, sample_weight)
        mask = inputs["padding_mask"]
        if mask.shape.rank == 1:  # a text alone
            labels, weights = labels_of_tokens(y[None], mask[None])
            weights = weighed_tokens(weights[0], sample_weight)
            return inputs, labels[0], weights
        return inputs, *labels_of_tokens(y, mask, sample_weight)
