"""Tests of one GPU: `make test-gpu`, or CUDA_VISIBLE_DEVICES=0 pytest tests/gpu.

Elsewhere the suite hides the GPUs, and these tests are skipped.
"""

import pytest
import tensorflow as tf


@pytest.fixture(autouse=True)
def gpu():
    """A visible GPU, whose matrix products are in float32, not in its shorter form."""
    if not tf.config.list_physical_devices("GPU"):
        pytest.skip("TensorFlow sees no GPU, or CUDA_VISIBLE_DEVICES hides it.")
    tf.config.experimental.enable_tensor_float_32_execution(False)
    yield
    tf.config.experimental.enable_tensor_float_32_execution(True)
