"""The kinds of values in recipes: text, paths by where they start, languages, models.

Pydantic checks them one by one. Paths and models are looked up when a file is read,
whose folders are the context of the validation (`xlm_tf.training.recipe_reading`); a
recipe that is made in Python is taken as it is.
"""

import os
import re
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    WrapValidator,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from xlm_tf.checkpoints.model_names import resolve
from xlm_tf.data.word_vectors import check_vector_file
from xlm_tf.objectives.piecewise_linear import PiecewiseLinear
from xlm_tf.text.language_codes import parse_language_code

# The type of the errors of files and models that are not there.
MISSING_FILE = "missing_file"
# The type of the errors of files that are there, and cannot be what is wanted.
UNUSABLE_FILE = "unusable_file"
# What becomes part of a file's name, and of a score's.
_LONGEST_NAME = 64
_NAME = re.compile(rf"(?=.*[^\W_])[\w.@+-]{{1,{_LONGEST_NAME}}}")
_HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")
# The form of a schedule in JSON schemas, "0:1,100000:0.1".
_SCHEDULE = r"^\s*0\s*:[^:,]+(,\s*\d+\s*:[^:,]+)*$"
_JSON_LIMITS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
}
# The largest whole number of a field without a limit of its own: what an int32 holds.
_LARGEST = 2**31 - 1
_YAML_1_1 = {"yes": True, "on": True, "no": False, "off": False}


class RecipePart(BaseModel):
    """A part of a recipe: strict types, and no field that it does not have.

    Attributes:
        renamed: dict from former names of fields to those of today.
    """

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False
    )
    renamed: ClassVar[dict] = {}

    def contradictions(self):
        """Yield what does not fit together, once every field by itself is right.

        Yields:
            str, which names the fields.
        """
        yield from ()

    @field_validator("*")
    @classmethod
    def _check_size(cls, value, info):
        if type(value) is not int or -_LARGEST <= value <= _LARGEST:
            return value
        if value < 0:
            raise ValueError(f"must be at least -{_LARGEST:,}. Received: {value!r}.")
        limits = cls.model_fields[info.field_name].metadata
        if not any(hasattr(limit, "le") or hasattr(limit, "lt") for limit in limits):
            raise ValueError(f"must be at most {_LARGEST:,}. Received: {value!r}.")
        return value

    @model_validator(mode="after")
    def _check_contradictions(self):
        found = list(self.contradictions())
        if found:
            raise ValueError("\n".join(found))
        return self

    def given(self):
        """The fields that were given, not those left at their defaults: a dict."""
        return {name: getattr(self, name) for name in self.model_fields_set}


def _path_in(folder, value):
    """A path in a folder, or an absolute one; `~` is the home, as in a shell."""
    return folder / os.path.expanduser(value)


def _starting_in(folder):
    def resolve(value, info):
        is_text = isinstance(value, str | Path) and str(value).strip()
        if not is_text or "\0" in str(value):
            raise ValueError(f"must be a path. Received: {value!r}.")
        context = info.context
        return Path(value) if context is None else _path_in(context[folder], value)

    return BeforeValidator(resolve)


def _check_file(path, info):
    if info.context is None or not info.context["check_files"]:
        return path
    text = {"path": str(path)}
    if path.is_dir():
        message = "{path} is a folder; name the files in it."
        raise PydanticCustomError(UNUSABLE_FILE, message, text)
    if not path.exists():
        raise PydanticCustomError(MISSING_FILE, "there is no file {path}.", text)
    if not path.is_file():
        message = (
            "{path} is a pipe or a device. Files are read more than once: write what "
            "comes from it to one."
        )
        raise PydanticCustomError(UNUSABLE_FILE, message, text)
    if not path.stat().st_size:
        raise PydanticCustomError(UNUSABLE_FILE, "the file {path} is empty.", text)
    return path


def _check_vectors(path):
    check_vector_file(path)
    return path


def _check_folder(path, info):
    if info.context is None or not info.context["check_files"] or path.is_dir():
        return path
    text = {"path": str(path)}
    raise PydanticCustomError(MISSING_FILE, "there is no folder {path}.", text)


def _resolve_model(value, info):
    if info.context is None or not info.context["check_files"]:
        return value
    try:
        return resolve(value, info.context["folder"])
    except FileNotFoundError as error:
        raise PydanticCustomError(
            MISSING_FILE, "{error}", {"error": str(error)}
        ) from error


