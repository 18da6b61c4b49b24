"""Tests of one GPU: `make test-gpu`, or CUDA_VISIBLE_DEVICES=0 pytest tests/gpu.

Elsewhere the suite hides the GPUs, and these tests are skipped.
"""

import pytest
import tensorflow as tf

import xlm_tf


@pytest.fixture(autouse=True)
def gpu():
    """A visible GPU, whose matrix products are in float32, not in its shorter form."""
    if not tf.config.list_physical_devices("GPU"):
        pytest.skip("TensorFlow sees no GPU, or CUDA_VISIBLE_DEVICES hides it.")
    tf.config.experimental.enable_tensor_float_32_execution(False)
    yield
    tf.config.experimental.enable_tensor_float_32_execution(True)


@pytest.fixture
def make_backbone(tokenizer):
    """Makes a small backbone for the small vocabulary."""

    def make(**arguments):
        return xlm_tf.XLMBackbone(
            **{
                "vocabulary_size": tokenizer.vocabulary_size(),
                "num_layers": 2,
                "num_heads": 2,
                "hidden_dim": 16,
                "intermediate_dim": 32,
                "max_sequence_length": 48,
                "position_offset": 2,
                "initializer_range": 0.2,
                "dropout": 0.0,
                "attention_dropout": 0.0,
                **arguments,
            }
        )

    return make
