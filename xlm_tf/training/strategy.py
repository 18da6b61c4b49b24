"""Where a model trains: the CPU, every GPU of the machine, or several machines."""

import json
import os

import tensorflow as tf


def distribution_strategy():
    """The strategy for this machine, to build models under (`with strategy.scope()`).

    Returns:
        `MultiWorkerMirroredStrategy` where the environment variable TF_CONFIG names a
        cluster, `MirroredStrategy` over all GPUs where there are several, otherwise
        TensorFlow's default strategy: one replica, on the GPU or the CPU. The first of
        them must be asked for before TensorFlow has done anything else.

    On one GPU Keras compiles a step by XLA, but not under a strategy: there the step of
    an XLM-R base takes five times as long.
    """
    if "TF_CONFIG" in os.environ:
        return tf.distribute.MultiWorkerMirroredStrategy()
    if len(tf.config.list_logical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def compiles_replicas():
    """Whether the replicas of a strategy compute their gradients by XLA: on GPUs."""
    return bool(tf.config.list_logical_devices("GPU"))


def is_chief():
    """Whether this process writes the results: the only one, or the first of several.

    The cluster is that of the environment variable TF_CONFIG.
    """
    config = json.loads(os.environ.get("TF_CONFIG", "{}"))
    task = config.get("task", {"type": "chief"})
    has_chief = "chief" in config.get("cluster", {"chief": []})
    if has_chief:
        return task["type"] == "chief"
    return task["type"] == "worker" and task["index"] == 0
