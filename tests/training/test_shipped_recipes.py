"""The recipes of the package."""

import functools
import gzip
import json

import pytest
import yaml

from xlm_tf import XLMBackbone, XLMMaskedLM, XLMMaskedLMPreprocessor
from xlm_tf.checkpoints.released_models import PRESETS
from xlm_tf.training.recipe_loader import load_recipe
from xlm_tf.training.shipped_recipes import find_recipe, shipped_recipes


def beginning_of(file, content):
    """What a file of a recipe begins with."""
    row = {"title": "a", "question": "b", "context": "c", "answers": []}
    row |= {"tokens": ["x"], "tags": ["O"]}
    if ".jsonl" in file:
        return json.dumps(row) + "\n"
    columns = {"text": "text", "label": "label", **content}
    columns = [columns.get(x) for x in ("text", "text_pair", "label", "group")]
    columns = [name for name in columns if name is not None]
    return "\t".join(columns) + "\n" + "\t".join("x" for _ in columns) + "\n"


@functools.cache
def model_of_another_recipe():
    tokenizer = XLMMaskedLM.from_preset("xlm_tiny").preprocessor.tokenizer
    backbone = XLMBackbone(
        vocabulary_size=tokenizer.vocabulary_size(),
        num_layers=4,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=16,
        max_sequence_length=256,
        num_languages=3,
    )
    preprocessor = XLMMaskedLMPreprocessor(
        tokenizer, sequence_length=256, languages=["de", "en", "fr"]
    )
    return XLMMaskedLM(backbone, preprocessor)


@pytest.mark.parametrize("path", shipped_recipes().values(), ids=lambda p: p.stem)
def test_they_are_valid(path, tmp_path):
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    folder = tmp_path / "recipes"
    folder.mkdir()
    (folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    parts = [content.get(part) or [] for part in ("data", "held_out", "test")]
    files = [content["vocabulary"]] if "vocabulary" in content else []
    for part in parts:
        entries = part
        if isinstance(part, dict):
            entries = part.get("bitext", [])
            for own in part["monolingual"].values():
                files += own
        for entry in entries:
            files += entry.get("files", [])
            files += [entry[x] for x in ("source_file", "target_file") if x in entry]
    for file in files:
        (folder / file).parent.mkdir(exist_ok=True)
        # Of tables the first row is read.
        is_packed = file.endswith(".gz")
        with (gzip.open if is_packed else open)(folder / file, "wt") as stream:
            stream.write(beginning_of(file, content))
    for file in content.get("initial_embeddings", {}).values():
        (folder / file).parent.mkdir(exist_ok=True)
        width = content["model"]["hidden_dim"]
        (folder / file).write_text(f"1 {width}\nx {' '.join(['0.5'] * width)}\n")
    initial_model = content.get("initial_model")
    if initial_model is not None and initial_model not in PRESETS:
        model = (folder / initial_model).resolve()
        model_of_another_recipe().save_to_preset(model)
    recipe = load_recipe(folder / path.name)
    assert recipe.training.steps == content["training"]["steps"]
    assert recipe.model.given() == content.get("model", {})
    assert recipe.notices() == []


def test_a_file_goes_before_a_name_and_paths_start_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shipped = shipped_recipes()["multi30k_en_de"]
    assert find_recipe("multi30k_en_de") == (shipped, tmp_path)
    path = tmp_path / "folder" / "own.yaml"
    path.parent.mkdir()
    path.write_text("output: run")
    assert find_recipe(path) == (path, path.parent)
    with pytest.raises(FileNotFoundError, match=r"Did you mean multi30k_en_de\?"):
        find_recipe("recipes/multi30k_en_d.yaml")


@pytest.mark.parametrize("path", shipped_recipes().values(), ids=lambda p: p.stem)
def test_the_first_line_is_a_description(path):
    # `xlm-tf recipes list` shows it alone.
    first_line, second_line = path.read_text(encoding="utf-8").splitlines()[:2]
    assert first_line.startswith("# ")
    assert first_line.endswith(":")
    assert second_line == "#"
