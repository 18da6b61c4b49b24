"""An `XLMSeq2SeqLM` as a graph: text in, text out, with its search inside."""

import numpy as np
import tensorflow as tf

from export.input_checks import assert_at_most, assert_in_range, assert_same_rows


class TextGenerator:
    """An `XLMSeq2SeqLM` that searches on the weights of an export.

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
        # Of a signature that takes token ids, all int32.
        self.token_shapes = {
            "encoder_token_ids": [None, None],
            "prompt": [None, 1 + bool(preprocessor.language_tokens)],
        }
        if preprocessor.languages is not None:
            self.token_shapes["encoder_language_ids"] = [None, None]
            self.token_shapes["target_language_ids"] = [None]

    def decode(self, inputs):
        """Decode the targets of some sources.

        Args:
            inputs: dict of `XLMSeq2SeqLMPreprocessor.generate_preprocess`.

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
        copy: `InferenceCopy` of an `XLMSeq2SeqLM` with a preprocessor.
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
        spec = {
            name: tf.TensorSpec(shape, tf.int32)
            for name, shape in generator.token_shapes.items()
        }
        spec["encoder_padding_mask"] = tf.TensorSpec([None, None], tf.bool)
        self._decode = tf.function(generator.decode).get_concrete_function(spec)
        # The module owns the weights, and the vocabulary, which is read again where it
        # is loaded.
        self.weights = copy.variables
        self.random_states = list(task.decoding_strategy.variables)
        self.vocabulary = preprocessor.tokenizer.graph_resources
        self.text_names = list(as_fields(preprocessor, []))
        self.token_shapes = generator.token_shapes

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
            decoded = self._decode(inputs=self.pack(fields))
            return {
                "output_text": task.preprocessor.generate_postprocess(
                    decoded.token_ids[:, 0], task.preprocessor.copies_from(fields)
                ),
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
        fields = as_fields(self._task().preprocessor, texts)
        return {name: np.array(value, object) for name, value in fields.items()}

    def _checked(self, inputs):
        backbone = self._task().backbone
        names = "encoder_token_ids", "prompt"
        token_ids = inputs["encoder_token_ids"]
        checks = [
            *(assert_in_range(x, inputs[x], backbone.vocabulary_size) for x in names),
            assert_at_most(
                "encoder_token_ids", token_ids, backbone.max_sequence_length
            ),
            assert_same_rows(
                "prompt", inputs["prompt"][:, 0], "encoder_token_ids", token_ids
            ),
        ]
        for name in ("encoder_language_ids", "target_language_ids"):
            if name in inputs:
                ids = inputs[name]
                checks += [
                    assert_same_rows(name, ids, "encoder_token_ids", token_ids),
                    assert_in_range(name, ids, backbone.encoder.num_languages),
                ]
        with tf.control_dependencies(checks):
            mask = tf.not_equal(token_ids, backbone.pad_token_id)
            return {
                **{name: tf.identity(value) for name, value in inputs.items()},
                "encoder_padding_mask": mask,
            }


def as_fields(preprocessor, texts):
    """The fields of some texts, in the languages that a preprocessor is set to.

    Args:
        preprocessor: `XLMSeq2SeqLMPreprocessor`. Where it is set to none, the first of
            its languages is taken.
        texts: list of bytes.

    Returns:
        dict from "text" and, where they apply, "source_language" and
        "target_language" to lists of bytes.
    """
    fields = {"text": texts}
    if preprocessor.languages is not None:
        language = preprocessor.language or preprocessor.readable[0]
        fields["source_language"] = [language.encode()] * len(texts)
    if preprocessor.languages is not None or preprocessor.language_tokens:
        language = preprocessor.target_language or preprocessor.writable[0]
        fields["target_language"] = [language.encode()] * len(texts)
    return fields
