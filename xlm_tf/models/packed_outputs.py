"""What a model makes of inputs that are packed already, such as windows of texts."""

import numpy as np
import tensorflow as tf

from xlm_tf.generation.search_arguments import whole_number


def packed_outputs(model, inputs, batch_size):
    """The model's outputs, batch by batch, in order.

    Args:
        model: a task.
        inputs: dict of tensors (W, T) with `padding_mask`.
        batch_size: int, rows at once.

    Yields:
        `(begin, output)`: int, the first of the rows; array (B, T', ...), where T' are
        the positions that any of the rows needs.

    Raises:
        ValueError: `batch_size` is no whole number from 1 on.
    """
    batch_size = whole_number("batch_size", batch_size)
    mask = inputs["padding_mask"].numpy()  # (W, T)
    lengths = mask.shape[1] - np.argmax(mask[:, ::-1], axis=1)
    step = _compiled(model, inputs)
    for begin in range(0, len(mask), batch_size):
        longest = lengths[begin : begin + batch_size].max()
        # Rounded up, so that the runtime meets few shapes.
        width = min(-(-int(longest) // 16) * 16, mask.shape[1])
        batch = {
            name: value[begin : begin + batch_size, :width]
            for name, value in inputs.items()
        }
        yield begin, step(batch).numpy()


def _compiled(model, inputs):
    """One graph for any number and length of rows, kept while the weights are these."""
    names = tuple(sorted(inputs))
    key = names, tuple(id(variable) for variable in model.variables)
    known, function = vars(model).get("_packed_step", (None, None))
    if known != key:
        spec = {
            name: tf.TensorSpec([None, None], value.dtype)
            for name, value in inputs.items()
        }
        function = tf.function(lambda batch: model(batch, training=False))
        function = function.get_concrete_function(spec)
        vars(model)["_packed_step"] = key, function  # not tracked, nor saved
    return function
