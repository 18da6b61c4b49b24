"""The encoder of an exported graph, built from the weights of a backbone."""

import keras
import numpy as np
import tensorflow as tf

from export.inference_layers import InferenceDense, InferenceLayerNorm
from xlm_tf.layers.attention import MASKED_SCORE


class InferenceEncoder:
    """`XLMBackbone` for inference, with dense layers on rows of tokens (N, D).

    Which rows exist is the layout's matter (see `export.layouts`): every token of the
    padded batch, or the real ones alone.

    Args:
        backbone: an `XLMBackbone`.
        store: `WeightStore` for the weights of the blocks.
        lookup: function (table, ids (N,)) -> rows (N, D).
    """

    def __init__(self, backbone, store, lookup=tf.gather):
        embeddings = backbone.embeddings
        self.zero_padding_states = backbone.zero_padding_states
        self.counts_real_tokens = backbone.position_offset > 0
        self.causal = backbone.causal
        self.lookup = lookup
        self.token_table = store.table(backbone.token_embedding.embeddings)
        self.position_table = store.table(_position_rows(backbone))
        self.language_table = None
        if backbone.num_languages:
            self.language_table = store.table(embeddings.language_table)
        self.embedding_norm = _norm(embeddings.norm, store)
        self.blocks = [
            InferenceBlock(block, store) for block in backbone.encoder_blocks
        ]
        self.final_norm = _norm(backbone.final_norm, store)

    def __call__(self, token_ids, padding_mask, layout, language_ids=None):
        """Hidden states of the last block.

        Args:
            token_ids: int32 (B, T).
            padding_mask: bool (B, T), True = real token.
            layout: which tokens are rows.
            language_ids: int32 (B, T), where the model has languages.

        Returns:
            float32 (N, D), the states of the layout's rows.
        """
        real = tf.cast(padding_mask, "int32")
        counted = real if self.counts_real_tokens else tf.ones_like(real)
        positions = tf.cumsum(counted, axis=1)  # 1 for the first token
        positions = positions * real if self.counts_real_tokens else positions - 1
        x = self._rows(self.token_table, layout.pack(token_ids))
        x = x + self._rows(self.position_table, layout.pack(positions))
        if self.language_table is not None:
            x = x + self._rows(self.language_table, layout.pack(language_ids))
        if self.embedding_norm is not None:
            x = self.embedding_norm(x)
        # Added to the scores of keys, (B, 1, 1, T). A slice with new axes would be a
        # Flex op in TFLite.
        key_bias = (1.0 - tf.cast(padding_mask, "float32")) * MASKED_SCORE
        key_bias = tf.expand_dims(tf.expand_dims(key_bias, 1), 1)
        if self.causal:
            order = tf.cumsum(tf.ones_like(real), axis=1)  # (B, T)
            is_future = tf.expand_dims(order, 1) > tf.expand_dims(order, 2)
            future_bias = tf.cast(is_future, "float32") * MASKED_SCORE
            key_bias = key_bias + tf.expand_dims(future_bias, 1)  # (B, 1, T, T)
        row_mask = None
        if self.zero_padding_states:
            row_mask = tf.expand_dims(tf.cast(layout.pack(real), "float32"), 1)
            x = x * row_mask
        for block in self.blocks:
            x = block(x, key_bias, layout)
            if row_mask is not None:
                x = x * row_mask
        if self.final_norm is not None:
            x = self.final_norm(x)
            x = x if row_mask is None else x * row_mask
        return x

    def _rows(self, table, ids):
        return tf.cast(self.lookup(table, ids), "float32")


class InferenceBlock:
    """An `EncoderBlock` on rows of tokens.

    Args:
        block: the built `EncoderBlock`.
        store: `WeightStore`.
    """

    def __init__(self, block, store):
        self.num_heads = block.num_heads
        qkv = block.attention.qkv_dense
        width = keras.ops.shape(qkv.kernel)[0]
        # The scores' factor 1 / sqrt(K), once for all in the weights of the query.
        scale = np.ones(3 * width, "float32")
        scale[:width] = (width // self.num_heads) ** -0.5
        self.qkv_dense = InferenceDense(qkv, store, kernel_scale=scale)
        self.output_dense = InferenceDense(block.attention.output_dense, store)
        self.attention_norm = InferenceLayerNorm(block.attention_norm, store)
        self.intermediate_dense = InferenceDense(
            block.feed_forward.intermediate_dense, store
        )
        self.feed_forward_dense = InferenceDense(block.feed_forward.output_dense, store)
        self.feed_forward_norm = InferenceLayerNorm(block.feed_forward_norm, store)
        self.is_pre_norm = block.norm_placement == "pre"

    def __call__(self, x, key_bias, layout):
        """float32 (N, D) -> float32 (N, D)."""
        if self.is_pre_norm:
            x = x + self._attend(self.attention_norm(x), key_bias, layout)
            return x + self._feed_forward(self.feed_forward_norm(x))
        x = self.attention_norm(x + self._attend(x, key_bias, layout))
        return self.feed_forward_norm(x + self._feed_forward(x))

    def _feed_forward(self, x):
        x = self.feed_forward_dense(self.intermediate_dense(x))
        return tf.cast(x, "float32")

    def _attend(self, x, key_bias, layout):
        qkv = self.qkv_dense(x)  # (N, 3D)
        query, key, value = layout.split_heads(qkv, self.num_heads)  # (B, H, T, K)
        scores = tf.cast(tf.matmul(query, key, transpose_b=True), "float32")
        probabilities = tf.nn.softmax(scores + key_bias)  # (B, H, T, S)
        probabilities = tf.cast(probabilities, value.dtype)
        context = layout.merge_heads(tf.matmul(probabilities, value))  # (N, D)
        return tf.cast(self.output_dense(context), "float32")


def _norm(layer, store):
    return None if layer is None else InferenceLayerNorm(layer, store)


def _position_rows(backbone):
    """Position + token type rows; where padding has a row, it is the first."""
    offset = backbone.position_offset
    table = keras.ops.convert_to_numpy(backbone.embeddings.position_table)
    table = table[max(offset - 1, 0) :]
    if backbone.num_token_types:
        # Texts have no token types: every token has the type 0.
        types = keras.ops.convert_to_numpy(backbone.embeddings.token_type_table)
        table = table + types[0]
    return table
