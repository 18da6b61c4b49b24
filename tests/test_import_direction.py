"""Data flows one way through the rooms, and so do imports (held with `ast`)."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Every room may import what stands in its list, and itself.
FOUNDATIONS = [
    "private_keras",
    "text",
    "masks",
    "version",
    "optional_packages",
    "output_files",
]
# Released files and searches know no models: models declare what they are in the one,
# and give the other a step function.
BELOW_MODELS = [*FOUNDATIONS, "layers", "checkpoints", "generation", "registration"]
MODELS = [*BELOW_MODELS, "models"]
ALLOWED = {
    "version": [],
    "private_keras": [],
    "registration": ["private_keras"],
    "masks": [],
    "optional_packages": [],
    "output_files": [],
    "text": ["private_keras", "version", "optional_packages", "output_files"],
    "data": ["text", "private_keras", "version", "optional_packages", "output_files"],
    "layers": FOUNDATIONS,
    "checkpoints": FOUNDATIONS,
    "models": BELOW_MODELS,
    "objectives": [*MODELS, "data"],
    "generation": FOUNDATIONS,
    "evaluation": [*MODELS, "data", "objectives"],
    "training": [*MODELS, "data", "objectives", "evaluation"],
    "cli": None,  # everything, and `export`
}


def imported_modules(path):
    """Dotted names of all that a file imports, at any depth of its code."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(path):
    return path.relative_to(ROOT / "xlm_tf").parts[0].removesuffix(".py")


LIBRARY = sorted((ROOT / "xlm_tf").rglob("*.py"))


@pytest.mark.parametrize("path", LIBRARY, ids=lambda p: str(p.relative_to(ROOT)))
def test_rooms_import_in_one_direction(path):
    room = room_of(path)
    if room == "__init__":
        return
    assert room in ALLOWED, f"{path}: a room without a place in the direction"
    allowed = ALLOWED[room]
    for module in imported_modules(path):
        parts = module.split(".")
        if parts[0] == "export":
            assert allowed is None, f"{path} imports {module}: only the CLI may"
        if parts[0] == "xlm_tf" and len(parts) > 1 and allowed is not None:
            assert parts[1] in [room, *allowed], f"{path} imports {module}"


def test_the_check_sees_a_forbidden_import(tmp_path):
    path = tmp_path / "late.py"
    path.write_text("def f():\n    from xlm_tf.training import pretrain\n")
    assert "xlm_tf.training.pretrain" in list(imported_modules(path))


def test_export_does_not_import_the_command_line():
    for path in (ROOT / "export").rglob("*.py"):
        for module in imported_modules(path):
            assert not module.startswith("xlm_tf.cli"), f"{path} imports {module}"
