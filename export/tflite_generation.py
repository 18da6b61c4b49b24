"""A model that writes text as the signatures of a TFLite file."""

import tensorflow as tf

from export.check_texts import as_bytes, with_special_words
from export.embedding_lookup import lookup
from export.inference_copy import InferenceCopy
from export.input_checks import fitted
from export.layouts import PaddedRows
from export.long_texts import within_positions
from export.text_generation import TextGenerator
from export.text_generation_check import TextGenerationCheck, compare_tensors
from xlm_tf.generation.beam_search import BeamSearch

# The inputs of steps that are no int32.
_FLOATS = ("keys", "values", "source_keys", "source_values")


class GenerationModule(tf.Module):
    """Token ids in, token ids out; and the parts, for a search of the app's own.

    A part reads what is given, once; the other writes a token. A subclass has

    `beginning`: str, the name of the first part;
    `step_language`: str, the input of a step that names languages (B,);
    `begin(**inputs)`: the graph of the first part;
    `step(token_ids, index, caches, mask, language_ids, inputs)`: what `step` of the
        copy's backbone returns;
    `part_shapes(batch_size, length)`: the inputs of both and their shapes, two dicts;
    `part_checks(packed, names, length)`: calls of both, see `checks`.

    Args:
        task: a task that writes text, with a preprocessor, compiled with a
            `BeamSearch`.
        lengths: ints, see `export.to_tflite`.
    """

    def __init__(self, task, lengths):
        super().__init__()
        if not isinstance(task.decoding_strategy, BeamSearch):
            raise ValueError(
                "A phone searches by beams or greedily: compile the model with "
                'sampler=xlm_tf.BeamSearch(...) or "greedy" (of xlm-tf export, '
                f"--num-beams). Received: {task.decoding_strategy}."
            )
        # In a closure: of a Keras model, a module would store what it cannot load.
        self._task = lambda: task
        self.copy = InferenceCopy(task, layout=PaddedRows, lookup=lookup)
        self._generator = TextGenerator(self.copy)
        self._lengths = lengths
        self.weights = self.copy.variables

    @property
    def task(self):
        """The task that is exported."""
        return self._task()

    def signatures(self):
        """dict from signature name to concrete function."""
        search = _concrete(self._search, self._generator.inputs.token_shapes)
        functions = {"serving_default": search, **self._parts("", None, None)}
        for length in self._lengths:
            functions |= self._parts(f"_{length}", 1, length)
        return functions

    def checks(self, texts):
        """What to ask of the file, and what the task itself says.

        Args:
            texts: list of str or bytes.

        Returns:
            List of (signature name, inputs, comparison: function from an answer, a
            tolerance and a name to the largest distance).
        """
        task = self.task
        texts = with_special_words(texts, task.preprocessor.tokenizer)
        fields = self._generator.inputs.fields(as_bytes(texts))
        packed = task.preprocessor.generate_preprocess(fields)
        check = TextGenerationCheck(task)
        expected = check.expected(packed)

        def compare(answer, tolerance, what):
            return check.compare(answer, expected, tolerance, what)

        search = {
            name: packed[name].numpy() for name in self._generator.inputs.token_shapes
        }
        calls = [
            ("serving_default", search, compare),
            *self.part_checks(packed, self._names(""), None),
        ]
        for length in self._lengths:
            first = self._first_text(packed, length)
            calls += self.part_checks(first, self._names(f"_{length}"), length)
        return calls

    def with_mask(self, inputs):
        """Ids from outside as the inputs of the model, in ops that a phone has."""
        inputs, own = dict(inputs), self._generator.inputs
        special_ids = self._generator.special_ids
        token_ids = inputs[own.token_ids]
        if token_ids.shape[1] is None:
            for name in own.token_shapes:
                if name in inputs and name != own.token_ids:
                    # A prompt has columns of its own.
                    like = token_ids
                    if name == "prompt":
                        like = tf.expand_dims(token_ids[:, 0], 1)
                    inputs[name] = fitted(inputs[name], like)
            columns = [name for name in (own.language_ids,) if name in inputs]
            token_ids, others = within_positions(
                token_ids,
                [inputs[name] for name in columns],
                self.task.backbone.max_sequence_length,
                special_ids["pad_id"],
                special_ids["end_id"] if own.ends else None,
            )
            inputs |= dict(zip(columns, others, strict=True))
        mask = tf.not_equal(token_ids, special_ids["pad_id"])
        inputs[own.token_ids] = own.checked(token_ids, mask)
        return {**inputs, own.padding_mask: mask}

    def search_inputs(self, inputs):
        """What the search reads of ids from outside."""
        return self.with_mask(inputs)

    def _search(self, **inputs):
        decoded = self._generator.decode(self.search_inputs(inputs))
        return {
            "output_token_ids": decoded.token_ids[:, 0],
            "score": decoded.scores[:, 0],
        }

    def _decode_step(self, **inputs):
        keys, values = (tf.unstack(inputs[name]) for name in ("keys", "values"))
        places = tf.expand_dims(tf.range(tf.shape(inputs["keys"])[3]), 0)  # (1, T)
        index = tf.reshape(inputs["index"], (-1, 1))  # (B, 1), or (1, 1) for all
        # The layers put the new position behind the cache, which has a place for it.
        mask = tf.concat([places < index, tf.equal(index, index)], axis=1)
        language_ids = inputs.get(self.step_language)
        if language_ids is not None:
            language_ids = tf.expand_dims(language_ids, 1)
        with self.copy.weights():
            states, grown = self.step(
                tf.expand_dims(inputs["token_ids"], 1),  # (B, 1)
                index,
                tuple(zip(keys, values, strict=True)),
                tf.expand_dims(mask, 1),  # (B, 1, T + 1)
                language_ids,
                inputs,
            )
            logits = self.copy.task.logits(states)
        is_place = tf.equal(  # (B, 1, T, 1)
            tf.reshape(places, (1, 1, -1, 1)), tf.reshape(index, (-1, 1, 1, 1))
        )
        keys, values = (
            tf.stack(
                [
                    tf.where(is_place, new[:, :, -1:], old)
                    for new, old in zip(news, olds, strict=True)
                ]
            )
            for news, olds in zip(zip(*grown, strict=True), (keys, values), strict=True)
        )
        return {"logits": logits, "keys": keys, "values": values}

    def _names(self, suffix):
        return self.beginning + suffix, f"decode_step{suffix}"

    def _parts(self, suffix, batch_size, length):
        functions = self.begin, self._decode_step
        shapes = self.part_shapes(batch_size, length)
        return {
            name: _concrete(function, own)
            for name, function, own in zip(
                self._names(suffix), functions, shapes, strict=True
            )
        }

    def _first_text(self, packed, length):
        """The first text, cut or padded to a length."""
        own = self._generator.inputs
        fill = {own.token_ids: self._generator.special_ids["pad_id"]}
        first = {}
        for name, value in packed.items():
            first[name] = value[:1]
            if name in (own.token_ids, own.padding_mask, own.language_ids):
                missing = [[0, 0], [0, max(length - value.shape[1], 0)]]
                first[name] = tf.pad(
                    value[:1, :length], missing, constant_values=fill.get(name, 0)
                )
        return first


def comparison(expected, is_counted=1.0):
    """Of the tensors `expected`, by a factor of them: of padding, nothing is said."""

    def compare(answer, tolerance, what):
        answer, wanted = (
            {name: x[name] * is_counted for name in expected}
            for x in (answer, expected)
        )
        return compare_tensors(answer, wanted, tolerance, what)

    return compare


def _concrete(function, shapes):
    return tf.function(function).get_concrete_function(
        **{
            name: tf.TensorSpec(
                shape, tf.float32 if name in _FLOATS else tf.int32, name
            )
            for name, shape in shapes.items()
        }
    )
