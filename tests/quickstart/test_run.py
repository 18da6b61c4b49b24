"""The whole path, as the command runs it."""

import json
import os
import subprocess
import sys

import pytest

from xlm_tf.quickstart.corpus import LANGUAGES


@pytest.mark.slow
def test_the_whole_path(wheels, tmp_path):
    output = tmp_path / "my results"
    output.mkdir()
    os.symlink(wheels[0].parent, output / "wheels")
    command = [sys.executable, "-m", "xlm_tf.cli", "quickstart", "--tiny"]
    process = subprocess.run(
        [*command, "--output", str(output)], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr[-3000:]
    for name in ("9/9", "results.png", "gRPC, 1 text", "int8 TFLite, 1 text"):
        assert name in process.stdout
    results = json.loads((output / "results.json").read_text())
    assert set(results["retrieval"]) == {"random", "pretrained", "scratch", "finetuned"}
    for stage in results["retrieval"].values():
        assert set(stage) == set(LANGUAGES)
        assert all(row["candidates"] >= 200 for row in stage.values())
    assert len(results["routing"]) == 15
    for artefact, num_bytes in results["artefacts"].values():
        assert (output / artefact).exists()
        assert num_bytes > 1000
    report = (output / "report.md").read_text()
    assert "| fr |" in report
    assert "Zero-shot routing" in report
    assert (output / "results.png").stat().st_size > 30_000
    # Started again, everything is there: nothing is trained twice.
    before = (output / "embedder" / "model.weights.h5").stat().st_mtime_ns
    again = subprocess.run(
        [*command, "--output", str(output)], capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr[-3000:]
    assert (output / "embedder" / "model.weights.h5").stat().st_mtime_ns == before
