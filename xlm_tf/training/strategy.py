"""Where a model trains: the CPU, every GPU of the machine, or several machines."""

import json
import os

import numpy as np
import tensorflow as tf


def distribution_strategy():
    """The strategy for this machine, to build models under (`with strategy.scope()`).

    Returns:
        `MultiWorkerMirroredStrategy` where the environment variable TF_CONFIG names a
        cluster of several workers, `MirroredStrategy` over all GPUs where there are
        several, otherwise TensorFlow's default strategy: one replica, on the GPU or the
        CPU. The first of them must be asked for before TensorFlow has done anything
        else.

    Of one worker that strategy makes tensors with a dimension more of losses and
    metrics, which Keras does not expect.

    On one GPU Keras compiles a step by XLA, but not under a strategy: there the step of
    an XLM-R base takes five times as long.
    """
    _, num_workers = place_of_worker()
    if num_workers > 1:
        return tf.distribute.MultiWorkerMirroredStrategy()
    if len(tf.config.list_logical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def compiles_replicas():
    """Whether the replicas of a strategy compute their gradients by XLA: on GPUs."""
    return bool(tf.config.list_logical_devices("GPU"))


def place_of_worker():
    """Which of several workers this process is, and of how many: two int.

    The cluster is that of the environment variable TF_CONFIG.
    """
    config = json.loads(os.environ.get("TF_CONFIG", "{}"))
    cluster = config.get("cluster", {"chief": [None]})
    task = config.get("task", {"type": "chief"})
    chiefs, others = (len(cluster.get(name, ())) for name in ("chief", "worker"))
    place = 0 if task["type"] == "chief" else chiefs + task["index"]
    return place, chiefs + others


def is_chief():
    """Whether this process writes the results: the first one of several."""
    return place_of_worker()[0] == 0


def sum_over_workers(values, strategy):
    """Adds up what the workers have; all of them call this at the same step.

    Args:
        values: int64 array, or int.
        strategy: that of this process.

    Returns:
        int64 array.
    """
    _, num_workers = place_of_worker()
    values = np.asarray(values, "int64")
    if num_workers == 1:
        return values
    replicas = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(values)
    )
    total = strategy.reduce("SUM", replicas, axis=None).numpy()
    # Every replica of a worker has given the same.
    return total // (strategy.num_replicas_in_sync // num_workers)
