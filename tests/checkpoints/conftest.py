"""Small checkpoints to change."""

import pytest

import xlm_tf


@pytest.fixture(scope="module")
def own_model(spm_proto, tmp_path_factory):
    """A folder with a tiny encoder, two of whose rows no piece of its own has."""
    folder = tmp_path_factory.mktemp("model")
    size = xlm_tf.XLMSentencePieceTokenizer(spm_proto).vocabulary_size() + 2
    backbone = xlm_tf.XLMBackbone(
        size, 1, 1, 8, 16, max_sequence_length=64, position_offset=2
    )
    backbone.save_to_huggingface(folder)
    return folder


@pytest.fixture
def folder(own_model, tmp_path):
    """A copy of that folder, to change."""
    for path in own_model.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path
