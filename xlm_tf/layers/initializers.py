"""Initial weights; none are drawn for a model whose weights are then loaded."""

import contextlib
import contextvars

import keras

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
