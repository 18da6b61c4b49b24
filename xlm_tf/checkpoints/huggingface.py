"""Checkpoints in Hugging Face's format: a `config.json`, and weights beside it.

The other formats are read as what they would be in this one. Nothing in a checkpoint
is executed.

A new architecture of transformers is a `Family` in a file of its own, its name in
`FAMILIES`, and a test.
"""

from pathlib import Path

from xlm_tf.checkpoints.bert import BERT
from xlm_tf.checkpoints.checkpoint import CONFIG_FILE, Checkpoint
from xlm_tf.checkpoints.declared_settings import read_json
from xlm_tf.checkpoints.family import activation_name
from xlm_tf.checkpoints.model_settings import named_alike
from xlm_tf.checkpoints.tensor_files import open_folder
from xlm_tf.checkpoints.xlm import XLM
from xlm_tf.checkpoints.xlm_roberta import XLM_ROBERTA, XLM_ROBERTA_XL

FAMILIES = {
    family.model_type: family for family in (XLM, XLM_ROBERTA, XLM_ROBERTA_XL, BERT)
}
# Heads that lie beside a model, each in a file of its own (BGE M3).
HEAD_FILES = ("sparse_linear.pt", "colbert_linear.pt")


def find(path):
    """The folder, where it is a checkpoint of transformers and not a Keras preset."""
    config = Path(path, CONFIG_FILE)
    is_here = config.is_file() and "model_type" in read_json(config)
    return Path(path) if is_here else None


def read(folder, ignored=()):
    """A checkpoint of transformers.

    Args:
        folder: Path, as `find` returns it.
        ignored: tuple of str, names of settings to pass over.

    Returns:
        `Checkpoint`.

    Raises:
        ValueError: it is of another architecture, contradicts itself, or is damaged.
        FileNotFoundError: its weights are missing.
    """
    path = Path(folder, CONFIG_FILE)
    config = read_json(path)
    if config.get("model_type") not in FAMILIES:
        raise ValueError(
            f"{folder} holds a model of type {config.get('model_type')!r}. Expected "
            f"one of {tuple(FAMILIES)}."
        )
    family = FAMILIES[config["model_type"]]
    family.check_folder(folder, config)
    config = named_alike(path, config, family.aliases)
    return Checkpoint(
        folder, family, config, open_folder(folder, HEAD_FILES), ignored=ignored
    )


def family_of(backbone):
    """The family that a backbone is of, and its configuration.

    Args:
        backbone: an `XLMBackbone`.

    Returns:
        `(family, config)`: `Family`, and dict as of a config.json, the inverse of
        `Family.backbone_arguments`.

    Raises:
        ValueError: the backbone is of a form that transformers does not have.
    """
    for family in FAMILIES.values():
        config = family.config_of(backbone)
        arguments = family.backbone_arguments(config)
        own = {name: getattr(backbone, name) for name in arguments}
        own["activation"] = activation_name(backbone)
        if arguments["num_token_types"] == 1 and own["num_token_types"] == 0:
            own["num_token_types"] = 1  # a row of zeros is added
        if arguments == own:
            return family, config
    raise ValueError(
        "This model has no form in transformers, whose models are XLM (positions from "
        "0, no token types, padding states of zero, intermediate_dim of 4 x "
        "hidden_dim), XLM-R (position_offset=pad_token_id + 1, no languages, "
        "norm_placement='post'), XLM-R XL ('pre', without embedding_norm) and BERT "
        "(positions from 0, no languages, pad_token_id=1, 'post'). "
        f"Received: {backbone.get_config()}."
    )
