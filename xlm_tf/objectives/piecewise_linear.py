"""Values that change as a training goes on."""

import dataclasses
import itertools
import math
import numbers
import re

import numpy as np

# What an int64 of a graph holds, and a float64 exactly.
MOST_STEPS = 2**53
_POINT = re.compile(r"\s*(\d+)\s*:\s*([-+.\w]+)\s*", re.ASCII)


@dataclasses.dataclass(frozen=True)
class PiecewiseLinear:
    """A value by the step: linear between points, constant after the last.

    A step is one update of the weights; at step 0 none has been made.

    Args:
        points: tuple of `(step, value)`; the first step is 0, the others ascend. One
            point alone is a constant.

    Raises:
        ValueError: points of other steps, or values that are not finite.

    Example:
    ```python
    from xlm_tf.objectives.piecewise_linear import PiecewiseLinear
    weight = PiecewiseLinear.parse("0:1,1000:0.5,3000:0")
    weight.value(0), weight.value(2000), weight.value(10_000)  # (1.0, 0.25, 0.0)
    ```

    Source: the weights of objectives in XLM (Lample and Conneau 2019).
    """

    points: tuple

    def __post_init__(self):
        steps, values = self.steps, self.values
        if not steps or steps[0] != 0:
            raise ValueError(f"must begin at step 0. Received: {self}.")
        if any(later <= step for step, later in itertools.pairwise(steps)):
            raise ValueError(f"must have steps that ascend. Received: {self}.")
        if steps[-1] > MOST_STEPS:
            raise ValueError(f"must have steps up to {MOST_STEPS}. Received: {self}.")
        if not all(map(math.isfinite, values)):
            raise ValueError(f"must have finite values. Received: {self}.")

    @classmethod
    def parse(cls, given):
        """A number, a text such as "0:1,100000:0.1", or an instance -> an instance.

        Raises:
            ValueError: it is none of these.
        """
        if isinstance(given, cls):
            return given
        if not isinstance(given, str):
            return cls(((0, float(given)),))
        points = []
        for part in given.split(","):
            match = _POINT.fullmatch(part)
            try:
                step, value = match.groups()
                points.append((int(step), float(value)))
            except (AttributeError, ValueError):
                raise ValueError(
                    "must be a number, or step:value, step:value..., such as "
                    f'"0:1,100000:0.1". Received: {given!r}.'
                ) from None
        return cls(tuple(points))

    @property
    def steps(self):
        """The steps of the points, ascending from 0."""
        return [step for step, _ in self.points]

    @property
    def values(self):
        """The values at these steps."""
        return [value for _, value in self.points]

    @property
    def is_constant(self):
        """Whether it is one value at every step."""
        return len(set(self.values)) == 1

    def value(self, step):
        """The value at a step.

        Args:
            step: int; or an int tensor, in a graph.

        Returns:
            float; or a float64 tensor of the same shape.
        """
        if isinstance(step, numbers.Real):
            return float(np.interp(step, self.steps, self.values))
        # Late: recipes are read without it.
        import tensorflow as tf

        steps = tf.constant(self.steps, "int64")
        values = tf.constant(self.values, "float64")
        step = tf.clip_by_value(tf.cast(step, "int64"), 0, steps[-1])
        after = tf.searchsorted(steps, tf.reshape(step, [-1]), side="right")
        after = tf.reshape(tf.minimum(after, len(self.points) - 1), tf.shape(step))
        before = tf.maximum(after - 1, 0)
        # Weighed, not added to: the values at the points are exact, a 0 is one.
        share = tf.math.divide_no_nan(
            tf.cast(step - tf.gather(steps, before), "float64"),
            tf.cast(tf.gather(steps, after) - tf.gather(steps, before), "float64"),
        )
        return (1 - share) * tf.gather(values, before) + share * tf.gather(
            values, after
        )

    def as_given(self):
        """As recipes have it: a float, or a text."""
        return self.values[0] if len(self.points) == 1 else str(self)

    def __str__(self):
        return ",".join(f"{step}:{_short(value)}" for step, value in self.points)


def _short(value):
    return repr(value).removesuffix(".0")
