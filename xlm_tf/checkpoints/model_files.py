"""The names that files of a model have, in whichever format."""

import fnmatch
from pathlib import Path

from xlm_tf.checkpoints import huggingface, keras_hub
from xlm_tf.checkpoints.finding import FORMATS

# A model that is saved over another one takes the place of all of them: one that stayed
# would be read with the new ones.
_PATTERNS = (
    # transformers
    "config.json",
    "generation_config.json",
    "adapter_config.json",
    "adapter_model.*",
    "model.safetensors",
    "model-*-of-*.safetensors",
    "model.safetensors.index.json",
    "pytorch_model*.bin",
    "pytorch_model.bin.index.json",
    "tf_model*.h5",
    "flax_model*.msgpack",
    *huggingface.HEAD_FILES,
    # tokenizers
    *(name for x in huggingface.FAMILIES.values() for name in x.tokenizer.names),
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "dict.txt",
    # sentence-transformers
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "0_Transformer",
    "[0-9]_Pooling",
    "[0-9]_Normalize",
    "[0-9]_Dense",
    # Keras
    "task.json",
    "preprocessor.json",
    "metadata.json",
    "model.weights.h5",
    "model_*.weights.h5",
    "model.weights.json",
    "task.weights.h5",
    "assets",
)


def is_model_file(name):
    """Whether a file or folder of this name belongs to a model."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in _PATTERNS)


def check_no_other_model(folder):
    """Refuse to save beside a file that would be read instead of what is saved.

    Args:
        folder: str or Path.

    Raises:
        FileExistsError: it holds a model of fairseq or XLM.
    """
    if not Path(folder).is_dir():
        return
    for other in (x for x in FORMATS if x not in (huggingface, keras_hub)):
        path = other.find(folder)
        if path is not None:
            raise FileExistsError(
                f"{folder} holds a model in another format, {path.name}. Choose "
                "another folder, or move that file."
            )
