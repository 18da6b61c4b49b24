"""Losses on logits."""

import keras
from keras import ops

from xlm_tf.layers.precision import at_least_float32


@keras.saving.register_keras_serializable("xlm_tf")
class LabelSmoothedCrossentropy(keras.losses.Loss):
    """Cross-entropy against targets of which some probability goes to every class.

    A mean over the real targets: give padding a weight of 0.

    Args:
        label_smoothing: float from 0 to below 1, share of the probability that is
            spread evenly.
        dtype: of the arithmetic, float32 at least. Defaults to `floatx`.

    Source: Szegedy et al. 2016 (arXiv 1512.00567), section 7.
    """

    def __init__(
        self,
        label_smoothing=0.1,
        name="label_smoothed_crossentropy",
        dtype=None,
        **_,
    ):
        super().__init__(
            name=name,
            reduction="mean_with_sample_weight",
            # Keras would cast the logits to `floatx`.
            dtype=at_least_float32(dtype or keras.config.floatx()),
        )
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                "label_smoothing must lie in [0, 1). "
                f"Received: label_smoothing={label_smoothing}."
            )
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        """int (B, T), logits (B, T, V) -> (B, T), float32 at least."""
        logits = ops.cast(y_pred, at_least_float32(y_pred.dtype))
        normalizer = ops.logsumexp(logits, axis=-1)  # (B, T)
        targets = ops.expand_dims(ops.cast(y_true, "int32"), -1)
        target_logits = ops.squeeze(ops.take_along_axis(logits, targets, axis=-1), -1)
        loss = normalizer - target_logits
        if not self.label_smoothing:
            return loss
        smooth = normalizer - ops.mean(logits, axis=-1)
        return (1 - self.label_smoothing) * loss + self.label_smoothing * smooth

    def get_config(self):
        return {
            "label_smoothing": self.label_smoothing,
            "name": self.name,
            "dtype": self.dtype,
        }


@keras.saving.register_keras_serializable("xlm_tf")
class SpanCrossentropy(keras.losses.Loss):
    """The mean of the cross-entropies of a span's start and of its end.

    A mean over the examples, by their weights.

    Args:
        dtype: of the arithmetic, float32 at least. Defaults to `floatx`.

    Source: Devlin et al. 2019 (arXiv 1810.04805), section 4.2.
    """

    def __init__(self, name="span_crossentropy", dtype=None, **_):
        super().__init__(
            name=name,
            reduction="mean_with_sample_weight",
            dtype=at_least_float32(dtype or keras.config.floatx()),
        )

    def call(self, y_true, y_pred):
        """int (B, 2), positions; logits (B, T, 2) -> (B,), float32 at least."""
        logits = ops.cast(y_pred, at_least_float32(y_pred.dtype))
        logits = ops.swapaxes(logits, 1, 2)  # (B, 2, T)
        targets = ops.expand_dims(ops.cast(y_true, "int32"), -1)
        target_logits = ops.squeeze(ops.take_along_axis(logits, targets, axis=-1), -1)
        return ops.mean(ops.logsumexp(logits, axis=-1) - target_logits, axis=-1)

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}
