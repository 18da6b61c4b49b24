"""Where a model trains: the CPU, every GPU of the machine, or several machines."""

import os

import tensorflow as tf


def distribution_strategy():
    """The strategy for this machine, to build models under (`with strategy.scope()`).

    Returns:
        `MultiWorkerMirroredStrategy` where the environment variable TF_CONFIG names a
        cluster, `MirroredStrategy` over all GPUs where there are any, otherwise
        TensorFlow's default strategy (one replica, on the CPU).
    """
    if "TF_CONFIG" in os.environ:
        return tf.distribute.MultiWorkerMirroredStrategy()
    if tf.config.list_logical_devices("GPU"):
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()
