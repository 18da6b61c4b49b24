"""Token by token, by a sampler of KerasHub."""

import dataclasses
import typing

import keras
import keras_hub
import tensorflow as tf

from xlm_tf.generation import search_arguments as arguments
from xlm_tf.generation.decoding_strategy import (
    Decoded,
    DecodingStrategy,
    first_unknown,
    growing,
    is_any,
)

# The names that `get_decoding_strategy` knows.
NAMES = ("beam", "greedy", "random", "top_k", "top_p")


class SamplingState(typing.NamedTuple):
    """Texts of t tokens each.

    Attributes:
        position: int32 scalar, that of `last` behind the beginning of the prompt.
        last: int32 (B,), the newest token of every text.
        is_done: bool (B,).
        token_ids: int32 (B, t), the texts, without the prompt.
        scores: float32 (B,), their sums of log-probabilities.
        caches: nested tensors (B, H, ..., K).
        source: nested tensors (B, ...).
        limits: int32 (B,), most tokens of each text.
    """

    position: tf.Tensor
    last: tf.Tensor
    is_done: tf.Tensor
    token_ids: tf.Tensor
    scores: tf.Tensor
    caches: typing.Any
    source: typing.Any
    limits: tf.Tensor


@keras.saving.register_keras_serializable("xlm_tf")
@dataclasses.dataclass(frozen=True)
class Sampling(DecodingStrategy):
    """One text each, token by token, by a sampler of KerasHub.

    Args:
        sampler: a `keras_hub.samplers.Sampler` that chooses the next token by its
            probability: not KerasHub's beam, contrastive and speculative search.
        stop_token_ids: see `BeamSearch`.

    Raises:
        ValueError: another object, or one whose `k`, `p` or `temperature` is out of
            range.
    """

    sampler: object
    stop_token_ids: tuple | str | None = "auto"

    def __post_init__(self):
        samplers = keras_hub.samplers
        name = type(self.sampler).__name__
        if isinstance(self.sampler, samplers.BeamSampler):
            raise ValueError(
                f"A {name} of KerasHub searches on another kind of cache. Pass "
                f"xlm_tf.BeamSearch(num_beams={self.sampler.num_beams}) instead."
            )
        chooses_tokens = isinstance(self.sampler, samplers.Sampler) and (
            type(self.sampler).get_next_token is not samplers.Sampler.get_next_token
        )
        if not chooses_tokens:
            raise ValueError(what_samplers_there_are(self.sampler))
        arguments.real_number(
            f"temperature of {name}", self.sampler.temperature, above=0
        )
        if hasattr(self.sampler, "p"):
            arguments.real_number(f"p of {name}", self.sampler.p, above=0, maximum=1)
        self._check_k()
        stop_token_ids = arguments.stop_token_ids(self.stop_token_ids)
        object.__setattr__(self, "stop_token_ids", stop_token_ids)  # frozen, but here

    @property
    def variables(self):
        """The states of random numbers, which a graph must own when it is saved."""
        return tuple(variable.value for variable in self.sampler.variables)

    def check_vocabulary(self, size):
        """Raise a ValueError for more tokens than `size`, an int, or others."""
        self._check_k(size)
        arguments.stop_token_ids(self.stop_token_ids, size)

    def _check_k(self, maximum=None):
        if getattr(self.sampler, "k", None) is not None:
            name = f"k of {type(self.sampler).__name__}"
            arguments.whole_number(name, self.sampler.k, 1, maximum)

    def get_config(self):
        config = {"sampler": keras_hub.samplers.serialize(self.sampler)}
        return config | arguments.stop_config(self.stop_token_ids)

    @classmethod
    def from_config(cls, config):
        sampler = keras_hub.samplers.deserialize(config["sampler"])
        return cls(**{**config, "sampler": sampler})

    def start(self, step, prompt, caches, source, max_length, pad_id):
        """The state before the first token: see `DecodingStrategy.decode`."""
        batch_size, num_prompt = tf.shape(prompt)[0], prompt.shape[1]
        limits = tf.broadcast_to(tf.cast(max_length, "int32"), (batch_size,))
        for i in range(num_prompt - 1):
            _, caches = step(prompt[:, i, None], tf.constant(i), caches, source, None)
        return SamplingState(
            position=tf.constant(num_prompt - 1),
            last=prompt[:, -1],
            is_done=limits < 1,
            token_ids=tf.zeros((batch_size, 0), "int32"),
            scores=tf.zeros((batch_size,)),
            caches=caches,
            source=source,
            limits=limits,
        )

    def extend(self, step, state, stop_ids, pad_id):
        """The state with one more token of every text that is not done."""
        logits, caches = step(
            state.last[:, None], state.position, state.caches, state.source, None
        )
        probabilities = self.sampler.compute_probabilities(logits[:, 0])  # (B, V)
        token = self.next_tokens(probabilities, state)
        chosen = tf.gather(probabilities, token, batch_dims=1)
        log_prob = tf.math.log(tf.maximum(chosen, 1e-30))
        token = tf.where(state.is_done, pad_id, token)
        token_ids = tf.concat([state.token_ids, token[:, None]], axis=1)
        is_full = tf.shape(token_ids)[1] >= state.limits
        return state._replace(
            position=state.position + 1,
            last=token,
            is_done=state.is_done | is_any(token, stop_ids) | is_full,
            token_ids=token_ids,
            scores=state.scores + tf.where(state.is_done, 0.0, log_prob),
            caches=caches,
        )

    def next_tokens(self, probabilities, state):
        """The tokens, int32 (B,), that the sampler chooses by float32 (B, V)."""
        return tf.cast(self.sampler.get_next_token(probabilities), "int32")

    def is_over(self, state):
        """Whether every text is done: bool scalar."""
        return tf.reduce_all(state.is_done)

    def result(self, state):
        """`Decoded`; the scores are sums of log-probabilities."""
        return Decoded(state.token_ids[:, None], state.scores[:, None])

    def check_streaming(self):
        """What is sampled stays: see `DecodingStrategy`."""

    def first_text(self, state):
        """The tokens of the first text so far, int32 (t,)."""
        return state.token_ids[0]

    def shapes(self, state):
        """The shapes of a state in a loop."""
        # What a sampler of KerasHub gives has no static size, whatever it was given.
        vector = tf.TensorShape([None])
        return SamplingState(
            position=tf.TensorShape([]),
            last=vector,
            is_done=vector,
            token_ids=tf.TensorShape([None, None]),
            scores=vector,
            caches=tf.nest.map_structure(growing, state.caches),
            source=tf.nest.map_structure(first_unknown, state.source),
            limits=vector,
        )


def what_samplers_there_are(sampler):
    """The message for what `get_decoding_strategy` does not know."""
    names = ", ".join(f'"{name}"' for name in NAMES)
    return (
        "sampler must be an xlm_tf.BeamSearch, a sampler of KerasHub that chooses one "
        "token after another (GreedySampler, RandomSampler, TopKSampler, TopPSampler), "
        f"or one of {names}. Received: sampler={sampler!r}."
    )
