"""Files of named tensors, read some rows at a time."""

import json
import math
from pathlib import Path

import ml_dtypes
import numpy as np
from safetensors.numpy import save_file

from xlm_tf.checkpoints.declared_settings import read_json
from xlm_tf.checkpoints.pickled_tensors import Storage, StoredTensor, read_pickled

SAFETENSORS = "model.safetensors"
PICKLED = "pytorch_model.bin"
# Numbers that are held at a time.
BLOCK_NUMBERS = 16_000_000
_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": ml_dtypes.bfloat16,
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}


class Tensors:
    """The tensors of a checkpoint, which stay in their files until they are read.

    Args:
        source: Path, for messages.
        tensors: dict from name to `StoredTensor`, or to (`StoredTensor`, part, parts):
            the rows of one of several equal parts.

    Attributes:
        names: set of str.
    """

    def __init__(self, source, tensors):
        self.source = Path(source)
        self.names = set(tensors)
        self._tensors = {
            name: _rows_of(*stored) if isinstance(stored, tuple) else stored
            for name, stored in tensors.items()
        }

    def shape(self, name):
        """The shape of a tensor."""
        return self._tensors[name].shape

    def read(self, name):
        """A tensor as a NumPy array, in its own type."""
        return self._tensors[name].read()

    def blocks(self, name):
        """Some rows of a tensor at a time: pairs of a slice and a NumPy array."""
        tensor = self._tensors[name]
        rows_per_block = max(BLOCK_NUMBERS // max(math.prod(tensor.shape[1:]), 1), 1)
        for start in range(0, tensor.shape[0], rows_per_block):
            stop = min(start + rows_per_block, tensor.shape[0])
            yield slice(start, stop), tensor.rows(start, stop).read()

    def equal(self, name, other):
        """Whether two tensors hold the same numbers."""
        return self.shape(name) == self.shape(other) and all(
            np.array_equal(values, others)
            for (_, values), (_, others) in zip(
                self.blocks(name), self.blocks(other), strict=True
            )
        )


def open_folder(folder):
    """The tensors of a checkpoint of transformers.

    Args:
        folder: str or Path that holds `model.safetensors` or `pytorch_model.bin`, in
            one file or in parts with an index. safetensors are preferred.

    Returns:
        `Tensors`.

    Raises:
        FileNotFoundError: neither is there, or a part is missing.
        ValueError: a file is damaged, or was refused (see `read_pickled`).
    """
    tensors = {}
    for path in _weight_files(Path(folder)):
        if path.suffix == ".safetensors":
            tensors |= read_safetensors(path)
        else:
            tensors |= pickled_tensors(read_pickled(path))
    return Tensors(folder, tensors)


def read_safetensors(path):
    """What a safetensors file holds.

    The format is a length, a JSON header with types, shapes and places, and the
    numbers. The library of that name maps a file into memory, where what was read
    stays; this leaves it on the disk.

    Args:
        path: Path.

    Returns:
        dict from name to `StoredTensor`.

    Raises:
        ValueError: not such a file, or a damaged one.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= size - 8:
                raise ValueError("its header is longer than the file")
            header = json.loads(file.read(length))
        begin, tensors = 8 + length, {}
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            dtype, shape = np.dtype(_DTYPES[entry["dtype"]]), tuple(entry["shape"])
            start, stop = entry["data_offsets"]
            count = math.prod(shape)
            if stop - start != count * dtype.itemsize or begin + stop > size:
                raise ValueError(f"the tensor {name} does not lie within it")
            storage = Storage(path, begin + start, dtype, count)
            strides = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
            tensors[name] = StoredTensor(lambda s=storage: s, 0, shape, strides)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} is not a safetensors file, or it is damaged: {error}. Copy or "
            "download it again."
        ) from error
    return tensors


def write_safetensors(tensors, path, metadata=None):
    """Write a safetensors file, readable for whom new files are.

    Args:
        tensors: dict from name to NumPy array.
        path: Path.
        metadata: dict of str.
    """
    path.unlink(missing_ok=True)
    path.touch()
    mode = path.stat().st_mode
    save_file(tensors, path, metadata=metadata)
    path.chmod(mode)  # the library writes for the owner alone


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


def _rows_of(tensor, part, parts):
    rows = tensor.shape[0] // parts
    return tensor.rows(part * rows, (part + 1) * rows)


def _weight_map(index):
    content = read_json(index).get("weight_map")
    if not isinstance(content, dict):
        raise ValueError(f"{index} holds no weight_map: it is not an index of tensors.")
    return content


def _weight_files(folder):
    for name in (SAFETENSORS, PICKLED):
        index = folder / f"{name}.index.json"
        if index.is_file():
            parts = set(_weight_map(index).values())
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
