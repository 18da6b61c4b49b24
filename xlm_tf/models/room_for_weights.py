"""Room on the disk for the weights that Keras writes."""

import math

import tensorflow as tf

from xlm_tf.output_files import check_room

# Of HDF5, for a variable and the groups that it is in, at most.
_AROUND_VARIABLE = 4096


def check_room_for_weights(model, folder, max_shard_size=None):
    """See that the disk has room for a model, see `xlm_tf.output_files.check_room`.

    Args:
        model: a built Keras model.
        folder: Path of a folder that exists.
        max_shard_size: float, largest weight file in GB, or None.

    Raises:
        OSError: it has not.
    """
    size = sum(
        math.prod(variable.shape) * tf.as_dtype(variable.dtype).size + _AROUND_VARIABLE
        for variable in model.variables
    )
    largest = math.inf if max_shard_size is None else max_shard_size * 2**30
    check_room(folder, size, largest + _AROUND_VARIABLE * len(model.variables))
