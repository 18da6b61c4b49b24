"""Scaled dot-product attention and the self-attention layer built on it."""

import keras
from keras import ops

from xlm_tf.layers.precision import at_least_float32
from xlm_tf.layers.token_layout import PADDED

# Added to the score of a key that may not be attended to. Finite, so that a row
# masked whole gives a uniform distribution instead of NaN, in fp16 and TFLite too.
MASKED_SCORE = -1e9


def dot_product_attention(query, key, value, mask=None, dropout=None):
    """Attend from every query to the keys its mask allows.

    Computes softmax(Q K^T / sqrt(K)) V, with the softmax in float32 at least,
    whatever the dtype of the inputs. Backends with a fused kernel use it where no
    dropout is asked for; the result is the same.

    Args:
        query: float tensor (B, H, T, K).
        key: float tensor (B, H, S, K).
        value: float tensor (B, H, S, K).
        mask: bool tensor that broadcasts to (B, H, T, S); True = may be attended
            to. None attends to everything.
        dropout: callable applied to the attention probabilities (B, H, T, S),
            usually a `keras.layers.Dropout`, or None.

    Returns:
        Tensor (B, H, T, K) of the dtype of `value`.

    Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.2.1.
    """
    if dropout is None and keras.config.backend() == "jax":
        # TensorFlow has no fused kernel to pick: there, the lines below are faster
        # than `ops.dot_product_attention`, which transposes the heads once more.
        context = ops.dot_product_attention(
            ops.transpose(query, (0, 2, 1, 3)),
            ops.transpose(key, (0, 2, 1, 3)),
            ops.transpose(value, (0, 2, 1, 3)),
            mask=mask,
        )
        return ops.transpose(context, (0, 2, 1, 3))
    probabilities = ops.cast(attention_probabilities(query, key, mask), value.dtype)
    if dropout is not None:
        probabilities = dropout(probabilities)
    return ops.matmul(probabilities, value)  # (B, H, T, K)


def attention_probabilities(query, key, mask=None):
    """softmax(Q K^T / sqrt(K)) over the keys that a mask allows.

    Args:
        query, key, mask: see `dot_product_attention`.

    Returns:
        Tensor (B, H, T, S), float32 at least.
    """
    query = query * ops.cast(query.shape[-1] ** -0.5, query.dtype)
    scores = ops.matmul(query, ops.swapaxes(key, -1, -2))  # (B, H, T, S)
    scores = ops.cast(scores, at_least_float32(scores.dtype))
    if mask is not None:
        # Cast before the arithmetic: a select on a broadcast bool mask is a Flex op
        # in TFLite.
        scores = scores + (1.0 - ops.cast(mask, scores.dtype)) * MASKED_SCORE
    return ops.softmax(scores, axis=-1)


def beam_heads(x, num_heads, keys):
    """Rows of beams (A * k, H * K) -> (A, H, k, K); A is that of the keys."""
    x = ops.reshape(x, (ops.shape(keys)[0], -1, num_heads, x.shape[-1] // num_heads))
    return ops.transpose(x, (0, 2, 1, 3))


def beam_rows(x):
    """(A, H, k, K) -> rows (A * k, H * K)."""
    width = x.shape[1] * x.shape[3]
    return ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, width))


