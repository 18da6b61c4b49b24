"""From hidden states to logits over the vocabulary, tied to the token embedding."""

import keras

from xlm_tf.layers.attention import clone_initializer


@keras.saving.register_keras_serializable("xlm_tf")
class PredictionHead(keras.layers.Layer):
    """Scores of every vocabulary entry, in both of the family's forms.

    XLM projects the hidden state with the token embedding and adds a bias. XLM-R
    first transforms it: dense, GELU, LayerNorm.

    Args:
        vocabulary_size: int, V.
        transform: bool, True for XLM-R's form.
        activation: activation of the transform.
        layer_norm_epsilon: float, of the transform's LayerNorm.
        kernel_initializer: initializer of the transform's kernel.

    Call arguments:
        x: float tensor (..., D).
        token_embedding: the `TokenEmbedding` of the same model; its table is the
            projection.

    Returns:
        float32 tensor (..., V), logits.
    """

    def __init__(
        self,
        vocabulary_size,
        transform=True,
        activation="gelu",
        layer_norm_epsilon=1e-5,
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.transform = transform
        self.activation = keras.activations.get(activation)
        self.layer_norm_epsilon = layer_norm_epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

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
            self.norm = keras.layers.LayerNormalization(
                epsilon=self.layer_norm_epsilon, dtype=self.dtype_policy, name="norm"
            )
            self.norm.build(input_shape)
        # autocast=False: the logits stay float32 under every dtype policy.
        self.bias = self.add_weight(
            name="bias",
            shape=(self.vocabulary_size,),
            initializer="zeros",
            autocast=False,
        )

    def call(self, x, token_embedding):
        if self.transform:
            x = self.norm(self.dense(x))
        return token_embedding.project(x) + self.bias

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "vocabulary_size": self.vocabulary_size,
                "transform": self.transform,
                "activation": keras.activations.serialize(self.activation),
                "layer_norm_epsilon": self.layer_norm_epsilon,
                "kernel_initializer": keras.initializers.serialize(
                    self.kernel_initializer
                ),
            }
        )
        return config
