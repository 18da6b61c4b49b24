"""From a YAML file to a checked recipe, or to everything that is wrong in it."""

import difflib
import functools
import operator
import typing

from pydantic import TypeAdapter, ValidationError

from xlm_tf.training.classification_recipe import ClassificationRecipe
from xlm_tf.training.embedding_recipe import EmbeddingRecipe
from xlm_tf.training.finetuning_recipe import FinetuningRecipe
from xlm_tf.training.initial_model import SEQ2SEQ_TASKS, describe
from xlm_tf.training.initial_model_checks import (
    check_initial_decoder,
    check_initial_model,
)
from xlm_tf.training.pretraining_recipe import PretrainingRecipe
from xlm_tf.training.question_answering_recipe import QuestionAnsweringRecipe
from xlm_tf.training.recipe_fields import MISSING_FILE, UNUSABLE_FILE
from xlm_tf.training.recipe_reading import (
    RecipeError,
    check_command,
    check_data_folder,
    context_of,
    lines_of,
    read_fields,
)
from xlm_tf.training.shipped_recipes import find_recipe
from xlm_tf.training.tagging_recipe import TaggingRecipe

RECIPES = {
    "pretrain": PretrainingRecipe,
    "finetune": FinetuningRecipe,
    # Tasks of finetune.
    "classification": ClassificationRecipe,
    "tagging": TaggingRecipe,
    "question_answering": QuestionAnsweringRecipe,
    "embedding": EmbeddingRecipe,
}


class MissingFilesError(RecipeError, FileNotFoundError):
    """A recipe is right, and files or models that it names do not exist."""


def load_recipe(source, data_folder=None, command=None, **overrides):
    """Read and check a recipe; its fields are explained in `docs/recipes.md`.

    Args:
        source: str or Path of a YAML file, or the name of a recipe of the package.
            Relative paths in a file start at its folder, those in a recipe of the
            package at the working directory.
        data_folder: str or Path where the paths of corpora start instead.
        command: "pretrain" or "finetune", the kind that is expected; any by default.
        **overrides: values for top-level fields, such as `output`; paths among them
            start at the working directory.

    Returns:
        A recipe of one of the classes of `RECIPES`.

    Raises:
        FileNotFoundError: there is no such recipe or data folder; or, a
            `MissingFilesError`, no file or model of a name in the recipe.
        RecipeError: fields that are unknown, missing, of another type or out of range,
            or that contradict each other; tables without the columns that are named.
        ValueError: the file is not YAML, or of another command.
    """
    path, folder = find_recipe(source)
    content = read_fields(path, data_folder, overrides)
    return check_recipe(content, path, folder, data_folder, command)


def check_recipe(content, path, folder, data_folder=None, command=None):
    """Check the fields of a recipe that was read.

    Args:
        content: dict, what `read_yaml` gives.
        path: Path of the file, which errors name.
        folder: Path where relative paths start.
        data_folder, command: see `load_recipe`.

    Returns and raises: as `load_recipe`.
    """
    check_data_folder(data_folder)
    check_command(path, content, "training")
    _check_task(path, content)
    kind = kind_of(content, command)
    if command is not None and kind.command != command:
        raise ValueError(f"{path} is a recipe of `xlm-tf {kind.command}`.")
    context = context_of(folder, data_folder)
    recipe, errors = _validate(kind, content, context)
    of_places = [
        error["type"] in (MISSING_FILE, UNUSABLE_FILE)
        or (error["type"], error["loc"]) == ("missing", ("output",))
        for error in errors
    ]
    has_corpora = all(error["loc"][-1:] != ("prepared",) for error in errors)
    if errors and all(of_places) and has_corpora:
        # What contradicts is looked for once every field is right.
        placed = {"output": ".", **content}
        others = _validate(kind, placed, {**context, "check_files": False})[1]
        errors += others
    lines = [line for error in errors for line in lines_of(kind, error)]
    lines += [] if recipe is None else recipe.unreadable_files()
    if recipe is not None and recipe.initial_model is not None:
        try:
            _check_initial_models(recipe)
        except ValueError as error:
            lines.append(str(error))
    if lines:
        is_missing = all(error["type"] == MISSING_FILE for error in errors)
        error_class = MissingFilesError if errors and is_missing else RecipeError
        raise error_class([f"{path}: {line}" for line in lines])
    return recipe


def kind_of(content, command=None):
    """The class of a recipe that was read.

    Args:
        content: dict. Corpora are fields in pretraining, and a list in fine-tuning,
            which alone has a `task`.
        command: "pretrain" or "finetune", for a recipe that does not tell.

    Returns:
        A value of `RECIPES`.
    """
    data = content.get("data")
    for kind in RECIPES.values():
        if "task" in content and content["task"] in _tasks(kind):
            return kind
    if "task" in content or isinstance(data, list):
        return FinetuningRecipe
    return (
        PretrainingRecipe if isinstance(data, dict) else RECIPES[command or "pretrain"]
    )


def schema(command=None):
    """The JSON schema of recipes.

    Args:
        command: a key of `RECIPES`, or None for any.

    Returns:
        dict.
    """
    if command is not None:
        return RECIPES[command].model_json_schema()
    kinds = functools.reduce(operator.or_, RECIPES.values())
    return TypeAdapter(kinds).json_schema()


def _check_initial_models(recipe):
    """Raise ValueError where the files of its models say that a recipe does not fit."""
    facts = describe(recipe.initial_model, recipe.initial_tasks)
    if facts is not None:
        check_initial_model(recipe, facts)
    name = getattr(recipe, "initial_decoder", None)
    if name is not None:
        of_decoder = describe(name, SEQ2SEQ_TASKS, "initial_decoder")
        if facts is not None and of_decoder is not None:
            check_initial_decoder(recipe, facts, of_decoder)


def _tasks(kind):
    """The values that a kind of recipe has for `task`."""
    field = kind.model_fields.get("task")
    return () if field is None else typing.get_args(field.annotation)


def _check_task(path, content):
    """Raise RecipeError where a recipe is of no task that there is."""
    tasks = [task for kind in RECIPES.values() for task in _tasks(kind)]
    task = content.get("task", tasks[0])
    if task in tasks:
        return
    close = difflib.get_close_matches(str(task), tasks, n=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    raise RecipeError(
        [
            f"{path}: recipe.task must be one of {', '.join(tasks)}. {hint}"
            f"Received: {task!r}."
        ]
    )


def _validate(kind, content, context):
    try:
        return kind.model_validate(content, context=context), []
    except ValidationError as error:
        return None, error.errors(include_url=False)
