"""One reading of names, wherever a model is named."""

from pathlib import Path

import pytest

import xlm_tf
from xlm_tf.checkpoints.model_names import resolve
from xlm_tf.cli import main
from xlm_tf.models.loading import load_task
from xlm_tf.training.recipe_loader import load_recipe

FOLDER = Path(__file__).resolve().parents[1] / "data" / "checkpoints"


def test_names_addresses_folders_and_files(tmp_path):
    for name in ("xlm_roberta_base", "hf://any/model", "kaggle://a/b/keras/c"):
        assert resolve(name) == name
        assert resolve(name, tmp_path) == name
    (tmp_path / "model").mkdir()
    assert resolve("model", tmp_path) == resolve(tmp_path / "model")
    with pytest.raises(FileNotFoundError, match="There is no model model"):
        resolve("model")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("xlm-roberta-base", "xlm_roberta_base"),
        ("FacebookAI/xlm-roberta-large", "xlm_roberta_large"),
        ("XLM_R_base", "xlm_roberta_base"),
        ("xlmr-large", "xlm_roberta_large"),
        ("xlm-mlm-enfr-1024", "xlm_mlm_enfr_1024"),
        ("facebook/xlm-roberta-xll", "xlm_roberta_xl"),
        ("xlmtiny", "xlm_tiny"),
        (Path("hf://owner/name"), "hf://owner/name, as a str"),
        ("hg://FacebookAI/xlm-roberta-base", "xlm_roberta_base"),
    ],
)
def test_the_nearest_of_ours_is_suggested(name, nearest):
    with pytest.raises(FileNotFoundError) as caught:
        resolve(name)
    assert f"There is no model {name}. Did you mean {nearest}?" in str(caught.value)


def test_a_name_like_none_of_ours():
    with pytest.raises(FileNotFoundError) as caught:
        resolve("bert_base_en")
    assert "Did you mean" not in str(caught.value)
    assert "xlm_tiny" in str(caught.value)


@pytest.mark.parametrize(
    "entrance",
    [
        xlm_tf.XLMBackbone.from_preset,
        xlm_tf.XLMTextEmbedder.from_preset,
        xlm_tf.XLMCausalLM.from_preset,
        xlm_tf.XLMSeq2SeqLM.from_preset,
        xlm_tf.XLMSeq2SeqLM.from_masked_lm,
        load_task,
    ],
)
def test_every_entrance_of_python(entrance, tmp_path):
    with pytest.raises(FileNotFoundError, match="Did you mean xlm_roberta_base"):
        entrance("xlm-roberta-base")
    with pytest.raises(FileNotFoundError, match="holds no model"):
        entrance(tmp_path)


@pytest.mark.parametrize(
    "command",
    [
        "trim {} out --languages en",
        "extend {} out --token a",
        "translate --model {}",
        "summarize --model {}",
        "export saved-model {} out",
        "export tflite {} out",
    ],
)
def test_every_command(command, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(command.format("xlm-roberta-base").split()) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "Did you mean xlm_roberta_base?" in line
    assert not list(tmp_path.iterdir())


def test_recipes(tmp_path):
    path = tmp_path / "recipe.yaml"
    text = "{output: out, data: [], held_out: [], training: {steps: 1}, initial_model: "
    path.write_text(text + "xlm-tiny}")
    with pytest.raises(ValueError, match=r"initial_model: .* mean xlm_tiny\?"):
        load_recipe(path)
    path.write_text(text + "[xlm_tiny]}")
    with pytest.raises(ValueError, match="initial_model must be text"):
        load_recipe(path)


def test_what_a_path_holds_is_said(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match=r"Did you mean .*/model\?"):
        load_task(tmp_path)
    (tmp_path / "model.keras").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match=r"keras\.models\.load_model"):
        xlm_tf.XLMTextClassifier.from_preset(tmp_path / "model.keras")


def test_files_of_fairseq_by_any_name(tmp_path):
    path = tmp_path / "checkpoint_best.pt"
    path.write_bytes((FOLDER / "xlmr_fairseq_split" / "model.pt").read_bytes())
    assert isinstance(load_task(path), xlm_tf.XLMMaskedLM)


def test_presets_of_the_package_are_tasks_again(tmp_path):
    model = xlm_tf.XLMTextEmbedder.from_preset("xlm_tiny")
    model.save_to_preset(tmp_path / "embedder")
    assert isinstance(load_task(str(tmp_path / "embedder")), xlm_tf.XLMTextEmbedder)
    model.backbone.save_to_preset(tmp_path / "backbone")
    with pytest.raises(FileNotFoundError, match="is not a saved task"):
        load_task(tmp_path / "backbone")
