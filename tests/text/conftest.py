"""SentencePiece models that are not the package's own kind."""

import pytest


@pytest.fixture(scope="session")
def other_spm_proto(train_proto):
    """Bytes of a model with other special pieces, as of T5."""
    return train_proto(pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
