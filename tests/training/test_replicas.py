"""The same global batch gives the same update, however it is spread."""

import functools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = Path(__file__).with_name("replicas_program.py")


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    """Trains in a process of its own, each way once; gives the results."""
    folder = tmp_path_factory.mktemp("replicas")

    @functools.cache
    def train(kind, replicas, parts=1, policy="float32", loss_scale=1024.0):
        output = folder / f"{kind}-{replicas}-{parts}-{policy}-{loss_scale}.npz"
        arguments = [kind, replicas, parts, policy, output, loss_scale]
        subprocess.run(
            [sys.executable, PROGRAM, *map(str, arguments)],
            check=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
            timeout=300,
        )
        with np.load(output) as file:
            return [file[name] for name in file.files]

    return train


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "replicas", "parts"),
    [
        ("masked", 2, 1),
        ("masked", 1, 4),
        ("masked", 2, 2),
        ("contrastive", 2, 1),
        ("classes", 1, 3),
        ("classes", 2, 2),
    ],
)
def test_replicas_and_accumulation_give_the_same_update(train, kind, replicas, parts):
    expected = train(kind, 1)
    actual = train(kind, replicas, parts)
    for one, other in zip(expected, actual, strict=True):
        np.testing.assert_allclose(other, one, atol=5e-6)


@pytest.mark.slow
@pytest.mark.parametrize("parts", [1, 2])
def test_compiled_replicas_give_the_same_update(train, parts):
    expected = train("masked", 1)
    for one, other in zip(expected, train("compiled", 2, parts), strict=True):
        np.testing.assert_allclose(other, one, atol=5e-6)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["masked", "classes"])
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_policies_train(train, kind, policy):
    exact = train(kind, 1)
    mixed = train(kind, 1, 2, policy)
    np.testing.assert_allclose(mixed[0], exact[0], atol=0.05)  # loss, accuracy


@pytest.mark.slow
def test_replicas_skip_the_same_updates_of_float16(train):
    """A scale that is too high at first: it falls in the same steps, whoever adds."""
    one, two = (
        train("masked", replicas, 1, "mixed_float16", 2.0**19) for replicas in (1, 2)
    )
    assert 0 < one[1] < 5
    assert two[1] == one[1]
    np.testing.assert_allclose(two[0], one[0], atol=0.02)  # loss, accuracy
