"""The encoder of an exported graph, built from the weights of a backbone."""

import keras
import numpy as np
import tensorflow as tf

from export.inference_layers import InferenceDense, InferenceLayerNorm
from xlm_tf.layers.attention import MASKED_SCORE


def gather_rows(table, ids):
    """Rows of a table; of its tensor, see `xlm_tf.layers.embeddings.rows_of`."""
    return tf.gather(tf.convert_to_tensor(table), ids)


class InferenceEncoder:
    """`XLMBackbone` for inference, with dense layers on rows of tokens (N, D).

    Which rows exist is the layout's matter (see `export.layouts`): every token of the
    padded batch, or the real ones alone.

    Args:
        backbone: an `XLMBackbone`.
        store: `WeightStore` for the weights of the blocks.
        lookup: function (table, ids (N,)) -> rows (N, D).
    """

    def __init__(self, backbone, store, lookup=gather_rows):
        self.zero_padding_states = backbone.zero_padding_states
        self.counts_real_tokens = backbone.position_offset > 0
        self.causal = backbone.causal
        self.embeddings = InferenceEmbeddings(backbone.embeddings, store, lookup)
        self.blocks = [
            InferenceBlock(block, store) for block in backbone.encoder_blocks
        ]
        self.final_norm = norm_or_none(backbone.final_norm, store)

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
        x = self.embeddings(
            layout.pack(token_ids),
            layout.pack(positions),
            None if language_ids is None else layout.pack(language_ids),
        )
        key_bias = padding_bias(padding_mask)
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


class InferenceEmbeddings:
    """`Embeddings` for inference, on rows of tokens.

    Args:
        embeddings: the built `Embeddings`.
        store: `WeightStore`.
        lookup: function (table, ids (N,)) -> rows (N, D).
    """

    def __init__(self, embeddings, store, lookup=gather_rows):
        self.lookup = lookup
        self.token_table = store.table(embeddings.token_embedding.table())
        self.position_table = store.table(_position_rows(embeddings))
        self.language_table = None
        if embeddings.num_languages:
            self.language_table = store.table(embeddings.language_table)
        self.norm = norm_or_none(embeddings.norm, store)

    def __call__(self, token_ids, positions, language_ids=None):
        """int32 (N,) each -> float32 (N, D); positions are rows of `position_table`."""
        x = self._rows(self.token_table, token_ids)
        x = x + self._rows(self.position_table, positions)
        if self.language_table is not None:
            x = x + self._rows(self.language_table, language_ids)
        return x if self.norm is None else self.norm(x)

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
        scale = query_scale(width, self.num_heads, parts=3)
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
        x = self.residual(
            x, self.attention_norm, lambda y: self._attend(y, key_bias, layout)
        )
        return self.residual(x, self.feed_forward_norm, self.feed_forward)

    def residual(self, x, norm, sublayer):
        """A sub-layer with its residual and LayerNorm, float32 (N, D)."""
        if self.is_pre_norm:
            return x + sublayer(norm(x))
        return norm(x + sublayer(x))

    def feed_forward(self, x):
        """float32 (N, D) -> float32 (N, D)."""
        x = self.feed_forward_dense(self.intermediate_dense(x))
        return tf.cast(x, "float32")

    def _attend(self, x, key_bias, layout):
        qkv = self.qkv_dense(x)  # (N, 3D)
        query, key, value = layout.split_heads(qkv, self.num_heads, 3)  # (B, H, T, K)
        context = layout.merge_heads(attend(query, key, value, key_bias))  # (N, D)
        return tf.cast(self.output_dense(context), "float32")


def attend(query, key, value, key_bias=None):
    """softmax(Q K^T + bias) V; the factor 1 / sqrt(K) is in the query already.

    Args:
        query, key, value: float tensors (B, H, T, K) and twice (B, H, S, K).
        key_bias: float32 tensor that broadcasts to (B, H, T, S), or None.

    Returns:
        Tensor (B, H, T, K).
    """
    scores = tf.cast(tf.matmul(query, key, transpose_b=True), "float32")
    if key_bias is not None:
        scores = scores + key_bias
    probabilities = tf.cast(tf.nn.softmax(scores), value.dtype)  # (B, H, T, S)
    return tf.matmul(probabilities, value)


def padding_bias(padding_mask):
    """bool (B, S) -> float32 (B, 1, 1, S), added to the scores of keys."""
    bias = (1.0 - tf.cast(padding_mask, "float32")) * MASKED_SCORE
    # A slice with new axes would be a Flex op in TFLite.
    return tf.expand_dims(tf.expand_dims(bias, 1), 1)


def query_scale(width, num_heads, parts):
    """Column factors of a packed kernel: 1 / sqrt(K) for the query, which is first."""
    scale = np.ones(parts * width, "float32")
    scale[:width] = (width // num_heads) ** -0.5
    return scale


def norm_or_none(layer, store):
    """The `InferenceLayerNorm` of a layer that may be missing."""
    return None if layer is None else InferenceLayerNorm(layer, store)


def _position_rows(embeddings):
    """Position + token type rows; where padding has a row, it is the first."""
    table = keras.ops.convert_to_numpy(embeddings.position_table)
    table = table[max(embeddings.position_offset - 1, 0) :]
    if embeddings.num_token_types:
        # Texts have no token types: every token has the type 0.
        types = keras.ops.convert_to_numpy(embeddings.token_type_table)
        table = table + types[0]
    return table
