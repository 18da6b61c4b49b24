"""Private names of Keras and its kin are used in one file, and are still there."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest

from xlm_tf import private_keras
from xlm_tf.registration import CLASSES

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted(
    path
    for folder in ("xlm_tf", "export")
    for path in (ROOT / folder).rglob("*.py")
    if path.name != "private_keras.py"
)
KIN = {"keras", "keras_hub", "keras_nlp", "tensorflow_text"}
PRIVATE_PARTS = {"src", "python"}  # where Keras and TensorFlow keep what is theirs


def is_private(name):
    return name.startswith("_") and not name.startswith("__")


def private_imports(tree):
    """Dotted names of the private modules that a file imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Attribute):
            names = [ast.unparse(node)]  # keras.src.saving
        else:
            continue
        for name in names:
            first, *others = name.split(".")
            if first in KIN and any(
                part in PRIVATE_PARTS or is_private(part) for part in others
            ):
                yield name


def defined_names(tree):
    """Private names that a file gives to something of its own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def private_attributes(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            yield node.attr


TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
OURS = {name for tree in TREES.values() for name in defined_names(tree)}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_private_name_is_used_outside_the_file(path):
    assert not list(private_imports(TREES[path]))
    foreign = set(private_attributes(TREES[path])) - OURS
    assert not foreign, "a private name of another package: see private_keras.py"


@pytest.mark.parametrize(
    "line",
    [
        "from keras.src import backend",
        "import keras_hub.src.models",
        "from keras_hub.src.utils import preset_utils",
        "keras.src.saving.saving_lib",
        "from tensorflow_text.python.ops import sentencepiece_tokenizer",
    ],
)
def test_the_check_sees_private_imports(line):
    assert list(private_imports(ast.parse(line)))
    assert not list(private_imports(ast.parse("import keras.ops, keras_hub.models")))


def test_the_check_sees_private_attributes():
    tree = ast.parse("model._tracker.unlock(); self._own = 1")
    assert set(private_attributes(tree)) - set(defined_names(tree)) == {"_tracker"}


@pytest.mark.parametrize("module", CLASSES)
def test_no_class_overrides_a_private_method_of_theirs(module):
    for name in CLASSES[module]:
        mro = inspect.getmro(getattr(importlib.import_module(module), name))
        foreign = {
            private: base
            for base in mro
            if base.__module__.split(".")[0] in KIN
            for private in vars(base)
            if is_private(private)
        }
        for base in mro:
            if base.__module__.startswith("xlm_tf.") and (
                base.__module__ != private_keras.__name__
            ):
                overridden = set(vars(base)) & set(foreign)
                # Written by Keras itself into every class.
                overridden -= {"_tf_trackable_metaclass", "_auto_config"}
                assert not overridden, base
