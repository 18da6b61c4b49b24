"""What needs Keras's TensorFlow backend, and what runs on any."""

import keras


def require_tensorflow(method):
    """Refuse a method that is made of TensorFlow's graphs on another backend.

    Layers, backbones and tasks run on any backend of Keras when they are called, and
    load and save there; the loops around them are TensorFlow's.

    Args:
        method: str, its name.

    Raises:
        ValueError: Keras runs on another backend.
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"`{method}` needs Keras on TensorFlow: set KERAS_BACKEND=tensorflow. On "
            "other backends models can be called, loaded and saved. "
            f"Received: KERAS_BACKEND={keras.backend.backend()}."
        )
