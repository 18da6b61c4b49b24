"""Initial weights; none are drawn for a model whose weights are then loaded."""

import contextlib
import contextvars

import keras
import tensorflow as tf

_IS_SKIPPED = contextvars.ContextVar("initialization is skipped", default=False)


@contextlib.contextmanager
def skip_initialization():
    """Within it, new layers hold zeros: drawing numbers takes longer than loading."""
    token = _IS_SKIPPED.set(True)
    try:
        yield
    finally:
        _IS_SKIPPED.reset(token)


def random_normal(stddev):
    """Initializer of embedding tables."""
    if _IS_SKIPPED.get():
        return keras.initializers.Zeros()
    return keras.initializers.RandomNormal(stddev=stddev)


def dense_kernel(stddev=None):
    """Initializer of dense kernels: of a deviation, or Glorot's, of their width."""
    if _IS_SKIPPED.get():
        return keras.initializers.Zeros()
    if stddev is None:
        return keras.initializers.GlorotUniform()
    return keras.initializers.TruncatedNormal(stddev=stddev)


def drawn_in_place(initializer):
    """An initializer that holds a large table once, as a graph draws it, not thrice.

    Operation by operation, the numbers, their product with the deviation and its sum
    with the mean are tables of their own.

    Args:
        initializer: `keras.initializers.Initializer`.

    Returns:
        Function (shape, dtype) -> tensor, the initializer's.
    """
    if keras.config.backend() != "tensorflow":
        return initializer

    def draw(shape, dtype=None):
        drawn = tf.function(lambda: initializer(shape, dtype=dtype), autograph=False)
        # Not called as it is: TensorFlow would warn of many such functions.
        return drawn.get_concrete_function()()

    return draw
