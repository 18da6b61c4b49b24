"""From the name of a model to its checkpoint, in whichever format it is.

A new format is a module with two functions, its name in `FORMATS`, and a test:
`find(path)` returns the file (or folder) in this format that a path is or holds, or
None; `read(found, ignored)` returns it as a `Checkpoint` of one of the families, under
that family's names of settings and tensors. Formats are tried in their order.
"""

import dataclasses
from pathlib import Path

from xlm_tf.checkpoints import (
    adapters,
    fairseq,
    huggingface,
    keras_hub,
    original,
    sentence_transformers,
    tokenizer_settings,
)
from xlm_tf.checkpoints.adapters import ADAPTER_FILE
from xlm_tf.checkpoints.checkpoint import CONFIG_FILE, GENERATION_FILE
from xlm_tf.checkpoints.declared_settings import read_json_if_there
from xlm_tf.checkpoints.model_names import HUB, no_model, resolve
from xlm_tf.checkpoints.released_models import released_model
from xlm_tf.checkpoints.tensor_files import has_weights
from xlm_tf.private_keras import preset_file

FORMATS = (huggingface, keras_hub, fairseq, original)
# What is downloaded of a repository of transformers.
_FILES = [
    CONFIG_FILE,
    GENERATION_FILE,
    ADAPTER_FILE,
    sentence_transformers.MODULES_FILE,
    sentence_transformers.CONFIG_FILE,
    sentence_transformers.TRANSFORMER_FILE,
    "*_Pooling/config.json",
    "*_Normalize/config.json",
    *(
        f"*_Dense/{x}"
        for x in ("config.json", "model.safetensors", "pytorch_model.bin")
    ),
    tokenizer_settings.CONFIG_FILE,
    tokenizer_settings.SPECIAL_TOKENS_FILE,
    tokenizer_settings.ADDED_TOKENS_FILE,
    *huggingface.HEAD_FILES,
    *(name for x in huggingface.FAMILIES.values() for name in x.tokenizer.names),
]
# Weights, by what is preferred.
_WEIGHTS = (
    ["model*.safetensors", "model.safetensors.index.json", adapters.SAFETENSORS],
    ["pytorch_model*.bin", "pytorch_model.bin.index.json", adapters.PICKLED],
    ["tf_model*.h5", "tf_model.h5.index.json"],
)
# What JSON files a preset of Keras has, of which a damaged one is named.
_KERAS_FILES = (CONFIG_FILE, "task.json", "preprocessor.json", "tokenizer.json")


def find_checkpoint(preset, ignored_settings=(), adapter=None):
    """The checkpoint that a preset is, or None for a preset of this package.

    Args:
        preset: see `from_preset` of the models.
        ignored_settings: collection of str, names of settings to pass over.
        adapter: str or Path of an adapter to merge into it, or its address on the hub.

    Returns:
        `Checkpoint`, or None.

    Raises:
        FileNotFoundError: there is no such model, with the nearest name, or nothing
            that is one at the path, or no such adapter.
        ValueError: its files are damaged, contradict themselves, or ask for more than
            tensors, or the adapter is of another model.
    """
    ignored = tuple(ignored_settings)
    adapter = None if adapter is None else _adapter_folder(adapter)
    preset = resolve(preset)
    released, facts = released_model(preset), {}
    if released is not None:
        preset = released.source
        facts = {"arguments": released.arguments, "prompts": released.prompts}
    path = Path(preset)
    if "://" in preset:
        is_of_hub = preset.startswith(HUB)
        path = _download(preset.removeprefix(HUB)) if is_of_hub else _fetch(preset)
    if path is None:
        _check_no_adapter(preset, adapter)
        return None
    root, path = path, sentence_transformers.transformer_folder(path)
    if _is_adapter_to_merge(path, adapter, ignored):
        return find_checkpoint(adapters.base_of(path), ignored, path)
    for file_format in FORMATS:
        found = file_format.find(path)
        if found is not None:
            checkpoint = file_format.read(found, ignored)
            root = root if root.is_dir() else None
            checkpoint = dataclasses.replace(checkpoint, root=root, **facts)
            if adapter is not None:
                checkpoint = adapters.merge(checkpoint, adapter)
            return checkpoint
    if not (path / CONFIG_FILE).is_file():
        raise FileNotFoundError(_holds_no_model(path))
    for name in _KERAS_FILES:
        read_json_if_there(path / name)
    _check_no_adapter(preset, adapter)
    return None


