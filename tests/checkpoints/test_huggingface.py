"""Stored checkpoints of transformers, see tests/parity/make_fixtures.py."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import xlm_tf

FOLDER = Path(__file__).resolve().parents[1] / "data" / "checkpoints"
TASKS = {"classes": "XLMTextClassifier", "tags": "XLMTokenClassifier"}
TASKS |= {"answers": "XLMQuestionAnswering"}
OTHERS = ("xlm_translation_pth",)  # transformers has no encoder-decoder of XLM
NAMES = sorted(path.name for path in FOLDER.iterdir() if path.name not in OTHERS)


@pytest.mark.parametrize("name", NAMES)
def test_the_numbers_are_those_of_transformers(name):
    expected = np.load(FOLDER / name / "expected.npz")
    mask = expected["attention_mask"] > 0
    inputs = {"token_ids": expected["input_ids"], "padding_mask": mask}
    for ours, theirs in (("language_ids", "langs"), ("token_type_ids",) * 2):
        if theirs in expected:
            inputs[ours] = expected[theirs]
    task = TASKS.get(name.split("_")[-1], "XLMMaskedLM")
    model = getattr(xlm_tf, task).from_preset(FOLDER / name)
    logits, others = np.array(model(inputs)), expected["logits"]
    if task == "XLMTextClassifier":
        mask = np.ones(3, bool) if name.startswith("xlmr") else mask[:, 0]
    if name == "xlm_causal":
        mask[2] = False  # transformers' causal mask lets texts see padding on the left
    np.testing.assert_allclose(logits[mask], others[mask], atol=1e-4)
    np.testing.assert_array_equal(logits[mask].argmax(-1), others[mask].argmax(-1))
    if task == "XLMTextClassifier":
        mask = expected["attention_mask"] > 0
    states = model.backbone.hidden_states(inputs)
    for actual, other in zip(states, expected["states"], strict=True):
        np.testing.assert_allclose(
            np.array(actual)[mask], other[mask], rtol=1e-5, atol=1e-5
        )


def test_labels_are_carried():
    for name in ("xlm_tags", "xlmr_tags"):
        tagger = xlm_tf.XLMTokenClassifier.from_preset(FOLDER / name)
        assert tagger.labels == ["O", "B-PER", "I-PER"]
    classifier = xlm_tf.XLMTextClassifier.from_preset(FOLDER / "xlmr_classes")
    assert classifier.labels == ["O", "B-PER", "I-PER"]
    other = xlm_tf.XLMTextClassifier.from_preset(
        FOLDER / "xlmr_classes", labels=["bad", "good"]
    )
    assert (other.num_classes, other.labels) == (2, ["bad", "good"])


@pytest.fixture
def change(tmp_path):
    """Copies a checkpoint and changes its tensors or its configuration."""

    def change(tensors=None, config=None, remove=()):
        folder = tmp_path / "changed"
        shutil.copytree(FOLDER / "xlmr", folder)
        weights = load_file(folder / "model.safetensors")
        weights = {k: v for k, v in weights.items() if k not in remove}
        save_file({**weights, **(tensors or {})}, folder / "model.safetensors")
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **(config or {})}))
        return folder

    return change


NORM = "roberta.embeddings.LayerNorm.bias"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"remove": [NORM]}, f"lacks the tensor {NORM}"),
        ({"tensors": {"roberta.x.y": np.ones(2)}}, r"no model .* has: roberta\.x\.y"),
        ({"tensors": {NORM: np.ones(3, "float32")}}, rf"{NORM} .* shape \(3,\)"),
        ({"config": {"model_type": "roberta"}}, "a model of type 'roberta'"),
        ({"config": {"add_cross_attention": True}}, "add_cross_attention=True, which"),
        (
            {"config": {"hidden_act": "silu"}},
            "hidden_act='silu', which is not supported",
        ),
        ({"remove": ["lm_head.bias"]}, r"lacks the tensor lm_head\.bias"),
    ],
)
def test_what_does_not_fit_is_named(change, changes, message):
    with pytest.raises(ValueError, match=message):
        xlm_tf.XLMMaskedLM.from_preset(change(**changes))


def test_a_new_head_must_be_asked_for():
    with pytest.raises(ValueError, match="pass num_classes or labels"):
        xlm_tf.XLMTextClassifier.from_preset(FOLDER / "xlmr")
    task = xlm_tf.XLMTextClassifier.from_preset(FOLDER / "xlmr", num_classes=4)
    assert task(np.array([[0, 5, 6, 2]])).shape == (1, 4)


def test_without_weights():
    one, other = (
        xlm_tf.XLMBackbone.from_preset(FOLDER / "xlmr", load_weights=load)
        for load in (True, False)
    )
    assert one.get_config()["num_layers"] == other.get_config()["num_layers"] == 2
    ids = np.array([[0, 5, 6, 2]])
    assert not np.allclose(one(ids), other(ids))


MEMORY = """
import resource, sys
import xlm_tf

def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

xlm_tf.XLMBackbone(10, 1, 1, 8, 16)
before = most()
xlm_tf.XLMBackbone.from_preset(sys.argv[1])
print(most() - before)
"""


@pytest.mark.slow
def test_memory(tmp_path):
    backbone = xlm_tf.XLMBackbone(400_000, 2, 4, 256, 1024, position_offset=2)
    backbone.save_to_huggingface(tmp_path)
    size = (tmp_path / "model.safetensors").stat().st_size
    del backbone
    result = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=FOLDER.parents[2],
    )
    assert size > 4e8
    assert int(result.stdout.splitlines()[-1]) < 2.2 * size


def test_missing_weights(tmp_path):
    shutil.copy(FOLDER / "xlmr" / "config.json", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"neither model\.safetensors nor"):
        xlm_tf.XLMBackbone.from_preset(tmp_path)
