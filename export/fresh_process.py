"""Run an artefact in a process of its own, as those who receive it will.

What works in the process that made an artefact may live off that process: variables
that were never saved, ops that are registered by an import. A fresh process has none
of it.
"""

import base64
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np


def run_in_fresh_process(program, artefact, calls):
    """Call an artefact in a fresh process.

    Args:
        program: str, module to run, `export.run_saved_model` or `export.run_tflite`.
        artefact: Path of the artefact.
        calls: list of (signature name, dict from input name to array).

    Returns:
        List, a call each, of dicts from output name to array.

    Raises:
        RuntimeError: the program failed; with the end of what it printed.
    """
    with tempfile.TemporaryDirectory() as folder:
        request, answer = Path(folder, "calls.json"), Path(folder, "answers.json")
        request.write_text(
            json.dumps([[name, encode(inputs)] for name, inputs in calls])
        )
        errors = run_program(program, artefact, request, answer)
        if errors is not None:
            raise RuntimeError(
                f"The exported {artefact.name} does not run in a fresh process:\n"
                f"{errors[-2000:]}"
            )
        return [decode(outputs) for outputs in json.loads(answer.read_text())]


def run_program(module, *arguments):
    """Run a module as a program; None, or what it printed where it failed, str."""
    process = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    return process.stderr if process.returncode else None


def encode(arrays):
    """dict of arrays -> JSON: type, shape and base64 of the bytes."""
    return {name: _encode(np.asarray(array)) for name, array in arrays.items()}


def decode(document):
    """The arrays that `encode` was given; strings as bytes."""
    return {name: _decode(**array) for name, array in document.items()}


def _encode(array):
    if array.dtype == object or array.dtype.kind in "SU":
        data = [
            base64.b64encode(
                text if isinstance(text, bytes) else text.encode()
            ).decode()
            for text in array.ravel()
        ]
        return {"dtype": "object", "shape": array.shape, "data": data}
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"dtype": array.dtype.str, "shape": array.shape, "data": data}


def _decode(dtype, shape, data):
    if dtype == "object":
        texts = np.empty(len(data), object)
        texts[:] = [base64.b64decode(text) for text in data]
        return texts.reshape(shape)
    return np.frombuffer(base64.b64decode(data), dtype).reshape(shape)
