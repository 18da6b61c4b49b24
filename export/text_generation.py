"""A model that writes text as a graph: text in, text out, with its search inside."""

import numpy as np
import tensorflow as tf

from export.generation_inputs import generation_inputs


class TextGenerator:
    """A model that searches on the weights of an export.

    Args:
        copy: `InferenceCopy` of the model, with a preprocessor.
    """

    def __init__(self, copy):
        self.copy = copy
        preprocessor = copy.task.preprocessor
        self.special_ids = {
            "end_id": preprocessor.tokenizer.end_token_id,
            "pad_id": preprocessor.tokenizer.pad_token_id,
        }
        self.inputs = generation_inputs(copy.task)

    def decode(self, inputs):
        """Write targets, or continuations.

        Args:
            inputs: dict of `generate_preprocess` of the preprocessor.

        Returns:
            `xlm_tf.generation.decoding_strategy.Decoded`.
        """
        task = self.copy.task
        with self.copy.weights():
            prompt, caches, source = task.decoding_inputs(inputs)

        def step(*state):
            # Here, in the graph of the loop, where weights shall be constants.
            with self.copy.weights():
                return task.decoding_step()(*state)

        return task.decoding_strategy.decode(
            step,
            prompt,
            caches,
            source,
            task.max_new_tokens(inputs),
            **self.special_ids,
        )


class TextGenerationModule(tf.Module):
    """The graph of a model that writes text.

    Args:
        copy: `InferenceCopy` of an `XLMSeq2SeqLM` or `XLMCausalLM` with a
            preprocessor.
    """

    check_prefix = ""

    def __init__(self, copy):
        super().__init__()
        task = copy.task
        preprocessor = task.preprocessor
        # Not an attribute: a Keras model within a module cannot be loaded by the
        # session loader.
        self._task = lambda: task
        generator = TextGenerator(copy)
        # One function for both signatures: frozen weights are in the graph once.
        self._inputs = generator.inputs
        self.token_shapes = self._inputs.token_shapes
        spec = {
            name: tf.TensorSpec(shape, tf.int32)
            for name, shape in self.token_shapes.items()
        }
        spec[self._inputs.padding_mask] = tf.TensorSpec([None, None], tf.bool)
        self._decode = tf.function(generator.decode).get_concrete_function(spec)
        # The module owns the weights, and the vocabulary, which is read again where it
        # is loaded.
        self.weights = copy.variables
        self.random_states = list(task.decoding_strategy.variables)
        self.vocabulary = preprocessor.tokenizer.graph_resources
        self.text_names = list(self._inputs.fields([]))

    @property
    def answer(self):
        """Itself: its checks are made of the texts alone."""
        return self

    def example_inputs(self, number):
        """None but the texts."""
        return {}

    def signatures(self):
        """dict from signature name to concrete function."""
        task = self._task()

        @tf.function
        def serving_default(**fields):
            inputs = self.pack(fields)
            decoded = self._decode(inputs=inputs)
            written = task.written(fields, inputs, decoded.token_ids[:, :1])
            return {
                "output_text": task.preprocessor.generate_postprocess(*written)[:, 0],
                "score": decoded.scores[:, 0],
            }

        @tf.function
        def token_ids(**inputs):
            decoded = self._decode(inputs=self._checked(inputs))
            return {
                "output_token_ids": decoded.token_ids[:, 0],
                "score": decoded.scores[:, 0],
            }

        return {
            "serving_default": serving_default.get_concrete_function(
                **{x: tf.TensorSpec([None], tf.string, x) for x in self.text_names}
            ),
            "token_ids": token_ids.get_concrete_function(
                **{
                    name: tf.TensorSpec(shape, tf.int32, name)
                    for name, shape in self.token_shapes.items()
                }
            ),
        }

    def pack(self, fields):
        """dict of string tensors (B,) -> the inputs of the search."""
        return self._task().preprocessor.generate_preprocess(dict(fields))

    def text_inputs(self, texts):
        """The inputs of `serving_default` for some texts (bytes)."""
        fields = self._inputs.fields(texts)
        return {name: np.array(value, object) for name, value in fields.items()}

    def _checked(self, inputs):
        with tf.control_dependencies(self._inputs.checks(inputs)):
            token_ids = inputs[self._inputs.token_ids]
            mask = tf.not_equal(token_ids, self._task().backbone.pad_token_id)
            return {
                **{name: tf.identity(value) for name, value in inputs.items()},
                self._inputs.padding_mask: mask,
            }
