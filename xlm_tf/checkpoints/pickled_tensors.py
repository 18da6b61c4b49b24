"""PyTorch's files of pickled tensors, read without running what they contain.

A pickle is a program: it names functions and calls them. Here only the handful of
functions that make up a tensor are known, and even those are ours; configuration
classes of fairseq and of XLM become plain records; every other name is refused before
anything is called. Neither PyTorch nor any class of the file is imported.
"""

import collections
import dataclasses
import math
import pickle
import struct
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np

_DTYPES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": ml_dtypes.bfloat16,
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
_TENSOR_FUNCTIONS = ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter")
# Settings that released checkpoints hold beside their tensors: packages, and names.
_RECORD_PACKAGES = {"fairseq", "omegaconf", "src", "xlm", "numpy"}
_RECORD_NAMES = {
    ("argparse", "Namespace"),
    ("typing", "Any"),
    ("torch", "device"),
    ("_codecs", "encode"),
    *(("builtins", x) for x in ("bool", "dict", "float", "int", "list", "object")),
    *(("builtins", x) for x in ("bytes", "set", "str", "tuple")),
}
_PYTHON_2_MODULES = {"__builtin__": "builtins", "copy_reg": "copyreg"}
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C


class Record:
    """What stands in for an object of a class that is not imported.

    Attributes:
        class_name: str, the class that the file names.
        arguments: tuple, what it was made with.
        fields: dict of its state.
    """

    class_name = ""

    def __new__(cls, *arguments, **_):
        record = super().__new__(cls)
        record.arguments = arguments
        record.fields = {}
        return record

    def __init__(self, *_, **__):
        pass

    def __setstate__(self, state):
        for part in state if isinstance(state, tuple) else (state,):
            if isinstance(part, dict):
                self.fields |= {str(key): value for key, value in part.items()}

    def __setitem__(self, key, value):
        self.fields[str(key)] = value

    def append(self, value):
        """A list's item, which nothing here needs."""

    extend = append


@dataclasses.dataclass(frozen=True)
class Storage:
    """A run of numbers in a file.

    Attributes:
        path: Path.
        offset: int, byte where it begins.
        dtype: NumPy dtype.
        size: int, numbers.
    """

    path: Path
    offset: int
    dtype: np.dtype
    size: int


class StoredTensor:
    """A tensor that is still in its file.

    Args:
        storage: function without arguments -> `Storage`.
        offset: int, numbers before its first in the storage.
        shape: tuple of int.
        strides: tuple of int, in numbers.
    """

    def __init__(self, storage, offset, shape, strides):
        self._storage = storage
        self._offset = offset
        self.shape = tuple(shape)
        self._strides = tuple(strides)

    def rows(self, start, stop):
        """Some of its rows, a `StoredTensor`."""
        return StoredTensor(
            self._storage,
            self._offset + start * self._strides[0],
            (stop - start, *self.shape[1:]),
            self._strides,
        )

    def view(self, shape, strides):
        """Its numbers in another shape and order, a `StoredTensor`."""
        return StoredTensor(self._storage, self._offset, shape, strides)

    def read(self):
        """The tensor as a NumPy array, in its own type."""
        storage = self._storage()
        if 0 in self.shape:
            return np.zeros(self.shape, storage.dtype)
        last = sum(
            (size - 1) * stride
            for size, stride in zip(self.shape, self._strides, strict=True)
        )
        if min(self._offset, *self._strides, 0) < 0 or (
            self._offset + last >= storage.size
        ):
            raise ValueError(
                f"{storage.path} is damaged: a tensor of the shape {self.shape} lies "
                "outside of its data."
            )
        values = np.fromfile(
            storage.path,
            storage.dtype,
            count=last + 1,
            offset=storage.offset + self._offset * storage.dtype.itemsize,
        )
        if values.size != last + 1:
            raise ValueError(f"{storage.path} is cut off: copy or download it again.")
        strides = [stride * storage.dtype.itemsize for stride in self._strides]
        return np.lib.stride_tricks.as_strided(values, self.shape, strides)