@keras.saving.register_keras_serializable("xlm_tf")
class SelfAttention(keras.layers.Layer):
    """Multi-head self-attention with one matrix product for q, k and v.

    Args:
        num_heads: int, H. Must divide the width of the input.
        dropout: float, rate on the attention probabilities.
        kernel_initializer: initializer of the two kernels.

    Call arguments:
        x: float tensor (B, T, D).
        attention_mask: bool tensor broadcastable to (B, H, T, T), see
            `xlm_tf.masks`; True = may be attended to.
        layout: how the tokens of `x` lie, see `xlm_tf.layers.token_layout`; packed
            ones are (N, D).

    Returns:
        Float tensor (B, T, D), or as `x`.

    Example:
    ```python
    import keras
    from xlm_tf.layers import SelfAttention
    attention = SelfAttention(num_heads=2)
    attention(keras.random.normal((1, 5, 8))).shape  # (1, 5, 8)
    ```
    """

    def __init__(
        self, num_heads, dropout=0.0, kernel_initializer="glorot_uniform", **kwargs
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.dropout = dropout
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        hidden_dim = input_shape[-1]
        if hidden_dim % self.num_heads:
            raise ValueError(
                "hidden_dim must be divisible by num_heads. "
                f"Received: hidden_dim={hidden_dim}, num_heads={self.num_heads}."
            )
        self.qkv_dense = keras.layers.Dense(
            3 * hidden_dim,
            kernel_initializer=clone_initializer(self.kernel_initializer),
            dtype=self.dtype_policy,
            name="qkv_dense",
        )
        self.qkv_dense.build(input_shape)
        self.output_dense = keras.layers.Dense(
            hidden_dim,
            kernel_initializer=clone_initializer(self.kernel_initializer),
            dtype=self.dtype_policy,
            name="output_dense",
        )
        self.output_dense.build(input_shape)
        self.dropout_layer = keras.layers.Dropout(
            self.dropout, dtype=self.dtype_policy, name="dropout"
        )

    def call(self, x, attention_mask=None, layout=PADDED, training=None):
        dropout = self.dropout_layer if training and self.dropout > 0 else None
        return self._attend(x, attention_mask, layout, dropout)[0]

    def prefill(self, x, attention_mask=None, layout=PADDED):
        """The call, and the keys and values that `step` goes on from.

        Args: those of the call.

        Returns:
            `(outputs, cache)`: as `x`, and a pair of float tensors (B, H, T, K).
        """
        return self._attend(x, attention_mask, layout)

    def attention_probabilities(self, x, attention_mask=None, layout=PADDED):
        """What every token attends to, (B, H, T, T), in float32 at least."""
        query, key, _ = self._heads(x, layout)
        return attention_probabilities(query, key, attention_mask)

    def _heads(self, x, layout):
        """Queries, keys and values: three of (B, H, T, K)."""
        return layout.split_heads(self.qkv_dense(x), self.num_heads, parts=3)

    def _attend(self, x, attention_mask, layout, dropout=None):
        query, key, value = self._heads(x, layout)
        context = dot_product_attention(query, key, value, attention_mask, dropout)
        return self.output_dense(layout.merge_heads(context)), (key, value)

    def empty_cache(self, batch_size):
        """What `step` begins with: a pair of tensors (batch_size, H, 0, K)."""
        head_dim = self.qkv_dense.units // (3 * self.num_heads)
        shape = (batch_size, self.num_heads, 0, head_dim)
        return (ops.zeros(shape, self.compute_dtype),) * 2

    def step(self, x, cache, mask=None):
        """Attend from one new position of k beams to it and to those before it.

        The beams of a text share their cache: which entries belong to a beam is the
        mask's matter, so that nothing moves when beams change places.

        Args:
            x: float tensor (A * k, D), the new position of k beams of A texts.
            cache: `(keys, values)`, float tensors (A, H, p + t * k, K): p entries of
                a beginning that all beams have in common (0 without one), then by
                position and beam.
            mask: bool tensor (A, k, p + (t + 1) * k), True = of this beam; None
                where k is 1.

        Returns:
            `(outputs, cache)`: (A * k, D), and the cache with the new position.
        """
        qkv = beam_heads(self.qkv_dense(x), 3 * self.num_heads, cache[0])
        query, *new = ops.split(qkv, 3, axis=1)  # (A, H, k, K) each
        cache = tuple(
            ops.concatenate([old, own], axis=2)
            for old, own in zip(cache, new, strict=True)
        )
        if mask is not None:
            mask = ops.expand_dims(mask, 1)
        context = dot_product_attention(query, *cache, mask=mask)
        return self.output_dense(beam_rows(context)), cache

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "num_heads": self.num_heads,
                "dropout": self.dropout,
                "kernel_initializer": keras.initializers.serialize(
                    self.kernel_initializer
                ),
            }
        )
        return config


