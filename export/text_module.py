"""The graph of a SavedModel: text in, and what a task makes of it out."""

import numpy as np
import tensorflow as tf

from export.input_checks import assert_in_range, assert_tokens
from export.languages import any_language, takes_language
from export.tasks import answer_of
from export.tasks.windows import WindowedAnswer, compute_in_parts


class TextModule(tf.Module):
    """The graph of an exported task.

    Not the Keras model itself: saved within a module, it cannot be loaded by the
    session loader, and `model.export()` stores every weight twice.

    Args:
        copy: `InferenceCopy` of the task.
        labels, pairs, top_k: as in `to_saved_model`.
    """

    def __init__(self, copy, labels, pairs, top_k):
        super().__init__()
        task = copy.task
        preprocessor = task.preprocessor
        backbone = task.backbone
        self._pad_token_id = backbone.pad_token_id
        self._vocabulary_size = backbone.vocabulary_size
        self._max_length = backbone.max_sequence_length
        self._num_languages = backbone.num_languages
        self._pack = None
        if preprocessor is not None:
            self._pack = preprocessor.pack
            # Read again where the graph is loaded.
            self.vocabulary = preprocessor.tokenizer.graph_resources
        self.answer = answer_of(task, labels, top_k)
        self.text_names = []
        if preprocessor is not None:
            self.text_names = self.answer.text_names(pairs)
            if takes_language(preprocessor):
                self.text_names += ["language", *(["language_pair"] if pairs else [])]
        self.labels = labels
        # The module owns what the closures below use.
        self.weights = copy.variables

        # One function for both signatures: frozen weights are in the graph once.
        @tf.function
        def compute(inputs):
            with copy.weights():
                return self.answer.numbers(inputs)

        # Of the signature that takes token ids, all int32.
        token_shapes = {"token_ids": [None, None]}
        if self._num_languages:
            token_shapes["language_ids"] = [None, None]
        token_shapes |= self.answer.input_shapes
        self.token_shapes = token_shapes
        spec = {
            name: tf.TensorSpec(shape, tf.int32) for name, shape in token_shapes.items()
        }
        spec["padding_mask"] = tf.TensorSpec([None, None], tf.bool)
        self._compute = compute.get_concrete_function(spec)

    def signatures(self):
        """dict from signature name to concrete function."""

        @tf.function
        def serving_default(**fields):
            if isinstance(self.answer, WindowedAnswer):
                inputs, places = self.answer.pack_windows(fields)
                numbers = compute_in_parts(self._compute, inputs)
                return self.answer.answer(numbers, fields, places)
            return self.answer.words(self._compute(inputs=self.pack(fields)))

        def with_prompt(prompt):
            @tf.function
            def prompted(**fields):
                return self.answer.words(
                    self._compute(inputs=self.pack(fields, prompt=prompt))
                )

            return prompted

        @tf.function
        def token_ids(**fields):
            return self.answer.words(self._compute(inputs=self._checked(fields)))

        @tf.function
        def labels(class_id):
            in_range = assert_in_range("class_id", class_id, len(self.labels))
            with tf.control_dependencies([in_range]):
                return {"label": tf.gather(tf.constant(self.labels), class_id)}

        functions = {}
        if self._pack is not None:
            texts = {x: tf.TensorSpec([None], tf.string, x) for x in self.text_names}
            functions["serving_default"] = serving_default.get_concrete_function(
                **texts
            )
            for name, prompt in self.answer.prompts.items():
                functions[name] = with_prompt(prompt).get_concrete_function(**texts)
        functions["token_ids"] = token_ids.get_concrete_function(
            **{
                name: tf.TensorSpec(shape, tf.int32, name)
                for name, shape in self.token_shapes.items()
            }
        )
        if self.labels is not None:
            functions["labels"] = labels.get_concrete_function(
                tf.TensorSpec([None], tf.int32, "class_id")
            )
        return functions

    def pack(self, fields, **arguments):
        """dict of string tensors (B,) -> the backbone's inputs.

        Args:
            fields: dict.
            **arguments: further ones of the preprocessor's `pack`.
        """
        return dict(self._pack(dict(fields), **arguments))

    def text_inputs(self, texts):
        """The inputs of `serving_default` for some texts (bytes)."""
        texts = np.array(texts, object)
        others = np.roll(texts, 1)
        inputs = {"text": texts, "text_pair": others}
        inputs |= {"question": others, "context": texts}
        if "language" in self.text_names:
            language = any_language(self._pack.__self__).encode()
            inputs["language"] = np.array([language] * len(texts), object)
            inputs["language_pair"] = inputs["language"]
        return {name: inputs[name] for name in self.text_names}

    def _checked(self, fields):
        """Ids from outside: in the vocabulary, and no longer than the positions."""
        checks = assert_tokens(
            fields, self._vocabulary_size, self._max_length, self._num_languages
        )
        checks += self.answer.checks(fields)
        with tf.control_dependencies(checks):
            return {
                **{name: tf.identity(value) for name, value in fields.items()},
                "padding_mask": tf.not_equal(fields["token_ids"], self._pad_token_id),
            }
