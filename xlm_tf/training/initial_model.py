"""The model that a training begins with, and what is known of it before it is read."""

import dataclasses
import json
from pathlib import Path

# A causal model too has what an encoder-decoder begins with.
_TASKS = ("XLMMaskedLM", "XLMCausalLM")


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


def describe(name):
    """What the files of a model say, without reading its weights.

    Args:
        name: `ModelName`.

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
        _check_task(name, _task_of(name))
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


def _check_task(name, kind):
    if kind not in _TASKS:
        raise ValueError(
            f"recipe.initial_model: {name} holds a {kind}, without the head of a "
            f"language model. Expected one of {', '.join(_TASKS)}."
        )


def _task_of(folder):
    return _saved(folder, "task.json").get("class_name", "backbone")


def _config(folder, file):
    return _saved(folder, file).get("config", {})


def _saved(folder, file):
    path = Path(folder, file)
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def load_initial_model(name, dtype, **arguments):
    """A masked language model to train on.

    Args:
        name: `ModelName`.
        dtype: str, policy of the backbone.
        **arguments: of `XLMBackbone`, instead of its own; none that its weights
            depend on.

    Returns:
        `XLMMaskedLM`, or `XLMCausalLM`, with a preprocessor.

    Raises:
        ValueError: it comes without a tokenizer, or is a model of another task.
    """
    from xlm_tf.models.backbone import XLMBackbone
    from xlm_tf.models.loading import load_task

    masked_lm = load_task(name, dtype=dtype)
    _check_task(name, type(masked_lm).__name__)
    if masked_lm.preprocessor is None:
        raise ValueError(
            f"The initial model {name} comes without a tokenizer. Expected its "
            "tokenizer's files beside its weights."
        )
    if not arguments:
        return masked_lm
    backbone = XLMBackbone.from_config({**masked_lm.backbone.get_config(), **arguments})
    backbone.set_weights(masked_lm.backbone.get_weights())
    changed = type(masked_lm)(
        backbone,
        masked_lm.preprocessor,
        masked_lm.head_transform,
        masked_lm.tied,
        compile=False,
    )
    changed.prediction_head.set_weights(masked_lm.prediction_head.get_weights())
    return changed


def facts_of(masked_lm):
    """`InitialModelFacts` of a model that is read."""
    return InitialModelFacts(
        masked_lm.backbone.max_sequence_length,
        masked_lm.preprocessor.languages,
        masked_lm.backbone.causal,
    )
