"""The model that a training begins with, and what is known of it before it is read."""

import dataclasses
import json
from pathlib import Path

MASKED_MODEL, CAUSAL_MODEL = "XLMMaskedLM", "XLMCausalLM"
# A causal model too has what an encoder-decoder begins with.
LANGUAGE_MODELS = (MASKED_MODEL, CAUSAL_MODEL)
SEQ2SEQ_MODEL = "XLMSeq2SeqLM"
# What an encoder-decoder begins with.
SEQ2SEQ_TASKS = (*LANGUAGE_MODELS, SEQ2SEQ_MODEL)


@dataclasses.dataclass(frozen=True)
class InitialModelFacts:
    """What a recipe must fit.

    Attributes:
        max_sequence_length: int, positions.
        languages: list of str, in the order of its language embedding; None where it
            has none.
        causal: bool.
        language_tokens: dict from the languages that it is told to write by tokens;
            None where there are none.
        arguments: dict, what is known of the arguments of its `XLMBackbone`; of an
            encoder-decoder also `num_decoder_layers` and `share_embeddings`.
    """

    max_sequence_length: int
    languages: list | None
    causal: bool
    language_tokens: dict | None = None
    arguments: dict = dataclasses.field(default_factory=dict)


def describe(name, tasks, field="initial_model"):
    """What the files of a model say, without reading its weights.

    Args:
        name: `ModelName`.
        tasks: names of the tasks that it may be a model of.
        field: str, of the recipe, that names it.

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
    checkpoint, language_tokens = find_checkpoint(name), None
    if checkpoint is not None:
        arguments = checkpoint.backbone_arguments
        if checkpoint.num_decoder_layers and SEQ2SEQ_MODEL in tasks:
            arguments |= {
                "num_decoder_layers": checkpoint.num_decoder_layers,
                "share_embeddings": False,
            }
        languages = languages_of(checkpoint.config, checkpoint.config_path)
    else:
        _check_task(name, _task_of(name), tasks, field)
        arguments = _config(name, "config.json")
        if "encoder" in arguments:
            arguments = {**arguments.pop("encoder")["config"], **arguments}
        preprocessor = _config(name, "preprocessor.json")
        languages = preprocessor.get("languages")
        language_tokens = preprocessor.get("language_tokens")
    count = arguments.get("num_languages", 0)
    if not languages or len(languages) != count:
        languages = [str(number) for number in range(count)]
    return InitialModelFacts(
        arguments.get("max_sequence_length", 512),
        languages or None,
        arguments.get("causal", False),
        language_tokens,
        arguments,
    )


def _check_task(name, kind, tasks, field):
    if kind not in tasks:
        why = "which is none of what the task begins with"
        if kind == CAUSAL_MODEL:
            why = "whose tokens see the past only, and the task needs both sides"
        raise ValueError(
            f"recipe.{field}: {name} holds a {kind}, {why}. Expected one of "
            f"{', '.join(tasks)}."
        )


def _task_of(folder):
    return _saved(folder, "task.json").get("class_name", "backbone")


def _config(folder, file):
    return _saved(folder, file).get("config", {})


def _saved(folder, file):
    path = Path(folder, file)
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def load_initial_model(name, dtype, tasks, field="initial_model", **arguments):
    """A model to train on, most often a masked language model.

    Args:
        name: `ModelName`. Of a file of XLM with encoder and decoder the encoder is
            taken, where the tasks have no decoder.
        dtype: str, policy of the backbone.
        tasks: names of the tasks that it may be a model of.
        field: str, of the recipe, that names it.
        **arguments: of `XLMBackbone`, instead of its own; none that its weights
            depend on.

    Returns:
        A model of one of the tasks, with a preprocessor.

    Raises:
        ValueError: it comes without a tokenizer, or is a model of another task.
    """
    from xlm_tf.models.loading import find_task, load_task
    from xlm_tf.models.masked_lm import XLMMaskedLM

    task_class, checkpoint = find_task(name)
    has_decoder = task_class.__name__ == SEQ2SEQ_MODEL
    if checkpoint is not None and has_decoder and SEQ2SEQ_MODEL not in tasks:
        task = XLMMaskedLM.from_preset(name, dtype=dtype)
    else:
        task = load_task(name, dtype=dtype)
    _check_task(name, type(task).__name__, tasks, field)
    if task.preprocessor is None:
        raise ValueError(
            f"The model {name} of recipe.{field} comes without a tokenizer. Expected "
            "its tokenizer's files beside its weights."
        )
    if not arguments:
        return task
    backbone = _changed(task.backbone, arguments)
    config = {**task.get_config(), "backbone": backbone, "compile": False}
    config.pop("dtype", None)  # that of the backbone
    config.pop("decoding", None)  # that of the recipe
    changed = type(task)(**{**config, "preprocessor": task.preprocessor})
    changed.set_weights(task.get_weights())
    return changed


def _changed(backbone, arguments):
    """A backbone of new weights, with other arguments of `XLMBackbone`."""
    from xlm_tf.models.backbone import XLMBackbone
    from xlm_tf.models.seq2seq_backbone import XLMSeq2SeqBackbone

    if not isinstance(backbone, XLMSeq2SeqBackbone):
        return XLMBackbone.from_config({**backbone.get_config(), **arguments})
    return XLMSeq2SeqBackbone(
        _changed(backbone.encoder, arguments),
        backbone.num_decoder_layers,
        backbone.share_embeddings,
    )


def facts_of(task):
    """`InitialModelFacts` of a model that is read."""
    backbone = task.backbone
    arguments = getattr(backbone, "encoder", backbone).get_config()
    if hasattr(backbone, "encoder"):
        arguments |= {
            "num_decoder_layers": backbone.num_decoder_layers,
            "share_embeddings": backbone.share_embeddings,
        }
    return InitialModelFacts(
        backbone.max_sequence_length,
        task.preprocessor.languages,
        arguments["causal"],
        getattr(task.preprocessor, "language_tokens", None),
        arguments,
    )
