"""Folders as transformers 4 wrote them of its TensorFlow classes.

Layout and names are those that transformers 4.49 wrote with tf_keras 2.18.
"""

import json
import re
from pathlib import Path

import h5py
import numpy as np
from safetensors.numpy import load_file

_TABLES = ("position_embeddings", "token_type_embeddings", "lang_embeddings")
_SCOPES = {
    "xlm": "tfxlm_with_lm_head_model",
    "xlm-roberta": "tfxlm_roberta_for_masked_lm",
}


def keras_name(name):
    """What a tensor of PyTorch is called in Keras, without the scope of the model."""
    *layers, own = name.split(".")
    is_norm = "norm" in layers[-1].lower() or (
        layers[-1].isdigit() and "norm" in layers[-2]
    )
    if is_norm:
        own = {"weight": "gamma", "bias": "beta"}[own]
    elif layers[-1] in _TABLES:
        own = "embeddings"
    elif own == "weight" and layers[-1] not in ("word_embeddings", "embeddings"):
        own = "kernel"
    path = "/".join(layers).replace("pred_layer/", "pred_layer_._")
    return re.sub(r"/(\d+)", r"_._\1", path) + f"/{own}:0"


def write_tensorflow(source, folder, scope=None, parts=1):
    """Write a model as one of TensorFlow, beside the other files of its folder.

    Args:
        source: Path of a folder with `model.safetensors`.
        folder: Path, of another one.
        scope: str, of the model; by default that of a language model.
        parts: int, files.

    Returns:
        Path of the folder.
    """
    source, folder = Path(source), Path(folder)
    folder.mkdir()
    for path in source.iterdir():
        if path.suffix != ".safetensors":
            (folder / path.name).write_bytes(path.read_bytes())
    tensors = load_file(source / "model.safetensors")
    model_type = json.loads((source / "config.json").read_text())["model_type"]
    base = {"xlm": "transformer", "xlm-roberta": "roberta"}[model_type]
    weights = {}
    for name, value in tensors.items():
        own = keras_name(name)
        if not name.startswith((f"{base}.", "lm_head.", "pred_layer.", "classifier.")):
            is_head = name.startswith(("sequence_summary.", "qa_outputs."))
            own = own if is_head else f"{base}/{own}"
        weights[own] = value.T if own.endswith("/kernel:0") else value
    scope = scope or _SCOPES[model_type]
    if parts == 1:
        write_whole(folder / "tf_model.h5", weights, scope)
    else:
        write_parts(folder, weights, scope, parts)
    return folder


def write_whole(path, weights, scope):
    """Write one file: a group for every layer of the model."""
    layers = list(dict.fromkeys(name.split("/")[0] for name in weights))
    with h5py.File(path, "w") as file:
        file.attrs["backend"], file.attrs["keras_version"] = "tensorflow", "2.18.0"
        file.attrs["layer_names"] = np.array(
            [*layers, "dropout_7"], h5py.string_dtype()
        )
        file.create_group("top_level_model_weights").attrs["weight_names"] = []
        for layer in (*layers, "dropout_7"):
            own = {x: w for x, w in weights.items() if x.split("/")[0] == layer}
            if layer in ("lm_head", "pred_layer_._proj"):  # which share the embeddings
                own |= {x: w for x, w in weights.items() if "embeddings/weight" in x}
            group = file.create_group(layer)
            names = [f"{scope}/{name}" for name in own]
            group.attrs["weight_names"] = np.array(names, h5py.string_dtype())
            for name, value in zip(names, own.values(), strict=True):
                group[name] = value


def write_parts(folder, weights, scope, parts):
    """Write several files and their index: names without layers and scope."""
    index = {}
    for number in range(parts):
        file_name = f"tf_model-{number + 1:05d}-of-{parts:05d}.h5"
        own = sorted(weights)[number::parts]
        with h5py.File(folder / file_name, "w") as file:
            file.attrs["layer_names"] = np.array(own, h5py.string_dtype())
            for name in own:
                file[name] = weights[name]
        index |= {f"{scope}/{name}": file_name for name in own}
    content = {"metadata": {}, "weight_map": index}
    (folder / "tf_model.h5.index.json").write_text(json.dumps(content))
