"""What the models that generate share: decoding in graph, texts, streams."""

import dataclasses
import re

import tensorflow as tf

from xlm_tf.generation.decoding_strategy import NEGATIVE_INFINITY, DecodingStrategy
from xlm_tf.generation.named_strategies import get_decoding_strategy
from xlm_tf.generation.search_arguments import whole_number
from xlm_tf.models.backend import require_tensorflow

# The end of a text that its next token may change: spaces, and bytes of a character
# that is not whole yet.
UNSETTLED_END = re.compile(r"[\s\ufffd]*\Z")


class GenerationMixin:
    """Mixin for tasks that generate, with `backbone` and `prediction_head`.

    `decoding` is the strategy that is saved with the model and used wherever nothing
    else is asked for: that of the class's argument, then of every `compile` that
    names a `sampler`. A training that decodes otherwise sets it anew afterwards.

    A task has these methods:
    `preprocess(fields, max_length)`: dict of `generate_preprocess`;
    `max_new_tokens(inputs, max_length)`: int32 (B,), the limit of every text;
    `decoding_inputs(inputs)`: prompt, caches and source of `DecodingStrategy.decode`;
    `decoding_step()`: its step function;
    `written(fields, inputs, token_ids)`: the ids (B, n, ...) that ids (B, n, T) are
        written with, and the copies of unknown characters, in graph.
    """

    default_sampler = "greedy"

    def compile(self, *args, sampler="auto", **kwargs):
        """As KerasHub's, with the strategies of `xlm_tf.generation` too."""
        strategy = (
            self.decoding if sampler == "auto" else get_decoding_strategy(sampler)
        )
        strategy.check_vocabulary(self.backbone.vocabulary_size)
        super().compile(*args, sampler="greedy", **kwargs)
        self.decoding = strategy
        self.sampler = strategy
        self.__dict__.pop("_decoding_functions", None)

    @property
    def decoding(self):
        """The `BeamSearch` or `Sampling` that the model is saved with."""
        return self._decoding

    @decoding.setter
    def decoding(self, sampler):
        self._decoding = get_decoding_strategy(
            self.default_sampler if sampler is None else sampler
        )

    @property
    def decoding_strategy(self):
        """The strategy that `compile` was given, or `decoding`."""
        strategy = getattr(self, "sampler", None)
        is_own = isinstance(strategy, DecodingStrategy)
        return strategy if is_own else self.decoding

    @property
    def num_return(self):
        """How many texts are generated of each input."""
        return getattr(self.decoding_strategy, "num_return", 1)

    def logits(self, states):
        """Float tensor (..., D), the last block's states -> float32 (..., V)."""
        return self.prediction_head(
            states, token_embedding=self.backbone.token_embedding
        )

    def step_function(self, backbone_step):
        """The step function of a decoding strategy, see `DecodingStrategy.decode`.

        Args:
            backbone_step: function (token_ids, index, caches, source, mask,
                language_ids) -> (states (A * k, D), caches); `language_ids` int32
                (A, k), None where the source has no `language_ids` (A,).
        """
        kernel = self.prediction_head.kernel(self.backbone.token_embedding)

        def step(token_ids, index, caches, source, mask):
            language_ids = source.get("language_ids")
            if language_ids is not None:
                language_ids = language_ids[:, None] + tf.zeros_like(token_ids)
            states, caches = backbone_step(
                token_ids, index, caches, source, mask, language_ids
            )
            logits = self.prediction_head.logits(states, kernel)  # (A * k, V)
            shape = (-1, token_ids.shape[1], logits.shape[1])
            return tf.reshape(logits, shape), caches

        return step

    def decode(self, inputs, max_length=None, stop_token_ids="auto"):
        """Decode token ids, in graph unless the model runs eagerly.

        Args:
            inputs: dict of `generate_preprocess`.
            max_length, stop_token_ids: see `generate`.

        Returns:
            `xlm_tf.generation.decoding_strategy.Decoded`.
        """
        strategy = self._strategy(stop_token_ids)
        (decode,) = self._functions(strategy, inputs, self._decode_functions)
        return decode(inputs, self.max_new_tokens(inputs, max_length))

    def _generate(self, inputs, max_length, with_scores, stop_token_ids, languages):
        """See `generate` of the tasks; `languages` by their fields' names."""
        self._check_generation("generate")
        if max_length is not None:
            max_length = whole_number("max_length", max_length)
        strategy = self._strategy(stop_token_ids)
        fields, is_single = self.preprocessor.generation_fields(inputs, languages)
        if not fields["text"]:
            return ([], []) if with_scores else []
        inputs = self.preprocess(fields, max_length)
        decoded = self.decode(inputs, max_length, strategy.stop_token_ids)
        written = self.written(fields, inputs, decoded.token_ids)
        texts = self.preprocessor.detokenize(*written)
        texts, scores = normalized_outputs(
            texts, decoded.scores.numpy().tolist(), self.num_return, is_single
        )
        return (texts, scores) if with_scores else texts

    def _stream(self, text, max_length, stop_token_ids, languages):
        """See `stream` of the tasks; checks at once, before the first piece."""
        self._check_generation("stream")
        if max_length is not None:
            max_length = whole_number("max_length", max_length)
        strategy = self._strategy(stop_token_ids)
        strategy.check_streaming()
        fields, is_single = self.preprocessor.generation_fields(text, languages)
        if not is_single:
            raise ValueError(
                "A stream is of one text: pass a str. Received: "
                f"{type(text).__name__}, with {len(fields['text'])} texts. `generate` "
                "takes several."
            )
        inputs = self.preprocess(fields, max_length)
        limits = self.max_new_tokens(inputs, max_length)
        return self._pieces(strategy, fields, inputs, limits)

    def _pieces(self, strategy, fields, inputs, limits):
        start, extend = self._functions(strategy, inputs, self._stream_functions)
        state, num_written = start(inputs, limits), 0
        while True:
            is_over = bool(strategy.is_over(state))
            token_ids = strategy.first_text(state)
            if not is_over:
                token_ids = self.preprocessor.settled(token_ids)
            written = self.written(fields, inputs, token_ids[None, None])
            ((text,),) = self.preprocessor.detokenize(*written)
            if not is_over:
                text = text[: UNSETTLED_END.search(text).start()]
            if len(text) > num_written:
                yield text[num_written:]
                num_written = len(text)
            if is_over:
                return
            state = extend(state)

    def _strategy(self, stop_token_ids):
        """The model's strategy, with other stop tokens unless they are "auto"."""
        strategy = self.decoding_strategy
        if isinstance(stop_token_ids, str) and stop_token_ids == "auto":
            return strategy
        strategy = dataclasses.replace(strategy, stop_token_ids=stop_token_ids)
        strategy.check_vocabulary(self.backbone.vocabulary_size)
        return strategy

    def _functions(self, strategy, inputs, make):
        """What `make` makes of a strategy, kept until the model is compiled anew."""
        # Past Keras, which would save an attribute's graphs with the model.
        kept = self.__dict__.setdefault("_decoding_functions", {})
        key = (strategy, make.__name__, self.run_eagerly)
        if key not in kept:
            kept[key] = make(strategy, inputs)
        return kept[key]

    def _decode_functions(self, strategy, inputs):
        """(function from inputs and limits to `Decoded`,)"""
        tokenizer = self.preprocessor.tokenizer

        def decode(inputs, limits):
            return strategy.decode(
                self.decoding_step(),
                *self.decoding_inputs(inputs),
                limits,
                end_id=tokenizer.end_token_id,
                pad_id=tokenizer.pad_token_id,
            )

        if self.run_eagerly:
            return (decode,)
        return (tf.function(decode, input_signature=input_signature(inputs)),)

    def _stream_functions(self, strategy, inputs):
        """`start` and `extend` of a strategy, for a loop outside of the graph."""
        tokenizer = self.preprocessor.tokenizer
        stop_ids = strategy.stop_ids(tokenizer.end_token_id)
        pad_id = tokenizer.pad_token_id

        def start(inputs, limits):
            decoding_inputs = self.decoding_inputs(inputs)
            return strategy.start(
                self.decoding_step(), *decoding_inputs, limits, pad_id
            )

        def extend(state):
            return strategy.extend(self.decoding_step(), state, stop_ids, pad_id)

        if self.run_eagerly:
            return start, extend
        start = tf.function(start, input_signature=input_signature(inputs))
        state = start.get_concrete_function().structured_outputs
        specs = tf.nest.map_structure(
            lambda x, shape: tf.TensorSpec(shape, x.dtype),
            state,
            strategy.shapes(state),
        )
        return start, tf.function(extend, input_signature=[specs])

    def _check_generation(self, name):
        require_tensorflow(name)
        if self.preprocessor is None:
            raise ValueError(
                f"`{name}` reads and writes texts, for which it needs a preprocessor: "
                f"pass one to {type(self).__name__}."
            )


