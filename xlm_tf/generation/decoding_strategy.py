"""What beam search and sampling share: the loop in graph, and when a text ends."""

import typing

import tensorflow as tf

# Finite, so that sums and quotients of it stay numbers, in TFLite too.
NEGATIVE_INFINITY = -1e9


class Decoded(typing.NamedTuple):
    """What a decoding strategy found.

    Attributes:
        token_ids: int32 tensor (B, n, T), the stop token included, then padding. The
            prompt is left out. A text whose limit is 0 is padding alone.
        scores: float32 tensor (B, n), best first: sum of log-probabilities over
            length ** length_penalty, the length counting the stop token; 0 of a text
            whose limit is 0, and -1e9 where there is no n-th text.
    """

    token_ids: tf.Tensor
    scores: tf.Tensor


class DecodingStrategy:
    """Base of `BeamSearch` and `Sampling`: a loop over their `start` and `extend`.

    A subclass has the attribute `stop_token_ids` and these methods, on a state of its
    own, a named tuple:
    `start(step, prompt, caches, source, max_length, pad_id)`: the state before the
        first token;
    `extend(step, state, stop_ids, pad_id)`: the state with one more token;
    `is_over(state)`: bool scalar;
    `shapes(state)`: the shapes that the state keeps in a loop;
    `result(state)`: `Decoded`;
    `check_streaming()`: raises a ValueError where tokens that are written may change;
    `first_text(state)`: int32 (t,), the tokens of the first text so far, for a stream.
    """

    # What a graph that decodes must own when it is saved: see `Sampling`.
    variables = ()

    def decode(self, step, prompt, caches, source, max_length, end_id, pad_id):
        """Search the continuations of some prompts.

        Args:
            step: function (token_ids int32 (A, k), index int32, caches, source, mask)
                -> (logits float32 (A, k, V), caches): the next token's. A counts the
                texts that are not done, whose part of `source` it is given. It adds k
                entries to every cache; `mask` bool (A, k, (index + 1) * k) tells which
                of those that were added are of a beam's own past, None where k is 1.
            prompt: int32 tensor (B, P), the first tokens of every text; P is static.
            caches: nested tensors (B, H, n, K): empty, or n entries that precede the
                prompt and that all beams of a text share.
            source: nested tensors (B, ...), what the texts are decoded from.
            max_length: int32 (B,), most tokens of each text after the prompt, or one
                int for all; 0 for a text that is to stay empty.
            end_id: int, the token that ends a text, if `stop_token_ids` is "auto".
            pad_id: int.

        Returns:
            `Decoded`.
        """
        stop_ids = self.stop_ids(end_id)
        state = self.start(step, prompt, caches, source, max_length, pad_id)
        (state,) = tf.while_loop(
            lambda state: ~self.is_over(state),
            lambda state: (self.extend(step, state, stop_ids, pad_id),),
            (state,),
            shape_invariants=(self.shapes(state),),
        )
        return self.result(state)

    def stop_ids(self, end_id):
        """The ids that end a text, a tuple of ints; `end_id` unless others are set."""
        if self.stop_token_ids == "auto":
            return (end_id,)
        return self.stop_token_ids or ()


def is_any(token_ids, stop_ids):
    """Which int32 tokens (...) are one of a tuple of ints: bool (...)."""
    if not stop_ids:
        return tf.zeros_like(token_ids, "bool")
    stop_ids = tf.constant(stop_ids, "int32")
    return tf.reduce_any(tf.expand_dims(token_ids, -1) == stop_ids, axis=-1)


def first_unknown(x):
    """The shape of a tensor (A, ...) that loses rows."""
    return tf.TensorShape([None, *x.shape[1:]])


def growing(cache):
    """The shape of a tensor (A, H, t, K) that loses rows and grows in t."""
    return tf.TensorShape([None, cache.shape[1], None, cache.shape[3]])
