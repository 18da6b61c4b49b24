"""An `XLMSeq2SeqLM` as the signatures of a TFLite file."""

import numpy as np
import tensorflow as tf

from export.tflite_generation import GenerationModule, comparison


class TranslationModule(GenerationModule):
    """The search, and `encode` and `decode_step`; see `GenerationModule`."""

    beginning = "encode"
    step_language = "target_language_ids"

    def begin(self, **inputs):
        """Read the sources."""
        inputs = self.with_mask(inputs)
        with self.copy.weights():
            source = self.copy.task.backbone.encode(inputs)
        return {
            "source_keys": tf.stack([keys for keys, _ in source["keys_values"]]),
            "source_values": tf.stack([values for _, values in source["keys_values"]]),
            "source_mask": tf.cast(source["mask"], "int32"),
        }

    def step(self, token_ids, index, caches, mask, language_ids, inputs):
        """See `GenerationModule`."""
        keys, values = (
            tf.unstack(inputs[name]) for name in ("source_keys", "source_values")
        )
        source = {
            "keys_values": tuple(zip(keys, values, strict=True)),
            "mask": inputs["source_mask"],
        }
        return self.copy.task.backbone.step(
            token_ids, index, caches, source, mask, language_ids
        )

    def part_shapes(self, batch_size, length):
        """See `GenerationModule`."""
        backbone = self.task.backbone
        encoded = {"encoder_token_ids": [batch_size, length]}
        heads = backbone.num_heads
        width = backbone.hidden_dim // heads
        room = None if length is None else self._room(length)
        cache = [backbone.num_decoder_layers, batch_size, heads, room, width]
        source = [backbone.num_decoder_layers, batch_size, heads, length, width]
        step = {
            "token_ids": [batch_size],
            "index": [],
            "keys": cache,
            "values": cache,
            "source_keys": source,
            "source_values": source,
            "source_mask": [batch_size, length],
        }
        if self.task.preprocessor.languages is not None:
            encoded["encoder_language_ids"] = [batch_size, length]
            step["target_language_ids"] = [batch_size]
        return encoded, step

    def part_checks(self, packed, names, length):
        """The source, and the logits of two steps."""
        task = self.task
        encode, decode_step = names
        if length is None:
            max_length = int(tf.reduce_max(task.max_new_tokens(packed)))
        else:
            max_length = self._room(length)
        encoded = {k: v.numpy() for k, v in packed.items() if k.startswith("encoder_")}
        encoded.pop("encoder_padding_mask")
        source = task.backbone.encode(packed)
        source_keys, source_values = (
            _stacked(pair[i] for pair in source["keys_values"]) for i in (0, 1)
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
        checks = [(encode, encoded, comparison(tensors, is_real))]
        keys = values = cache
        for index in range(2):
            inputs = {**step, "keys": keys, "values": values, "index": np.int32(index)}
            inputs["token_ids"] = token_ids[:, 0].numpy()
            states, caches = task.backbone.step(
                token_ids, index, caches, source, **languages
            )
            logits = task.logits(states)
            token_ids = tf.argmax(logits, axis=1, output_type="int32")[:, None]
            rest = cache[..., index + 1 :, :]
            keys, values = (
                np.concatenate([_stacked(pair[i] for pair in caches), rest], axis=3)
                for i in (0, 1)
            )
            tensors = {"logits": np.asarray(logits), "keys": keys, "values": values}
            checks.append((decode_step, inputs, comparison(tensors)))
        return checks

    def _room(self, length):
        """Positions of the cache of the fixed signatures for `length` tokens."""
        positions = self.task.backbone.max_sequence_length
        return min(length + length // 2 + 10, positions)


def _stacked(tensors):
    """float32 (L, ...), whatever the task computes in."""
    return np.stack([np.asarray(tensor, "float32") for tensor in tensors])
