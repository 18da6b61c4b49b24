"""Files of named tensors, read one tensor at a time."""

import json
from pathlib import Path

import numpy as np
import safetensors

from xlm_tf.checkpoints.pickled_tensors import StoredTensor, read_pickled

SAFETENSORS = "model.safetensors"
PICKLED = "pytorch_model.bin"


class TensorFiles:
    """The tensors of a checkpoint of transformers.

    Args:
        folder: str or Path that holds `model.safetensors` or `pytorch_model.bin`, in
            one file or in parts with an index. safetensors are preferred.

    Attributes:
        source: Path, for messages.
        names: set of str.

    Raises:
        FileNotFoundError: neither is there, or a part is missing.
        ValueError: a file is damaged, or was refused (see `read_pickled`).
    """

    def __init__(self, folder):
        self.source = Path(folder)
        self._tensors = {}
        for path in _weight_files(self.source):
            if path.suffix == ".safetensors":
                self._tensors |= dict.fromkeys(_open(path).keys(), path)
            else:
                self._tensors |= pickled_tensors(read_pickled(path))
        self.names = set(self._tensors)

    def read(self, name):
        """One tensor as a NumPy array, in its own type."""
        stored = self._tensors[name]
        if isinstance(stored, StoredTensor):
            return stored.read()
        return _open(stored).get_tensor(name)

    def shape(self, name):
        """The shape of one tensor, without reading it."""
        stored = self._tensors[name]
        if isinstance(stored, StoredTensor):
            return stored.shape
        return tuple(_open(stored).get_slice(name).get_shape())


class RenamedTensors:
    """Stored tensors under other names, whole or in part.

    Args:
        source: Path, for messages.
        tensors: dict from name to `StoredTensor`, or to (`StoredTensor`, part, parts):
            the rows of one of several equal parts.

    Attributes:
        names: set of str.
    """

    def __init__(self, source, tensors):
        self.source = source
        self._tensors = tensors
        self.names = set(tensors)

    def read(self, name):
        """One tensor as a NumPy array, in its own type."""
        stored = self._tensors[name]
        if isinstance(stored, StoredTensor):
            return stored.read()
        tensor, part, parts = stored
        return np.split(tensor.read(), parts)[part]

    def shape(self, name):
        """The shape of one tensor, without reading it."""
        stored = self._tensors[name]
        if isinstance(stored, StoredTensor):
            return stored.shape
        tensor, _, parts = stored
        return (tensor.shape[0] // parts, *tensor.shape[1:])


def pickled_tensors(content):
    """The entries of a saved dict that are tensors."""
    if not isinstance(content, dict):
        raise ValueError(
            f"A dict of tensors was expected. Received: {type(content).__name__}."
        )
    return {
        str(name): value
        for name, value in content.items()
        if isinstance(value, StoredTensor)
    }


def _weight_files(folder):
    for name in (SAFETENSORS, PICKLED):
        index = folder / f"{name}.index.json"
        if index.is_file():
            parts = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
            paths = [folder / Path(part).name for part in sorted(parts)]
            missing = [path.name for path in paths if not path.is_file()]
            if missing:
                raise FileNotFoundError(
                    f"{folder} holds no {missing[0]}, which {index.name} names."
                )
            return paths
        if (folder / name).is_file():
            return [folder / name]
    raise FileNotFoundError(f"{folder} holds neither {SAFETENSORS} nor {PICKLED}.")


def _open(path):
    try:
        return safetensors.safe_open(path, framework="numpy")
    except safetensors.SafetensorError as error:
        raise ValueError(
            f"{path} is not a safetensors file, or it is damaged ({error})."
        ) from error
