"""`TensorProto` of the gRPC API, to and from tensors."""

import math

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from export.serving.request_error import invalid_argument

# A proto may repeat its last value to fill its shape; this bounds what a small
# message can make of itself.
MAX_REPEATED_ELEMENTS = 1 << 24

_VALUE_FIELD = {
    tf.float32: "float_val",
    tf.float64: "double_val",
    tf.int8: "int_val",
    tf.int16: "int_val",
    tf.int32: "int_val",
    tf.uint8: "int_val",
    tf.uint16: "int_val",
    tf.int64: "int64_val",
    tf.uint32: "uint32_val",
    tf.uint64: "uint64_val",
    tf.bool: "bool_val",
    tf.string: "string_val",
    tf.float16: "half_val",
    tf.bfloat16: "half_val",
}


def tensors_from_protos(protos):
    """Read all inputs of a request, see `tensor_from_proto`.

    Args:
        protos: map of input name to `TensorProto`.

    Returns:
        dict of input name to eager tensor.
    """
    return {name: tensor_from_proto(name, proto) for name, proto in protos.items()}


def tensor_from_proto(name, proto):
    """Read a tensor of a request.

    Args:
        name: string, the input's name, for the error message.
        proto: `TensorProto` in any of its encodings. Strings are any bytes.

    Returns:
        An eager tensor.

    Raises:
        RequestError: INVALID_ARGUMENT if type, shape and values do not fit.
    """
    dtype = tf.dtypes.DType(proto.dtype) if proto.dtype in _KNOWN_TYPES else None
    if dtype is None:
        raise invalid_argument(
            f'Input "{name}" has no type that can be served: '
            f"dtype {proto.dtype} of TensorProto."
        )
    sizes = [dim.size for dim in proto.tensor_shape.dim]
    if proto.tensor_shape.unknown_rank or any(size < 0 for size in sizes):
        raise invalid_argument(
            f'Input "{name}" has a shape that is not fully known: {sizes}.'
        )
    num_values = len(getattr(proto, _VALUE_FIELD[dtype]))
    num_elements = math.prod(sizes)
    may_repeat = 0 < num_values < num_elements <= MAX_REPEATED_ELEMENTS
    if not (proto.tensor_content or num_values == num_elements or may_repeat):
        raise invalid_argument(
            f'Input "{name}" has {num_values} values for the shape {sizes}.'
        )
    try:
        return tf.io.parse_tensor(proto.SerializeToString(), dtype)
    except tf.errors.InvalidArgumentError as error:
        raise invalid_argument(
            f'Input "{name}" cannot be read: its values do not fit the type '
            f"{dtype.name} and the shape {sizes}."
        ) from error


def proto_from_array(array):
    """Write an output.

    The values go to the typed fields (`float_val`, `string_val`, ...), as TF
    Serving's do: clients in the wild read those and not `tensor_content`.

    Args:
        array: `np.ndarray`; strings are objects of bytes.

    Returns:
        A `TensorProto`.
    """
    dtype = tf.string if array.dtype == object else tf.as_dtype(array.dtype)
    proto = tensor_pb2.TensorProto(
        dtype=dtype.as_datatype_enum,
        tensor_shape=tf.TensorShape(array.shape).as_proto(),
    )
    values = array.ravel()
    if _VALUE_FIELD[dtype] == "half_val":
        values = values.view(np.uint16)
    getattr(proto, _VALUE_FIELD[dtype]).extend(values.tolist())
    return proto


_KNOWN_TYPES = {dtype.as_datatype_enum for dtype in _VALUE_FIELD}
