"""Models that are functional for KerasHub and plain code for callers."""

import keras
from keras import ops

from xlm_tf.private_keras import AnyInputs, declared_output_spec


class OptionalInputs(AnyInputs):
    """Mixin: a functional model whose inputs may be left out, or be more.

    KerasHub's models are functional: their inputs are fixed when they are built. The
    family's optional tensors (position, language, segment and token-type ids) would
    then be needed in every call. A model with this mixin declares its usual inputs,
    so that summaries, `model.inputs` and sub-models work, but a call runs `forward`
    itself, with whatever the caller's dict holds.

    `keras.Input(optional=True)` would not let the graph itself run the calls. Keras
    refuses a dict in which an optional key is missing, and a tensor alone; an operation
    of the graph is called with the None of an input that is left out, which only
    layers of our own can take (the masks would have to become layers); and what is
    checked while the graph is built, such as the length of the texts and the names of
    the inputs, is not checked when it runs.

    A plain subclass would not do: Keras gives `keras_hub.models.Backbone` the base
    class `Functional` as soon as any functional backbone exists in the process.
    """

    # Every key that the inputs may have.
    input_names = ()

    def call(self, inputs, training=None, mask=None):
        return self.forward(as_dict(inputs, self.input_names))

    def compute_output_spec(self, inputs, training=None, mask=None):
        # A task on a backbone need not run all its layers once more to be built.
        spec = declared_output_spec(self, as_dict(inputs, self.input_names))
        return (
            keras.Operation.compute_output_spec(self, inputs) if spec is None else spec
        )


def check_shapes(inputs, like, names):
    """Refuse inputs that are not one for every token.

    Args:
        inputs: dict of tensors or arrays.
        like: str, the input of token ids (B, T).
        names: list of str, the inputs to be checked; missing ones are skipped.

    Raises:
        ValueError: token ids that are no (B, T), or an input whose shape, as far as it
            is known, is neither theirs nor broadcasts to it.
    """
    shape = tuple(ops.shape(inputs[like]))
    if len(shape) != 2:
        raise ValueError(
            f"{like} must be (batch, length). Received: {like} of shape {shape}."
        )
    for name in names:
        if inputs.get(name) is None:
            continue
        own = tuple(ops.shape(inputs[name]))
        pairs = zip(own[::-1], shape[::-1], strict=False)
        if len(own) > 2 or any(
            isinstance(x, int) and isinstance(y, int) and x not in (1, y)
            for x, y in pairs
        ):
            raise ValueError(
                f"{name} must have the shape of {like}, one for every token. Received: "
                f"{name} of shape {own}, {like} of shape {shape}."
            )


OTHER_NAMES = {
    "input_ids": "token_ids",
    "attention_mask": "padding_mask",
    "inputs_embeds": "token_vectors",
}


def as_dict(inputs, names):
    """The inputs of a model as a dict: a tensor alone is its first input.

    Args:
        inputs: dict of tensors, or a tensor.
        names: tuple of str, the keys that there are; those of token ids are needed.

    Raises:
        ValueError: a key that the model does not know, token ids missing, or texts
            instead of them.
    """
    if not isinstance(inputs, dict):
        inputs = {names[0]: inputs}
    unknown = sorted(set(inputs) - set(names))
    needed = [name for name in names if name.endswith("token_ids")]
    if unknown or not set(needed) <= set(inputs):
        hints = [f"{x} is {OTHER_NAMES[x]}" for x in unknown if x in OTHER_NAMES]
        hint = f" (transformers' {', '.join(hints)} here)" if hints else ""
        raise ValueError(
            f"Inputs are {' and '.join(needed)}, and where they apply "
            f"{', '.join(name for name in names if name not in needed)}{hint}. "
            f"Received: {', '.join(sorted(inputs))}."
        )
    for name in needed:
        dtype = str(getattr(inputs[name], "dtype", ""))
        if "str" in dtype or dtype.startswith(("<U", "|S", "object")):
            raise ValueError(
                "A model called directly, or without a preprocessor, takes token ids, "
                "not texts. `predict`, `fit` and the methods for texts read them with "
                f"`model.preprocessor`. Received: {name} of strings."
            )
    return dict(inputs)
