"""The model that a training begins with, and what is known of it before it is read."""

import dataclasses
import json
from pathlib import Path

# A causal model too has what an encoder-decoder begins with.
LANGUAGE_MODELS = ("XLMMaskedLM", "XLMCausalLM")


@dataclasses.dataclass(frozen=True)
class InitialModelFacts:
    """What a recipe must fit.

    Attributes:
        max_sequence_length: int, positions.
        languages: list of str, in the order of its language embedding; None where it
            has none.
        causal: bool.
    """

    max_sequence_length: int
    languages: list | None
    causal: bool


def describe(name, tasks=LANGUAGE_MODELS):
    """What the files of a model say, without reading its weights.

    Args:
        name: `ModelName`.
        tasks: names of the tasks that it may be a model of.

    Returns:
        `InitialModelFacts`, or None for a model that is still to be downloaded.

    Raises:
        ValueError: it is a model of another task.
    """
    from xlm_tf.checkpoints.finding import find_checkpoint
    from xlm_tf.checkpoints.model_settings import languages_of
    from xlm_tf.checkpoints.released_models import PRESETS

    source = PRESETS[name].source if name in PRESETS else name
    if "://" in source:
        return None
    checkpoint = find_checkpoint(name)
    if checkpoint is not None:
        arguments = checkpoint.backbone_arguments
        languages = languages_of(checkpoint.config, checkpoint.config_path)
    else:
        _check_task(name, _task_of(name), tasks)
        arguments = _config(name, "config.json")
        languages = _config(name, "preprocessor.json").get("languages")
    count = arguments.get("num_languages", 0)
    if not languages or len(languages) != count:
        languages = [str(number) for number in range(count)]
    return InitialModelFacts(
        arguments.get("max_sequence_length", 512),
        languages or None,
        arguments.get("causal", False),
    )


def _check_task(name, kind, tasks):
    if kind not in tasks:
        raise ValueError(
            f"recipe.initial_model: {name} holds a {kind}, which is none of what the "
            f"task begins with. Expected one of {', '.join(tasks)}."
        )


def _task_of(folder):
    return _saved(folder, "task.json").get("class_name", "backbone")


def _config(folder, file):
    return _saved(folder, file).get("config", {})


def _saved(folder, file):
    path = Path(folder, file)
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def load_initial_model(name, dtype, tasks=LANGUAGE_MODELS, **arguments):
    """A model to train on, most often a masked language model.

    Args:
        name: `ModelName`.
        dtype: str, policy of the backbone.
        tasks: names of the tasks that it may be a model of.
        **arguments: of `XLMBackbone`, instead of its own; none that its weights
            depend on.

    Returns:
        A model of one of the tasks, with a preprocessor.

    Raises:
        ValueError: it comes without a tokenizer, or is a model of another task.
    """
    from xlm_tf.models.backbone import XLMBackbone
    from xlm_tf.models.loading import load_task

    task = load_task(name, dtype=dtype)
    _check_task(name, type(task).__name__, tasks)
    if task.preprocessor is None:
        raise ValueError(
            f"The initial model {name} comes without a tokenizer. Expected its "
            "tokenizer's files beside its weights."
        )
    if not arguments:
        return task
    backbone = XLMBackbone.from_config({**task.backbone.get_config(), **arguments})
    config = {**task.get_config(), "backbone": backbone, "compile": False}
    config.pop("dtype", None)  # that of the backbone
    changed = type(task)(**{**config, "preprocessor": task.preprocessor})
    changed.set_weights(task.get_weights())
    return changed


def facts_of(task):
    """`InitialModelFacts` of a model that is read."""
    return InitialModelFacts(
        task.backbone.max_sequence_length,
        task.preprocessor.languages,
        task.backbone.causal,
    )
