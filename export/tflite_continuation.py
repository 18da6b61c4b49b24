"""An `XLMCausalLM` as the signatures of a TFLite file."""

import numpy as np
import tensorflow as tf

from export.tflite_generation import GenerationModule, comparison


class ContinuationModule(GenerationModule):
    """The search, and `prefill` and `decode_step`; see `GenerationModule`."""

    beginning = "prefill"
    step_language = "language_ids"

    def search_inputs(self, inputs):
        """See `GenerationModule`; with a column of padding.

        Of a single token nothing is read before the search, and XNNPACK fails on
        tensors without elements where those of other calls had some.
        """
        pad_token_id = self.task.backbone.pad_token_id
        fill = {"token_ids": pad_token_id, "padding_mask": 0, "language_ids": 0}
        return {
            name: tf.cast(
                tf.pad(
                    tf.cast(ids, "int32"), [[0, 0], [0, 1]], constant_values=fill[name]
                ),
                ids.dtype,
            )
            for name, ids in self.with_mask(inputs).items()
        }

    def begin(self, **inputs):
        """Read what is given: the cache of its positions, and places for others."""
        longest = inputs.pop("max_length", self.task.preprocessor.sequence_length)
        inputs = self.with_mask(inputs)
        token_ids = inputs["token_ids"]
        with self.copy.weights():
            caches = self.copy.task.backbone.prefill(**inputs)
        room = tf.maximum(longest - tf.shape(token_ids)[1], 0)
        if token_ids.shape[1] is not None:
            room = longest - token_ids.shape[1]
        missing = [[0, 0], [0, 0], [0, 0], [0, room], [0, 0]]
        keys, values = (
            tf.pad(tf.stack(own), missing) for own in zip(*caches, strict=True)
        )
        return {"keys": keys, "values": values}

    def step(self, token_ids, index, caches, mask, language_ids, inputs):
        """See `GenerationModule`."""
        return self.copy.task.backbone.step(
            token_ids, index, caches, mask, language_ids
        )

    def part_shapes(self, batch_size, length):
        """See `GenerationModule`."""
        backbone, preprocessor = self.task.backbone, self.task.preprocessor
        begin = {"token_ids": [batch_size, length]}
        longest = preprocessor.sequence_length
        if length is None:
            begin["max_length"] = []
            longest = None
        heads = backbone.num_heads
        width = backbone.hidden_dim // heads
        cache = [backbone.num_layers, batch_size, heads, longest, width]
        step = {"token_ids": [batch_size], "index": [batch_size]}
        step |= {"keys": cache, "values": cache}
        if preprocessor.languages is not None:
            begin["language_ids"] = [batch_size, length]
            step["language_ids"] = [batch_size]
        return begin, step

    def part_checks(self, packed, names, length):
        """What is given, and two steps, against the model on all tokens at once."""
        prefill, decode_step = names
        task, longest = self.task, self.task.preprocessor.sequence_length
        given = {"token_ids": packed["token_ids"].numpy()[:, : longest - 1]}
        counts = packed["padding_mask"].numpy()[:, : longest - 1].sum(axis=1)
        num_columns = given["token_ids"].shape[1]
        whole = {  # with a column for one more token
            "token_ids": np.pad(given["token_ids"], ((0, 0), (0, 1))),
            "padding_mask": np.ones((len(counts), num_columns + 1), bool),
        }
        step = {}
        if "language_ids" in packed:
            languages = packed["language_ids"].numpy()[:, :1]
            given["language_ids"] = np.repeat(languages, num_columns, axis=1)
            whole["language_ids"] = np.repeat(languages, num_columns + 1, axis=1)
            step["language_ids"] = languages[:, 0]
        if length is None:
            longest = num_columns + 1
            given["max_length"] = np.int32(longest)

        def cache_until(index):
            caches = task.backbone.prefill(
                whole["token_ids"], whole.get("language_ids")
            )
            is_counted = np.arange(longest) <= index[:, None]  # (B, T)
            missing = ((0, 0),) * 3 + ((0, longest - num_columns - 1), (0, 0))
            arrays = (
                np.stack([np.asarray(pair[i], "float32") for pair in caches])
                for i in (0, 1)
            )
            is_counted = is_counted[:, None, :, None]
            arrays = [np.pad(array, missing) * is_counted for array in arrays]
            return dict(zip(("keys", "values"), arrays, strict=True)), is_counted

        cache, is_counted = cache_until(counts - 1)
        checks = [(prefill, given, comparison(cache, is_counted))]
        rows = np.arange(len(counts))
        for index in (counts - 1, counts):
            token_ids = whole["token_ids"][rows, index]
            inputs = {**step, **cache, "index": index.astype("int32")}
            inputs["token_ids"] = token_ids.astype("int32")
            states = np.asarray(task.backbone(whole), "float32")[rows, index]
            logits = np.asarray(task.logits(states))
            cache, _ = cache_until(index)
            checks.append(
                (decode_step, inputs, comparison({"logits": logits, **cache}))
            )
            if index is not counts:
                whole["token_ids"][rows, counts] = np.argmax(logits, axis=1)
        return checks
