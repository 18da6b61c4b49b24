"""What a masked language model reads for `fit`: masked ids, targets and weights."""

import numpy as np
import pytest

import xlm_tf

RATES = {"mask_selection_rate": 0.5, "mask_selection_length": 8}


def test_targets_are_the_tokens_that_were_masked(tokenizer, sentences):
    masking = {**RATES, "mask_token_rate": 1.0, "random_token_rate": 0.0}
    preprocessor = xlm_tf.XLMMaskedLMPreprocessor(tokenizer, 32, **masking)
    texts = sentences[:4]
    inputs, targets, weights = preprocessor(texts)
    whole = preprocessor.pack(texts)["token_ids"].numpy()
    ids, positions = inputs["token_ids"].numpy(), inputs["mask_positions"].numpy()
    assert (positions.shape, targets.shape, weights.shape) == ((4, 8),) * 3
    for row in range(4):
        real = weights.numpy()[row] > 0
        assert real.any()
        chosen = positions[row][real]
        np.testing.assert_array_equal(targets.numpy()[row][real], whole[row][chosen])
        assert (ids[row][chosen] == tokenizer.mask_token_id).all()
        others = np.setdiff1d(np.arange(ids.shape[1]), chosen)
        np.testing.assert_array_equal(ids[row][others], whole[row][others])
        assert not set(whole[row][chosen]) & set(tokenizer.special_token_ids)


def test_weights_of_texts_are_those_of_their_targets(tokenizer):
    preprocessor = xlm_tf.XLMMaskedLMPreprocessor(tokenizer, 32, **RATES)
    texts = ["The quick brown fox jumps"] * 2
    _, _, weights = preprocessor(texts, sample_weight=np.array([0.0, 2.0]))
    assert (weights.numpy()[0] == 0).all()
    assert set(weights.numpy()[1]) <= {0.0, 2.0} and weights.numpy()[1].any()


def test_texts_are_their_own_targets(tokenizer):
    preprocessor = xlm_tf.XLMMaskedLMPreprocessor(tokenizer, 32, **RATES)
    with pytest.raises(ValueError, match="are the texts themselves"):
        preprocessor(["fox"], ["dog"])
    inputs, _, _ = preprocessor(np.array([], dtype=object).astype(str))
    assert inputs["token_ids"].shape == (0, 16)
    assert preprocessor.get_config()["mask_selection_rate"] == 0.5
