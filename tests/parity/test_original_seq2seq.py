"""XLM's own files of trainings to translate: the logits of PyTorch."""

import numpy as np
import pytest

import xlm_tf

torch = pytest.importorskip("torch")
from tests.parity.original_seq2seq import (  # noqa: E402 (torch may be missing)
    content,
    logits,
    random_pair,
    save,
)
from tests.parity.other_formats import WORDS  # noqa: E402

pytestmark = pytest.mark.parity

SOURCE = np.array([[1, 15, 20, 16, 1], [1, 23, 1, 2, 2]])
TARGET = np.array([[1, 17, 18, 22], [1, 19, 14, 15]])


def expected_logits(encoder, decoder):
    source, target = torch.tensor(SOURCE), torch.tensor(TARGET)
    return logits(
        encoder,
        decoder,
        source,
        torch.zeros_like(source),
        target,
        torch.ones_like(target),
    ).numpy()


def own_logits(model):
    inputs = {
        "encoder_token_ids": SOURCE,
        "encoder_padding_mask": SOURCE != 2,
        "encoder_language_ids": np.zeros_like(SOURCE),
        "decoder_token_ids": TARGET,
        "decoder_language_ids": np.ones_like(TARGET),
    }
    return np.array(model(inputs))


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("decoder_layers", [2, 1])
def test_logits(tmp_path, prefix, decoder_layers):
    encoder, decoder = random_pair(decoder_layers)
    path = save(content(encoder, decoder, prefix), tmp_path)
    model = xlm_tf.XLMSeq2SeqLM.from_preset(path)
    assert model.backbone.num_decoder_layers == decoder_layers
    expected = expected_logits(encoder, decoder)
    np.testing.assert_allclose(own_logits(model), expected, atol=1e-4)


def test_a_projection_of_its_own(tmp_path):
    encoder, decoder = random_pair()
    weight = decoder.embeddings.weight.detach()
    decoder.pred_layer.proj.weight = torch.nn.Parameter(weight.flip(0) + 0.1)
    model = xlm_tf.XLMSeq2SeqLM.from_preset(save(content(encoder, decoder), tmp_path))
    assert not model.tied
    expected = expected_logits(encoder, decoder)
    np.testing.assert_allclose(own_logits(model), expected, atol=1e-4)


def test_tokens_of_a_target_begin_and_end_as_in_xlm(tmp_path):
    path = save(content(*random_pair()), tmp_path)
    model = xlm_tf.load_task(path)
    assert type(model) is xlm_tf.XLMSeq2SeqLM
    preprocessor = model.preprocessor
    assert preprocessor.languages == ["en", "fr"]
    inputs, targets, weights = preprocessor(
        {
            "text": ["hello hel"],
            "target_text": ["hello"],
            "source_language": "en",
            "target_language": "fr",
        }
    )
    hello = WORDS.index("hello")
    source = [1, hello, WORDS.index("he@@"), WORDS.index("l"), 1]
    assert np.array(inputs["encoder_token_ids"])[0, :5].tolist() == source
    assert np.array(inputs["decoder_token_ids"])[0, :2].tolist() == [1, hello]
    assert np.array(targets)[0, :2].tolist() == [hello, 1]
    assert np.array(inputs["decoder_language_ids"]).max() == 1
    assert np.array(weights).sum() == 2
    model.compile(sampler="greedy")
    text = model.generate("hello", source_language="en", target_language="fr")
    assert isinstance(text, str)


def test_other_tasks_take_the_encoder(tmp_path):
    encoder, decoder = random_pair()
    path = save(content(encoder, decoder), tmp_path)
    masked_lm = xlm_tf.XLMMaskedLM.from_preset(path)
    inputs = {"token_ids": SOURCE, "padding_mask": SOURCE != 2}
    inputs["language_ids"] = np.zeros_like(SOURCE)
    ids = torch.tensor(SOURCE)
    with torch.no_grad():
        states = encoder(ids, torch.zeros_like(ids))
        expected = encoder.pred_layer.proj(states).numpy()
    mask = SOURCE != 2
    actual = np.array(masked_lm(inputs))[mask]
    np.testing.assert_allclose(actual, expected[mask], atol=1e-4)
    classifier = xlm_tf.XLMTextClassifier.from_preset(path, num_classes=3)
    assert classifier.backbone.num_layers == 2


def test_what_a_decoder_lacks_or_has_too_much_is_named(tmp_path):
    encoder, decoder = random_pair()
    whole = content(encoder, decoder)
    for name, message in (
        ("layer_norm15.1.bias", r"lacks .*decoder\.layer_norm15\.1\.bias"),
        ("encoder_attn.0.k_lin.weight", r"lacks .*decoder\.encoder_attn\.0\.k_lin"),
        ("pred_layer.proj.bias", r"lacks .*decoder\.pred_layer\.proj\.bias"),
    ):
        own = {key: x for key, x in whole["decoder"].items() if key != name}
        path = save({**whole, "decoder": own}, tmp_path)
        with pytest.raises(ValueError, match=message):
            xlm_tf.XLMSeq2SeqLM.from_preset(path)
    extra = {**whole["decoder"], "memories.0.values.weight": torch.ones(2, 2)}
    path = save({**whole, "decoder": extra}, tmp_path)
    with pytest.raises(ValueError, match=r"has: decoder\.memories\.0\.values"):
        xlm_tf.XLMSeq2SeqLM.from_preset(path)
    wide = {**whole["decoder"], "layer_norm15.0.bias": torch.ones(17)}
    path = save({**whole, "decoder": wide}, tmp_path)
    with pytest.raises(ValueError, match=r"shape \(17,\)"):
        xlm_tf.XLMSeq2SeqLM.from_preset(path)
    no_attention = {
        key: x for key, x in whole["decoder"].items() if "encoder_attn" not in key
    }
    path = save({**whole, "decoder": no_attention}, tmp_path)
    with pytest.raises(ValueError, match="attends to no source"):
        xlm_tf.XLMSeq2SeqLM.from_preset(path)


def test_an_encoder_alone_is_no_encoder_decoder(tmp_path):
    whole = content(*random_pair())
    del whole["decoder"]
    path = save(whole, tmp_path)
    for model_class in (xlm_tf.XLMSeq2SeqLM, xlm_tf.XLMSeq2SeqBackbone):
        with pytest.raises(ValueError, match="from_masked_lm"):
            model_class.from_preset(path)
    assert type(xlm_tf.load_task(path)) is xlm_tf.XLMMaskedLM
    model = xlm_tf.XLMSeq2SeqLM.from_masked_lm(path)
    assert model.backbone.num_decoder_layers == 2
