"""The files that a training reads, which must stay as they were where it goes on."""

import dataclasses
import json
from pathlib import Path

from xlm_tf.data.token_shards import File
from xlm_tf.output_files import whole_file

# In the output folder.
RECORD = "inputs.json"
# Fields of what is read once all is trained, and of what is written.
_LATER = ("test", "output")


def record_inputs(recipe):
    """Write down what the files of a recipe are like.

    Args:
        recipe: any recipe, whose output folder exists.
    """
    inputs = {
        field: dataclasses.asdict(File.of(path)) for field, path in _files(recipe)
    }
    with whole_file(recipe.output / RECORD) as partial:
        partial.write_text(json.dumps(inputs, indent=2), encoding="utf-8")


def has_inputs(recipe):
    """Whether it is written down what the files of a recipe were like: bool."""
    return (recipe.output / RECORD).exists()


def changed_inputs(recipe):
    """The files of a recipe that are not what was written down.

    Args:
        recipe: any recipe.

    Returns:
        list of str, their fields and paths; empty where nothing was written down.
    """
    if not has_inputs(recipe):
        return []
    recorded = json.loads((recipe.output / RECORD).read_text(encoding="utf-8"))
    return [
        f"recipe.{field} ({path})"
        for field, path in _files(recipe)
        if field in recorded and not File(**recorded[field]).is_same(path)
    ]


def _files(recipe):
    """The files of a recipe: yields field, such as "data[0].source_file", and Path."""
    for name, value in recipe.model_dump().items():
        if name not in _LATER:
            yield from files_in(name, value)


def files_in(field, value):
    """The files that a field names, or fields in it.

    Args:
        field: str, its name.
        value: what it holds, as `model_dump` gives it.

    Yields:
        `(field, path)`, str such as "data[0].source_file" and Path.
    """
    if isinstance(value, dict):
        for name, own in value.items():
            yield from files_in(f"{field}.{name}", own)
    elif isinstance(value, list | tuple):
        for number, own in enumerate(value):
            yield from files_in(f"{field}[{number}]", own)
    elif isinstance(value, Path) and value.is_file():
        yield field, value
