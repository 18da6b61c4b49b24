"""Writes docs/recipes.md, the reference of the recipes' fields, from their schema.

python docs/make_recipes.py
"""

import dataclasses
import inspect
import typing
from pathlib import Path

from xlm_tf.training.finetuning_recipe import FinetuningRecipe
from xlm_tf.training.recipe import Recipe
from xlm_tf.training.recipe_fields import (
    CatalogueSource,
    EntryName,
    Language,
    ModelName,
    has_default,
    optional_kind,
)

PAGE = Path(__file__).with_name("recipes.md")
HEAD = """\
# Recipes

A training is one YAML file, read and checked as a whole before anything is trained: an
unknown field, a missing file, a value out of range or fields that contradict each other
are errors that name the field. The recipes in `recipes/` are examples.

Paths are relative to the file; those of `data`, `held_out` and `test` start at `--data`
where it is given. Keys are text, also `no:` (Norwegian); a key that stands twice is an
error. A language is spelled one way in a recipe (`pt-BR` or `pt_BR`).

This page is made from the schema: `python docs/make_recipes.py`.
"""
TYPES = {
    int: "whole number",
    float: "number",
    bool: "true or false",
    str: "text",
    Path: "path",
    CatalogueSource: "path or name",
    EntryName: "name",
    Language: "language",
    ModelName: "model",
}


def page():
    """The reference, as text."""
    parts = [HEAD]
    for command, kind in (("pretrain", Recipe), ("finetune", FinetuningRecipe)):
        parts.append(f"## `xlm-tf {command}`\n")
        parts += _section(kind, {})
    return "\n".join(parts)


def _section(kind, explained, path="", is_optional=False):
    """The fields of a dataclass, then those of its parts."""
    fields = dataclasses.fields(kind)
    lines = [
        inspect.getdoc(kind),
        "",
        "| field | is | default | |",
        "|---|---|---|---|",
    ]
    lines += [_row(field, is_optional) for field in fields]
    parts = ["\n".join(lines) + "\n"]
    for field in fields:
        inner, is_list = _part(field)
        if inner is None:
            continue
        own = f"{path}.{field.name}" if path else field.name
        parts.append(f"### `{own}`{', each entry' if is_list else ''}\n")
        if inner in explained:
            parts.append(f"As `{explained[inner]}`.\n")
            continue
        explained[inner] = own
        is_given = field.metadata["given"] is not None
        parts += _section(inner, explained, own, is_given)
    return parts


def _part(field):
    """The dataclass of a field's value or of its items, if it has one."""
    kind = field.metadata.get("given") or optional_kind(field.type)
    is_list = typing.get_origin(kind) is list
    if is_list:
        kind = kind.__args__[0]
    return (kind if dataclasses.is_dataclass(kind) else None), is_list


def _row(field, is_optional):
    default = _default(field) if has_default(field) or not is_optional else ""
    return f"| `{field.name}` | {_type(field)} | {default} | {field.metadata['help']} |"


def _type(field):
    limits = field.metadata
    if limits["choices"]:
        return " \\| ".join(f"`{choice}`" for choice in limits["choices"])
    name = "fields" if limits["given"] else _name(optional_kind(field.type))
    for limit, words in (
        ("minimum", "at least"),
        ("above", "above"),
        ("maximum", "at most"),
        ("below", "below"),
    ):
        if limits[limit] is not None:
            name += f", {words} {limits[limit]:,}"
    return name


def _name(kind):
    origin = typing.get_origin(kind)
    if origin is list:
        return f"list of {_name(kind.__args__[0])}"
    if origin is dict:
        return f"{_name(kind.__args__[0])}: {_name(kind.__args__[1])}"
    return "fields" if dataclasses.is_dataclass(kind) else TYPES[kind]


def _default(field):
    if not has_default(field):
        return "needed"
    default = field.default
    if default is None:
        return "null"
    if default is dataclasses.MISSING or dataclasses.is_dataclass(default):
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
