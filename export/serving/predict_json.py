"""Predict requests and answers in JSON, in TF Serving's row and column formats.

The rules are those of https://www.tensorflow.org/tfx/serving/api_rest and of
TF Serving's `json_tensor.cc`. Two are stricter here, so that a mistake shows: an
input name that the signature does not have is an error in the column format too,
and a string that is not UTF-8 never makes an answer that is not JSON.
"""

import json

from export.serving.json_values import array_to_json, is_base64, read_array, show
from export.serving.request_error import invalid_argument
from export.serving.served_version import tensor_dtype


def parse_body(body):
    """Parse a request body.

    Args:
        body: bytes, a JSON object in UTF-8.

    Returns:
        dict.

    Raises:
        RequestError: INVALID_ARGUMENT if it is anything else.
    """
    try:
        value = json.loads(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise invalid_argument(
            f"The request body is not UTF-8: byte {error.start}. Send text as UTF-8, "
            'and binary strings as {"b64": "<base64>"}.'
        ) from error
    except RecursionError as error:
        raise invalid_argument("The JSON is nested too deeply.") from error
    except ValueError as error:
        raise invalid_argument(f"JSON Parse error: {error}") from error
    if not isinstance(value, dict):
        raise invalid_argument(
            "The request body must be a JSON object with the key 'instances' or "
            f"'inputs'. Received: {show(value)}"
        )
    return value


def signature_name(request):
    """Return the request's `signature_name`, "" where it has none.

    Raises:
        RequestError: INVALID_ARGUMENT if it is not a string.
    """
    name = request.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid_argument(
            f"'signature_name' must be a string. Received: {show(name)}"
        )
    return name


def read_inputs(request, signature):
    """Read the inputs of a predict request.

    Args:
        request: dict, the parsed body.
        signature: `SignatureDef`.

    Returns:
        Pair of a dict of input name to `np.ndarray` (strings: objects of bytes), and
        the function that writes the outputs in the same format.

    Raises:
        RequestError: INVALID_ARGUMENT for a request that does not fit the signature.
    """
    if ("instances" in request) == ("inputs" in request):
        raise invalid_argument(
            "The request must have one of the keys 'instances' (row format) and "
            f"'inputs' (column format). Received the keys: {sorted(request)}."
        )
    if "instances" in request:
        return _read_rows(request["instances"], signature), write_rows
    return _read_columns(request["inputs"], signature), write_columns


def write_rows(outputs):
    """Write `{"predictions": [...]}`, one item an instance.

    Args:
        outputs: dict of output name to `np.ndarray`.

    Returns:
        dict for `json.dumps`; a single output drops its name.

    Raises:
        RequestError: INVALID_ARGUMENT if an output is a scalar, the first dimensions
            differ, or a type has no JSON form: such a model needs "inputs".
    """
    for name, array in outputs.items():
        if array.ndim == 0:
            raise invalid_argument(
                f'Output "{name}" is a scalar and has no row for each instance. '
                'Use the column format: "inputs".'
            )
    sizes = {name: len(array) for name, array in outputs.items()}
    if len(set(sizes.values())) > 1:
        raise invalid_argument(
            f"The outputs have inconsistent batch sizes: {sizes}. "
            'Use the column format: "inputs".'
        )
    columns = {name: array_to_json(name, array) for name, array in outputs.items()}
    if len(columns) == 1:
        return {"predictions": next(iter(columns.values()))}
    rows = zip(*columns.values(), strict=True)
    return {"predictions": [dict(zip(columns, row, strict=True)) for row in rows]}


def write_columns(outputs):
    """Write `{"outputs": ...}`: a single output drops its name.

    Args:
        outputs: dict of output name to `np.ndarray`.

    Returns:
        dict for `json.dumps`.

    Raises:
        RequestError: INVALID_ARGUMENT for a type that has no JSON form.
    """
    columns = {name: array_to_json(name, array) for name, array in outputs.items()}
    if len(columns) == 1:
        return {"outputs": next(iter(columns.values()))}
    return {"outputs": columns}


def _read_rows(instances, signature):
    if not isinstance(instances, list) or not instances:
        raise invalid_argument(
            "'instances' must be a list of at least one instance. "
            f"Received: {show(instances)}"
        )
    names = sorted(signature.inputs)
    columns = {name: [] for name in names}
    named = _is_named(instances[0])
    if not named and len(names) != 1:
        raise invalid_argument(
            "'instances' is a plain list, but each instance must be an object with "
            f"the keys {names}."
        )
    for index, instance in enumerate(instances):
        if _is_named(instance) != named:
            raise invalid_argument(
                f"Instance {index} is {'not ' if named else ''}an object, unlike the "
                "instances before it."
            )
        row = instance if named else {names[0]: instance}
        if sorted(row) != names:
            raise invalid_argument(
                f"Instance {index} has the keys {sorted(row)}. Expected: {names}."
            )
        for name in names:
            columns[name].append(row[name])
    return _read_arrays(columns, signature)


def _read_columns(inputs, signature):
    names = sorted(signature.inputs)
    if not _is_named(inputs):
        if len(names) != 1:
            raise invalid_argument(
                "'inputs' is a plain value, but it must be an object with the keys "
                f"{names}."
            )
        inputs = {names[0]: inputs}
    if sorted(inputs) != names:
        raise invalid_argument(
            f"'inputs' has the keys {sorted(inputs)}. Expected: {names}."
        )
    return _read_arrays(inputs, signature)


def _read_arrays(columns, signature):
    return {
        name: read_array(name, value, tensor_dtype(signature.inputs[name]))
        for name, value in columns.items()
    }


def _is_named(value):
    """True for an object of names, False for `{"b64": "..."}` and everything else."""
    return isinstance(value, dict) and not is_base64(value)
