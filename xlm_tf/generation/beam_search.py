"""Beam search in graph, over a step function with a key-value cache."""

import dataclasses
import typing

import keras
import tensorflow as tf

from xlm_tf.generation import search_arguments as arguments
from xlm_tf.generation.decoding_strategy import (
    NEGATIVE_INFINITY,
    Decoded,
    DecodingStrategy,
    first_unknown,
    growing,
    is_any,
)
from xlm_tf.generation.top_k import top_k


class BeamSearchState(typing.NamedTuple):
    """A search after t tokens, with A of B texts that are not done, and k beams.

    Attributes:
        length: int32 scalar, t.
        position: int32 scalar, that of the newest token behind the beginning of the
            prompt: the number of entries that a beam added to its cache.
        active: int32 (A,), which texts are not done. What belongs to the others is
            dropped from the fields that are of A texts.
        tokens: int32 (A, k, 1 + t), the prompt's last token, and the hypotheses.
        log_probs: float32 (A, k), the sums of the hypotheses' log-probabilities, best
            first; -1e9 of one that there is not.
        caches: nested tensors (A, H, n + position * k, K), by position and beam.
            They stay where they are when beams change places.
        ancestry: int32 (A, k, position), which beam's entries are a hypothesis's past.
        source: nested tensors (A, ...).
        limits: int32 (A,), most tokens of each text.
        finished: int32 (B, k, T), the best finished hypotheses.
        scores: float32 (B, k), theirs; -1e9 of one that there is not.
    """

    length: tf.Tensor
    position: tf.Tensor
    active: tf.Tensor
    tokens: tf.Tensor
    log_probs: tf.Tensor
    caches: typing.Any
    ancestry: tf.Tensor
    source: typing.Any
    limits: tf.Tensor
    finished: tf.Tensor
    scores: tf.Tensor


class Candidates(typing.NamedTuple):
    """The C best hypotheses of t + 1 tokens, best first.

    Attributes:
        tokens: int32 (A, C, 2 + t), with the prompt's last.
        log_probs: float32 (A, C), the sums of their log-probabilities.
        beam: int32 (A, C), the beams that they continue.
        is_end: bool (A, C), whether they end with a stop token.
    """

    tokens: tf.Tensor
    log_probs: tf.Tensor
    beam: tf.Tensor
    is_end: tf.Tensor


