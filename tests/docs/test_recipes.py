"""The reference of the recipes is that of the schema."""

import dataclasses
import importlib.util
from pathlib import Path

import pytest

from xlm_tf.training.finetuning_recipe import FinetuningRecipe
from xlm_tf.training.recipe import Recipe

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def make_recipes():
    spec = importlib.util.spec_from_file_location(
        "make_recipes", DOCS / "make_recipes.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_current(make_recipes):
    text = (DOCS / "recipes.md").read_text(encoding="utf-8")
    assert text == make_recipes.page(), "run: python docs/make_recipes.py"


def all_fields(make_recipes, kind):
    for field in dataclasses.fields(kind):
        yield kind, field
        inner, _ = make_recipes._part(field)
        if inner is not None:
            yield from all_fields(make_recipes, inner)


@pytest.mark.parametrize("kind", [Recipe, FinetuningRecipe])
def test_every_field_is_explained(make_recipes, kind):
    text = make_recipes.page()
    for owner, field in all_fields(make_recipes, kind):
        name = f"{owner.__name__}.{field.name}"
        assert field.metadata["help"].endswith("."), name
        assert f"| `{field.name}` |" in text, name
