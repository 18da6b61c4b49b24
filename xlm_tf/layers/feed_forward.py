"""The position-wise feed-forward network of a Transformer block."""

import keras

from xlm_tf.layers.attention import clone_initializer


@keras.saving.register_keras_serializable("xlm_tf")
class FeedForward(keras.layers.Layer):
    """Two dense layers with an activation between them.

    Args:
        intermediate_dim: int, width between the two (XLM's `4 * emb_dim`).
        activation: "gelu" is the exact (erf) form that XLM and XLM-R use, or any
            other Keras activation.
        kernel_initializer: initializer of the two kernels.

    Call arguments:
        x: float tensor (..., D).

    Returns:
        Float tensor (..., D).
    """

    def __init__(
        self,
        intermediate_dim,
        activation="gelu",
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.intermediate_dim = intermediate_dim
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        self.intermediate_dense = keras.layers.Dense(
            self.intermediate_dim,
            activation=self.activation,
            kernel_initializer=clone_initializer(self.kernel_initializer),
            dtype=self.dtype_policy,
            name="intermediate_dense",
        )
        self.intermediate_dense.build(input_shape)
        self.output_dense = keras.layers.Dense(
            input_shape[-1],
            kernel_initializer=clone_initializer(self.kernel_initializer),
            dtype=self.dtype_policy,
            name="output_dense",
        )
        self.output_dense.build((*input_shape[:-1], self.intermediate_dim))

    def call(self, x):
        return self.output_dense(self.intermediate_dense(x))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "intermediate_dim": self.intermediate_dim,
                "activation": keras.activations.serialize(self.activation),
                "kernel_initializer": keras.initializers.serialize(
                    self.kernel_initializer
                ),
            }
        )
        return config
