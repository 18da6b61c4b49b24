import copy
import dataclasses
from pathlib import Path

import pytest
import yaml

from xlm_tf.training.recipe import load_recipe

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
RECIPE = {
    "output": "run",
    "vocabulary": "vocabulary.model",
    "model": {
        "num_layers": 1,
        "num_heads": 2,
        "hidden_dim": 8,
        "intermediate_dim": 16,
        "max_sequence_length": 64,
    },
    "data": {
        "monolingual": {"fr": ["fr.txt"]},
        "bitext": [
            {"source_language": "en", "target_language": "fr", "files": ["p.tsv"]}
        ],
    },
    "held_out": {"monolingual": {"fr": ["fr.txt"]}},
    "training": {"steps": 10, "sequence_length": 64, "rows_per_batch": 8},
}


@pytest.fixture
def load(tmp_path):
    for name in ("vocabulary.model", "fr.txt", "p.tsv"):
        (tmp_path / name).write_text("Bonjour\n", encoding="utf-8")

    def load_changed(change=lambda recipe: None, **overrides):
        recipe = copy.deepcopy(RECIPE)
        change(recipe)
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
        return load_recipe(path, **overrides)

    return load_changed


def test_recipe_has_defaults_paths_and_sorted_languages(load, tmp_path):
    recipe = load()
    assert recipe.output == tmp_path / "run"
    assert recipe.data.monolingual["fr"] == [tmp_path / "fr.txt"]
    assert recipe.objectives == {"mlm": 1.0}
    assert recipe.training.clip_norm == 1.0
    assert recipe.languages == ["en", "fr"]


def test_output_can_be_overridden(load, tmp_path):
    assert load(output=tmp_path / "other").output == tmp_path / "other"


def test_numbers_as_yaml_1_1_reads_them(load):
    recipe = load(lambda r: r["training"].update(learning_rate="1e-4", clip_norm=None))
    assert recipe.training.learning_rate == 1e-4
    assert recipe.training.clip_norm is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda r: r["training"].update(learning_rat=1),
            r"recipe.training.learning_rat is unknown. Did you mean learning_rate\?",
        ),
        (
            lambda r: r.update(modell={}),
            r"recipe.modell is unknown.*Did you mean model",
        ),
        (lambda r: r["training"].pop("steps"), "recipe.training.steps is missing"),
        (lambda r: r.pop("model"), "recipe.model is missing"),
        (lambda r: r["model"].pop("num_heads"), "recipe.model.num_heads is missing"),
        (
            lambda r: r["model"].update(num_head=2),
            "recipe.model.num_head is unknown. Did you mean num_heads",
        ),
        (
            lambda r: r["training"].update(steps="ten"),
            "recipe.training.steps must be of type int. Received: 'ten'",
        ),
        (lambda r: r["training"].update(steps=True), "must be of type int"),
        (lambda r: r["training"].update(steps=0), "steps must be at least 1"),
        (
            lambda r: r["training"].update(learning_rate=0),
            "learning_rate must be greater than 0",
        ),
        (
            lambda r: r["training"].update(dtype="int8"),
            "recipe.training.dtype must be one of float32",
        ),
        (
            lambda r: r["training"].update(sequence_length=128),
            r"must not exceed the model's positions.*128 and 64",
        ),
        (
            lambda r: r["training"].update(accumulation_steps=3),
            "must be divisible by recipe.training.accumulation_steps",
        ),
        (lambda r: r.update(objectives={"nsp": 1}), "recipe.objectives.nsp is unknown"),
        (lambda r: r.update(objectives={"mlm": 0}), "recipe.objectives.mlm must be"),
        (
            lambda r: r.update(objectives={"tlm": 1}),
            "recipe.held_out holds neither bitext nor gettext",
        ),
        (lambda r: r["data"].update(monolingual=[]), "must have fields"),
        (
            lambda r: r["data"]["bitext"][0].update(source_file="fr.txt", files=[]),
            r"recipe.data.bitext\[0\] must have either",
        ),
        (
            lambda r: r["held_out"].update(monolingual={}),
            "recipe.held_out holds no text",
        ),
    ],
)
def test_mistakes_name_the_field(load, change, message):
    with pytest.raises(ValueError, match=message):
        load(change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.update(vocabulary="no.model"), "recipe.vocabulary: there is no"),
        (
            lambda r: r["data"]["monolingual"].update(de=["de.txt"]),
            "recipe.data.monolingual.de: there is no file",
        ),
        (
            lambda r: r["data"]["bitext"][0].update(files=["no.tsv"]),
            r"recipe.data.bitext\[0\]: there is no file",
        ),
    ],
)
def test_missing_files_are_named(load, change, message):
    with pytest.raises(FileNotFoundError, match=message):
        load(change)


def test_what_is_not_a_recipe(tmp_path):
    with pytest.raises(FileNotFoundError, match="no recipe"):
        load_recipe(tmp_path / "none.yaml")
    path = tmp_path / "recipe.yaml"
    path.write_text("a: [", encoding="utf-8")
    with pytest.raises(ValueError, match="is not YAML"):
        load_recipe(path)
    path.write_text("- a list", encoding="utf-8")
    with pytest.raises(ValueError, match="must hold fields"):
        load_recipe(path)


def test_the_documented_recipe_is_valid(tmp_path):
    path = RECIPES / "pretrain_mlm_tlm.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    folder = tmp_path / "recipes"
    folder.mkdir()
    (folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    files = [content["vocabulary"]]
    for part in ("data", "held_out"):
        for own in content[part]["monolingual"].values():
            files += own
        for pair in content[part]["bitext"]:
            files += pair["files"]
    (tmp_path / "corpus").mkdir()
    for file in files:
        (folder / file).write_text("x")
    recipe = load_recipe(folder / path.name)
    assert recipe.languages == ["en", "fr"]
    assert recipe.training.steps == content["training"]["steps"]
    # Whatever can be set is explained.
    fields = {field.name for field in dataclasses.fields(recipe.training)}
    assert fields - set(content["training"]) <= {"beta_1", "beta_2", "epsilon"}
