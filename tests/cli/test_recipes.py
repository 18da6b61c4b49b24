import json

import pytest
import yaml

from xlm_tf.cli import main
from xlm_tf.training.shipped_recipes import shipped_recipes

NAMES = list(shipped_recipes())


def test_list_says_what_each_recipe_is(capsys):
    assert main(["recipes", "list"]) == 0
    said = capsys.readouterr().out
    for name in NAMES:
        assert name in said
    assert "finetune" in said
    assert "English to German" in said


def test_copy_leaves_what_is_there(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["recipes", "copy", "multi30k_en_de"]) == 0
    copy = tmp_path / "multi30k_en_de.yaml"
    text = shipped_recipes()["multi30k_en_de"].read_text(encoding="utf-8")
    assert copy.read_text(encoding="utf-8") == text

    copy.write_text("mine")
    assert main(["recipes", "copy", "multi30k_en_de"]) == 2
    assert "exists and is left as it is" in capsys.readouterr().err
    assert copy.read_text() == "mine"

    (tmp_path / "folder").mkdir()
    assert main(["recipes", "copy", "multi30k_en_de", "folder"]) == 0
    assert (tmp_path / "folder" / "multi30k_en_de.yaml").exists()
    assert main(["recipes", "copy", "multi30k_en_dee"]) == 2
    assert "Did you mean multi30k_en_de?" in capsys.readouterr().err


def test_a_copy_is_there_whole_or_not_at_all(tmp_path, capsys, full_disk):
    full_disk(500)
    copy = tmp_path / "copy.yaml"
    assert main(["recipes", "copy", "multi30k_en_de", str(copy)]) == 2
    assert f"{copy}: " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def recipe(tmp_path):
    """The file of a recipe, a folder with what it names, and its content."""
    (tmp_path / "corpora").mkdir()
    for name in ("train.en", "train.de"):
        (tmp_path / "corpora" / name).write_text("Text.\n")
    content = {
        "output": "run",
        "vocabulary_size": 90,
        "model": {
            "num_layers": 1,
            "num_heads": 2,
            "hidden_dim": 16,
            "intermediate_dim": 32,
        },
        "data": [
            {
                "source_language": "en",
                "target_language": "de",
                "source_file": "train.en",
                "target_file": "train.de",
            }
        ],
        "training": {"steps": 2000},
    }
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(content))
    return path, tmp_path / "corpora", content


