"""LoRA: what is adapted, that it trains, and that saving keeps it."""

import keras
import numpy as np
import pytest

import xlm_tf
from xlm_tf.models.low_rank_adaptation import copy_weights
from xlm_tf.private_keras import nested_layers

IDS = np.array([[0, 9, 8, 2], [0, 7, 2, 1]])
INPUTS = {
    "encoder_token_ids": IDS,
    "encoder_padding_mask": (IDS != 1).astype("int32"),
    "decoder_token_ids": IDS[:, :-1],
    "decoder_padding_mask": np.ones((2, 3), "int32"),
}


@pytest.fixture
def seq2seq(make_backbone):
    backbone = xlm_tf.XLMSeq2SeqBackbone(make_backbone(num_layers=1))
    return xlm_tf.XLMSeq2SeqLM(backbone)


def adapted(model):
    layers = nested_layers(model)
    return [layer.path for layer in layers if getattr(layer, "lora_enabled", False)]


def shift(model):
    """Move the update away from its zero."""
    for weight in model.trainable_weights:
        if "lora_kernel_b" in weight.path:
            weight.assign(0.3 * keras.random.normal(weight.shape, seed=1))


def test_every_attention_of_an_encoder_decoder_is_adapted(seq2seq):
    seq2seq.enable_lora(2)
    layers = adapted(seq2seq.backbone)
    assert sorted(layer.split("/")[-1] for layer in layers) == [
        "key_value_dense",
        "qkv_dense",
        "qkv_dense",
        "query_dense",
    ]
    blocks = [
        seq2seq.backbone.encoder.encoder_blocks[0],
        *seq2seq.backbone.decoder_blocks,
    ]
    assert all(block.attention.qkv_dense.lora_enabled for block in blocks)
    source_attention = blocks[1].source_attention
    assert source_attention.query_dense.lora_enabled
    assert source_attention.key_value_dense.lora_enabled
    # Two factors each, and nothing else of the backbone; the head learns too.
    factors = seq2seq.backbone.trainable_weights
    assert len(factors) == 8
    assert all("lora_kernel" in weight.path for weight in factors)
    head = [x for x in seq2seq.trainable_weights if "lora_kernel" not in x.path]
    assert [weight.name for weight in head] == ["bias"]


def test_it_trains_and_saving_merges_it(seq2seq, tmp_path):
    seq2seq.enable_lora(2)
    seq2seq.compile(optimizer=keras.optimizers.Adam(0.05))
    frozen = [np.array(x) for x in seq2seq.backbone.non_trainable_weights]
    before = [np.array(x) for x in seq2seq.backbone.trainable_weights]
    losses = seq2seq.fit(INPUTS, IDS[:, 1:], batch_size=2, epochs=4, verbose=0).history[
        "loss"
    ]
    assert losses[-1] < losses[0]
    for old, new in zip(before, seq2seq.backbone.trainable_weights, strict=True):
        assert np.abs(old - np.array(new)).max() > 0, new.path
    for old, new in zip(frozen, seq2seq.backbone.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(old, new)
    expected = np.array(seq2seq(INPUTS))
    seq2seq.save_to_preset(tmp_path / "preset")
    loaded = xlm_tf.XLMSeq2SeqLM.from_preset(tmp_path / "preset")
    assert not adapted(loaded)
    np.testing.assert_allclose(loaded(INPUTS), expected, atol=1e-5)


def test_the_factors_alone_are_the_whole_update(seq2seq, tmp_path):
    backbone = seq2seq.backbone
    backbone.save_to_preset(tmp_path / "preset")
    backbone.enable_lora(2)
    shift(backbone)
    expected = np.array(backbone(INPUTS)["decoder_sequence_output"])
    backbone.save_lora_weights(tmp_path / "update.lora.h5")
    other = xlm_tf.XLMSeq2SeqBackbone.from_preset(tmp_path / "preset")
    assert np.abs(other(INPUTS)["decoder_sequence_output"] - expected).max() > 1e-3
    other.load_lora_weights(tmp_path / "update.lora.h5")
    np.testing.assert_allclose(
        other(INPUTS)["decoder_sequence_output"], expected, atol=1e-6
    )


def test_an_adapted_model_begins_another(make_backbone, tokenizer):
    masked_lm = xlm_tf.XLMMaskedLM(make_backbone(num_layers=1))
    masked_lm.enable_lora(2)
    shift(masked_lm)
    translator = xlm_tf.XLMSeq2SeqLM.from_masked_lm(masked_lm)
    # The decoder's self-attention is the encoder's, its update merged.
    block = translator.backbone.decoder_blocks[0]
    source = masked_lm.backbone.encoder_blocks[0].attention.qkv_dense
    np.testing.assert_allclose(
        block.attention.qkv_dense.kernel, source.kernel, atol=1e-6
    )
    copy = make_backbone(num_layers=1)
    copy_weights(masked_lm.backbone, copy)
    np.testing.assert_allclose(copy(IDS), masked_lm.backbone(IDS), atol=1e-6)


def test_other_projections_are_named(make_backbone):
    backbone = make_backbone(num_layers=1)
    backbone.enable_lora(2, ["output_dense"])
    assert len(adapted(backbone)) == 2  # of attention and feed-forward
    for arguments, message in (
        ((0,), "1 at least. Received: rank=0"),
        ((2, ["query"]), r"are intermediate_dense, output_dense, qkv_dense. Received"),
        ((2, []), r"Received: target_layer_names=\[\]"),
    ):
        with pytest.raises(ValueError, match=message):
            make_backbone(num_layers=1).enable_lora(*arguments)
