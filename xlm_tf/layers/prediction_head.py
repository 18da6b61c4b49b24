"""From hidden states to logits over the vocabulary."""

import keras
from keras import ops

from xlm_tf.layers.attention import clone_initializer
from xlm_tf.layers.layer_normalization import LayerNormalization
from xlm_tf.layers.precision import at_least_float32


@keras.saving.register_keras_serializable("xlm_tf")
class PredictionHead(keras.layers.Layer):
    """Scores of every vocabulary entry, in both of the family's forms.

    XLM projects the hidden state with the token embedding and adds a bias. XLM-R
    first transforms it: dense, GELU, LayerNorm.

    Args:
        vocabulary_size: int, V.
        transform: bool, True for XLM-R's form.
        tied: bool, project with the token embedding; False for a projection of its
            own, (V, D).
        activation: activation of the transform.
        layer_norm_epsilon: float, of the transform's LayerNorm.
        kernel_initializer: initializer of the transform's kernel.

    Call arguments:
        x: float tensor (B, T, D).
        positions: int tensor (B, P), the positions of each row to score: the others
            cost nothing. None scores all.
        token_embedding: the `TokenEmbedding` of the same model, whose table is the
            projection of a tied head.

    Returns:
        Logits (B, P, V), or (B, T, V), float32 at least.
    """

    def __init__(
        self,
        vocabulary_size,
        transform=True,
        tied=True,
        activation="gelu",
        layer_norm_epsilon=1e-5,
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.transform = transform
        self.tied = tied
        self.activation = keras.activations.get(activation)
        self.layer_norm_epsilon = layer_norm_epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_dtype = self.logits_dtype  # of the projection; it may be set

    @classmethod
    def of(cls, backbone, transform, tied):
        """The head of a model on this backbone, in its ways."""
        return cls(
            backbone.vocabulary_size,
            transform=transform,
            tied=tied,
            activation=backbone.activation,
            layer_norm_epsilon=backbone.layer_norm_epsilon,
            kernel_initializer=backbone.kernel_initializer(),
            dtype=backbone.dtype_policy,
            name="prediction_head",
        )

    def build(self, input_shape):
        self.dense = None
        self.norm = None
        if self.transform:
            self.dense = keras.layers.Dense(
                input_shape[-1],
                activation=self.activation,
                kernel_initializer=clone_initializer(self.kernel_initializer),
                dtype=self.dtype_policy,
                name="dense",
            )
            self.dense.build(input_shape)
            self.norm = LayerNormalization(
                epsilon=self.layer_norm_epsilon, dtype=self.dtype_policy, name="norm"
            )
            self.norm.build(input_shape)
        self.projection = None
        if not self.tied:
            self.projection = self.add_weight(
                name="projection",
                shape=(self.vocabulary_size, input_shape[-1]),
                initializer=clone_initializer(self.kernel_initializer),
                autocast=False,
            )
        self.bias = self.add_weight(
            name="bias",
            shape=(self.vocabulary_size,),
            initializer="zeros",
            autocast=False,
        )

    def call(self, x, positions=None, token_embedding=None):
        if positions is not None:
            x = gather_positions(x, positions)  # (B, P, D)
        return self.logits(x, self.kernel(token_embedding))

    def kernel(self, token_embedding=None):
        """The projection (D, V), of the `kernel_dtype`: see the call."""
        table = token_embedding.table() if self.tied else self.projection
        return ops.cast(ops.transpose(table), self.kernel_dtype)

    @property
    def logits_dtype(self):
        """float32 under every dtype policy but float64."""
        return at_least_float32(self.dtype_policy)

    def logits(self, x, kernel):
        """The call for one who calls often, and lays out the kernel once.

        Args:
            x: float tensor (..., D), of the compute dtype.
            kernel: what `kernel` returned.

        Returns:
            Logits (..., V), float32 at least.
        """
        if self.transform:
            x = self.norm(self.dense(x))
        x = ops.matmul(ops.cast(x, self.kernel_dtype), kernel)
        return ops.cast(x, self.logits_dtype) + ops.cast(self.bias, self.logits_dtype)

    def compute_output_spec(self, x, positions=None, token_embedding=None):
        # Told, because JAX cannot trace a call that takes a layer.
        shape = x.shape[:-1] if positions is None else (x.shape[0], positions.shape[1])
        shape = (*shape, self.vocabulary_size)
        return keras.KerasTensor(shape, dtype=self.logits_dtype)

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "vocabulary_size": self.vocabulary_size,
                "transform": self.transform,
                "tied": self.tied,
                "activation": keras.activations.serialize(self.activation),
                "layer_norm_epsilon": self.layer_norm_epsilon,
                "kernel_initializer": keras.initializers.serialize(
                    self.kernel_initializer
                ),
            }
        )
        return config


def gather_positions(x, positions):
    """Rows of every sequence: x (B, T, D), positions int (B, P) -> (B, P, D)."""
    batch_size, length = ops.shape(x)[0], ops.shape(x)[1]
    rows = ops.expand_dims(ops.arange(batch_size, dtype="int32"), -1) * length
    flat_positions = ops.cast(positions, "int32") + rows  # (B, P)
    return ops.take(ops.reshape(x, (-1, x.shape[-1])), flat_positions, axis=0)
