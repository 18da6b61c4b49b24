"""XLM's own files, see tests/parity/make_fixtures.py."""

from pathlib import Path

import numpy as np
import pytest

import xlm_tf

FOLDER = Path(__file__).resolve().parents[1] / "data" / "checkpoints"
TRANSLATION = FOLDER / "xlm_translation_pth"


def test_encoder_and_decoder_of_a_training_to_translate():
    """The numbers are those of the encoder-decoder in tests/parity."""
    expected = np.load(TRANSLATION / "expected.npz")
    model = xlm_tf.load_task(TRANSLATION / "checkpoint.pth")
    assert type(model) is xlm_tf.XLMSeq2SeqLM
    source, target = expected["source"], expected["target"]
    logits = model(
        {
            "encoder_token_ids": source,
            "encoder_padding_mask": source != 2,
            "encoder_language_ids": np.zeros_like(source),
            "decoder_token_ids": target,
            "decoder_language_ids": np.ones_like(target),
        }
    )
    np.testing.assert_allclose(logits, expected["logits"], atol=1e-4)
    assert model.preprocessor.languages == ["en", "fr"]
    assert model.preprocessor.tokenizer.vocabulary_size() == 24


def test_the_encoder_alone_and_random_weights():
    model = xlm_tf.XLMSeq2SeqLM.from_preset(TRANSLATION, dtype="bfloat16")
    encoder = xlm_tf.XLMBackbone.from_preset(TRANSLATION, dtype="bfloat16")
    for own, other in zip(model.backbone.encoder.weights, encoder.weights, strict=True):
        np.testing.assert_array_equal(
            np.asarray(own, "float32"), np.asarray(other, "float32")
        )
    random = xlm_tf.XLMSeq2SeqLM.from_preset(TRANSLATION, load_weights=False)
    shapes = [weight.shape for weight in model.weights]
    assert [weight.shape for weight in random.weights] == shapes
    assert model.backbone.encoder.compute_dtype == "bfloat16"


def test_an_encoder_alone_is_no_encoder_decoder():
    with pytest.raises(ValueError, match=r"without a decoder.*from_masked_lm"):
        xlm_tf.XLMSeq2SeqLM.from_preset(FOLDER / "xlm_pth")