def test_validate_says_all_mistakes_at_once(recipe, capsys):
    path, corpora, content = recipe
    command = ["recipes", "validate", str(path), "--data", str(corpora)]
    assert main(command) == 0
    assert "`xlm-tf finetune` can run" in capsys.readouterr().out
    del content["output"]
    path.write_text(yaml.safe_dump(content))
    assert main(command) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert "output is missing. Or give `--output`." in line
    long = content | {"training": {"steps": 2, "source_length": 1024}}
    path.write_text(yaml.safe_dump(long))
    assert main(command) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "output is missing" in lines[0]
    assert any("source_length must not exceed" in line for line in lines[1:])
    path.write_text(yaml.safe_dump(content))
    assert main([*command, "--output", "run"]) == 0
    assert "can run" in capsys.readouterr().out
    content["output"] = "run"

    content["training"].update(steps=0, learning_rat=1, schedule="sine")
    content["model"]["hidden_dim"] = 17
    path.write_text(yaml.safe_dump(content))
    assert main(["recipes", "validate", str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith(f"{path}: recipe.") for line in lines)
    for number, beginning in enumerate(
        (
            "data[0].source_file: there is no file",
            "data[0].target_file: there is no file",
            "model: hidden_dim must be divisible by num_heads",
            "training.learning_rat is unknown. Did you mean learning_rate?",
            "training.schedule must be 'inverse_square_root'",
            "training.steps must be greater than or equal to 1. Received: 0.",
        )
    ):
        found = sorted(line.removeprefix(f"{path}: recipe.") for line in lines)
        assert found[number].startswith(beginning)
    assert len(lines) == 6


def test_a_vocabulary_is_validated(recipe, capsys):
    path, corpora, content = recipe
    del content["vocabulary_size"]
    files = {
        "vocabulary": "corpora/train.en",
        "bpe": {"vocabulary": "corpora/train.en", "codes": "corpora/train.de"},
    }
    for name, value in files.items():
        path.write_text(yaml.safe_dump(content | {name: value}))
        command = ["recipes", "validate", str(path), "--data", str(corpora)]
        assert main(command) == 1
        (line,) = capsys.readouterr().out.splitlines()
        assert line.startswith(f"{path}: recipe.{name}")


def test_contradictions_are_said_beside_missing_files(recipe, capsys):
    path, _, content = recipe
    content["training"]["source_length"] = 1024
    content["training"]["tokens_per_batch"] = 4096
    path.write_text(yaml.safe_dump(content))
    assert main(["recipes", "validate", str(path)]) == 1
    *missing, length = capsys.readouterr().out.splitlines()
    assert len(missing) == 2
    assert "source_length must not exceed the model's positions" in length


def test_a_training_says_every_mistake_in_a_line(recipe, capsys):
    path, corpora, content = recipe
    content["training"].update(steps=0, beta_1=1.0)
    path.write_text(yaml.safe_dump(content))
    assert main(["finetune", str(path), "--data", str(corpora)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"error: {path}: recipe.training.") for line in lines)
    assert main(["pretrain", str(path)]) == 2
    assert "is a recipe of `xlm-tf finetune`" in capsys.readouterr().err


def test_a_study_is_validated(recipe, capsys):
    path, corpora, _ = recipe
    study = {
        "recipe": path.name,
        "output": "study",
        "search": {"training.learning_rate": {"choices": [1e-4, 1e-3]}},
        "sampler": "grid",
    }
    file = path.parent / "study.yaml"
    command = ["recipes", "validate", str(file), "--data", str(corpora)]
    file.write_text(yaml.safe_dump(study))
    assert main(command) == 0
    said = capsys.readouterr().out
    assert said == f"{file}: a study that `xlm-tf tune` can run.\n"

    study["search"]["training.rate"] = {"low": 1, "high": 2}
    file.write_text(yaml.safe_dump({**study, "seeds": [1, 1]}))
    assert main(command) == 1
    assert f"{file}: study.seeds" in capsys.readouterr().out
    file.write_text(yaml.safe_dump(study))
    assert main(command) == 1
    assert "recipe.training.rate is unknown" in capsys.readouterr().out


STUDY = {"recipe": "sentiment", "output": "study", "search": {}}
CLEANING = {"output": "cleaned", "data": {}, "rules": {}}


@pytest.mark.parametrize(
    ("command", "content", "expected"),
    [
        ("finetune", STUDY, "has `search`, as files of `xlm-tf tune` have"),
        ("pretrain", CLEANING, "has `rules`, as files of `xlm-tf clean` have"),
        ("clean", STUDY, "Expected a file of `xlm-tf clean`"),
        ("clean", None, "has `training`, as files of `xlm-tf pretrain` or `finetune`"),
        ("tune", CLEANING, "Expected a file of `xlm-tf tune`"),
        ("tune", None, "Expected a file of `xlm-tf tune`"),
    ],
)
def test_a_file_of_another_command_is_named(recipe, capsys, command, content, expected):
    path, _, of_finetune = recipe
    path.write_text(yaml.safe_dump(content or of_finetune))
    assert main([command, str(path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line


@pytest.mark.parametrize(
    ("kind", "field"),
    [("embedding", "pooling"), ("tune", "search"), ("clean", "rules")],
)
def test_every_kind_has_a_schema(kind, field, capsys):
    assert main(["recipes", "schema", kind]) == 0
    assert field in json.loads(capsys.readouterr().out)["properties"]


def test_schema_knows_fields_their_limits_and_meaning(capsys):
    assert main(["recipes", "schema", "pretrain"]) == 0
    schema = json.loads(capsys.readouterr().out)
    settings = schema["$defs"]["PretrainingSettings"]
    assert settings["additionalProperties"] is False
    assert settings["properties"]["batch_size"] == {
        "default": 32,
        "description": "Packed sequences of an update, over all GPUs and accumulation "
        "steps.",
        "minimum": 1,
        "title": "Batch Size",
        "type": "integer",
    }
    assert set(schema["properties"]["objectives"]["properties"]) == {
        *("mlm", "tlm", "clm", "pc", "dae", "infilling", "mt", "bt")
    }
    assert main(["recipes", "schema"]) == 0
    both = json.loads(capsys.readouterr().out)
    assert {"PretrainingRecipe", "FinetuningRecipe"} <= set(both["$defs"])