def read_pickled(path):
    """The content of a file that `torch.save` wrote, in its new form or its old.

    Args:
        path: str or Path, such as `pytorch_model.bin`, `model.pt` or a `.pth`.

    Returns:
        What was saved: dicts, lists, numbers and strings, with a `StoredTensor` for
        every tensor and a `Record` for every known object of settings.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not such a file, a damaged one, or one that asks for anything else
            than tensors and settings; nothing of it was run.
    """
    path = Path(path)
    with path.open("rb") as file:
        is_zip = file.read(4) == b"PK\x03\x04"
        file.seek(0)
        try:
            return _read_zip(path, file) if is_zip else _read_legacy(path, file)
        except ValueError:
            raise
        # What a pickle machine raises on bytes that are no pickle.
        except (
            pickle.UnpicklingError,
            zipfile.BadZipFile,
            ArithmeticError,
            AttributeError,
            EOFError,
            LookupError,
            TypeError,
            struct.error,
        ) as error:
            raise ValueError(
                f"{path} is not a file of PyTorch's tensors, or it is damaged "
                f"({type(error).__name__}: {error})."
            ) from error


def write_pickled(tensors, path):
    """Write a file that `torch.load` reads as a dict of tensors, without PyTorch.

    The pickle is put together by its instructions: pickling would need PyTorch's own
    functions, which it names.

    Args:
        tensors: dict from name to float32 array.
        path: Path.
    """
    pickled = [pickle.PROTO, b"\x02", pickle.EMPTY_DICT, pickle.MARK]
    for key, (name, array) in enumerate(tensors.items()):
        strides = [math.prod(array.shape[i + 1 :]) for i in range(array.ndim)]
        pickled += [
            *_text(name),
            pickle.GLOBAL,
            b"torch._utils\n_rebuild_tensor_v2\n",
            pickle.MARK,
            # Where its numbers are.
            pickle.MARK,
            *_text("storage"),
            pickle.GLOBAL,
            b"torch\nFloatStorage\n",
            *_text(str(key)),
            *_text("cpu"),
            *_number(array.size),
            pickle.TUPLE,
            pickle.BINPERSID,
            # Offset, shape, strides, no gradient, no hooks.
            *_number(0),
            *_numbers(array.shape),
            *_numbers(strides),
            pickle.NEWFALSE,
            pickle.GLOBAL,
            b"collections\nOrderedDict\n",
            pickle.EMPTY_TUPLE,
            pickle.REDUCE,
            pickle.TUPLE,
            pickle.REDUCE,
        ]
    pickled += [pickle.SETITEMS, pickle.STOP]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        folder = path.stem
        archive.writestr(f"{folder}/data.pkl", b"".join(pickled))
        archive.writestr(f"{folder}/byteorder", "little")
        for key, array in enumerate(tensors.values()):
            numbers = np.ascontiguousarray(array, "<f4").tobytes()
            archive.writestr(f"{folder}/data/{key}", numbers)
        archive.writestr(f"{folder}/version", "3\n")


def _text(text):
    content = text.encode()
    return pickle.BINUNICODE, struct.pack("<I", len(content)), content


def _number(number):
    return pickle.BININT, struct.pack("<i", number)


def _numbers(numbers):
    return [pickle.MARK, *(x for n in numbers for x in _number(n)), pickle.TUPLE]