@keras.saving.register_keras_serializable("xlm_tf")
@dataclasses.dataclass(frozen=True)
class BeamSearch(DecodingStrategy):
    """Beam search; with one beam and early stopping, greedy search.

    A hypothesis that a stop token ends is finished if fewer than `num_beams` others
    that go on are better. The search of a text is over when it has `num_beams`
    finished hypotheses and no unfinished one can beat the worst of them (XLM's
    stopping rule, by the best unfinished sum over max_length ** length_penalty), or
    at once with `early_stopping`. At `max_length`, unfinished ones count as finished.

    Args:
        num_beams: int, k.
        length_penalty: float between -10 and 10; above 0 favours longer texts.
        early_stopping: bool.
        min_length: int, tokens of a text before its stop token, as far as its limit
            has room for them.
        no_repeat_ngram_size: int, n: no n tokens follow each other twice in a text;
            0 allows it.
        num_return: int, n best texts, at most `num_beams`.
        stop_token_ids: the token ids that end a text, a list of ints; "auto" for the
            tokenizer's end token; None for none, so that every text is as long as its
            limit.

    Raises:
        ValueError: an argument out of range.

    Source: Lample and Conneau 2019, released code; Paulus et al. 2017 (arXiv
    1705.04304) for the n-grams.
    """

    num_beams: int = 4
    length_penalty: float = 1.0
    early_stopping: bool = False
    min_length: int = 0
    no_repeat_ngram_size: int = 0
    num_return: int = 1
    stop_token_ids: tuple | str | None = "auto"

    def __post_init__(self):
        largest = arguments.LARGEST_LENGTH_PENALTY
        checked = {
            "length_penalty": arguments.real_number(
                "length_penalty", self.length_penalty, minimum=-largest, maximum=largest
            ),
            "early_stopping": arguments.true_or_false(
                "early_stopping", self.early_stopping
            ),
            "stop_token_ids": arguments.stop_token_ids(self.stop_token_ids),
        }
        for name, least in (
            ("num_beams", 1),
            ("num_return", 1),
            ("min_length", 0),
            ("no_repeat_ngram_size", 0),
        ):
            checked[name] = arguments.whole_number(name, getattr(self, name), least)
        for name, value in checked.items():
            object.__setattr__(self, name, value)  # frozen, but for this
        if self.num_return > self.num_beams:
            raise ValueError(
                "A beam search returns as many texts as it has beams at most: "
                "num_return must not exceed num_beams. Received: "
                f"num_return={self.num_return}, num_beams={self.num_beams}."
            )

    def check_vocabulary(self, size):
        """Raise a ValueError for stop tokens above `size`, an int."""
        arguments.stop_token_ids(self.stop_token_ids, size)

    def get_config(self):
        config = dataclasses.asdict(self)
        return config | arguments.stop_config(config.pop("stop_token_ids"))

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def start(self, step, prompt, caches, source, max_length, pad_id):
        """The state before the first token: see `DecodingStrategy.decode`."""
        k = self.num_beams
        batch_size = tf.shape(prompt)[0]
        limits = tf.broadcast_to(tf.cast(max_length, "int32"), (batch_size,))
        max_length = tf.reduce_max(tf.concat([[1], limits], axis=0))
        prompt = tf.repeat(tf.expand_dims(prompt, 1), k, axis=1)  # (B, k, P)
        num_prompt = prompt.shape[2]
        ancestry = tf.zeros((batch_size, k, 0), "int32")
        for i in range(num_prompt - 1):
            ancestry = self._with_own_entry(ancestry)
            past = self._past(ancestry)
            _, caches = step(prompt[:, :, i], tf.constant(i), caches, source, past)
        # One hypothesis of each text begins; the others are copies of it.
        one = tf.constant([[0.0] + [NEGATIVE_INFINITY] * (k - 1)])  # (1, k)
        # Texts that are to stay empty are done before the search begins.
        is_empty = limits < 1  # (B,)
        active = tf.reshape(tf.where(~is_empty), [-1])
        last, caches, ancestry, source, active_limits = _rows(
            (prompt[:, :, -1:], caches, ancestry, source, limits), active, batch_size
        )
        return BeamSearchState(
            length=tf.constant(0),
            position=tf.constant(num_prompt - 1),
            active=tf.cast(active, "int32"),
            tokens=last,
            log_probs=tf.tile(one, (tf.size(active), 1)),
            caches=caches,
            ancestry=ancestry,
            source=source,
            limits=active_limits,
            finished=tf.fill((batch_size, k, max_length), pad_id),
            scores=tf.where(is_empty[:, None], one, NEGATIVE_INFINITY),
        )

    def extend(self, step, state, stop_ids, pad_id):
        """The state with one more token of every text that is not done."""
        state = state._replace(ancestry=self._with_own_entry(state.ancestry))
        logits, caches = step(
            state.tokens[:, :, -1],
            state.position,
            state.caches,
            state.source,
            self._past(state.ancestry),
        )  # (A, k, V)
        state = state._replace(caches=caches)
        candidates = self._candidates(state, tf.cast(logits, "float32"), stop_ids)
        best_finished = self._best_finished(state, candidates, pad_id)
        state = self._best_unfinished(state, candidates)
        is_done = self._is_done(state, best_finished[1][:, -1])
        return self._advanced(state, best_finished, is_done)

    def is_over(self, state):
        """Whether every text is done: bool scalar."""
        return tf.size(state.active) == 0

    def result(self, state):
        """The best finished texts, `Decoded`."""
        n = self.num_return
        return Decoded(state.finished[:, :n], state.scores[:, :n])

    def check_streaming(self):
        """Raise a ValueError for all but the greedy search: see `DecodingStrategy`."""
        if self.num_beams > 1 or not self.early_stopping:
            raise ValueError(
                "A beam search knows the beginning of its text only at the end: it "
                'has no tokens to stream. Compile the model with sampler="greedy", '
                "which is BeamSearch(num_beams=1, early_stopping=True), or with a "
                f"sampler that draws. Received: num_beams={self.num_beams}, "
                f"early_stopping={self.early_stopping}."
            )

    def first_text(self, state):
        """The tokens of the first text so far, int32 (t,): see `check_streaming`."""
        is_over = tf.size(state.active) == 0
        return state.finished[0, 0] if is_over else state.tokens[0, 0, 1:]

    def shapes(self, state):
        """The shapes of a state in a loop."""
        k = self.num_beams
        vector = tf.TensorShape([None])
        return BeamSearchState(
            length=tf.TensorShape([]),
            position=tf.TensorShape([]),
            active=vector,
            tokens=tf.TensorShape([None, k, None]),
            log_probs=tf.TensorShape([None, k]),
            caches=tf.nest.map_structure(growing, state.caches),
            ancestry=tf.TensorShape([None, k, None]),
            source=tf.nest.map_structure(first_unknown, state.source),
            limits=vector,
            finished=tf.TensorShape([None, k, None]),
            scores=tf.TensorShape([None, k]),
        )

    def _candidates(self, state, logits, stop_ids):
        """The best continuations: k that go on are among them, however many end."""
        k, vocabulary_size = self.num_beams, logits.shape[2]
        # k that go on, and of every beam one for each stop token.
        num_candidates = k * min(max(2, 1 + len(stop_ids)), vocabulary_size)
        num_each = min(num_candidates, vocabulary_size)
        if self.min_length or self.no_repeat_ngram_size:
            normalizer = tf.reduce_logsumexp(logits, axis=2, keepdims=True)
            logits = self._constrained(logits, state, stop_ids)
            best, tokens = top_k(logits, num_each)  # (A, k, num_each)
        else:
            best, tokens = top_k(logits, num_each)
            largest = best[:, :, :1]  # found already: no pass to find it
            normalizer = largest + tf.math.log(
                tf.reduce_sum(tf.exp(logits - largest), axis=2, keepdims=True)
            )
        log_probs = tf.expand_dims(state.log_probs, 2) + best - normalizer
        flat = (tf.shape(state.tokens)[0], -1)
        log_probs, choice = tf.math.top_k(tf.reshape(log_probs, flat), num_candidates)
        beam = choice // num_each  # (A, C)
        token = tf.gather(tf.reshape(tokens, flat), choice, batch_dims=1)
        tokens = tf.concat(
            [tf.gather(state.tokens, beam, batch_dims=1), token[:, :, None]], axis=2
        )
        return Candidates(tokens, log_probs, beam, is_any(token, stop_ids))

    def _best_finished(self, state, candidates, pad_id):
        """The k best texts (A, k, T) that are finished now, and their scores (A, k)."""
        k, length = self.num_beams, state.length + 1
        goes_on = tf.cast(~candidates.is_end, "int32")
        num_better = tf.cumsum(goes_on, axis=1, exclusive=True)
        # At its limit, the best k of a text count as they are.
        is_last = length >= state.limits[:, None]  # (A, 1)
        is_among_best = tf.range(goes_on.shape[1])[None] < k
        ends = candidates.is_end & (num_better < k)
        ends = tf.where(is_last, is_among_best, ends)
        is_real = candidates.log_probs > NEGATIVE_INFINITY / 2
        scores = candidates.log_probs / tf.cast(length, "float32") ** (
            self.length_penalty
        )
        scores = tf.where(ends & is_real, scores, NEGATIVE_INFINITY)
        scores = tf.concat([tf.gather(state.scores, state.active), scores], axis=1)
        missing = tf.shape(state.finished)[2] - length
        texts = tf.pad(
            candidates.tokens[:, :, 1:],
            [[0, 0], [0, 0], [0, missing]],
            constant_values=pad_id,
        )
        texts = tf.concat([tf.gather(state.finished, state.active), texts], axis=1)
        scores, best = tf.math.top_k(scores, k)
        return tf.gather(texts, best, batch_dims=1), scores

    def _best_unfinished(self, state, candidates):
        """The state with the k best hypotheses that go on, one token longer."""
        log_probs, best = tf.math.top_k(
            tf.where(candidates.is_end, 2 * NEGATIVE_INFINITY, candidates.log_probs),
            self.num_beams,
        )
        beam = tf.gather(candidates.beam, best, batch_dims=1)  # (A, k)
        return state._replace(
            length=state.length + 1,
            position=state.position + 1,
            tokens=tf.gather(candidates.tokens, best, batch_dims=1),
            log_probs=log_probs,
            ancestry=tf.gather(state.ancestry, beam, batch_dims=1),
        )

    def _is_done(self, state, worst):
        """Which searches are over, bool (A,), by the worst of the k finished scores."""
        is_full = worst > NEGATIVE_INFINITY / 2
        is_last = state.length >= state.limits
        if self.early_stopping:
            return is_full | is_last
        # XLM's stopping rule: no unfinished hypothesis can beat the worst finished
        # one. Sums are negative: a long text divides them by more, or, with a penalty
        # below 0, multiplies them by more.
        limits = state.limits
        if self.length_penalty < 0:
            limits = tf.minimum(state.length + 1, limits)
        penalty = tf.cast(limits, "float32") ** self.length_penalty
        attainable = state.log_probs[:, 0] / penalty
        return (is_full & (worst >= attainable)) | is_last

    def _advanced(self, state, best_finished, is_done):
        """The state with what is finished, without the texts that are done."""
        texts, scores = best_finished
        rows = state.active[:, None]
        going = tf.reshape(tf.where(~is_done), [-1])  # (A',)
        caches, ancestry, source, limits = _rows(
            (state.caches, state.ancestry, state.source, state.limits),
            going,
            tf.size(state.active),
        )
        return state._replace(
            active=tf.gather(state.active, going),
            tokens=tf.gather(state.tokens, going),
            log_probs=tf.gather(state.log_probs, going),
            caches=caches,
            ancestry=ancestry,
            source=source,
            limits=limits,
            finished=tf.tensor_scatter_nd_update(state.finished, rows, texts),
            scores=tf.tensor_scatter_nd_update(state.scores, rows, scores),
        )

    def _with_own_entry(self, ancestry):
        """int32 (A, k, t) -> (A, k, t + 1): the newest entry is a beam's own."""
        own = tf.zeros((tf.shape(ancestry)[0], 1), "int32") + tf.range(self.num_beams)
        return tf.concat([ancestry, tf.expand_dims(own, 2)], axis=2)

    def _past(self, ancestry):
        """int32 (A, k, t) -> bool (A, k, t * k), the `mask` of a step function."""
        k = self.num_beams
        if k == 1:
            return None
        is_own = tf.equal(tf.expand_dims(ancestry, 3), tf.range(k))
        shape = tf.shape(ancestry)
        return tf.reshape(is_own, (shape[0], k, shape[2] * k))

    def _constrained(self, logits, state, stop_ids):
        """Without stop tokens before `min_length`, and without repeated n-grams."""
        if self.min_length:
            is_stop = is_any(tf.range(logits.shape[2]), stop_ids)
            is_short = state.length < self.min_length
            logits = tf.where(is_stop & is_short, NEGATIVE_INFINITY, logits)
        if self.no_repeat_ngram_size:
            logits = tf.cond(
                state.length + 1 >= self.no_repeat_ngram_size,
                lambda: self._without_repeats(logits, state.tokens[:, :, 1:]),
                lambda: logits,
            )
        return logits

    def _without_repeats(self, logits, texts):
        n = self.no_repeat_ngram_size
        length = tf.shape(texts)[2]  # t
        num_windows = length - n + 1
        last = texts[:, :, length - n + 1 :]  # (A, k, n - 1)
        matches = tf.ones_like(texts[:, :, :num_windows], "bool")
        for i in range(n - 1):
            matches &= texts[:, :, i : i + num_windows] == last[:, :, i, None]
        followers = texts[:, :, n - 1 :]  # (A, k, windows)
        where = tf.where(matches)
        banned = tf.concat(
            [
                where[:, :2],
                tf.cast(tf.boolean_mask(followers, matches), "int64")[:, None],
            ],
            axis=1,
        )
        return tf.tensor_scatter_nd_min(
            logits, banned, tf.fill(tf.shape(where)[:1], NEGATIVE_INFINITY)
        )


def _rows(tensors, rows, num_rows):
    """Some rows (A',) of nested tensors (A, ...), untouched where they are all."""
    return tf.cond(
        tf.size(rows) == num_rows,
        lambda: tensors,
        lambda: tf.nest.map_structure(lambda x: tf.gather(x, rows), tensors),
    )
