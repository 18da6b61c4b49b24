"""sentence-transformers reads the embedders that we save, and we those it saves."""

import numpy as np
import pytest

import xlm_tf

sentence_transformers = pytest.importorskip("sentence_transformers")
pytestmark = pytest.mark.parity


@pytest.mark.parametrize(
    ("pooling", "normalize"), [("first", True), ("mean", False), ("max", True)]
)
def test_the_same_vectors_both_ways(tmp_path, sentences, pooling, normalize):
    ours = xlm_tf.XLMTextEmbedder.from_preset(
        "xlm_tiny", pooling=pooling, normalize=normalize
    )
    ours.save_to_huggingface(tmp_path / "ours")
    theirs = sentence_transformers.SentenceTransformer(
        str(tmp_path / "ours"), device="cpu"
    )
    texts = [*sentences, "", "A  <mask> "]
    expected = theirs.encode(texts)
    np.testing.assert_allclose(ours.predict(texts), expected, rtol=1e-4, atol=1e-5)
    theirs.save(str(tmp_path / "theirs"))
    again = xlm_tf.XLMTextEmbedder.from_preset(tmp_path / "theirs")
    assert (again.pooling, again.normalize) == (pooling, normalize)
    np.testing.assert_allclose(again.predict(texts), expected, rtol=1e-4, atol=1e-5)
