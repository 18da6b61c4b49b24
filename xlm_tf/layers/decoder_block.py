"""One block of the Transformer decoder."""

import keras

from xlm_tf.layers.attention import CrossAttention, SelfAttention, clone_initializer
from xlm_tf.layers.feed_forward import FeedForward
from xlm_tf.layers.layer_normalization import LayerNormalization
from xlm_tf.layers.token_layout import PADDED
from xlm_tf.layers.transformer_block import TransformerBlock


@keras.saving.register_keras_serializable("xlm_tf")
class DecoderBlock(TransformerBlock):
    """Self-attention, attention to the source, and feed-forward.

    Each has a residual and a LayerNorm. Self-attention and feed-forward have the shape
    of an `EncoderBlock`'s, whose weights can begin them.

    Args:
        num_heads: int, attention heads.
        intermediate_dim: int, width of the feed-forward network.
        dropout: float, rate on the output of the three sub-layers.
        attention_dropout: float, rate on the attention probabilities.
        activation: activation of the feed-forward network.
        norm_placement: "post" or "pre", see `EncoderBlock`.
        layer_norm_epsilon: float.
        kernel_initializer: initializer of every kernel.

    Call arguments:
        x: float tensor (B, T, D).
        source_states: float tensor (B, S, D).
        self_attention_mask: bool tensor broadcastable to (B, H, T, T).
        cross_attention_mask: bool tensor broadcastable to (B, H, T, S).
        layout, source_layout: how the tokens of `x` and of `source_states` lie, see
            `SelfAttention`.

    Returns:
        Float tensor (B, T, D), or as `x`.
    """

    def build(self, x_shape, source_states_shape=None):
        # The names are those of saved weights: `source_attention` is the
        # cross-attention.
        for name, attention_class in (
            ("attention", SelfAttention),
            ("source_attention", CrossAttention),
        ):
            attention = attention_class(
                self.num_heads,
                dropout=self.attention_dropout,
                kernel_initializer=clone_initializer(self.kernel_initializer),
                dtype=self.dtype_policy,
                name=name,
            )
            attention.build(x_shape)
            setattr(self, name, attention)
        self.feed_forward = FeedForward(
            self.intermediate_dim,
            activation=self.activation,
            kernel_initializer=clone_initializer(self.kernel_initializer),
            dtype=self.dtype_policy,
            name="feed_forward",
        )
        self.feed_forward.build(x_shape)
        for name in ("attention_norm", "source_attention_norm", "feed_forward_norm"):
            norm = LayerNormalization(
                epsilon=self.layer_norm_epsilon, dtype=self.dtype_policy, name=name
            )
            norm.build(x_shape)
            setattr(self, name, norm)
        self.dropout_layer = keras.layers.Dropout(
            self.dropout, dtype=self.dtype_policy, name="dropout"
        )

    def call(
        self,
        x,
        source_states,
        self_attention_mask=None,
        cross_attention_mask=None,
        layout=PADDED,
        source_layout=PADDED,
    ):
        keys_values = self.source_attention.keys_values(source_states, source_layout)
        x = self._attend_to_target(x, self_attention_mask, layout)
        x = self._residual(
            x,
            self.source_attention_norm,
            lambda y: self.source_attention(
                y, keys_values, cross_attention_mask, layout=layout
            ),
        )
        return self._residual(x, self.feed_forward_norm, self.feed_forward)

    def cross_attention_probabilities(
        self,
        x,
        source_states,
        self_attention_mask=None,
        cross_attention_mask=None,
        layout=PADDED,
        source_layout=PADDED,
    ):
        """What every position attends to in the source: float32 (B, H, T, S).

        Args: those of the call.
        """
        x = self._attend_to_target(x, self_attention_mask, layout)
        if self.norm_placement == "pre":
            x = self.source_attention_norm(x)
        keys_values = self.source_attention.keys_values(source_states, source_layout)
        return self.source_attention.attention_probabilities(
            x, keys_values, cross_attention_mask, layout
        )

    def _attend_to_target(self, x, attention_mask, layout):
        return self._residual(
            x,
            self.attention_norm,
            lambda y: self.attention(y, attention_mask, layout=layout),
        )

    def step(self, x, cache, keys_values, mask=None, cross_attention_mask=None):
        """One new position of k beams, see `SelfAttention.step`.

        Args:
            x: float tensor (A * k, D).
            cache: pair of float tensors (A, H, t * k, K).
            keys_values: pair of float tensors (A, H, S, K), of the source.
            mask: bool tensor (A, k, (t + 1) * k), or None.
            cross_attention_mask: bool tensor broadcastable to (A, H, k, S).

        Returns:
            `(outputs, cache)`: (A * k, D), and the cache with the new position.
        """
        x, new_cache = self._cached_attention(
            x, lambda y: self.attention.step(y, cache, mask)
        )
        x = self._residual(
            x,
            self.source_attention_norm,
            lambda y: self.source_attention.step(y, keys_values, cross_attention_mask),
        )
        return self._residual(x, self.feed_forward_norm, self.feed_forward), new_cache

    def compute_output_shape(self, x_shape, source_states_shape=None):
        return x_shape
