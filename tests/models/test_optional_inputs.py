"""What a model's dict of inputs may hold."""

import numpy as np
import pytest
import tensorflow as tf

import xlm_tf

IDS = np.array([[0, 9, 8, 2]])


@pytest.mark.parametrize("in_graph", [False, True])
def test_unknown_keys_are_refused(make_backbone, in_graph):
    backbone = make_backbone(num_layers=1)
    for model in (
        backbone,
        xlm_tf.XLMTextEmbedder(backbone),
        xlm_tf.XLMMaskedLM(backbone),
    ):
        call = tf.function(model) if in_graph else model
        for inputs, message in (
            ({"token_ids": IDS, "attention_mask": IDS}, "attention_mask is padding_ma"),
            ({"input_ids": IDS}, "input_ids is token_ids"),
            ({"token_ids": IDS, "languages": IDS}, "Received: languages, token_ids"),
            ({"padding_mask": IDS}, "Inputs are token_ids, and where they apply"),
        ):
            with pytest.raises(ValueError, match=message):
                call(inputs)


def test_the_known_keys_are_the_models_own(make_backbone):
    backbone = make_backbone(num_layers=1)
    masked_lm = xlm_tf.XLMMaskedLM(backbone)
    positions = {"mask_positions": np.array([[1]])}
    assert masked_lm({"token_ids": IDS, **positions}).shape[:2] == (1, 1)
    with pytest.raises(ValueError, match="Received: mask_positions, token_ids"):
        backbone({"token_ids": IDS, **positions})
    seq2seq = xlm_tf.XLMSeq2SeqBackbone(backbone)
    with pytest.raises(ValueError, match="encoder_token_ids and decoder_token_ids"):
        seq2seq({"encoder_token_ids": IDS})
    with pytest.raises(ValueError, match="decoder_attention_mask"):
        seq2seq(
            {
                "encoder_token_ids": IDS,
                "decoder_token_ids": IDS,
                "decoder_attention_mask": IDS,
            }
        )


def test_texts_are_no_token_ids(make_backbone):
    backbone = make_backbone(num_layers=1)
    for texts in (tf.constant([["a"]]), np.array([["a"]])):
        with pytest.raises(ValueError, match="takes token ids, not texts"):
            backbone({"token_ids": texts})
