"""How the fields of a recipe are declared, and read from YAML, checked one by one."""

import contextlib
import dataclasses
import difflib
import math
import re
import types
import typing
from pathlib import Path

import yaml

from xlm_tf.text.language_codes import parse_language_code

# What becomes part of a file's name, and of a score's.
_NAME = re.compile(r"[\w.@+-]+")


class ModelName(str):
    """A model to begin with, see `xlm_tf.checkpoints.model_names.resolve`."""


class Language(str):
    """A code of a language, see `xlm_tf.text.language_codes`."""


class CatalogueSource(str):
    """A folder or wheel of message catalogues, or the name of an installed package."""


class EntryName(str):
    """A name of an entry, that can be part of a file's name."""


def field(
    default=dataclasses.MISSING,
    help="",
    minimum=None,
    above=None,
    maximum=None,
    below=None,
    choices=None,
    in_data_folder=False,
    given=None,
):
    """A field: what it is, the values that it may have, and where its paths start.

    Args:
        default: value, or a dict or list that is copied; without it the field must be
            given.
        help: str, for the reference, in Markdown.
        minimum, maximum: lowest and highest value.
        above, below: the same, themselves excluded.
        choices: tuple of the values that it may have.
        in_data_folder: bool, paths start at the data folder.
        given: a dataclass; the value is a dict of those of its fields that the recipe
            gives.
    """
    metadata = {
        "help": help,
        "minimum": minimum,
        "above": above,
        "maximum": maximum,
        "below": below,
        "choices": choices,
        "in_data_folder": in_data_folder,
        "given": given,
    }
    if isinstance(default, dict | list):
        return dataclasses.field(
            default_factory=lambda: type(default)(default), metadata=metadata
        )
    return dataclasses.field(default=default, metadata=metadata)


def has_default(field):
    """Whether a recipe may leave a field out."""
    return (
        field.default is not dataclasses.MISSING
        or field.default_factory is not dataclasses.MISSING
    )


def read_fields(kind, path, data_folder, overrides):
    """A dataclass from a YAML file, its fields checked one by one.

    Args:
        kind: the dataclass.
        path: str or Path of the file. Relative paths in it start at its folder.
        data_folder: str or Path, where those of the fields "in the data folder" start
            instead.
        overrides: dict, values for top-level fields; paths among them start at the
            working directory.

    Returns:
        A `kind`.

    Raises:
        FileNotFoundError: there is no such file, data folder or initial model.
        ValueError: a field that is unknown, missing, there twice, of another type or
            out of range; names the field.
    """
    content = _read_yaml(path)
    overrides = {
        name: str(Path(value).absolute()) if isinstance(value, Path) else value
        for name, value in overrides.items()
    }
    folder = Path(path).parent
    if data_folder is None:
        data_folder = folder
    elif not Path(data_folder).is_dir():
        raise FileNotFoundError(f"There is no data folder at {data_folder}.")
    return _build(
        kind, {**content, **overrides}, "recipe", folder, Path(data_folder).absolute()
    )


class _Loader(yaml.SafeLoader):
    """YAML whose keys are the text that is written, each once in its mapping.

    As in YAML 1.2, and unlike in 1.1, `no`, `yes`, `on` and `off` are text: `no` is
    Norwegian. `_build` reads them where a field is true or false.
    """

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ValueError(f"{_place(key)}: a key must be text.")
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            if key.value in seen:
                raise ValueError(
                    f"{_place(key)}: {key.value!r} stands there twice. Only the last "
                    "would count: leave one out, or join them."
                )
            seen.add(key.value)
            key.tag = "tag:yaml.org,2002:str"
        return super().construct_mapping(node, deep)


def _place(node):
    return f"{node.start_mark.name}, line {node.start_mark.line + 1}"


