"""What the blocks of encoder and decoder are made of."""

import keras

NORM_PLACEMENTS = ("post", "pre")


class TransformerBlock(keras.layers.Layer):
    """Base of the blocks: their arguments, residuals and cached self-attention.

    A subclass builds `attention`, `feed_forward`, `attention_norm`,
    `feed_forward_norm` and `dropout_layer`.

    Args:
        num_heads: int, attention heads.
        intermediate_dim: int, width of the feed-forward network.
        dropout: float, rate on the output of every sub-layer.
        attention_dropout: float, rate on the attention probabilities.
        activation: activation of the feed-forward network.
        norm_placement: "post" normalises after the residual sum (XLM, XLM-R base
            and large), "pre" before each sub-layer (XLM-R XL and XXL).
        layer_norm_epsilon: float. XLM-R has 1e-5, XLM 1e-12.
        kernel_initializer: initializer of every kernel.

    Raises:
        ValueError: an unknown `norm_placement`.
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

    def _residual(self, x, norm, sublayer):
        if self.norm_placement == "pre":
            return x + self.dropout_layer(sublayer(norm(x)))
        return norm(x + self.dropout_layer(sublayer(x)))

    def _cached_attention(self, x, attend):
        """Self-attention by a function that gives `(outputs, cache)`, as this does."""
        caches = []

        def outputs_of(y):
            outputs, cache = attend(y)
            caches.append(cache)
            return outputs

        return self._residual(x, self.attention_norm, outputs_of), caches[0]

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