def input_signature(inputs):
    """One graph for all numbers and lengths of texts: see `decode`."""
    shapes = {name: [None] * value.shape.rank for name, value in inputs.items()}
    if "prompt" in inputs:
        shapes["prompt"] = (None, inputs["prompt"].shape[1])
    specs = {name: tf.TensorSpec(shapes[name], x.dtype) for name, x in inputs.items()}
    return specs, tf.TensorSpec((None,), tf.int32)


def normalized_outputs(texts, scores, num_return, is_single):
    """Lists of candidates in the form in which `generate` was asked.

    Args:
        texts: list of lists of str, one of each input, best first.
        scores: list of lists of float, as `texts`. Candidates that there are none of,
            because a text has fewer, score below all others, and are left out.
        num_return: int, how many are generated at most.
        is_single: bool, one str came in and not a list.

    Returns:
        `(texts, scores)`: where `num_return` is 1, the candidate instead of a list of
        it; and what belongs to the first input alone with `is_single`.
    """
    counts = [max(sum(x > NEGATIVE_INFINITY / 2 for x in row), 1) for row in scores]
    texts, scores = (
        [row[:count] for row, count in zip(rows, counts, strict=True)]
        for rows in (texts, scores)
    )
    if num_return == 1:
        texts, scores = ([row[0] for row in x] for x in (texts, scores))
    if is_single:
        texts, scores = texts[0], scores[0]
    return texts, scores
