"""Models that are functional for KerasHub and plain code for callers."""

import keras

from xlm_tf.private_keras import AnyInputs


class OptionalInputs(AnyInputs):
    """Mixin: a functional model whose inputs may be left out, or be more.

    KerasHub's models are functional: their inputs are fixed when they are built. The
    family's optional tensors (position, language, segment and token-type ids) would
    then be needed in every call. A model with this mixin declares its usual inputs,
    so that summaries, `model.inputs` and sub-models work, but a call runs `forward`
    itself, with whatever the caller's dict holds.

    A plain subclass would not do: Keras gives `keras_hub.models.Backbone` the base
    class `Functional` as soon as any functional backbone exists in the process.
    """

    def call(self, inputs, training=None, mask=None):
        return self.forward(as_dict(inputs))

    def compute_output_spec(self, inputs, training=None, mask=None):
        return keras.Operation.compute_output_spec(self, inputs)


def as_dict(inputs):
    """The inputs of a model as a dict: a tensor alone is `token_ids`."""
    return dict(inputs) if isinstance(inputs, dict) else {"token_ids": inputs}
