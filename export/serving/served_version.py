"""One version of one model: a SavedModel in memory, answering by signature."""

from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  (registers the ops of string models)
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from export.serving.request_error import (
    RequestError,
    from_tensorflow,
    invalid_argument,
)

DEFAULT_SIGNATURE = "serving_default"


class ServedVersion:
    """A SavedModel loaded from `<model>/<version>/`.

    Safe to call from several threads at once.

    Args:
        model_name: string.
        version: int, the number that the directory is named after.
        path: path of the version directory.

    Raises:
        ValueError: if the directory does not hold a whole, readable SavedModel.
    """

    def __init__(self, model_name, version, path):
        self.model_name = model_name
        self.version = version
        self.path = Path(path)
        self.signature_defs = read_signature_defs(self.path)
        try:
            loaded = tf.saved_model.load(str(self.path), tags=["serve"])
        except (
            OSError,  # a file is missing
            ValueError,  # the graph does not fit its objects
            RuntimeError,  # an op that is not registered here
            IndexError,  # the variables are cut off
            tf.errors.OpError,  # their index is
        ) as error:
            raise ValueError(_half_written(self.path, error)) from error
        # The loaded object owns the variables and tables that signatures use.
        self._loaded = loaded
        self._functions = dict(loaded.signatures)

    def signature_def(self, signature_name=""):
        """Return the `SignatureDef` of a name; empty means `serving_default`.

        Raises:
            RequestError: FAILED_PRECONDITION (HTTP 400) for an unknown name, as
                TF Serving answers.
        """
        signature_name = signature_name or DEFAULT_SIGNATURE
        if signature_name not in self._functions:
            raise RequestError(
                "FAILED_PRECONDITION",
                f'Serving signature name: "{signature_name}" not found in signature '
                f"def. The model has: {_names(self._functions)}.",
            )
        return self.signature_defs[signature_name]

    def predict(self, inputs, signature_name="", output_filter=()):
        """Run one signature.

        Args:
            inputs: dict of input name to tensor or array (strings: bytes objects).
            signature_name: string, `serving_default` where empty.
            output_filter: list of output names to return. All where empty.

        Returns:
            dict of output name to `np.ndarray`, strings as objects of bytes.

        Raises:
            RequestError: for wrong names, types and shapes (INVALID_ARGUMENT), and
                with the code of any error of the model's own ops.
        """
        signature = self.signature_def(signature_name)
        output_names = _output_names(signature, output_filter)
        tensors = _checked_inputs(signature, inputs)
        try:
            outputs = self._functions[signature_name or DEFAULT_SIGNATURE](**tensors)
        except tf.errors.OpError as error:
            raise from_tensorflow(error) from error
        # np.asarray: `numpy()` gives a scalar string as bare bytes.
        return {
            name: np.asarray(
                outputs[name].numpy(),
                dtype=object if outputs[name].dtype == tf.string else None,
            )
            for name in output_names
        }


def read_signature_defs(path):
    """Read the signatures of a SavedModel without loading it.

    Args:
        path: path of the version directory.

    Returns:
        dict of signature name to `SignatureDef`, as TF Serving's metadata lists
        them.

    Raises:
        ValueError: if there is no readable `saved_model.pb` with the tag "serve".
    """
    proto_path = Path(path) / "saved_model.pb"
    if not proto_path.is_file():
        raise ValueError(
            _half_written(path, "there is no saved_model.pb, which is written last")
        )
    saved_model = saved_model_pb2.SavedModel()
    try:
        saved_model.ParseFromString(proto_path.read_bytes())
    except DecodeError as error:
        raise ValueError(_half_written(path, f"saved_model.pb: {error}")) from error
    for meta_graph in saved_model.meta_graphs:
        if "serve" in meta_graph.meta_info_def.tags:
            return dict(meta_graph.signature_def)
    raise ValueError(
        _half_written(path, 'saved_model.pb holds no graph with the tag "serve"')
    )


def tensor_dtype(tensor_info):
    """Return the `tf.DType` of a signature's `TensorInfo`."""
    return tf.as_dtype(tensor_info.dtype)


def _checked_inputs(signature, inputs):
    wanted, received = set(signature.inputs), set(inputs)
    if wanted != received:
        raise invalid_argument(
            f"Inputs do not match the signature, which takes {_names(wanted)}. "
            f"Missing: {_names(wanted - received)}. "
            f"Not known: {_names(received - wanted)}."
        )
    tensors = {}
    for name, value in inputs.items():
        info = signature.inputs[name]
        expected_dtype = tensor_dtype(info)
        # An array comes from JSON, which was read by the signature's type.
        tensor = value if tf.is_tensor(value) else tf.constant(value, expected_dtype)
        if tensor.dtype != expected_dtype:
            raise invalid_argument(
                f'Input "{name}" must be {expected_dtype.name}. '
                f"Received: {tensor.dtype.name}."
            )
        expected_shape = tf.TensorShape(info.tensor_shape)
        if not expected_shape.is_compatible_with(tensor.shape):
            raise invalid_argument(
                f'Input "{name}" must have the shape {_shape(expected_shape)} '
                f"(? is any length). Received: {_shape(tensor.shape)}."
            )
        tensors[name] = tensor
    return tensors


def _output_names(signature, output_filter):
    if not output_filter:
        return sorted(signature.outputs)
    unknown = set(output_filter) - set(signature.outputs)
    if unknown:
        raise invalid_argument(
            f"output_filter asks for {_names(unknown)}, but the signature gives "
            f"{_names(signature.outputs)}."
        )
    if len(set(output_filter)) != len(output_filter):
        raise invalid_argument(
            f"output_filter names an output twice: {list(output_filter)}."
        )
    return list(output_filter)


def _shape(shape):
    if shape.rank is None:
        return "[...]"
    return "[" + ",".join("?" if d is None else str(d) for d in shape.as_list()) + "]"


def _names(names):
    return "{" + ", ".join(sorted(names)) + "}"


def _half_written(path, reason):
    return (
        f"{path} is not a whole SavedModel: {reason}. It may be half-written: export "
        "the model again, or remove this version directory."
    )
