"""A training on a cluster: the weights of an undisturbed one, whatever dies."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from xlm_tf.cli import main
from xlm_tf.cluster.training_workers import _refusal

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recipe(tmp_path_factory, write_recipe):
    """A recipe with dropout, so that the workers' random states count too."""
    lines = [f"The {n} dogs run in {n % 7} gardens." for n in range(200)]
    training = {"steps": 600, "evaluate_every": 300, "checkpoint_every": 10}
    folder = tmp_path_factory.mktemp("training")
    return write_recipe(folder, {"en": lines}, training, dropout=0.1)


def start(nodes, recipe, output, workers=2):
    command = ["pretrain", str(recipe), "--output", str(output)]
    command += ["--cluster", nodes.address, "--workers", str(workers)]
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "xlm_tf.cli", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def worker_process(output, index):
    """The process of a worker of a training, by its environment."""
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            environment = (path / "environ").read_bytes()
            if str(output).encode() not in (path / "cmdline").read_bytes():
                continue
            found = re.search(rb"TF_CONFIG=([^\0]*)", environment)
            if found and json.loads(found[1])["task"]["index"] == index:
                return int(path.name)
    return None


def wait_for_checkpoint(output, process):
    last = output / "checkpoints" / "last.safetensors"
    while not last.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


@pytest.fixture(scope="module")
def undisturbed(nodes, recipe, tmp_path_factory):
    output = tmp_path_factory.mktemp("undisturbed") / "run"
    process = start(nodes, recipe, output)
    said, errors = process.communicate(timeout=400)
    assert process.returncode == 0, said + errors
    assert "step 600 of 600" in said
    return output


def assert_same_end(output, undisturbed):
    expected, actual = (
        load_file(run / "checkpoints" / "last.safetensors")
        for run in (undisturbed, output)
    )
    assert list(actual) == list(expected)
    for name, tensor in expected.items():
        np.testing.assert_array_equal(actual[name], tensor, err_msg=name)


def test_one_worker_trains_as_one_machine(nodes, recipe, tmp_path):
    text = recipe.read_text()
    assert "steps: 600" in text
    shorter = recipe.with_name("shorter.yaml")
    shorter.write_text(text.replace("steps: 600", "steps: 20"))
    process = start(nodes, shorter, tmp_path / "worker", workers=1)
    said, errors = process.communicate(timeout=400)
    assert process.returncode == 0, said + errors
    assert main(["pretrain", str(shorter), "--output", str(tmp_path / "here")]) == 0
    assert_same_end(tmp_path / "worker", tmp_path / "here")


@pytest.mark.parametrize("index", [0, 1])
def test_a_killed_worker_is_replaced(nodes, recipe, undisturbed, tmp_path, index):
    output = tmp_path / "run"
    process = start(nodes, recipe, output)
    wait_for_checkpoint(output, process)
    os.kill(worker_process(output, index), signal.SIGKILL)
    said, errors = process.communicate(timeout=400)
    assert process.returncode == 0, said + errors
    assert f"Worker {index} of 2 died (signal 9); beginning again" in said
    assert "Continuing at step" in said
    assert_same_end(output, undisturbed)


def test_an_interrupted_training_goes_on(nodes, recipe, undisturbed, tmp_path):
    output = tmp_path / "run"
    process = start(nodes, recipe, output)
    wait_for_checkpoint(output, process)
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=400)
    assert process.returncode == 130, said + errors
    assert "Stopped. The same command goes on" in said
    limit = time.monotonic() + 20
    while worker_process(output, 1) is not None:
        assert time.monotonic() < limit
    process = start(nodes, recipe, output)
    said, errors = process.communicate(timeout=400)
    assert process.returncode == 0, said + errors
    assert_same_end(output, undisturbed)


def test_what_workers_refuse_is_said_once(nodes, recipe, tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("precious")
    command = ["pretrain", str(recipe), "--output", str(tmp_path)]
    assert main([*command, "--cluster", nodes.address]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert "is not a training run" in line


def test_a_refusal_is_what_the_command_says():
    noise = ["WARNING: retracing", "W0000 00:00: op_kernel.cc"]
    for own in (["no text"], ["recipe.a is missing.", "recipe.b is missing."]):
        said = [noise[0], *(f"error: {line}" for line in own), noise[1]]
        assert _refusal(said) == "\n".join(own)
    assert _refusal(noise) == "\n".join(noise)  # better than nothing
