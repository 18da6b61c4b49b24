"""Writes docs/recipes.md, the reference of the recipes' fields, from their models.

python docs/make_recipes.py
"""

import inspect
from pathlib import Path

from xlm_tf.cleaning.cleaning_recipe import CleaningRecipe
from xlm_tf.training.recipe_loader import RECIPES
from xlm_tf.training.recipe_reading import part_of

PAGE = Path(__file__).with_name("recipes.md")
HEAD = """\
# Recipes

A training is one YAML file, read and checked as a whole before anything is trained: an
unknown field, a missing file, a value out of range or fields that contradict each other
are errors that name file and field. The package brings some:

```
xlm-tf recipes list                               # their names, and what they train
xlm-tf recipes copy multi30k_en_de my.yaml        # one to edit
xlm-tf recipes validate my.yaml --data multi30k   # all that is wrong in it
xlm-tf recipes schema finetune > finetune.json    # for completion in an editor
```

`validate` and `schema` know the files of `pretrain`, `finetune`,
[`clean`](cleaning.md) and [`tune`](tuning.md).

With `# yaml-language-server: $schema=finetune.json` as the first line of a recipe,
editors with that language server (VS Code's YAML extension, Neovim, Emacs) complete its
fields and explain them.

Paths are relative to the file, those of texts to `--data` where it is given; `~` is the
home. In a recipe of the package that is run by its name they start at the working
directory. Keys are text, also `no:` (Norwegian); a key that stands twice is an error. A
language is spelled one way in a recipe (`pt-BR` or `pt_BR`).

A schedule is a number that changes with the step: `"0:1,100000:0.1,300000:0"` is 1 at
step 0, 0.1 at step 100,000, 0 from step 300,000 on, and linear in between.

This page is made from the models of the recipes: `python docs/make_recipes.py`.
"""
TYPES = {"integer": "whole number", "number": "number", "boolean": "true or false"}
LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}


def page():
    """The reference, as text."""
    parts = [HEAD]
    for name, kind in {**RECIPES, CleaningRecipe.command: CleaningRecipe}.items():
        task = "" if name == kind.command else f", `task: {name}`"
        parts.append(f"## `xlm-tf {kind.command}`{task}\n")
        parts += _section(kind, kind.model_json_schema(), {})
    return "\n".join(parts)


def _section(kind, schema, explained, path=""):
    """The fields of a part of a recipe, then those of its own parts."""
    own_schema = schema["$defs"][kind.__name__] if path else schema
    needed = own_schema.get("required", [])
    lines = [
        inspect.getdoc(kind),
        "",
        "| field | is | default | |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{name}` | {_type(field)} | {_default(field, name in needed)} | "
        f"{field['description']} |"
        for name, field in own_schema["properties"].items()
    ]
    parts = ["\n".join(lines) + "\n"]
    for name, field in own_schema["properties"].items():
        inner = part_of(kind.model_fields[name].annotation)
        if inner is None:
            continue
        own = f"{path}.{name}" if path else name
        is_list = "array" in {x.get("type") for x in [field, *field.get("anyOf", [])]}
        parts.append(f"### `{own}`{', each entry' if is_list else ''}\n")
        if inner in explained:
            parts.append(f"As `{explained[inner]}`.\n")
            continue
        explained[inner] = own
        parts += _section(inner, schema, explained, own)
    return parts


def _type(field):
    """What the value of a field is, in words."""
    if "anyOf" in field:
        kinds = map(_type, field["anyOf"])
        return ", or ".join(kind for kind in kinds if kind)
    if "enum" in field:
        return " \\| ".join(f"`{choice}`" for choice in field["enum"])
    if "$ref" in field:
        return "fields"
    if field["type"] == "null":
        return ""
    if field["type"] == "array":
        return f"list of {_type(field['items'])}"
    if field["type"] == "object":
        if "properties" in field:
            return "; ".join(
                f"`{name}`: {_type(own)}" for name, own in field["properties"].items()
            )
        return f"language: {_type(field['additionalProperties'])}"
    if field["type"] == "string":
        return field.get("format", "text")
    limits = [f"{LIMITS[x]} {field[x]:,}" for x in LIMITS if x in field]
    return ", ".join([TYPES[field["type"]], *limits])


def _default(field, is_needed):
    if is_needed:
        return "needed"
    default = field.get("default", "")
    if default is None:
        return "null"
    if default in ("", [], {}):
        return ""
    if isinstance(default, dict):
        if any(isinstance(value, dict | list) for value in default.values()):
            return ""
        return f"`{', '.join(f'{name}: {value}' for name, value in default.items())}`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
