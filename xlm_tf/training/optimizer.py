"""The optimizer of a recipe."""

import keras

from xlm_tf.training import schedules


@keras.saving.register_keras_serializable("xlm_tf")
class AdamW(keras.optimizers.AdamW):
    """Adam with decoupled weight decay, of all but biases and LayerNorms.

    Keras does not save what `exclude_from_weight_decay` was told: an optimizer that is
    loaded again would decay everything. Here the class says it.

    The arguments are those of `keras.optimizers.AdamW`.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])


def build_optimizer(training):
    """Adam with the schedule of a recipe's `training`.

    Args:
        training: `TrainingSettings`.

    Returns:
        `AdamW`; under mixed_float16 in a `LossScaleOptimizer`. Serialised by
        `keras.saving` and loaded again it goes on alike.
    """
    rate, warmup = training.learning_rate, training.warmup_steps
    schedule = {
        "inverse_square_root": lambda: schedules.InverseSquareRoot(rate, warmup),
        "linear": lambda: schedules.LinearDecay(rate, warmup, training.steps),
        "cosine": lambda: schedules.CosineDecay(rate, warmup, training.steps),
        "constant": lambda: schedules.Constant(rate, warmup),
    }[training.schedule]()
    optimizer = AdamW(
        schedule,
        weight_decay=training.weight_decay,
        beta_1=training.beta_1,
        beta_2=training.beta_2,
        epsilon=training.epsilon,
        name="optimizer",
    )
    if training.dtype == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer
