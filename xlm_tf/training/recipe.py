"""A pretraining run written down: one YAML file, read and checked as a whole."""

import dataclasses
import difflib
import inspect
import types
import typing
from pathlib import Path

import yaml

DTYPES = ("float32", "mixed_bfloat16", "mixed_float16")
SCHEDULES = ("inverse_square_root", "linear", "cosine", "constant")
OBJECTIVES = ("mlm", "tlm")


class ModelName(str):
    """A model to begin with, see `xlm_tf.models.model_names.resolve`."""


def field(
    default=dataclasses.MISSING,
    minimum=None,
    above=None,
    choices=None,
    in_data_folder=False,
):
    """A field with the values that it may have, and where its paths start."""
    limits = {
        "minimum": minimum,
        "above": above,
        "choices": choices,
        "in_data_folder": in_data_folder,
    }
    if isinstance(default, dict | list):
        return dataclasses.field(
            default_factory=lambda: type(default)(default), metadata=limits
        )
    return dataclasses.field(default=default, metadata=limits)


@dataclasses.dataclass(frozen=True)
class Bitext:
    """Sentence pairs: `files` (TSV or JSONL), or two line-aligned files."""

    source_language: str
    target_language: str
    files: list[Path] = field([])
    source_file: Path | None = None
    target_file: Path | None = None


@dataclasses.dataclass(frozen=True)
class Corpora:
    """Texts: `monolingual` files by language, `bitext`, and message catalogues."""

    monolingual: dict[str, list[Path]] = field({})
    bitext: list[Bitext] = field([])
    gettext: list[str] = field([])
    gettext_languages: list[str] | None = None


@dataclasses.dataclass(frozen=True)
class Training:
    """How to train. A step is one update of the weights on `rows_per_batch` rows."""

    steps: int = field(minimum=1)
    rows_per_batch: int = field(32, minimum=1)
    sequence_length: int = field(128, minimum=8)
    learning_rate: float = field(5e-4, above=0)
    schedule: str = field("inverse_square_root", choices=SCHEDULES)
    warmup_steps: int = field(1000, minimum=1)
    weight_decay: float = field(0.01, minimum=0)
    beta_1: float = field(0.9, minimum=0)
    beta_2: float = field(0.98, minimum=0)
    epsilon: float = field(1e-6, above=0)
    clip_norm: float | None = field(1.0, above=0)
    accumulation_steps: int = field(1, minimum=1)
    dtype: str = field("float32", choices=DTYPES)
    language_alpha: float = field(0.7, minimum=0)
    selection_rate: float = field(0.15, above=0)
    seed: int = field(0, minimum=0)
    evaluate_every: int = field(1000, minimum=1)
    checkpoint_every: int = field(200, minimum=1)
    early_stopping_metric: str = "perplexity"
    early_stopping_patience: int | None = field(None, minimum=1)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A pretraining run.

    Attributes:
        output: directory of the results.
        vocabulary: SentencePiece model, as `xlm-tf vocabulary` writes.
        model: arguments of `XLMBackbone` but `vocabulary_size`, `pad_token_id` and
            `num_languages`; also `head_transform` of `XLMMaskedLM`, and
            `language_embeddings` (bool) to give every language a vector.
        data: texts to train on.
        held_out: texts to evaluate on.
        objectives: weight of each objective, `mlm` and `tlm`.
        training: how to train.
    """

    output: Path
    vocabulary: Path
    model: dict[str, typing.Any]
    data: Corpora = field(in_data_folder=True)
    held_out: Corpora = field(in_data_folder=True)
    training: Training
    objectives: dict[str, float] = field({"mlm": 1.0})

    @property
    def languages(self):
        """Languages of the training texts, sorted: the order of the language ids."""
        languages = set(self.data.monolingual)
        for bitext in self.data.bitext:
            languages |= {bitext.source_language, bitext.target_language}
        if self.data.gettext:
            languages |= {"en", *(self.data.gettext_languages or [])}
        return sorted(languages)


def load_recipe(path, data_folder=None, **overrides):
    """Read and check a recipe.

    Args:
        path: str or Path of a YAML file. Relative paths in it start at its folder.
        data_folder: str or Path where those of `data` and `held_out` start instead.
        **overrides: values for top-level fields, such as `output`; paths among them
            start at the working directory.

    Returns:
        `Recipe`.

    Raises:
        FileNotFoundError: the recipe, or a file that it names, does not exist.
        ValueError: a field that is unknown, missing, of another type or out of
            range; names the field.
    """
    recipe = read_fields(Recipe, path, data_folder, overrides)
    _check_model(recipe)
    _check_data(recipe)
    return recipe


def read_fields(kind, path, data_folder, overrides):
    """A dataclass from a YAML file, its fields checked one by one.

    Args:
        kind: the dataclass.
        path, data_folder, overrides: see `load_recipe`.

    Returns:
        A `kind`.
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


def _read_yaml(path):
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no recipe at {path}.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold fields, such as `training:`.")
    return content


def as_dict(recipe):
    """The recipe as plain values, for JSON."""

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [plain(item) for item in value]
        return str(value) if isinstance(value, Path) else value

    return plain(dataclasses.asdict(recipe))


def _build(kind, value, where, folder, data_folder=None):
    """A value of the type `kind` from YAML's plain values, or an error."""
    if isinstance(kind, types.UnionType):  # X | None
        if value is None:
            return None
        return _build(kind.__args__[0], value, where, folder)
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(kind, value, where, folder, data_folder)
    if origin is list:
        if not isinstance(value, list):
            raise ValueError(f"{where} must be a list. Received: {value!r}.")
        return [
            _build(kind.__args__[0], item, f"{where}[{number}]", folder)
            for number, item in enumerate(value)
        ]
    if origin is dict:
        if not isinstance(value, dict):
            raise ValueError(f"{where} must have fields. Received: {value!r}.")
        return {
            str(key): _build(kind.__args__[1], item, f"{where}.{key}", folder)
            for key, item in value.items()
        }
    if kind is ModelName:
        return _model_name(value, where, folder)
    if kind is Path:
        if not isinstance(value, str):
            raise ValueError(f"{where} must be a path. Received: {value!r}.")
        return folder / value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is float and isinstance(value, str):
        # YAML 1.1 reads 1e-4, without a point, as text.
        try:
            return float(value)
        except ValueError:
            pass
    is_bool = isinstance(value, bool)
    if kind is not typing.Any and (not isinstance(value, kind) or is_bool):
        raise ValueError(
            f"{where} must be of type {kind.__name__}. Received: {value!r}."
        )
    return value


def _model_name(value, where, folder):
    from xlm_tf.models.model_names import resolve

    if not isinstance(value, str):
        raise ValueError(f"{where} must be the name of a model. Received: {value!r}.")
    try:
        return ModelName(resolve(value, folder))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{where}: {error}") from error


def _build_dataclass(kind, value, where, folder, data_folder):
    if not isinstance(value, dict):
        raise ValueError(f"{where} must have fields. Received: {value!r}.")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for name in value:
        if name not in fields:
            raise ValueError(f"{where}.{name} is unknown. {suggest(name, fields)}")
    arguments = {}
    for name, field in fields.items():
        has_default = (
            field.default is not dataclasses.MISSING
            or field.default_factory is not dataclasses.MISSING
        )
        if name in value:
            start = data_folder if field.metadata.get("in_data_folder") else folder
            built = _build(field.type, value[name], f"{where}.{name}", start)
            _check_limits(built, field.metadata, f"{where}.{name}")
            arguments[name] = built
        elif not has_default:
            raise ValueError(f"{where}.{name} is missing.")
    return kind(**arguments)


def suggest(name, known):
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    return f"{hint}Known fields: {', '.join(sorted(known))}."


def _check_limits(value, limits, where):
    minimum, above = limits.get("minimum"), limits.get("above")
    choices = limits.get("choices")
    if value is None:
        return
    if minimum is not None and value < minimum:
        raise ValueError(f"{where} must be at least {minimum}. Received: {value}.")
    if above is not None and value <= above:
        raise ValueError(f"{where} must be greater than {above}. Received: {value}.")
    if choices is not None and value not in choices:
        raise ValueError(
            f"{where} must be one of {', '.join(choices)}. Received: {value}."
        )


