"""What a task is whose texts are read in windows, however long they are."""

import abc

import tensorflow as tf

from export.tasks.contract import Answer

# Windows that are computed at once: a text of any length needs bounded memory.
WINDOWS_AT_ONCE = 32


class WindowedAnswer(Answer):
    """An answer that is put together from windows, in the graph.

    `numbers` has a row for every position of a window, (W, T, ...). Texts go through
    `pack_windows` and `answer` instead of `pack` and `words`.

    Attributes:
        pack: function from a dict of string tensors to the first window of every text,
            the preprocessor's.
    """

    @abc.abstractmethod
    def pack_windows(self, fields):
        """dict of string tensors (B,) -> `(inputs, places)`: the backbone's inputs of
        W windows, and a dict that says what they are of."""

    @abc.abstractmethod
    def answer(self, numbers, fields, places):
        """The outputs of the contract.

        Args:
            numbers: dict of tensors (W, T, ...), see `numbers`.
            fields: dict of string tensors (B,).
            places: what `pack_windows` gave.

        Returns:
            dict from output name to tensor (B, ...).
        """


def compute_in_parts(compute, inputs):
    """A function of windows, some at a time.

    Args:
        compute: function from a dict of tensors (W', T) to a dict of tensors (W', ...).
        inputs: such a dict, of W windows.

    Returns:
        dict of tensors (W, ...).
    """
    number = tf.shape(inputs["token_ids"])[0]
    shapes = compute(inputs={name: x[:0] for name, x in inputs.items()})
    names = sorted(shapes)
    arrays = [
        tf.TensorArray(
            shapes[name].dtype,
            size=0,
            dynamic_size=True,
            infer_shape=False,
            element_shape=[None, *shapes[name].shape[1:]],
        )
        for name in names
    ]

    def step(begin, index, arrays):
        part = {name: x[begin : begin + WINDOWS_AT_ONCE] for name, x in inputs.items()}
        outputs = compute(inputs=part)
        arrays = [
            array.write(index, outputs[name])
            for array, name in zip(arrays, names, strict=True)
        ]
        return begin + WINDOWS_AT_ONCE, index + 1, arrays

    *_, arrays = tf.while_loop(
        # Once without windows, too: an array without elements has no shape.
        lambda begin, index, _: (begin < number) | (index == 0),
        step,
        (0, 0, arrays),
        parallel_iterations=1,
    )
    return {name: array.concat() for name, array in zip(names, arrays, strict=True)}
