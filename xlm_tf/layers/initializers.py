"""How weights begin; nothing is drawn for a model whose weights are then loaded."""

import contextlib
import contextvars

import keras

_IS_LOADING = contextvars.ContextVar("is_loading", default=False)


@contextlib.contextmanager
def weights_follow():
    """Within it, layers begin with zeros: drawing takes longer than loading."""
    token = _IS_LOADING.set(True)
    try:
        yield
    finally:
        _IS_LOADING.reset(token)


def random_normal(stddev):
    """Initializer of embedding tables."""
    if _IS_LOADING.get():
        return keras.initializers.Zeros()
    return keras.initializers.RandomNormal(stddev=stddev)


def dense_kernel(stddev=None):
    """Initializer of dense kernels: of a deviation, or Glorot's, of their width."""
    if _IS_LOADING.get():
        return keras.initializers.Zeros()
    if stddev is None:
        return keras.initializers.GlorotUniform()
    return keras.initializers.TruncatedNormal(stddev=stddev)
