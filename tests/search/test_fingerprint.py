"""Models that give the same vectors, and others."""

import numpy as np

import xlm_tf
from xlm_tf.search.fingerprint import fingerprint


def test_it_is_of_what_decides_the_vectors(embedder, embedder_folder):
    own = fingerprint(embedder)
    loaded = xlm_tf.load_task(embedder_folder)
    assert fingerprint(loaded) == own

    loaded.preprocessor.sequence_length = 31
    assert fingerprint(loaded) != own
    loaded.preprocessor.sequence_length = 32
    assert fingerprint(loaded) == own
    weight = loaded.backbone.weights[-1]
    values = np.array(weight)
    values.flat[0] += 1e-3
    weight.assign(values)
    assert fingerprint(loaded) != own

    tokenizer = embedder.preprocessor.tokenizer
    other = xlm_tf.XLMTextEmbedder(
        embedder.backbone,
        xlm_tf.XLMTextEmbedderPreprocessor(
            xlm_tf.XLMSentencePieceTokenizer(
                tokenizer.proto, special_tokens_in_strings=True
            ),
            sequence_length=32,
        ),
    )
    assert fingerprint(other) != own


def test_it_does_not_depend_on_the_form_of_the_files(tmp_path):
    """A checkpoint of transformers, and what `save_to_preset` makes of it."""
    embedder = xlm_tf.XLMTextEmbedder.from_preset("xlm_tiny")
    embedder.save_to_preset(tmp_path / "own")
    own = xlm_tf.load_task(tmp_path / "own")
    assert fingerprint(own) == fingerprint(embedder)
