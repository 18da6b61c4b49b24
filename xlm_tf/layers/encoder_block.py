"""One block of the Transformer encoder."""

import keras

from xlm_tf.layers.attention import SelfAttention, clone_initializer
from xlm_tf.layers.feed_forward import FeedForward
from xlm_tf.layers.layer_normalization import LayerNormalization
from xlm_tf.layers.token_layout import PADDED
from xlm_tf.layers.transformer_block import TransformerBlock


@keras.saving.register_keras_serializable("xlm_tf")
class EncoderBlock(TransformerBlock):
    """Self-attention and feed-forward, each with a residual and a LayerNorm.

    Args:
        num_heads: int, attention heads.
        intermediate_dim: int, width of the feed-forward network.
        dropout: float, rate on the output of both sub-layers.
        attention_dropout: float, rate on the attention probabilities.
        activation: activation of the feed-forward network.
        norm_placement: "post" normalises after the residual sum (XLM, XLM-R base
            and large), "pre" before each sub-layer (XLM-R XL and XXL).
        layer_norm_epsilon: float. XLM-R has 1e-5, XLM 1e-12.
        kernel_initializer: initializer of every kernel.

    Call arguments:
        x: float tensor (B, T, D).
        attention_mask: bool tensor broadcastable to (B, H, T, T); True = may be
            attended to.
        layout: how the tokens of `x` lie, see `SelfAttention`.

    Returns:
        Float tensor (B, T, D), or as `x`.
    """

    def build(self, input_shape):
        self.attention = SelfAttention(
            self.num_heads,
            dropout=self.attention_dropout,
            kernel_initializer=clone_initializer(self.kernel_initializer),
            dtype=self.dtype_policy,
            name="attention",
        )
        self.attention_norm = LayerNormalization(
            epsilon=self.layer_norm_epsilon,
            dtype=self.dtype_policy,
            name="attention_norm",
        )
        self.feed_forward = FeedForward(
            self.intermediate_dim,
            activation=self.activation,
            kernel_initializer=clone_initializer(self.kernel_initializer),
            dtype=self.dtype_policy,
            name="feed_forward",
        )
        self.feed_forward_norm = LayerNormalization(
            epsilon=self.layer_norm_epsilon,
            dtype=self.dtype_policy,
            name="feed_forward_norm",
        )
        for layer in (
            self.attention,
            self.attention_norm,
            self.feed_forward,
            self.feed_forward_norm,
        ):
            layer.build(input_shape)
        self.dropout_layer = keras.layers.Dropout(
            self.dropout, dtype=self.dtype_policy, name="dropout"
        )

    def call(self, x, attention_mask=None, layout=PADDED):
        x = self._residual(
            x,
            self.attention_norm,
            lambda y: self.attention(y, attention_mask, layout=layout),
        )
        return self._residual(x, self.feed_forward_norm, self.feed_forward)

    def attention_probabilities(self, x, attention_mask=None, layout=PADDED):
        """What every token attends to, float32 at least (B, H, T, T).

        Args: those of the call.
        """
        if self.norm_placement == "pre":
            x = self.attention_norm(x)
        return self.attention.attention_probabilities(x, attention_mask, layout)

    def prefill(self, x, attention_mask=None, layout=PADDED):
        """The call, and the cache that `step` goes on from.

        Args: those of the call.

        Returns:
            `(outputs, cache)`: as `x`, and a pair of float tensors (B, H, T, K).
        """
        x, cache = self._cached_attention(
            x, lambda y: self.attention.prefill(y, attention_mask, layout)
        )
        return self._residual(x, self.feed_forward_norm, self.feed_forward), cache

    def step(self, x, cache, mask=None):
        """One new position of k beams, see `SelfAttention.step`.

        Args:
            x: float tensor (A * k, D).
            cache: pair of float tensors (A, H, p + t * k, K).
            mask: bool tensor (A, k, p + (t + 1) * k), or None.

        Returns:
            `(outputs, cache)`: (A * k, D), and the cache with the new position.
        """
        x, new_cache = self._cached_attention(
            x, lambda y: self.attention.step(y, cache, mask)
        )
        return self._residual(x, self.feed_forward_norm, self.feed_forward), new_cache

    def compute_output_shape(self, input_shape):
        return input_shape
