"""Tensors of files into variables, and variables into files."""

import json

import keras
import numpy as np

from xlm_tf.checkpoints.pickled_tensors import write_pickled
from xlm_tf.checkpoints.tensor_files import write_safetensors

MAX_SHARD_BYTES = 5_000_000_000


def load_weights(tensors, layers, names, prefix=""):
    """Read tensors into variables.

    Args:
        tensors: `Tensors`.
        layers: list of Keras layers whose variables are to be filled.
        names: dict from a variable's path to one tensor name, or to three.
        prefix: str, before every name in the checkpoint.

    Raises:
        ValueError: a tensor is missing or has another shape; names it.
    """
    variables = {
        variable.path: variable for layer in layers for variable in layer.variables
    }
    for path, own in names.items():
        parts = [prefix + name for name in _as_tuple(own)]
        variable = find_variable(variables, path)
        _check_shapes(tensors, parts, path, variable.shape)
        _assign(variable, tensors, parts, is_kernel=path.endswith("/kernel"))


def _check_shapes(tensors, parts, path, shape):
    """Raise a ValueError where not all tensors are there, in a variable's shape."""
    missing = [name for name in parts if name not in tensors.names]
    if missing:
        raise ValueError(
            f"{tensors.source} lacks the tensor {missing[0]}: {path} needs it."
        )
    shape = [*shape[:-1], shape[-1] // len(parts)]
    if path.endswith("/kernel"):
        shape.reverse()
    for name in parts:
        stored = tensors.shape(name)
        if stored != tuple(shape):
            raise ValueError(
                f"The tensor {name} of {tensors.source} has the shape {stored}. "
                f"Expected {tuple(shape)}, for {path}: configuration and weights "
                "disagree."
            )


def _assign(variable, tensors, parts, is_kernel):
    if len(parts) > 1 or is_kernel:
        values = [tensors.read(name) for name in parts]
        values = [value.T if is_kernel else value for value in values]
        variable.assign(np.concatenate(values, axis=-1))
    elif keras.backend.backend() != "tensorflow":
        variable.assign(tensors.read(parts[0]))
    else:
        # Some rows at a time: the token embedding is most of a model.
        for rows, value in tensors.blocks(parts[0]):
            variable.value[rows].assign(value.astype(variable.dtype))


def save_weights(folder, variables, names, extra, head_files=()):
    """Write variables as safetensors, in files of at most 5 GB each.

    Args:
        folder: Path.
        variables: dict from a path to a variable or a tensor.
        names: list of pairs of such a path, and one tensor name or three. A variable
            may be there twice.
        extra: dict of further small arrays by their names.
        head_files: tuple of str, pickled files for the tensors of their names, see
            `open_folder`.
    """
    for file in head_files:
        prefix = file.removesuffix(".pt") + "."
        own = [pair for pair in names if str(pair[1]).startswith(prefix)]
        names = [pair for pair in names if pair not in own]
        if own:
            tensors = {}
            for path, name in own:
                variable = find_variable(variables, path)
                tensors |= as_stored(path, variable, (name.removeprefix(prefix),))
            write_pickled(tensors, folder / file)
    shards, size = [[]], 0
    for path, own in names:
        num_bytes = 4 * int(np.prod(find_variable(variables, path).shape))
        if size and size + num_bytes > MAX_SHARD_BYTES:
            shards.append([])
            size = 0
        shards[-1].append((path, own))
        size += num_bytes
    files = {}
    for number, shard in enumerate(shards, start=1):
        file = "model.safetensors"
        if len(shards) > 1:
            file = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        tensors = dict(extra) if number == 1 else {}
        for path, own in shard:
            tensors |= as_stored(path, find_variable(variables, path), _as_tuple(own))
        write_safetensors(tensors, folder / file, {"format": "pt"})
        files |= dict.fromkeys(tensors, file)
    if len(shards) > 1:
        index = {"metadata": {}, "weight_map": files}
        path = folder / "model.safetensors.index.json"
        path.write_text(json.dumps(index, indent=2), encoding="utf-8")


def as_stored(path, variable, names):
    """The arrays that PyTorch holds for a variable.

    Args:
        path: str, the variable's.
        variable: variable or tensor.
        names: tuple of str, of one tensor, or of three that are one variable here.

    Returns:
        dict from names to arrays.
    """
    value = np.asarray(variable)
    if value.dtype.itemsize < 4:  # safetensors of NumPy has no bfloat16
        value = value.astype("float32")
    parts = np.split(value, len(names), axis=-1)
    if path.endswith("/kernel"):
        parts = [part.T for part in parts]
    return {
        name: np.ascontiguousarray(part)
        for name, part in zip(names, parts, strict=True)
    }


def _as_tuple(names):
    return names if isinstance(names, tuple) else (names,)


def find_variable(variables, path):
    """What stands under a path, with or without the task before it.

    Args:
        variables: dict from a path to a variable or a tensor.
        path: str, such as "logits_dense/kernel".
    """
    if path in variables:
        return variables[path]
    # A head's layers are named without the task before them.
    (variable,) = [v for p, v in variables.items() if p.endswith("/" + path)]
    return variable
