"""Files of named tensors, read some rows at a time."""

import json
import math
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save_file

from xlm_tf.checkpoints.declared_settings import read_json
from xlm_tf.checkpoints.pickled_tensors import Storage, StoredTensor, read_pickled
from xlm_tf.checkpoints.tensorflow_weights import as_of_pytorch

SAFETENSORS = "model.safetensors"
PICKLED = "pytorch_model.bin"
TENSORFLOW = "tf_model.h5"
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

    def include(self, others, prefix):
        """Add the tensors of other `Tensors`, under names that begin with a prefix."""
        self._tensors |= {prefix + name: x for name, x in others._tensors.items()}
        self.names |= {prefix + name for name in others.names}

    def stored(self):
        """A dict from names to what they are in their files, to be changed."""
        return dict(self._tensors)

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


def has_weights(folder):
    """Whether a folder holds weights that `open_folder` reads."""
    names = (SAFETENSORS, PICKLED, TENSORFLOW)
    return any(
        Path(folder, f"{name}{end}").is_file()
        for name in names
        for end in ("", ".index.json")
    )


def open_folder(folder, head_files=()):
    """The tensors of a checkpoint of transformers.

    Args:
        folder: str or Path that holds `model.safetensors`, `pytorch_model.bin` or
            `tf_model.h5`, in one file or in parts with an index. The first of them
            that is there is read.
        head_files: tuple of str, further pickled files that may be there: the tensor
            `weight` of `NAME.pt` is `NAME.weight`.

    Returns:
        `Tensors`.

    Raises:
        FileNotFoundError: none is there, or a part is missing.
        ValueError: a file is damaged, or was refused (see `read_pickled`).
    """
    tensors = {}
    for path in _weight_files(Path(folder)):
        if path.suffix == ".safetensors":
            tensors |= read_safetensors(path)
        elif path.suffix == ".h5":
            tensors |= as_of_pytorch(path, read_hdf5(path))
        else:
            tensors |= pickled_tensors(read_pickled(path))
    for path in (Path(folder, name) for name in head_files):
        if path.is_file():
            own = pickled_tensors(read_pickled(path))
            tensors |= {f"{path.stem}.{name}": x for name, x in own.items()}
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


def read_hdf5(path):
    """What an HDF5 file of Keras's weights holds, links to elsewhere left out.

    Args:
        path: Path.

    Returns:
        dict from a dataset's path in the file to `StoredTensor`.

    Raises:
        ValueError: not such a file, a damaged one, or one whose numbers do not lie in
            it in one piece, as Keras writes them.
    """
    size, tensors = path.stat().st_size, {}

    def read(name, item):
        if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "fiuV":
            return
        is_bfloat16 = item.attrs.get("dtype") == "bfloat16"  # HDF5 has none
        dtype = np.dtype(ml_dtypes.bfloat16) if is_bfloat16 else item.dtype
        start = item.id.get_offset() if item.size else 0
        if start is None or item.external or start + item.nbytes > size:
            raise ValueError(f"{name} does not lie within it in one piece")
        storage = Storage(path, start, dtype, item.size)
        strides = [math.prod(item.shape[i + 1 :]) for i in range(item.ndim)]
        tensors[name] = StoredTensor(lambda: storage, 0, item.shape, strides)

    try:
        with h5py.File(path, "r") as file:
            file.visititems(read)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is not a file of Keras's weights, or it is damaged: {error}. Copy "
            "or download it again."
        ) from error
    return tensors


class RowsAfterZeros:
    """A tensor with rows of zeros before its own.

    Args:
        tensor: `StoredTensor`.
        num_zeros: int, rows.
    """

    def __init__(self, tensor, num_zeros):
        self._tensor = tensor
        self._num_zeros = num_zeros
        self.shape = (num_zeros + tensor.shape[0], *tensor.shape[1:])

    def rows(self, start, stop):
        """As those of a `StoredTensor`."""
        first, last = (max(row - self._num_zeros, 0) for row in (start, stop))
        num_zeros = stop - start - (last - first)
        return RowsAfterZeros(self._tensor.rows(first, last), num_zeros)

    def read(self):
        """As that of a `StoredTensor`."""
        values = self._tensor.read()
        zeros = np.zeros((self._num_zeros, *self.shape[1:]), values.dtype)
        return np.concatenate([zeros, values])


def write_safetensors(tensors, path, metadata=None):
    """Write a safetensors file, readable for whom new files are.

    Args:
        tensors: dict from name to NumPy array.
        path: Path.
        metadata: dict of str.

    Raises:
        OSError: the disk is full, or the file cannot be written.
    """
    path.unlink(missing_ok=True)
    path.touch()
    mode = path.stat().st_mode
    try:
        save_file(tensors, path, metadata=metadata)
    except SafetensorError as error:
        raise OSError(f"{path} cannot be written: {error}") from error
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
    for name in (SAFETENSORS, PICKLED, TENSORFLOW):
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
    raise FileNotFoundError(
        f"{folder} holds neither {SAFETENSORS} nor {PICKLED} nor {TENSORFLOW}."
    )