def _read_zip(path, file):
    with zipfile.ZipFile(file) as archive:
        (pickled,) = [x for x in archive.namelist() if x.endswith("data.pkl")]
        folder = pickled.removesuffix("data.pkl")
        order = folder + "byteorder"
        if order in archive.namelist() and archive.read(order) != b"little":
            raise ValueError(f"{path} is of a big-endian machine.")

        def storage(key, dtype, size):
            info = archive.getinfo(f"{folder}data/{key}")
            if info.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{path} holds compressed tensors.")
            # Names and extra fields of the local header may be of another length than
            # the directory's.
            file.seek(info.header_offset + 26)
            name_length, extra_length = struct.unpack("<HH", file.read(4))
            offset = info.header_offset + 30 + name_length + extra_length
            return Storage(
                path, offset, dtype, min(size, info.file_size // dtype.itemsize)
            )

        found = {}

        def load_storage(key, dtype, size):
            if key not in found:
                found[key] = storage(key, dtype, size)
            return lambda: found[key]

        with archive.open(pickled) as stream:
            return _Unpickler(stream, path, load_storage).load()


def _read_legacy(path, file):
    def plain():
        return _Unpickler(file, path, None).load()

    if plain() != _LEGACY_MAGIC:
        raise ValueError(
            f"{path} is a pickle, but not of PyTorch's tensors: nothing was run."
        )
    plain()  # the version of the format
    if not plain().get("little_endian", True):
        raise ValueError(f"{path} is of a big-endian machine.")
    dtypes, found = {}, {}

    def load_storage(key, dtype, size):
        dtypes[key] = dtype
        return lambda: found[key]

    content = _Unpickler(file, path, load_storage).load()
    for key in plain():  # the storages follow in this order
        (size,) = struct.unpack("<q", file.read(8))
        found[key] = Storage(path, file.tell(), dtypes[key], size)
        file.seek(size * dtypes[key].itemsize, 1)
    return content


class _Unpickler(pickle.Unpickler):
    """A pickle machine that knows tensors and records, and nothing to call.

    Args:
        file: binary file.
        path: Path, for messages.
        load_storage: function (key, dtype, size) -> function that returns a
            `Storage`; None where no tensors are expected.
    """

    def __init__(self, file, path, load_storage):
        super().__init__(file, encoding="latin1")
        self._path = path
        self._load_storage = load_storage

    def find_class(self, module, name):
        module = _PYTHON_2_MODULES.get(module, module)
        if module == "torch" and name in _DTYPES:
            return np.dtype(_DTYPES[name])
        if module == "torch._utils" and name in _TENSOR_FUNCTIONS:
            is_parameter = name == "_rebuild_parameter"
            return self._parameter if is_parameter else self._tensor
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch", "Size"):
            return tuple
        if (module, name) in _RECORD_NAMES or module.split(".")[0] in _RECORD_PACKAGES:
            return type("Record", (Record,), {"class_name": f"{module}.{name}"})
        if (module, name) == ("copyreg", "_reconstructor"):
            return self._reconstruct
        raise ValueError(
            f"{self._path} was refused: it is a pickle that asks to call "
            f"{module}.{name}, which no checkpoint of tensors needs. Nothing of it was "
            "run. If you know where it is from, save its tensors as safetensors there."
        )

    def persistent_load(self, reference):
        kind, dtype, key, _, size = reference[:5]
        if kind != "storage" or self._load_storage is None:
            raise ValueError(f"{self._path} is damaged: it refers to a {kind}.")
        if len(reference) > 5 and reference[5] is not None:
            raise ValueError(f"{self._path} is of a PyTorch older than 0.4.")
        return self._load_storage(str(key), dtype, size)

    def _tensor(self, storage, offset, shape, strides, *_):
        if not all(isinstance(x, int) for x in (offset, *shape, *strides)):
            raise ValueError(f"{self._path} is damaged: a tensor without a shape.")
        if math.prod(shape) < 0 or len(shape) != len(strides):
            raise ValueError(f"{self._path} is damaged: a tensor of shape {shape}.")
        return StoredTensor(storage, offset, shape, strides)

    def _parameter(self, tensor, *_):
        return tensor

    def _reconstruct(self, record_class, *_):
        if not (isinstance(record_class, type) and issubclass(record_class, Record)):
            raise ValueError(f"{self._path} is damaged: an object without a class.")
        return record_class()
