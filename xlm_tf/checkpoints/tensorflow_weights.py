"""TensorFlow weights of transformers 4, under the names that PyTorch has for them.

`tf_model.h5` is what `save_weights` of Keras 2 wrote: a group for every layer of the
model, and in it its weights by the scopes that they were made in, such as
`tfxlm_roberta_for_masked_lm/roberta/encoder/layer_._0/output/dense/kernel:0`. The parts
of a large model hold the same without groups and without the first scope.
"""

import re

import h5py

# Keras' names of weights, and PyTorch's where they are others.
_WEIGHTS = {
    "kernel": "weight",
    "gamma": "weight",
    "embeddings": "weight",
    "beta": "bias",
}
_LAYERS = re.compile(r"layer_names\d*")  # in several attributes where they are many


def as_of_pytorch(path, stored):
    """What a `tf_model.h5`, or a part of one, holds, as PyTorch's files hold it.

    Args:
        path: Path of the file.
        stored: dict from a path in the file to `StoredTensor`, see `read_hdf5`.

    Returns:
        dict from PyTorch's name to `StoredTensor`, kernels as (out, in).

    Raises:
        ValueError: it holds something else than weights of such a model.
    """
    layers = _layers(path)
    tensors = {}
    for place, tensor in stored.items():
        scopes = place.removesuffix(":0").split("/")
        # Before the last of the model's layers there are groups and scopes of the file.
        # A layer that shares weights holds them too: they are the same.
        begin = max((i for i, scope in enumerate(scopes) if scope in layers), default=0)
        *scopes, own = scopes[begin:]
        # "layer_._0"; and "mlm___cls", the part of BERT's `cls` that is of one task.
        scopes = [scope.split("___")[-1].replace("_._", ".") for scope in scopes]
        is_kernel = own == "kernel" and len(tensor.shape) == 2
        name = ".".join([*scopes, _WEIGHTS.get(own, own)])
        tensors[name] = _transposed(tensor) if is_kernel else tensor
    return tensors


def _transposed(tensor):
    rows, columns = tensor.shape
    return tensor.view((columns, rows), (1, columns))


def _layers(path):
    """Names of the model's layers: a set of str."""
    with h5py.File(path, "r") as file:
        if "model_config" in file.attrs:
            raise ValueError(
                f"{path} is a whole model of Keras (model.save), whose configuration "
                "would have to be run. Expected weights as transformers writes them: "
                "load it with the program that made it, and use save_pretrained there."
            )
        names = [
            name.decode("utf-8") if isinstance(name, bytes) else str(name)
            for attribute, names in file.attrs.items()
            if _LAYERS.fullmatch(attribute)
            for name in names
        ]
    if not names:
        raise ValueError(
            f"{path} holds no weights of transformers' TensorFlow models: it has no "
            "layer_names."
        )
    return {name.split("/")[0] for name in names}