_BOOL = "tag:yaml.org,2002:bool"
_Loader.yaml_implicit_resolvers = {
    first: [resolver for resolver in resolvers if resolver[0] != _BOOL]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    _BOOL, re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def _read_yaml(path):
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no recipe at {path}.")
    try:
        loader = _Loader(path.read_text(encoding="utf-8-sig"))
        loader.name = str(path)
        content = loader.get_single_data()
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold fields, such as `training:`.")
    return content


def as_dict(recipe):
    """The recipe as plain values, for JSON."""

    def plain(value):
        if isinstance(value, dict):
            return {str(key): plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return str(value) if isinstance(value, Path | str) else value

    return plain(dataclasses.asdict(recipe))


def optional_kind(kind):
    """Of `X | None` the X, of any other type itself."""
    return kind.__args__[0] if isinstance(kind, types.UnionType) else kind


def _build(kind, value, where, folder, data_folder=None):
    """A value of the type `kind` from YAML's plain values, or an error."""
    if isinstance(kind, types.UnionType) and value is None:
        return None
    kind = optional_kind(kind)
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        return kind(**_build_fields(kind, value, where, folder, data_folder))
    if origin is list:
        if not isinstance(value, list):
            raise ValueError(f"{where} must be a list. Received: {value!r}.")
        items = [
            _build(kind.__args__[0], item, f"{where}[{number}]", folder)
            for number, item in enumerate(value)
        ]
        for number, item in enumerate(items):
            if item in items[:number]:
                raise ValueError(
                    f"{where}[{number}] repeats {where}[{items.index(item)}]: it would "
                    f"count twice. Received: {value[number]!r}."
                )
        return items
    if origin is dict:
        if not isinstance(value, dict):
            raise ValueError(f"{where} must have fields. Received: {value!r}.")
        key_kind, item_kind = kind.__args__
        return {
            _build(key_kind, key, where, folder): _build(
                item_kind, item, f"{where}.{key}", folder
            )
            for key, item in value.items()
        }
    return _build_scalar(kind, value, where, folder)


def _build_scalar(kind, value, where, folder):
    if kind in (Path, ModelName, Language, CatalogueSource, EntryName, str):
        return _build_text(kind, value, where, folder)
    if kind is bool:
        words = {"yes": True, "on": True, "no": False, "off": False}  # YAML 1.1
        if isinstance(value, str):
            value = words.get(value.lower(), value)
        if not isinstance(value, bool):
            raise ValueError(f"{where} must be true or false. Received: {value!r}.")
        return value
    if kind is float:
        if isinstance(value, str):
            # YAML 1.1 reads 1e-4, without a point, as text.
            with contextlib.suppress(ValueError):
                value = float(value)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and not math.isfinite(value):
            raise ValueError(f"{where} must be a finite number. Received: {value}.")
        if is_number:
            return float(value)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(
            f"{where} must be of type {kind.__name__}. Received: {value!r}."
        )
    return value


def _build_text(kind, value, where, folder):
    """A str, a path, or one of the kinds of names."""
    what = {Path: "a path", ModelName: "the name of a model", str: "of type str"}
    if not isinstance(value, str):
        raise ValueError(
            f"{where} must be {what.get(kind, 'a text, if need be in quotation marks')}"
            f". Received: {value!r}."
        )
    if kind is Path:
        if not value.strip():
            raise ValueError(f"{where} must be a path. Received: {value!r}.")
        return folder / value
    if kind is ModelName:
        from xlm_tf.checkpoints.model_names import resolve

        try:
            return ModelName(resolve(value, folder))
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{where}: {error}") from error
    if kind in (Language, EntryName) and not _NAME.fullmatch(value):
        example = "en or pt-BR" if kind is Language else "news_2014"
        raise ValueError(
            f"{where} must be a name such as {example}: letters, digits and . _ - + @. "
            f"Received: {value!r}."
        )
    if kind is Language:
        parse_language_code(value)
    if kind is CatalogueSource and (folder / value).exists():
        return kind(folder / value)
    return kind(value)


def _build_fields(kind, value, where, folder, data_folder=None, only_given=False):
    """The arguments of a dataclass."""
    if not isinstance(value, dict):
        raise ValueError(f"{where} must have fields. Received: {value!r}.")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for name in value:
        if name not in fields:
            raise ValueError(
                f"{where}.{name} is unknown. {suggest(name, fields, kind)}"
            )
    arguments = {}
    for name, field in fields.items():
        if name not in value:
            if not has_default(field) and not only_given:
                raise ValueError(f"{where}.{name} is missing.")
            continue
        own = f"{where}.{name}"
        start = data_folder if field.metadata.get("in_data_folder") else folder
        given = field.metadata.get("given")
        if given is not None:
            built = _build_fields(given, value[name], own, start, only_given=True)
        else:
            built = _build(field.type, value[name], own, start)
        _check_limits(built, field.metadata, own)
        arguments[name] = built
    return arguments


def suggest(name, known, kind=None):
    """What to say of an unknown name: the nearest, where it belongs, and all."""
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    for part in dataclasses.fields(kind) if kind else ():
        inner = part.metadata.get("given") or optional_kind(part.type)
        if dataclasses.is_dataclass(inner) and name in {
            field.name for field in dataclasses.fields(inner)
        }:
            hint = f"It is a field of {part.name}. "
    return f"{hint}Known fields: {', '.join(sorted(known))}."


def _check_limits(value, limits, where):
    if value is None:
        return
    for name, is_outside, must in (
        ("minimum", lambda limit: value < limit, "be at least"),
        ("above", lambda limit: value <= limit, "be greater than"),
        ("maximum", lambda limit: value > limit, "be at most"),
        ("below", lambda limit: value >= limit, "be less than"),
    ):
        limit = limits.get(name)
        if limit is not None and is_outside(limit):
            raise ValueError(f"{where} must {must} {limit}. Received: {value}.")
    choices = limits.get("choices")
    if choices is not None and value not in choices:
        raise ValueError(
            f"{where} must be one of {', '.join(choices)}. Received: {value}."
        )