def _check_no_adapter(preset, adapter):
    """Refuse to merge an adapter into a preset of this package."""
    if adapter is not None:
        raise ValueError(
            f"{preset} is a preset of this package, and adapters of PEFT are merged "
            "into the files of others. Load the model, save it by save_to_huggingface, "
            "and name that folder."
        )


def _adapter_folder(adapter):
    """The folder of an adapter that is named, downloaded where it is on the hub."""
    name = str(adapter)
    folder = _download(name.removeprefix(HUB)) if name.startswith(HUB) else Path(name)
    if folder is None or not adapters.is_adapter(folder):
        raise FileNotFoundError(
            f"{adapter} is no adapter of PEFT: there is no {ADAPTER_FILE}. Expected a "
            f"folder, or {HUB}OWNER/NAME."
        )
    return folder


def _is_adapter_to_merge(path, adapter, ignored):
    """Whether a path holds an adapter alone, and none of the model that it is of.

    Args:
        path: Path.
        adapter: Path of another adapter that is to be merged into what is there.
        ignored: tuple of str.

    Raises:
        ValueError: it holds an adapter where a model was expected, or both.
    """
    if not adapters.is_adapter(path) or ADAPTER_FILE in ignored:
        return False
    if has_weights(path):
        if adapter is not None and adapter.samefile(path):
            return False
        raise ValueError(
            f"{path} holds an adapter beside the weights of a model. Pass "
            f"adapter={str(path)!r} to from_preset to merge it into them, or "
            f"ignored_settings=[{ADAPTER_FILE!r}] for the weights alone."
        )
    if adapter is not None:
        raise ValueError(
            f"{path} holds an adapter, not a model that {adapter} could be merged "
            "into. Load it, save it by save_to_huggingface, and name that folder."
        )
    return True


def _holds_no_model(path):
    """What is wrong with a path that holds no model."""
    if path.is_file():
        return (
            f"{path} is not a file that a model is loaded from: fairseq's .pt and "
            "XLM's .pth are. Expected one of them, or the folder of a model; a .keras "
            "file is read by keras.models.load_model."
        )
    inner = path / "model"
    hint = f" Did you mean {inner}?" if (inner / CONFIG_FILE).is_file() else ""
    return (
        f"{path} holds no model: no {CONFIG_FILE}, as transformers and save_to_preset "
        f"write it, no {fairseq.MODEL_FILE} of fairseq, and not one .pth of XLM.{hint}"
    )


def _download(repository):
    """The folder of a repository of the hub; None where it is of this package."""
    from huggingface_hub import hf_hub_download, snapshot_download
    from huggingface_hub.errors import RemoteEntryNotFoundError, RepositoryNotFoundError

    for name in (CONFIG_FILE, ADAPTER_FILE):
        try:
            folder = Path(hf_hub_download(repository, name)).parent
            break
        except RepositoryNotFoundError as error:
            raise FileNotFoundError(no_model(HUB + repository)) from error
        except RemoteEntryNotFoundError:
            continue
    else:
        raise FileNotFoundError(
            f"{HUB}{repository} holds no {CONFIG_FILE} and no {ADAPTER_FILE}: it is "
            "neither a model of transformers or Keras nor an adapter of PEFT."
        )
    is_adapter = adapters.is_adapter(folder)
    if not is_adapter and keras_hub.find(folder) is not None:
        patterns = [*keras_hub.FILES, "model_*.weights.h5"]
        return Path(snapshot_download(repository, allow_patterns=patterns))
    if not is_adapter and huggingface.find(folder) is None:
        return None
    # Files that are there are not asked for again, and a broken download goes on.
    for patterns in _WEIGHTS:
        folder = Path(snapshot_download(repository, allow_patterns=_FILES + patterns))
        if any(any(folder.glob(pattern)) for pattern in patterns):
            break
    return folder


def _fetch(preset):
    """The folder of a KerasHub preset at another address; None where it is none."""
    config = preset_file(preset, CONFIG_FILE)
    if config is None or keras_hub.find(config.parent) is None:
        return None
    for name in keras_hub.FILES:
        path = preset_file(preset, name)
        if path is not None and name == keras_hub.SHARDS_FILE:
            for shard in keras_hub.shards(path):
                preset_file(preset, shard)
    return config.parent