@keras.saving.register_keras_serializable("xlm_tf")
class CrossAttention(keras.layers.Layer):
    """Multi-head attention from one sequence to the states of another.

    Args:
        num_heads: int, H. Must divide the width of the input.
        dropout: float, rate on the attention probabilities.
        kernel_initializer: initializer of the three kernels.

    Call arguments:
        x: float tensor (B, T, D), the queries.
        keys_values: pair of float tensors (B, H, S, K) of `keys_values`, which is
            computed once for a text that is decoded.
        attention_mask: bool tensor broadcastable to (B, H, T, S); True = may be
            attended to.
        layout: how the tokens of `x` lie, see `xlm_tf.layers.token_layout`; packed
            ones are (N, D).

    Returns:
        Float tensor (B, T, D), or as `x`.
    """

    def __init__(
        self, num_heads, dropout=0.0, kernel_initializer="glorot_uniform", **kwargs
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.dropout = dropout
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        width = input_shape[-1]
        for name, units in (
            ("query_dense", width),
            ("key_value_dense", 2 * width),
            ("output_dense", width),
        ):
            dense = keras.layers.Dense(
                units,
                kernel_initializer=clone_initializer(self.kernel_initializer),
                dtype=self.dtype_policy,
                name=name,
            )
            dense.build(input_shape)
            setattr(self, name, dense)
        self.dropout_layer = keras.layers.Dropout(
            self.dropout, dtype=self.dtype_policy, name="dropout"
        )

    def keys_values(self, states, layout=PADDED):
        """float (B, S, D) -> keys and values, two of (B, H, S, K)."""
        keys_values = self.key_value_dense(states)
        return tuple(layout.split_heads(keys_values, self.num_heads, parts=2))

    def call(self, x, keys_values, attention_mask=None, layout=PADDED, training=None):
        (query,) = layout.split_heads(self.query_dense(x), self.num_heads)
        dropout = self.dropout_layer if training and self.dropout > 0 else None
        context = dot_product_attention(
            query, *keys_values, mask=attention_mask, dropout=dropout
        )
        return self.output_dense(layout.merge_heads(context))

    def step(self, x, keys_values, attention_mask=None):
        """The call for one new position of k beams.

        Args:
            x: float tensor (A * k, D).
            keys_values: as in the call.
            attention_mask: bool tensor broadcastable to (A, H, k, S).

        Returns:
            Float tensor (A * k, D).
        """
        query = beam_heads(self.query_dense(x), self.num_heads, keys_values[0])
        context = dot_product_attention(query, *keys_values, mask=attention_mask)
        return self.output_dense(beam_rows(context))

    def attention_probabilities(
        self, x, keys_values, attention_mask=None, layout=PADDED
    ):
        """What the queries attend to, (B, H, T, S), in float32 at least."""
        (query,) = layout.split_heads(self.query_dense(x), self.num_heads)
        return attention_probabilities(query, keys_values[0], attention_mask)

    def compute_output_shape(self, input_shape, keys_values_shape=None):
        return input_shape

    def compute_output_spec(self, x, keys_values=None, attention_mask=None, **_):
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "num_heads": self.num_heads,
                "dropout": self.dropout,
                "kernel_initializer": keras.initializers.serialize(
                    self.kernel_initializer
                ),
            }
        )
        return config


def clone_initializer(initializer):
    """A copy with a seed of its own: one instance gives every kernel equal values."""
    return (
        initializer.clone()
        if isinstance(initializer, keras.initializers.Initializer)
        else initializer
    )