def check_model(model, extra, required=True):
    """That `recipe.model` has arguments of `XLMBackbone`, and `extra` names, alone."""
    from xlm_tf.models.backbone import XLMBackbone

    known = set(inspect.signature(XLMBackbone).parameters) - {
        "vocabulary_size",
        "pad_token_id",
        "num_languages",
        "dtype",
        "kwargs",
    }
    known |= {*extra}
    for name in model:
        if name not in known:
            raise ValueError(f"recipe.model.{name} is unknown. {suggest(name, known)}")
    for name in ("num_layers", "num_heads", "hidden_dim", "intermediate_dim"):
        value = model.get(name)
        if value is None:
            if not required:
                continue
            raise ValueError(f"recipe.model.{name} is missing.")
        if not isinstance(value, int) or value < 1:
            raise ValueError(
                f"recipe.model.{name} must be a whole number above 0. "
                f"Received: {value!r}."
            )


def _check_model(recipe):
    check_model(recipe.model, ("head_transform", "language_embeddings"))
    positions = recipe.model.get("max_sequence_length", 512)
    if recipe.training.sequence_length > positions:
        raise ValueError(
            "recipe.training.sequence_length must not exceed the model's positions "
            f"(recipe.model.max_sequence_length). Received: "
            f"{recipe.training.sequence_length} and {positions}."
        )
    rows, parts = recipe.training.rows_per_batch, recipe.training.accumulation_steps
    if rows % parts:
        raise ValueError(
            "recipe.training.rows_per_batch must be divisible by "
            f"recipe.training.accumulation_steps. Received: {rows} and {parts}."
        )


def _check_data(recipe):
    if not recipe.objectives:
        raise ValueError(f"recipe.objectives must name one of {', '.join(OBJECTIVES)}.")
    for name, weight in recipe.objectives.items():
        if name not in OBJECTIVES:
            raise ValueError(
                f"recipe.objectives.{name} is unknown. {suggest(name, OBJECTIVES)}"
            )
        if weight <= 0:
            raise ValueError(
                f"recipe.objectives.{name} must be greater than 0. Received: {weight}."
            )
    if not recipe.vocabulary.is_file():
        raise FileNotFoundError(
            f"recipe.vocabulary: there is no file {recipe.vocabulary}. `xlm-tf "
            "vocabulary` makes one."
        )
    for part in ("data", "held_out"):
        corpora = getattr(recipe, part)
        has_pairs = bool(corpora.bitext or corpora.gettext)
        if "mlm" in recipe.objectives and not corpora.monolingual and not has_pairs:
            raise ValueError(f"recipe.{part} holds no text, which mlm needs.")
        if "tlm" in recipe.objectives and not has_pairs:
            raise ValueError(
                f"recipe.{part} holds neither bitext nor gettext, which tlm needs."
            )
        if corpora.gettext and not corpora.gettext_languages:
            raise ValueError(
                f"recipe.{part}.gettext_languages is missing: the languages to read "
                "from the catalogues."
            )
        for language, paths in corpora.monolingual.items():
            if not paths:
                raise ValueError(f"recipe.{part}.monolingual.{language} names no file.")
            for path in paths:
                check_file(path, f"recipe.{part}.monolingual.{language}")
        for number, bitext in enumerate(corpora.bitext):
            check_bitext(bitext, f"recipe.{part}.bitext[{number}]")


def check_bitext(bitext, where):
    """That an entry names files in one of the two ways, and that they exist."""
    both = bool(bitext.source_file) and bool(bitext.target_file)
    if bool(bitext.files) == both:
        raise ValueError(
            f"{where} must have either `files` (TSV or JSONL), or both "
            "`source_file` and `target_file`."
        )
    for path in [*bitext.files, bitext.source_file, bitext.target_file]:
        if path is not None:
            check_file(path, where)


def check_file(path, where):
    if not path.is_file():
        raise FileNotFoundError(f"{where}: there is no file {path}.")
