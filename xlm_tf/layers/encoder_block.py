"""One block of the Transformer encoder."""

import keras

from xlm_tf.layers.attention import SelfAttention, clone_initializer
from xlm_tf.layers.feed_forward import FeedForward

NORM_PLACEMENTS = ("post", "pre")


@keras.saving.register_keras_serializable("xlm_tf")
class EncoderBlock(keras.layers.Layer):
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

    Returns:
        Float tensor (B, T, D).
    """

    def __init__(
        self,
        num_heads,
        intermediate_dim,
        dropout=0.0,
        attention_dropout=0.0,
        activation="gelu",
        norm_placement="post",
        layer_norm_epsilon=1e-5,
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if norm_placement not in NORM_PLACEMENTS:
            raise ValueError(
                f"norm_placement must be one of {NORM_PLACEMENTS}. "
                f"Received: norm_placement={norm_placement!r}."
            )
        self.num_heads = num_heads
        self.intermediate_dim = intermediate_dim
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.activation = keras.activations.get(activation)
        self.norm_placement = norm_placement
        self.layer_norm_epsilon = layer_norm_epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        self.attention = SelfAttention(
            self.num_heads,
            dropout=self.attention_dropout,
            kernel_initializer=clone_initializer(self.kernel_initializer),
            dtype=self.dtype_policy,
            name="attention",
        )
        self.attention_norm = keras.layers.LayerNormalization(
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
        self.feed_forward_norm = keras.layers.LayerNormalization(
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

    def call(self, x, attention_mask=None):
        if self.norm_placement == "pre":
            attended = self.attention(
                self.attention_norm(x), attention_mask=attention_mask
            )
            x = x + self.dropout_layer(attended)
            transformed = self.feed_forward(self.feed_forward_norm(x))
            return x + self.dropout_layer(transformed)
        attended = self.attention(x, attention_mask=attention_mask)
        x = self.attention_norm(x + self.dropout_layer(attended))
        transformed = self.feed_forward(x)
        return self.feed_forward_norm(x + self.dropout_layer(transformed))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "num_heads": self.num_heads,
                "intermediate_dim": self.intermediate_dim,
                "dropout": self.dropout,
                "attention_dropout": self.attention_dropout,
                "activation": keras.activations.serialize(self.activation),
                "norm_placement": self.norm_placement,
                "layer_norm_epsilon": self.layer_norm_epsilon,
                "kernel_initializer": keras.initializers.serialize(
                    self.kernel_initializer
                ),
            }
        )
        return config
