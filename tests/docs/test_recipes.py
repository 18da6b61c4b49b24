"""The reference of the recipes is that of their models."""

import importlib.util
from pathlib import Path

import pytest

from xlm_tf.training.recipe_loader import RECIPES
from xlm_tf.training.recipe_reading import part_of

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


def all_fields(kind):
    for name, field in kind.model_fields.items():
        yield f"{kind.__name__}.{name}", name, field
        inner = part_of(field.annotation)
        if inner is not None:
            yield from all_fields(inner)


@pytest.mark.parametrize("kind", RECIPES.values(), ids=RECIPES)
def test_every_field_is_explained(make_recipes, kind):
    text = make_recipes.page()
    for where, name, field in all_fields(kind):
        assert field.description.endswith("."), where
        assert f"| `{name}` |" in text, where
