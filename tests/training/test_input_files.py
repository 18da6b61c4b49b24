"""What recipes name, where it was moved, or is another."""

import json

import pytest

from xlm_tf.cleaning.cleaning_recipe import CleaningRecipe
from xlm_tf.training.input_files import Inputs, differences

JUDGES = {
    "rules.perplexity.model": lambda model: {
        "perplexity": {"model": model, "max": 9.0}
    },
    "rules.pairs.similarity.model": lambda model: {
        "pairs": {"similarity": {"model": model, "min": 0.4}}
    },
}


def recipe_of(folder, rules):
    text = folder / "en.txt"
    text.write_text("A line of text.\n")
    data = {"monolingual": {"en": [text]}}
    return CleaningRecipe(output=folder / "out", data=data, rules=rules)


def model_in(folder, weights="0.5"):
    (folder / "model" / "assets").mkdir(parents=True)
    (folder / "model" / "config.json").write_text("{}")
    (folder / "model" / "assets" / "weights").write_text(weights)
    return str(folder / "model")


@pytest.mark.parametrize("field", JUDGES)
def test_models_that_judge_are_what_they_hold(tmp_path, field):
    rules = JUDGES[field]
    before = recipe_of(tmp_path, rules(model_in(tmp_path / "a")))
    inputs = Inputs.of(before)
    content = json.loads(json.dumps(before.model_dump(mode="json")))
    moved = recipe_of(tmp_path, rules(model_in(tmp_path / "b")))
    assert not list(differences(*inputs.comparable(content, moved)))
    assert inputs.changed(moved) == []
    other = recipe_of(tmp_path, rules(model_in(tmp_path / "c", weights="0.7")))
    weights = tmp_path / "c" / "model" / "assets" / "weights"
    assert inputs.changed(other) == [f"recipe.{field}/assets/weights ({weights})"]
    released = recipe_of(tmp_path, rules("xlm_tiny"))
    (found,) = differences(*inputs.comparable(content, released))
    assert found == f"recipe.{field}"
