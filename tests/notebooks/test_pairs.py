"""A notebook and its script are one: the same cells, outputs in the notebook alone."""

import ast
import re
from pathlib import Path

import jupytext
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
SCRIPTS = sorted(FOLDER.glob("*.py"))
OF_A_RELEASED_MODEL = "**With a network and a released model instead**"
each_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)


def outputs_of(script):
    notebook = jupytext.read(script.with_suffix(".ipynb"))
    return [out for cell in notebook.cells for out in cell.get("outputs", [])]


def test_each_has_its_pair():
    notebooks = {path.stem for path in FOLDER.glob("*.ipynb")}
    assert notebooks == {path.stem for path in SCRIPTS}
    assert notebooks


def test_the_readme_lists_each():
    readme = FOLDER.with_name("README.md").read_text(encoding="utf-8")
    listed = re.findall(r"\]\(notebooks/(\w+)\.ipynb\)", readme)
    assert {path.stem for path in SCRIPTS} == set(listed)


@each_script
def test_the_pair_agrees(script):
    notebook = jupytext.read(script.with_suffix(".ipynb"))
    cells = [
        [(cell.cell_type, cell.source.strip()) for cell in own.cells]
        for own in (notebook, jupytext.read(script))
    ]
    assert cells[0] == cells[1], "run: make notebooks"


@each_script
def test_outputs_are_there_and_say_nothing_of_a_machine(script):
    notebook = jupytext.read(script.with_suffix(".ipynb"))
    outputs = outputs_of(script)
    assert any("image/png" in out.get("data", {}) for out in outputs)
    assert not [out for out in outputs if out.get("name") == "stderr"]
    assert not [out for out in outputs if out.output_type == "error"]
    assert all(
        cell.execution_count for cell in notebook.cells if cell.cell_type == "code"
    )
    texts = [out.get("text", "") for out in outputs] + [
        text
        for out in outputs
        for kind, text in out.get("data", {}).items()
        if kind.startswith("text/")
    ]
    here = str(Path(__file__).resolve().parents[2])
    paths = re.compile(rf"(?<![\w.:/])/(?:home|root|tmp|usr|Users)/|{re.escape(here)}")
    assert not [text for text in texts if paths.search(text)]


@each_script
def test_it_defines_nothing(script):
    tree = ast.parse(script.read_text(encoding="utf-8"))
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    assert not [node for node in ast.walk(tree) if isinstance(node, definitions)]


@each_script
def test_one_cell_takes_a_released_model_and_is_not_run(script):
    cells = jupytext.read(script).cells
    (place,) = (i for i, cell in enumerate(cells) if OF_A_RELEASED_MODEL in cell.source)
    lines = cells[place + 1].source.splitlines()
    assert cells[place + 1].cell_type == "code"
    assert all(line.startswith("#") for line in lines)
    compile("\n".join(line[2:] for line in lines), script.name, "exec")
