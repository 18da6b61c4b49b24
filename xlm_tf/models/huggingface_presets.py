"""Models from checkpoints in Hugging Face's format, by `from_preset`."""

from pathlib import Path

import numpy as np

from xlm_tf.checkpoints import huggingface
from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.masked_lm import XLMMaskedLM
from xlm_tf.models.text_classifier import XLMTextClassifier
from xlm_tf.models.text_embedder import XLMTextEmbedder
from xlm_tf.text.sentencepiece_tokenizer import XLMSentencePieceTokenizer

HUB = "hf://"
VOCABULARY_FILE = "sentencepiece.bpe.model"
_FILES = ["config.json", "*.safetensors", "*.safetensors.index.json", VOCABULARY_FILE]


def find_checkpoint(preset):
    """The folder of a checkpoint in Hugging Face's format, or None for other presets.

    Args:
        preset: str or Path: "hf://OWNER/NAME", which is downloaded once and kept in
            the hub's cache, or a folder.
    """
    if not str(preset).startswith(HUB):
        return Path(preset) if huggingface.is_huggingface(preset) else None
    from huggingface_hub import hf_hub_download, snapshot_download

    repository = str(preset).removeprefix(HUB)
    folder = Path(hf_hub_download(repository, "config.json")).parent
    if not huggingface.is_huggingface(folder):
        return None
    return Path(snapshot_download(repository, allow_patterns=_FILES))


def load(model_class, folder, load_weights=True, dtype=None, **arguments):
    """A model of a class from a checkpoint.

    Args:
        model_class: `XLMBackbone` or a task of the package.
        folder: Path.
        load_weights: bool, False for random weights in the same shape.
        dtype: dtype policy of the backbone.
        **arguments: of the class, instead of what the checkpoint says. A classifier's
            `num_classes` asks for a new head where the checkpoint has none of that
            size.

    Returns:
        The model; tasks with a preprocessor where the checkpoint's vocabulary is a
        SentencePiece model.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: another architecture, or a missing, extra or misshapen tensor.
    """
    config = huggingface.read_config(folder)
    of_backbone = huggingface.backbone_arguments(config)
    checkpoint = huggingface.Checkpoint(folder)
    prefix = "transformer." if config["model_type"] == "xlm" else "roberta."
    if not any(name.startswith(prefix) for name in checkpoint.names):
        prefix = ""
    if issubclass(model_class, XLMBackbone):
        model = model_class(**of_backbone, dtype=dtype, **arguments)
        head = {}
    else:
        backbone = XLMBackbone(**of_backbone, dtype=dtype)
        if "preprocessor" not in arguments:
            arguments["preprocessor"] = _preprocessor(model_class, folder, backbone)
        arguments, head = _head(model_class, checkpoint, config, arguments)
        model = model_class(backbone, **arguments)
    names = huggingface.backbone_names(config)
    extra = huggingface.unexpected(
        checkpoint, [n for own in names.values() for n in _as_tuple(own)], prefix
    )
    if extra:
        raise ValueError(
            f"{folder} holds tensors that no model of the family has: "
            f"{', '.join(extra[:5])}."
        )
    if load_weights:
        backbone = model if isinstance(model, XLMBackbone) else model.backbone
        huggingface.load_weights(checkpoint, [backbone], names, prefix)
        huggingface.load_weights(checkpoint, model.layers, head, "")
    return model


def _head(model_class, checkpoint, config, arguments):
    """The arguments of a task, and the names of its head's tensors."""
    is_xlm = config["model_type"] == "xlm"
    if issubclass(model_class, XLMTextEmbedder):
        return arguments, {}
    if issubclass(model_class, XLMMaskedLM):
        _check_tied(checkpoint, is_xlm)
        arguments = {"head_transform": not is_xlm, **arguments}
        return arguments, huggingface.masked_lm_names(config)
    if not issubclass(model_class, XLMTextClassifier):
        raise ValueError(
            f"{model_class.__name__} has no form in Hugging Face's format."
        )
    arguments = {"head_transform": not is_xlm, **arguments}
    names = huggingface.classifier_names(config)
    kernel = names["logits_dense/kernel"]
    saved = checkpoint.read(kernel).shape[0] if kernel in checkpoint.names else None
    wanted = arguments.setdefault("num_classes", saved)
    if wanted is None:
        raise ValueError(
            f"{checkpoint.folder} has no classification head: pass num_classes for a "
            "new one, to be trained."
        )
    return arguments, names if wanted == saved else {}


def _check_tied(checkpoint, is_xlm):
    decoder = "pred_layer.proj.weight" if is_xlm else "lm_head.decoder.weight"
    table = (
        "transformer.embeddings.weight"
        if is_xlm
        else "roberta.embeddings.word_embeddings.weight"
    )
    both = {decoder, table} <= checkpoint.names
    if both and not np.array_equal(checkpoint.read(decoder), checkpoint.read(table)):
        raise ValueError(
            f"{checkpoint.folder} has a prediction head of its own, {decoder}, that is "
            "not tied to the token embedding. Such heads are not supported."
        )


def _preprocessor(task_class, folder, backbone):
    vocabulary = folder / VOCABULARY_FILE
    if not vocabulary.is_file():
        return None
    tokenizer = XLMSentencePieceTokenizer(vocabulary)
    return task_class.preprocessor_cls(
        tokenizer, sequence_length=backbone.max_sequence_length
    )


def _as_tuple(names):
    return names if isinstance(names, tuple) else (names,)
