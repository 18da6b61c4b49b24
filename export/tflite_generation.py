"""An `XLMSeq2SeqLM` as the signatures of a TFLite file."""

import numpy as np
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


class GenerationModule(tf.Module):
    """Token ids in, token ids out; and the parts, for a search of the app's own.

    Args:
        task: an `XLMSeq2SeqLM` with a preprocessor, compiled with a `BeamSearch`.
        lengths: ints, see `export.to_tflite`.
    """

    def __init__(self, task, lengths):
        super().__init__()
        if not isinstance(task.decoding_strategy, BeamSearch):
            raise ValueError(
                "A phone searches by beams or greedily: compile the model with "
                'sampler=xlm_tf.BeamSearch(...) or "greedy". Received: '
                f"{type(task.decoding_strategy.sampler).__name__}."
            )
        # In a closure: of a Keras model, a module would store what it cannot load.
        self._task = lambda: task
        copy = InferenceCopy(task, layout=PaddedRows, lookup=lookup)
        self._generator = TextGenerator(copy)
        self._lengths = lengths
        self.weights = copy.variables

    def signatures(self):
        """dict from signature name to concrete function."""
        functions = {
            "serving_default": _concrete(
                self._search, self._generator.inputs.token_shapes
            ),
            **self._parts("encode", "decode_step", None, None, None),
        }
        for length in self._lengths:
            names = (f"encode_{length}", f"decode_step_{length}")
            functions |= self._parts(*names, 1, length, self._room(length))
        return functions

    def checks(self, texts):
        """What to ask of the file, and what the task itself says.

        Args:
            texts: list of str or bytes.

        Returns:
            List of (signature name, inputs, comparison: function from an answer, a
            tolerance and a name to the largest distance).
        """
        task = self._task()
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
        max_length = int(tf.reduce_max(task.max_new_tokens(packed)))
        calls = [
            ("serving_default", search, compare),
            *self._part_checks(packed, "encode", "decode_step", max_length),
        ]
        for length in self._lengths:
            names = (f"encode_{length}", f"decode_step_{length}")
            first = self._first_text(packed, length)
            calls += self._part_checks(first, *names, self._room(length))
        return calls

    def _search(self, **inputs):
        decoded = self._generator.decode(self._with_mask(inputs))
        return {
            "output_token_ids": decoded.token_ids[:, 0],
            "score": decoded.scores[:, 0],
        }

    def _encode(self, **inputs):
        inputs = self._with_mask(inputs)
        copy = self._generator.copy
        with copy.weights():
            source = copy.task.backbone.encode(inputs)
        return {
            "source_keys": tf.stack([keys for keys, _ in source["keys_values"]]),
            "source_values": tf.stack([values for _, values in source["keys_values"]]),
            "source_mask": tf.cast(source["mask"], "int32"),
        }

    def _decode_step(self, **inputs):
        copy, index = self._generator.copy, inputs["index"]
        backbone = copy.task.backbone
        token_ids = tf.expand_dims(inputs["token_ids"], 1)  # (B, 1)
        language_ids = inputs.get("target_language_ids")
        if language_ids is not None:
            language_ids = tf.expand_dims(language_ids, 1)
        keys, values, source_keys, source_values = (
            tf.unstack(inputs[name], num=backbone.num_decoder_layers)
            for name in ("keys", "values", "source_keys", "source_values")
        )
        places = tf.range(tf.shape(inputs["keys"])[3])
        # The layers put the new position behind the cache, which has a place for it.
        mask = tf.concat([places < index, [True]], axis=0)
        with copy.weights():
            states, grown = backbone.step(
                token_ids,
                index,
                tuple(zip(keys, values, strict=True)),
                {
                    "keys_values": tuple(zip(source_keys, source_values, strict=True)),
                    "mask": inputs["source_mask"],
                },
                mask=tf.reshape(mask, (1, 1, -1)),
                language_ids=language_ids,
            )
            logits = copy.task.logits(states)
        is_place = tf.reshape(places == index, (1, 1, -1, 1))
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

    def _parts(self, encode, decode_step, batch_size, length, max_length):
        backbone = self._task().backbone
        encoded = {
            name: shape if shape == [None] else [batch_size, length]
            for name, shape in self._generator.inputs.token_shapes.items()
            if name.startswith("encoder_")
        }
        layers = backbone.num_decoder_layers
        heads = backbone.num_heads
        width = backbone.hidden_dim // heads
        cache = [layers, batch_size, heads, max_length, width]
        source = [layers, batch_size, heads, length, width]
        step = {
            "token_ids": [batch_size],
            "index": [],
            "keys": cache,
            "values": cache,
            "source_keys": source,
            "source_values": source,
            "source_mask": [batch_size, length],
        }
        if self._task().preprocessor.languages is not None:
            step["target_language_ids"] = [batch_size]
        return {
            encode: _concrete(self._encode, encoded),
            decode_step: _concrete(self._decode_step, step),
        }

    def _room(self, length):
        """Positions of the cache of the fixed signatures for `length` tokens."""
        positions = self._task().backbone.max_sequence_length
        return min(length + length // 2 + 10, positions)

    def _part_checks(self, packed, encode, decode_step, max_length):
        """The parts on packed texts: the source, and the logits of two steps."""
        task = self._task()
        encoded = {k: v.numpy() for k, v in packed.items() if k.startswith("encoder_")}
        encoded.pop("encoder_padding_mask")
        source = task.backbone.encode(packed)
        source_keys, source_values = (
            np.stack([pair[i] for pair in source["keys_values"]]) for i in (0, 1)
        )
        cache = np.zeros(
            (*source_keys.shape[:3], max_length, source_keys.shape[4]), "float32"
        )
        step = {
            "source_keys": source_keys,
            "source_values": source_values,
            "source_mask": source["mask"].numpy().astype("int32"),
        }
        languages = {}
        if "target_language_ids" in packed:
            step["target_language_ids"] = packed["target_language_ids"].numpy()
            languages["language_ids"] = packed["target_language_ids"][:, None]
        token_ids = packed["prompt"][:, :1]
        caches = task.backbone.empty_caches(token_ids.shape[0])
        tensors = {"source_keys": source_keys, "source_values": source_values}
        is_real = source["mask"].numpy()[:, None, :, None]  # (B, 1, S, 1)
        checks = [(encode, encoded, _comparison(tensors, is_real))]
        keys = values = cache
        for index in range(2):
            inputs = {**step, "keys": keys, "values": values, "index": np.int32(index)}
            inputs["token_ids"] = token_ids[:, 0].numpy()
            states, caches = task.backbone.step(
                token_ids, index, caches, source, **languages
            )
            logits = task.prediction_head(
                states, token_embedding=task.backbone.token_embedding
            )
            token_ids = tf.argmax(logits, axis=1, output_type="int32")[:, None]
            rest = cache[..., index + 1 :, :]
            keys, values = (
                np.concatenate([np.stack([pair[i] for pair in caches]), rest], axis=3)
                for i in (0, 1)
            )
            tensors = {"logits": np.asarray(logits), "keys": keys, "values": values}
            checks.append((decode_step, inputs, _comparison(tensors)))
        return checks

    def _first_text(self, packed, length):
        """The first text, cut or padded to a length."""
        fill = {"encoder_token_ids": self._generator.special_ids["pad_id"]}
        first = {}
        for name, value in packed.items():
            first[name] = value[:1]
            if name.startswith("encoder_"):
                missing = [[0, 0], [0, max(length - value.shape[1], 0)]]
                first[name] = tf.pad(
                    value[:1, :length], missing, constant_values=fill.get(name, 0)
                )
        return first

    def _with_mask(self, inputs):
        inputs = dict(inputs)
        pad = self._generator.special_ids["pad_id"]
        token_ids = inputs["encoder_token_ids"]
        if token_ids.shape[1] is None:
            for name in self._generator.inputs.token_shapes:
                if name in inputs and name != "encoder_token_ids":
                    # A prompt has columns of its own.
                    like = token_ids
                    if name == "prompt":
                        like = tf.expand_dims(token_ids[:, 0], 1)
                    inputs[name] = fitted(inputs[name], like)
            tokens = [name for name in ("encoder_language_ids",) if name in inputs]
            token_ids, others = within_positions(
                token_ids,
                [inputs[name] for name in tokens],
                self._task().backbone.max_sequence_length,
                pad,
                self._generator.special_ids["end_id"],
            )
            inputs |= dict(zip(tokens, others, strict=True))
            inputs["encoder_token_ids"] = token_ids
        return {**inputs, "encoder_padding_mask": tf.not_equal(token_ids, pad)}


def _comparison(expected, is_counted=1.0):
    """Of the tensors `expected`, by a factor of them: of padding, nothing is said."""

    def compare(answer, tolerance, what):
        answer, wanted = (
            {name: x[name] * is_counted for name in expected}
            for x in (answer, expected)
        )
        return compare_tensors(answer, wanted, tolerance, what)

    return compare


def _concrete(function, shapes):
    floats = ("keys", "values", "source_keys", "source_values")
    return tf.function(function).get_concrete_function(
        **{
            name: tf.TensorSpec(shape, tf.float32 if name in floats else tf.int32, name)
            for name, shape in shapes.items()
        }
    )
