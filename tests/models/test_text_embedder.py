"""Vectors that are cut, at every entrance."""

import numpy as np
import pytest

import xlm_tf

TEXTS = ["The file was not found.", "Die Datei fehlt.", "a"]


def expected(dim, normalize=True, pooling="mean"):
    """The first numbers of whole vectors, of length 1 where they are normalised."""
    whole = xlm_tf.XLMTextEmbedder.from_preset(
        "xlm_tiny", pooling=pooling, normalize=False
    ).embed(TEXTS)
    cut = whole[:, :dim]
    if normalize:
        cut = cut / np.linalg.norm(cut, axis=1, keepdims=True)
    return cut


@pytest.mark.parametrize("normalize", [True, False])
def test_vectors_are_cut_and_scaled(tmp_path, normalize):
    embedder = xlm_tf.XLMTextEmbedder.from_preset(
        "xlm_tiny", normalize=normalize, truncate_dim=24
    )
    vectors = expected(24, normalize)
    np.testing.assert_allclose(embedder.embed(TEXTS), vectors, atol=1e-5)
    assert embedder.embed([]).shape == (0, 24)
    assert embedder.output_shape == (None, 24)
    for name in ("save_to_preset", "save_to_huggingface"):
        getattr(embedder, name)(tmp_path / name)
        again = xlm_tf.load_task(tmp_path / name)
        assert again.truncate_dim == 24
        np.testing.assert_allclose(again.embed(TEXTS), vectors, atol=1e-5)
        whole = xlm_tf.load_task(tmp_path / name, truncate_dim=None)
        assert whole.embed(TEXTS).shape == (3, 128)


@pytest.mark.parametrize("dim", [0, -1, 129, 2.5, "8", True])
def test_lengths_that_there_are_not(dim):
    with pytest.raises(ValueError, match="truncate_dim"):
        xlm_tf.XLMTextEmbedder.from_preset("xlm_tiny", truncate_dim=dim)
