import pytest

import xlm_tf


@pytest.fixture
def pack(tokenizer):
    """Packs texts as a classifier reads them."""

    def pack(x, **arguments):
        preprocessor = xlm_tf.XLMTextClassifierPreprocessor(
            tokenizer, **{"sequence_length": 32, **arguments}
        )
        return {key: value.numpy() for key, value in preprocessor.pack(x).items()}

    return pack
