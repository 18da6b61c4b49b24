import pytest

import xlm_tf


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


@pytest.fixture
def pack(tokenizer):
    """Packs texts as a classifier reads them."""

    def pack(x, **arguments):
        preprocessor = xlm_tf.XLMTextClassifierPreprocessor(
            tokenizer, **{"sequence_length": 32, **arguments}
        )
        return {key: value.numpy() for key, value in preprocessor.pack(x).items()}

    return pack
