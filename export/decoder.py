"""The decoder of an exported graph, built from the weights of an encoder-decoder."""

import tensorflow as tf

from export.encoder import (
    InferenceBlock,
    InferenceEmbeddings,
    attend,
    gather_rows,
    norm_or_none,
    padding_bias,
    query_scale,
)
from export.inference_layers import InferenceDense, InferenceLayerNorm
from export.prediction_head import InferenceHead
from xlm_tf.layers.attention import MASKED_SCORE, beam_heads, beam_rows


class InferenceDecoder:
    """The decoder and the output layer of an `XLMSeq2SeqLM`, one position at a time.

    Args:
        task: `XLMSeq2SeqLM`.
        encoder: the `InferenceEncoder` of the same graph.
        store: `WeightStore`.
        lookup: function (table, ids (N,)) -> rows (N, D).
    """

    def __init__(self, task, encoder, store, lookup=gather_rows):
        backbone = task.backbone
        self.vocabulary_size = backbone.vocabulary_size
        self.embeddings = encoder.embeddings
        if not backbone.share_embeddings:
            self.embeddings = InferenceEmbeddings(
                backbone.decoder_embeddings, store, lookup
            )
        # Where padding has a row, it is the first.
        self.first_position = int(backbone.encoder.position_offset > 0)
        self.blocks = [
            InferenceDecoderBlock(block, store) for block in backbone.decoder_blocks
        ]
        self.final_norm = norm_or_none(backbone.decoder_norm, store)
        self.head = InferenceHead(
            task.prediction_head, self.embeddings.token_table, store
        )

    def cross_attention_source(self, x, layout, padding_mask):
        """What `step` reads of the source, computed once.

        Args:
            x: float32 (N, D), the encoder's states.
            layout: which tokens are rows.
            padding_mask: bool (B, S).

        Returns:
            dict of `keys_values`, a tuple with a pair of (B, H, S, K) a layer, and
            `bias` float32 (B, 1, 1, S).
        """
        return {
            "keys_values": tuple(
                tuple(layout.split_heads(block.key_value_dense(x), block.num_heads, 2))
                for block in self.blocks
            ),
            "bias": padding_bias(padding_mask),
        }

    def empty_caches(self, batch_size):
        """A tuple with a pair of tensors (batch_size, H, 0, K) a layer."""
        caches = []
        for block in self.blocks:
            dense = block.output_dense.kernel
            shape = (batch_size, block.num_heads, 0, dense.shape[0] // block.num_heads)
            caches.append((tf.zeros(shape, dense.dtype),) * 2)
        return tuple(caches)

    def step(self, token_ids, index, caches, source, mask=None):
        """Logits after one new position: the step function of a search.

        Args:
            token_ids: int32 (A, k), the newest token of k beams of A texts.
            index: int32, its position.
            caches: tuple of pairs (A, H, index * k, K).
            source: dict of `cross_attention_source`, and `language_ids` int32 (A,)
                where the model has languages.
            mask: bool (A, k, (index + 1) * k), the cached positions of each beam, or
                None where k is 1.

        Returns:
            `(logits, caches)`: float32 (A, k, V), and the caches with the position.
        """
        x = self.embedded(token_ids, index, source.get("language_ids"))
        bias = None
        if mask is not None:
            bias = (1.0 - tf.cast(mask, "float32")) * MASKED_SCORE
            bias = tf.expand_dims(bias, 1)  # (A, 1, k, t)
        new_caches = []
        for block, cache, keys_values in zip(
            self.blocks, caches, source["keys_values"], strict=True
        ):
            x, new_cache = block.step(
                x, appended_to(cache), keys_values, bias, source["bias"]
            )
            new_caches.append(new_cache)
        logits = tf.reshape(
            self.logits(x), (-1, token_ids.shape[1], self.vocabulary_size)
        )
        return logits, tuple(new_caches)

    def embedded(self, token_ids, index, language_ids=None):
        """int32 (A, k), position, int32 (A,) or None -> float32 rows (A * k, D)."""
        rows = tf.reshape(token_ids, [-1])
        positions = tf.zeros_like(rows) + index + self.first_position
        if language_ids is not None:
            language_ids = tf.expand_dims(language_ids, 1) + tf.zeros_like(token_ids)
            language_ids = tf.reshape(language_ids, [-1])
        return self.embeddings(rows, positions, language_ids)

    def logits(self, x):
        """float32 (N, D), the last block's states -> float32 (N, V)."""
        return self.head(x if self.final_norm is None else self.final_norm(x))


class InferenceDecoderBlock(InferenceBlock):
    """A `DecoderBlock` on one new position of every beam.

    Args:
        block: the built `DecoderBlock`.
        store: `WeightStore`.
    """

    def __init__(self, block, store):
        super().__init__(block, store)
        source = block.source_attention
        width = source.query_dense.kernel.shape[0]
        self.query_dense = InferenceDense(
            source.query_dense,
            store,
            kernel_scale=query_scale(width, self.num_heads, parts=1),
        )
        self.key_value_dense = InferenceDense(source.key_value_dense, store)
        self.source_output_dense = InferenceDense(source.output_dense, store)
        self.source_attention_norm = InferenceLayerNorm(
            block.source_attention_norm, store
        )

    def step(self, x, place, keys_values, bias, source_bias):
        """One new position of k beams.

        Args:
            x: float32 (A * k, D).
            place: function from its keys and its values, (A, H, k, K) each, to the
                pair of all that it may attend to, (A, H, T, K).
            keys_values: pair (A, H, S, K), of the source.
            bias: float32 that broadcasts to the scores (A, H, k, T), or None.
            source_bias: float32 (A, 1, 1, S).

        Returns:
            `(x, cache)`: float32 (A * k, D), and what `place` returned.
        """
        caches = []

        def attend_to_past(y):
            qkv = beam_heads(self.qkv_dense(y), 3 * self.num_heads, keys_values[0])
            query, key, value = tf.split(qkv, 3, axis=1)  # (A, H, k, K) each
            caches.append(place(key, value))
            context = beam_rows(attend(query, *caches[0], bias))
            return tf.cast(self.output_dense(context), "float32")

        def attend_to_source(y):
            query = beam_heads(self.query_dense(y), self.num_heads, keys_values[0])
            context = beam_rows(attend(query, *keys_values, source_bias))
            return tf.cast(self.source_output_dense(context), "float32")

        x = self.residual(x, self.attention_norm, attend_to_past)
        x = self.residual(x, self.source_attention_norm, attend_to_source)
        return self.residual(x, self.feed_forward_norm, self.feed_forward), caches[0]


def appended_to(cache):
    """The `place` of a cache that grows: keys and values after those before them."""
    return lambda *new: tuple(
        tf.concat([old, own], axis=2) for old, own in zip(cache, new, strict=True)
    )


def written_into(cache, index):
    """The `place` of a cache of fixed size: keys and values at one position.

    Args:
        cache: pair of (A, H, T, K).
        index: int32, the position.
    """
    is_place = tf.range(tf.shape(cache[0])[2]) == index
    is_place = tf.reshape(is_place, (1, 1, -1, 1))
    return lambda *new: tuple(
        tf.where(is_place, own, old) for old, own in zip(cache, new, strict=True)
    )
