"""fairseq's and XLM's own files, written from a random model of transformers."""

import argparse

import numpy as np
import pytest

import xlm_tf

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
from tests.parity.other_formats import (  # noqa: E402 (torch may be missing)
    SETTINGS,
    WORDS,
    fairseq_state,
    save_original,
)

pytestmark = pytest.mark.parity

VALUES = {
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 22,
    "type_vocab_size": 1,
    "initializer_range": 0.5,
    "layer_norm_eps": 1e-5,
}


def reference(family):
    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(**VALUES, pad_token_id=1)
    model = getattr(transformers, f"{family}ForMaskedLM")(config).eval()
    model.roberta.embeddings.token_type_embeddings.weight.data.zero_()
    for parameter in model.parameters():
        if parameter.dim() == 1:
            parameter.data += 0.3 * torch.randn_like(parameter)
    return model


@pytest.mark.parametrize("family", ["XLMRoberta", "XLMRobertaXL"])
@pytest.mark.parametrize(
    ("prefix", "is_packed", "key", "settings"),
    [
        ("decoder", True, "args", argparse.Namespace(**SETTINGS)),
        ("encoder", False, "cfg", {"model": argparse.Namespace(**SETTINGS)}),
        ("encoder", False, "cfg", {"model": SETTINGS}),
    ],
)
def test_fairseq(family, prefix, is_packed, key, settings, tmp_path):
    model = reference(family)
    state = fairseq_state(model, prefix, is_packed)
    torch.save({key: settings, "model": state}, tmp_path / "model.pt")
    masked_lm = xlm_tf.XLMMaskedLM.from_preset(tmp_path)
    ids = np.array([[0, 9, 30, 8, 12, 45, 7, 2], [0, 33, 6, 2, 1, 1, 1, 1]])
    with torch.no_grad():
        expected = model(torch.tensor(ids), torch.tensor(ids != 1).long())
    mask = ids != 1
    logits = np.array(masked_lm(ids))[mask]
    np.testing.assert_allclose(logits, expected.logits.numpy()[mask], atol=1e-4)


def test_what_fairseq_files_lack_is_named(tmp_path):
    state = fairseq_state(reference("XLMRoberta"), "encoder", False)
    path = tmp_path / "model.pt"
    torch.save({"args": argparse.Namespace(), "model": state}, path)
    with pytest.raises(ValueError, match="encoder_attention_heads"):
        xlm_tf.XLMBackbone.from_preset(tmp_path)
    extra = {**state, "encoder.sentence_encoder.surprise": torch.ones(2)}
    torch.save({"args": argparse.Namespace(**SETTINGS), "model": extra}, path)
    with pytest.raises(ValueError, match=r"has: encoder\.sentence_encoder\.surprise"):
        xlm_tf.XLMBackbone.from_preset(path)
    del state["encoder.sentence_encoder.layers.1.fc2.bias"]
    torch.save({"args": argparse.Namespace(**SETTINGS), "model": state}, path)
    with pytest.raises(ValueError, match=r"lacks .*layer\.1\.output\.dense\.bias"):
        xlm_tf.XLMBackbone.from_preset(path)


@pytest.mark.parametrize("is_wrapped", [True, False])
def test_original_xlm(tmp_path, is_wrapped):
    torch.manual_seed(0)
    config = transformers.XLMConfig(
        vocab_size=len(WORDS),
        emb_dim=16,
        n_layers=2,
        n_heads=2,
        max_position_embeddings=20,
        n_langs=2,
        init_std=0.5,
        embed_init_std=0.5,
    )
    model = transformers.XLMWithLMHeadModel(config).eval()
    save_original(model, tmp_path, is_wrapped)
    masked_lm = xlm_tf.XLMMaskedLM.from_preset(tmp_path / "mlm.pth")
    preprocessor = masked_lm.preprocessor
    assert preprocessor.languages == ["en", "fr"]
    inputs = preprocessor.pack({"text": ["hello hel"], "language": ["fr"]})
    ids = inputs["token_ids"].numpy()
    words = ["hello", "he@@", "l"]
    assert ids[0, :5].tolist() == [1, *(WORDS.index(word) for word in words), 1]
    with torch.no_grad():
        expected = model(
            torch.tensor(ids).long(),
            attention_mask=torch.tensor(ids != 2).long(),
            langs=torch.ones(ids.shape).long(),
        )
    mask = ids != 2
    logits = np.array(masked_lm(inputs))[mask]
    np.testing.assert_allclose(logits, expected.logits.numpy()[mask], atol=1e-4)
