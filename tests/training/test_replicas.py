"""The same global batch gives the same update, however it is spread."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = Path(__file__).with_name("replicas_program.py")


# Ways to spread a batch: replicas, what `replicas_program.py` trains, parts.
SPREADS = [
    (2, "masked", 1),
    (1, "masked", 4),
    (2, "masked", 2),
    (2, "weighed", 2),
    (2, "contrastive", 1),
    (2, "contrastive", 2),
    (1, "negatives", 3),
    (2, "negatives", 1),
    (2, "negatives", 3),
    (2, "scores", 2),
    (1, "classes", 3),
    (2, "classes", 2),
    (1, "r_drop", 3),
    (2, "r_drop", 1),
    (2, "r_drop", 2),
    (1, "multitask", 3),
    (2, "multitask", 1),
    (2, "multitask", 2),
]
KINDS = (
    "masked",
    "weighed",
    "contrastive",
    "negatives",
    "scores",
    "classes",
    "r_drop",
    "multitask",
)
OF_MIXED = "masked", "contrastive", "classes"
MIXED = list(itertools.product(("mixed_bfloat16", "mixed_float16"), OF_MIXED))
HIGH = 2.0**19  # a loss scale that float16 cannot bear


def name_of(kind, parts=1, policy="float32", loss_scale=1024.0):
    return f"{kind},{parts},{policy},{loss_scale}"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Function to the results of a run, all of which are trained in two processes."""
    runs = {
        replicas: [name_of("masked", 1, "mixed_float16", HIGH)] for replicas in (1, 2)
    }
    runs[1] += map(name_of, KINDS)
    runs[1] += [name_of(kind, 2, policy) for policy, kind in MIXED]
    runs[2] += [name_of("compiled", parts) for parts in (1, 2)]
    for replicas, kind, parts in SPREADS:
        runs[replicas].append(name_of(kind, parts))
    folders = {}
    for replicas, own in runs.items():
        folders[replicas] = tmp_path_factory.mktemp(f"replicas-{replicas}")
        subprocess.run(
            [sys.executable, PROGRAM, str(replicas), folders[replicas], *own],
            check=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
            timeout=900,
        )

    def results(replicas, *run):
        with np.load(folders[replicas] / f"{name_of(*run)}.npz") as file:
            return [file[name] for name in file.files]

    return results


@pytest.mark.slow
@pytest.mark.parametrize(("replicas", "kind", "parts"), SPREADS)
def test_replicas_and_accumulation_give_the_same_update(trained, replicas, kind, parts):
    expected = trained(1, kind)
    actual = trained(replicas, kind, parts)
    for one, other in zip(expected, actual, strict=True):
        np.testing.assert_allclose(other, one, atol=5e-6)


@pytest.mark.slow
@pytest.mark.parametrize("parts", [1, 2])
def test_compiled_replicas_give_the_same_update(trained, parts):
    expected = trained(1, "masked")
    for one, other in zip(expected, trained(2, "compiled", parts), strict=True):
        np.testing.assert_allclose(other, one, atol=5e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("policy", "kind"), MIXED)
def test_mixed_policies_train(trained, policy, kind):
    exact = trained(1, kind)
    mixed = trained(1, kind, 2, policy)
    np.testing.assert_allclose(mixed[0], exact[0], atol=0.05)  # loss, accuracy


@pytest.mark.slow
def test_replicas_skip_the_same_updates_of_float16(trained):
    """A scale that is too high at first: it falls in the same steps, whoever adds."""
    run = "masked", 1, "mixed_float16", HIGH
    one, two = trained(1, *run), trained(2, *run)
    assert 0 < one[1] < 5
    assert two[1] == one[1]
    np.testing.assert_allclose(two[0], one[0], atol=0.02)  # loss, accuracy