def _resolve_catalogue(value, info):
    path = info.context and _path_in(info.context["data_folder"], value)
    return str(path) if path is not None and path.exists() else value


def _resolve_dataset(value, info):
    if info.context is None or not info.context["check_files"]:
        return value
    path = _path_in(info.context["data_folder"], value)
    if path.is_dir():
        return str(path)
    if not _HUB_NAME.fullmatch(value):
        raise PydanticCustomError(
            MISSING_FILE,
            "there is no folder {path}; a dataset of the hub is OWNER/NAME.",
            {"path": str(path)},
        )
    return value


def _check_name(value):
    if not _NAME.fullmatch(value):
        raise ValueError(
            "must be a name such as en, pt-BR or news_2014: letters, digits and "
            f". _ - + @, {_LONGEST_NAME} at most, one a letter or digit. Received: "
            f"{value!r}."
        )
    return value


def _check_language(value):
    parse_language_code(_check_name(value))
    return value


def identity_of(value):
    """What is equal for one file under several names, links too.

    Args:
        value: Path, or a list or tuple with paths; anything else is its own identity.
    """
    if isinstance(value, list | tuple):
        return tuple(map(identity_of, value))
    if not isinstance(value, Path):
        return value
    try:
        status = value.stat()
    except OSError:
        return value
    return status.st_dev, status.st_ino


def _check_distinct(items):
    known = [identity_of(item) for item in items]
    for number, item in enumerate(known):
        if item in known[:number]:
            raise ValueError(
                f"[{number}] repeats [{known.index(item)}]: it would count twice."
            )
    return items


def _read_truth(value):
    return _YAML_1_1.get(value.lower(), value) if isinstance(value, str) else value


def _read_schedule(value, check_number):
    """A number, or one for every step; `check_number` knows what may be."""
    if isinstance(value, str | PiecewiseLinear):
        value = PiecewiseLinear.parse(value)
        for number in value.values:
            check_number(number)
        return value
    return PiecewiseLinear.parse(check_number(value))


def scheduled(**limits):
    """The type of a number that may change with the step, `PiecewiseLinear`.

    Args:
        **limits: what `pydantic.Field` has for numbers, such as `gt=0`.
    """
    return Annotated[
        float,
        Field(**limits),
        WrapValidator(_read_schedule),
        PlainSerializer(PiecewiseLinear.as_given),
        WithJsonSchema(schedule_schema(**limits)),
    ]


def schedule_schema(**limits):
    """The JSON schema of `scheduled`."""
    number = {_JSON_LIMITS[name]: limit for name, limit in limits.items()}
    schedule = {"type": "string", "format": "schedule", "pattern": _SCHEDULE}
    return {"anyOf": [{"type": "number", **number}, schedule]}


def _text(kind):
    return WithJsonSchema({"type": "string", "format": kind})


# A file or folder whose relative path starts at the recipe's folder.
OutputPath = Annotated[Path, _starting_in("folder"), _text("path")]
# A file there that must exist.
File = Annotated[OutputPath, AfterValidator(_check_file)]
# A text file whose relative path starts at the data folder.
CorpusFile = Annotated[
    Path, _starting_in("data_folder"), AfterValidator(_check_file), _text("path")
]
# A file of word vectors there.
VectorFile = Annotated[CorpusFile, AfterValidator(_check_vectors)]
# A folder there that must exist.
CorpusFolder = Annotated[
    Path, _starting_in("data_folder"), AfterValidator(_check_folder), _text("path")
]
# A folder or wheel of message catalogues there, or the name of an installed package.
CatalogueSource = Annotated[
    str, AfterValidator(_resolve_catalogue), _text("path or name")
]
# A model to begin with, see `xlm_tf.checkpoints.model_names`.
ModelName = Annotated[str, AfterValidator(_resolve_model), _text("model")]
# A dataset of Hugging Face's hub, or a folder.
DatasetName = Annotated[str, AfterValidator(_resolve_dataset), _text("path or name")]
# A code of a language, see `xlm_tf.text.language_codes`.
Language = Annotated[str, AfterValidator(_check_language), _text("language")]
# A name that can be part of a file's name.
EntryName = Annotated[str, AfterValidator(_check_name), _text("name")]
# In recipes, `yes`, `on`, `no` and `off` are text elsewhere.
Truth = Annotated[bool, BeforeValidator(_read_truth)]
# What a list is annotated with whose entries must differ.
Distinct = AfterValidator(_check_distinct)
