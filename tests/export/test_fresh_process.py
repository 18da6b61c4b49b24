"""Artefacts in processes of their own, which the other tests of exports fork."""

import numpy as np
import pytest

import export
from export import fresh_process
from tests.export import forked_process

TEXTS = np.array(["The fox jumps.", "", "敏捷的狐狸"], object)


@pytest.fixture
def real_processes(monkeypatch):
    monkeypatch.setattr(fresh_process, "run_program", forked_process.REAL)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["saved_model", "tflite"])
def test_an_artefact_is_checked_in_a_process_of_its_own(
    real_processes, forked_processes, classifier, tmp_path, monkeypatch, kind
):
    if kind == "saved_model":
        path, inputs = tmp_path / "1", {"text": TEXTS}
        export.to_saved_model(classifier, path)
    else:
        path = tmp_path / "model.tflite"
        inputs = {"token_ids": np.array([[0, 5, 6, 2]], "int32")}
        export.to_tflite(classifier, path)
    program = f"export.run_{kind}"
    calls = [("serving_default", inputs)]
    real = fresh_process.run_in_fresh_process(program, path, calls)
    assert real[0]
    monkeypatch.setattr(fresh_process, "run_program", forked_processes)
    forked = fresh_process.run_in_fresh_process(program, path, calls)
    for name, values in real[0].items():
        np.testing.assert_array_equal(forked[0][name], values)


@pytest.mark.slow
def test_what_it_printed_is_in_the_error(real_processes, tmp_path):
    (tmp_path / "1").mkdir()
    with pytest.raises(RuntimeError, match=r"(?s)1 does not run.*SavedModel file does"):
        fresh_process.run_in_fresh_process("export.run_saved_model", tmp_path / "1", [])
