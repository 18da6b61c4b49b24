import json

import pytest
import tensorflow as tf

from xlm_tf.training.strategy import distribution_strategy, is_chief, place_of_worker


def name_cluster(monkeypatch, workers, kind, index):
    config = {"cluster": workers, "task": {"type": kind, "index": index}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))


@pytest.mark.parametrize("kind", ["chief", "worker"])
def test_a_cluster_of_one_is_one_machine(monkeypatch, kind):
    name_cluster(monkeypatch, {kind: ["localhost:23456"]}, kind, 0)
    strategy = distribution_strategy()
    several = tf.distribute.MultiWorkerMirroredStrategy
    assert not isinstance(strategy, several)
    assert strategy.num_replicas_in_sync == 1
    assert is_chief()


def test_workers_are_numbered_behind_the_chief(monkeypatch):
    workers = {"chief": ["a:1"], "worker": ["b:1", "c:1"]}
    name_cluster(monkeypatch, workers, "worker", 1)
    assert place_of_worker() == (2, 3)
    assert not is_chief()


def test_without_a_cluster_there_is_one(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert place_of_worker() == (0, 1)
    assert is_chief()
