"""The optimizer of a recipe."""

import keras

from xlm_tf.private_keras import RatesByVariable
from xlm_tf.training import schedules


@keras.saving.register_keras_serializable("xlm_tf")
class AdamW(RatesByVariable, keras.optimizers.AdamW):
    """Adam with decoupled weight decay, of all but biases and LayerNorms.

    Keras does not save what `exclude_from_weight_decay` was told: an optimizer that is
    loaded again would decay everything. Here the class says it.

    Args:
        rate_factors: list of float, by which the learning rate, and with it the weight
            decay, of every variable is multiplied, in the order of the variables that
            the optimizer is built with; None for all alike.

    The other arguments are those of `keras.optimizers.AdamW`.
    """

    def __init__(self, *args, rate_factors=None, **kwargs):
        super().__init__(*args, **kwargs)
        if rate_factors is not None:
            self.rate_factors = [float(factor) for factor in rate_factors]
        self.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])

    def get_config(self):
        return {**super().get_config(), "rate_factors": self.rate_factors}


# Those of which the learning rate depends on the number of steps.
SCHEDULES_TO_THE_END = ("linear", "cosine")


def build_optimizer(training, rate_factors=None):
    """Adam with the schedule of a recipe's `training`.

    Args:
        training: `TrainingSettings`.
        rate_factors: see `AdamW`.

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
        rate_factors=rate_factors,
        name="optimizer",
    )
    if training.dtype == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer
