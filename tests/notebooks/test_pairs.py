"""A notebook and its script are one: the same cells, outputs in the notebook alone."""

from pathlib import Path

import jupytext
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
SCRIPTS = sorted(FOLDER.glob("*.py"))


def test_each_has_its_pair():
    notebooks = {path.stem for path in FOLDER.glob("*.ipynb")}
    assert notebooks == {path.stem for path in SCRIPTS}
    assert notebooks


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_the_pair_agrees(script):
    notebook = jupytext.read(script.with_suffix(".ipynb"))
    cells = [
        [(cell.cell_type, cell.source.strip()) for cell in own.cells]
        for own in (notebook, jupytext.read(script))
    ]
    assert cells[0] == cells[1], "run: make notebooks"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_outputs_are_there_and_say_nothing_of_a_machine(script):
    notebook = jupytext.read(script.with_suffix(".ipynb"))
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    assert any("image/png" in out.get("data", {}) for out in outputs)
    assert not [out for out in outputs if out.get("name") == "stderr"]
    assert not [out for out in outputs if out.output_type == "error"]
    assert all(
        cell.execution_count for cell in notebook.cells if cell.cell_type == "code"
    )
