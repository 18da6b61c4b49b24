"""Learning rates as functions of the step, one class each, that Keras can save."""

import math

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


@keras.saving.register_keras_serializable("xlm_tf")
class Constant(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up to the rate at the last of its steps, then always the same.

    Args:
        learning_rate: float.
        warmup_steps: int, 0 for none.
    """

    def __init__(self, learning_rate, warmup_steps):
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        step = ops.cast(step, "float32")
        warming = (step + 1.0) / max(self.warmup_steps, 1)
        return self.learning_rate * ops.where(
            step < self.warmup_steps, warming, self._share(step)
        )

    def _share(self, step):
        """The share of the rate after the warm-up."""
        return ops.ones_like(step)

    def get_config(self):
        return {
            "learning_rate": self.learning_rate,
            "warmup_steps": self.warmup_steps,
        }


@keras.saving.register_keras_serializable("xlm_tf")
class LinearDecay(Constant):
    """Linear warm-up, then linear decay to 0 at the last step.

    Args:
        learning_rate: float, highest rate, reached at the end of the warm-up.
        warmup_steps: int, 0 for none.
        steps: int, of the whole training.
    """

    def __init__(self, learning_rate, warmup_steps, steps):
        super().__init__(learning_rate, warmup_steps)
        self.steps = steps

    def _share(self, step):
        return 1.0 - self._progress(step)

    def _progress(self, step):
        """How far the training is since the warm-up, from 0 to 1."""
        decaying_steps = max(self.steps - self.warmup_steps, 1)
        return ops.clip((step - self.warmup_steps) / decaying_steps, 0.0, 1.0)

    def get_config(self):
        return {**super().get_config(), "steps": self.steps}


@keras.saving.register_keras_serializable("xlm_tf")
class CosineDecay(LinearDecay):
    """Linear warm-up, then half a cosine down to 0 at the last step.

    The arguments are `LinearDecay`'s.

    Source: Loshchilov and Hutter 2017 (arXiv 1608.03983), without restarts.
    """

    def _share(self, step):
        return 0.5 * (1.0 + ops.cos(math.pi * self._progress(step)))
