"""Sampling with given random numbers: what a text becomes does not depend on others."""

import dataclasses
import typing

import keras_hub
import tensorflow as tf

from xlm_tf.generation.sampling import Sampling


@dataclasses.dataclass(frozen=True)
class DrawnSampling(Sampling):
    """Samples from the whole distribution, each token by a number that is given.

    A row of `draws` and the logits of its text alone say what is written: the same in
    a batch of any other texts.

    Args:
        sampler: `keras_hub.samplers.GreedySampler`, of which the temperature counts;
            it has no random numbers of its own.
        stop_token_ids: see `BeamSearch`.
        draws: float32 tensor (B, T), uniform in [0, 1), of every token of a text; no
            text is longer than T.
    """

    draws: typing.Any = None

    @classmethod
    def at(cls, temperature, draws):
        """The strategy of a temperature, a float above 0."""
        sampler = keras_hub.samplers.GreedySampler(temperature=temperature)
        return cls(sampler, draws=draws)

    def next_tokens(self, probabilities, state):
        """The token at which the sum of the probabilities goes beyond the draw."""
        sums = tf.cumsum(probabilities, axis=1)
        written = tf.shape(state.token_ids)[1]
        draws = self.draws[:, written, None] * sums[:, -1:]
        token = tf.searchsorted(sums, draws, side="right")[:, 0]
        # Where rounding leaves none behind the draw.
        return tf.minimum(token, tf.argmax(sums, axis=1, output_type="int32"))
