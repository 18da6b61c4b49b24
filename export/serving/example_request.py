"""A request that fits a model's signature, for people to try it with."""

import json
import shlex

import tensorflow as tf

from export.serving.served_version import tensor_dtype

_TEXT = "Bonjour tout le monde"
_MASKED_TEXT = "Paris est la <mask> de la France."


def example_curl(url, signature):
    """Write a `curl` line for a REST predict request.

    Args:
        url: string, the model's `.../v1/models/NAME`.
        signature: `SignatureDef` of `serving_default`.

    Returns:
        string, ready for a POSIX shell.
    """
    body = json.dumps(example_body(signature), ensure_ascii=False)
    return f"curl -d {shlex.quote(body)} {shlex.quote(url + ':predict')}"


def example_body(signature):
    """Return a predict request of one instance with a value for every input.

    Args:
        signature: `SignatureDef`.

    Returns:
        dict, in the row format where every input has a batch dimension.
    """
    text = _MASKED_TEXT if "tokens" in signature.outputs else _TEXT
    values = {}
    for name, info in sorted(signature.inputs.items()):
        dtype = tensor_dtype(info)
        value = text if dtype == tf.string else False if dtype == tf.bool else 0
        shape = tf.TensorShape(info.tensor_shape)
        for size in reversed(shape.as_list() if shape.rank is not None else [1]):
            value = [value] * (size or 1)
        values[name] = value
    if not all(
        isinstance(value, list) and len(value) == 1 for value in values.values()
    ):
        return {"inputs": values}
    rows = {name: value[0] for name, value in values.items()}
    return {"instances": [rows if len(rows) > 1 else next(iter(rows.values()))]}
