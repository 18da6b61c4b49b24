"""Raw strings into `fit` under MirroredStrategy: the same on 1 and 4 replicas."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = Path(__file__).with_name("fitting_replicas_program.py")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, spm_proto):
    """Function from a number of replicas to all results, by name."""
    folder = tmp_path_factory.mktemp("replicas")
    (folder / "sentencepiece.model").write_bytes(spm_proto)
    known = {}

    def train(replicas):
        if replicas not in known:
            output = folder / f"{replicas}.npz"
            subprocess.run(
                [
                    sys.executable,
                    str(PROGRAM),
                    str(replicas),
                    str(folder / "sentencepiece.model"),
                    str(output),
                ],
                check=True,
                env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
                timeout=600,
            )
            with np.load(output) as file:
                known[replicas] = {name: file[name] for name in file.files}
        return known[replicas]

    return train


@pytest.mark.slow
def test_every_task_learns_and_scores_alike(trained):
    expected, actual = trained(1), trained(4)
    assert actual.keys() == expected.keys()
    assert any("accuracy" in name for name in actual)
    assert any("val_loss" in name for name in actual)
    for name, value in expected.items():
        assert np.isfinite(value).all(), name
        np.testing.assert_allclose(actual[name], value, atol=2e-5, err_msg=name)
