"""Models as transformers reads them: the way back from `xlm_tf.models.loading`."""

import json

import keras_hub
import numpy as np

from xlm_tf.checkpoints import huggingface, tokenizer_settings
from xlm_tf.checkpoints.checkpoint import CONFIG_FILE
from xlm_tf.checkpoints.checkpoint_head import head_of
from xlm_tf.checkpoints.model_files import check_no_other_model, is_model_file
from xlm_tf.checkpoints.weights import save_weights
from xlm_tf.layers.merged_weights import merged_weights
from xlm_tf.output_files import replaced_files

_TOKEN_TYPES = "embeddings/token_type_table"


def save_checkpoint(model, folder):
    """Write a model as transformers reads it, see `save_to_huggingface`."""
    is_backbone = isinstance(model, keras_hub.models.Backbone)
    backbone = model if is_backbone else model.backbone
    if hasattr(backbone, "encoder"):
        raise ValueError(
            f"{type(model).__name__} has no form in transformers, which has no "
            "encoder-decoder of this family. Use save_to_preset, or save the encoder "
            "alone: model.backbone.encoder.save_to_huggingface(...)."
        )
    preprocessor = None if is_backbone else model.preprocessor
    family, config = huggingface.family_of(backbone)
    head = head_of(type(model), family)
    if head is None:
        raise ValueError(
            f"{type(model).__name__} has no form in transformers. Use save_to_preset, "
            "or save its encoder alone: model.backbone.save_to_huggingface(...)."
        )
    config |= _language_settings(getattr(preprocessor, "languages", None))
    config |= _head_settings(model, head, family)
    names, extra = _names_of(model, backbone, head, family, config)
    if preprocessor is not None:
        _check_tokenizer(preprocessor.tokenizer, family)
    check_no_other_model(folder)
    weights = merged_weights([backbone, *([] if is_backbone else model.layers)])
    with replaced_files(folder, is_model_file) as new:
        _write_json(new / CONFIG_FILE, config)
        save_weights(new, weights, names, extra, huggingface.HEAD_FILES)
        head.write_files(model, new)
        if preprocessor is not None:
            settings = {
                "model_max_length": preprocessor.sequence_length,
                **family.tokenizer.save(preprocessor.tokenizer, new),
                **_language_settings(preprocessor.languages),
            }
            _write_json(new / tokenizer_settings.CONFIG_FILE, settings)


def check_separators(model, family):
    """Refuse to save a model of pairs of texts that transformers packs otherwise."""
    preprocessor, number = model.preprocessor, family.num_separators
    if preprocessor is not None and preprocessor.num_separators != number:
        raise ValueError(
            f"transformers puts {number} </s> between the texts of a pair. "
            f"Received: num_separators={preprocessor.num_separators}."
        )


def _language_settings(languages):
    """The order of the language embedding's rows, of which transformers has two."""
    if not languages:
        return {}
    return {
        "lang2id": {language: i for i, language in enumerate(languages)},
        "id2lang": {str(i): language for i, language in enumerate(languages)},
    }


def _head_settings(model, head, family):
    """What config.json says of a task; refuses heads that transformers lacks."""
    for name, value in head.arguments.items():
        if getattr(model, name) != value:
            raise ValueError(
                f"The head has no form in transformers, where {family.class_name} has "
                f"one with {name}={value!r}. Received: {getattr(model, name)!r}."
            )
    architectures = [family.class_name + head.architecture]
    return {**head.settings(model, family), "architectures": architectures}


def _names_of(model, backbone, head, family, config):
    """Pairs of variables and tensor names, and tensors that are no variables."""
    prefix = "" if head.architecture == "Model" else family.prefix
    names, extra = family.backbone_tensors(config), {}
    if _TOKEN_TYPES in names and not backbone.num_token_types:
        row = np.zeros((1, backbone.hidden_dim), "float32")
        extra[prefix + names.pop(_TOKEN_TYPES)] = row
    of_backbone = [
        (
            path,
            tuple(prefix + name for name in own)
            if isinstance(own, tuple)
            else prefix + own,
        )
        for path, own in names.items()
    ]
    return [*of_backbone, *head.saved_tensors(model)], extra


def _check_tokenizer(tokenizer, family):
    if not isinstance(tokenizer, family.tokenizer.tokenizer_cls):
        raise ValueError(
            "In transformers, XLM has byte pairs and XLM-R SentencePiece. Received: a "
            f"{type(tokenizer).__name__} and a model of type {family.model_type}."
        )


def _write_json(path, content):
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
