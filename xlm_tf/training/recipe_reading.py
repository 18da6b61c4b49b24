"""What all recipes share: how fields are read, and what is wrong in them is said."""

import difflib
import reprlib
import typing
from pathlib import Path

from xlm_tf.training.recipe_fields import MISSING_FILE, UNUSABLE_FILE, RecipePart
from xlm_tf.training.recipe_yaml import read_yaml

# What pydantic says otherwise.
_SAID = {
    "missing": "is missing.",
    "string_type": "must be text, if need be in quotation marks.",
    "dict_type": "must have fields.",
    "model_type": "must have fields.",
}


# Of a value, in an error: aliases make a few lines of YAML endless.
_SHOWN = 300
_REPR = reprlib.Repr()
_REPR.maxlevel = 3
_REPR.maxlist = _REPR.maxdict = 20
_REPR.maxstring = _REPR.maxlong = _REPR.maxother = _SHOWN

# The fields that tell which command a file is of.
_COMMANDS = {
    "training": "`xlm-tf pretrain` or `finetune`",
    "rules": "`xlm-tf clean`",
    "search": "`xlm-tf tune`",
}


class RecipeError(ValueError):
    """What is wrong in a recipe.

    Attributes:
        lines: list of str, one for every mistake, with file and field.
    """

    def __init__(self, lines):
        super().__init__("\n".join(lines))
        self.lines = lines


def read_fields(path, data_folder, overrides):
    """The fields of a file, with values for some at its top level: dict.

    Args:
        path: Path.
        data_folder, overrides: see `load_recipe`.

    Raises:
        FileNotFoundError: there is no such file or data folder.
        ValueError: the file is not YAML.
    """
    check_data_folder(data_folder)
    content = read_yaml(path)
    for name, value in overrides.items():
        is_path = isinstance(value, Path)
        content[name] = str(value.absolute()) if is_path else value
    return content


def check_command(path, content, field):
    """Raise a ValueError where a file is of another command.

    Args:
        path: Path of the file.
        content: dict, its fields.
        field: str, the one that the expected command's files have: "training", "rules"
            or "search".
    """
    others = [other for other in _COMMANDS if other in content]
    if others and field not in others:
        other = others[0]
        raise ValueError(
            f"{path} has `{other}`, as files of {_COMMANDS[other]} have. Expected a "
            f"file of {_COMMANDS[field]}."
        )


def context_of(folder, data_folder):
    """What `xlm_tf.training.recipe_fields` looks up files and models by: dict.

    Args:
        folder: Path where relative paths start.
        data_folder: str or Path where those of corpora start instead, or None.
    """
    # Absolute: what a recipe names is written to others, in other folders.
    return {
        "folder": Path(folder).absolute(),
        "data_folder": Path(data_folder or folder).absolute(),
        "check_files": True,
    }


def check_data_folder(data_folder):
    """Raise a FileNotFoundError where there is no such folder; None is none."""
    if data_folder is not None and not Path(data_folder).is_dir():
        raise FileNotFoundError(f"There is no data folder at {data_folder}.")


def lines_of(kind, error, root="recipe"):
    """What an error of pydantic says, in lines that name the field.

    Args:
        kind: the class that was validated, a `RecipePart`.
        error: dict, of `ValidationError.errors()`.
        root: str, what the whole is called.

    Returns:
        List of str.
    """
    location = [name for name in error["loc"] if name != "[key]"]
    where = root + "".join(
        f"[{name}]" if isinstance(name, int) else f".{name}" for name in location
    )
    if error["type"] == "extra_forbidden":
        return [
            f"{where} is unknown. {_suggest(_part_at(kind, location), location[-1])}"
        ]
    if error["type"] == "value_error":
        prefix = f"{where}: " if location else ""
        return [f"{prefix}{line}" for line in str(error["ctx"]["error"]).splitlines()]
    if error["type"] in (MISSING_FILE, UNUSABLE_FILE):
        hint = " `xlm-tf vocabulary` makes one." if location == ["vocabulary"] else ""
        return [f"{where}: {error['msg']}{hint}"]
    said = _SAID.get(error["type"])
    if error["type"] == "too_short":
        said = f"must have {error['ctx']['min_length']} or more entries."
    said = said or f"{error['msg'].replace('Input should', 'must')}."
    if error["type"] == "missing":
        hint = " Or give `--output`." if location == ["output"] else ""
        return [f"{where} {said}{hint}"]
    return [f"{where} {said} Received: {_REPR.repr(error['input'])[:_SHOWN]}."]


def _part_at(kind, location):
    """The class of the part that holds a field."""
    for name in location[:-1]:
        field = kind.model_fields.get(name)
        kind = kind if field is None else part_of(field.annotation)
    return kind


def part_of(annotation):
    """The `RecipePart` in the type of a field, also of a list's items, or None."""
    if isinstance(annotation, type) and issubclass(annotation, RecipePart):
        return annotation
    parts = (part_of(inner) for inner in typing.get_args(annotation))
    return next(filter(None, parts), None)


def _suggest(kind, name):
    """What to say of an unknown field: the nearest, where it belongs, and all."""
    close = difflib.get_close_matches(name, kind.model_fields, n=1)
    meant = kind.renamed.get(name) or next(iter(close), None)
    hint = f"Did you mean {meant}? " if meant else ""
    for own, field in kind.model_fields.items():
        part = part_of(field.annotation)
        if part is not None and name in part.model_fields:
            hint = f"It is a field of {own}. "
    return f"{hint}Known fields: {', '.join(sorted(kind.model_fields))}."
