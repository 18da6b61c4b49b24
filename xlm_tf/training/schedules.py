"""Learning rates as functions of the step."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("xlm_tf")
class InverseSquareRoot(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up, then decay with the square root of the step.

    Args:
        learning_rate: float, highest rate, reached after the warm-up.
        warmup_steps: int, at least 1.
        initial_learning_rate: float, rate of step 0.

    Source: Vaswani et al. 2017, section 5.3; initial rate as in XLM.
    """

    def __init__(self, learning_rate, warmup_steps, initial_learning_rate=1e-7):
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps
        self.initial_learning_rate = initial_learning_rate

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rise = (self.learning_rate - self.initial_learning_rate) / self.warmup_steps
        warming = self.initial_learning_rate + step * rise
        decaying = self.learning_rate * ops.sqrt(
            self.warmup_steps / ops.maximum(step, self.warmup_steps)
        )
        return ops.where(step < self.warmup_steps, warming, decaying)

    def get_config(self):
        return {
            "learning_rate": self.learning_rate,
            "warmup_steps": self.warmup_steps,
            "initial_learning_rate": self.initial_learning_rate,
        }


def linear_decay(learning_rate, warmup_steps, steps):
    """Linear warm-up from 0, then linear decay to 0 at the last step."""
    return _WarmUp(
        learning_rate,
        warmup_steps,
        keras.optimizers.schedules.PolynomialDecay(
            learning_rate, max(steps - warmup_steps, 1), end_learning_rate=0.0
        ),
    )


def cosine_decay(learning_rate, warmup_steps, steps):
    """Linear warm-up from 0, then half a cosine down to 0 at the last step."""
    return _WarmUp(
        learning_rate,
        warmup_steps,
        keras.optimizers.schedules.CosineDecay(
            learning_rate, max(steps - warmup_steps, 1)
        ),
    )


def constant(learning_rate, warmup_steps):
    """Linear warm-up from 0, then always the same."""
    return _WarmUp(learning_rate, warmup_steps, lambda step: learning_rate)


class _WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """A linear rise before another schedule, which starts counting after it."""

    def __init__(self, learning_rate, warmup_steps, then):
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps
        self.then = then

    def __call__(self, step):
        step = ops.cast(step, "float32")
        warming = self.learning_rate * (step + 1) / max(self.warmup_steps, 1)
        after = self.then(ops.maximum(step - self.warmup_steps, 0.0))
        return ops.where(step < self.warmup_steps, warming, after)

    def get_config(self):
        return {
            "learning_rate": self.learning_rate,
            "warmup_steps": self.warmup_steps,
            "then": keras.saving.serialize_keras_object(self.then),
        }
