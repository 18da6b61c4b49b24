"""Data flows one way through the rooms, and so do imports (held with `ast`)."""

import ast
import graphlib
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
    "onednn",
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
    "onednn": [],
    "quiet_start": [],
    "freed_memory": [],
    "worker_processes": [],
    "tensorflow_errors": [],
    "text": ["private_keras", "version", "optional_packages", "output_files"],
    "data": ["text", "private_keras", "version", "optional_packages", "output_files"],
    # Its processes start without TensorFlow.
    "collecting": [
        *("text", "data", "version", "optional_packages", "output_files"),
        "worker_processes",
    ],
    "layers": FOUNDATIONS,
    "checkpoints": FOUNDATIONS,
    "models": BELOW_MODELS,
    "objectives": [*MODELS, "data"],
    "generation": FOUNDATIONS,
    "evaluation": [*MODELS, "data", "objectives"],
    "search": [*MODELS, "data"],
    "training": [
        *MODELS,
        "data",
        "objectives",
        "evaluation",
        "worker_processes",
        "tensorflow_errors",
    ],
    "cleaning": [
        *(*MODELS, "data", "objectives", "evaluation", "search", "training"),
        "worker_processes",
    ],
    "tuning": [*MODELS, "data", "objectives", "evaluation", "training"],
    # Knows no work: functions and commands come from above.
    "cluster": ["version", "optional_packages"],
    "quickstart": None,  # everything below, and `export`
    "cli": None,  # the same, and the quickstart
}


# Where functions may import the package's own modules: commands and recipes answer, and
# say what is wrong, before TensorFlow is there; int8 needs an optional package.
LATE = (
    "xlm_tf/cli/",
    "xlm_tf/quickstart/",
    "xlm_tf/training/initial_model.py",
    # Processes that clean start without TensorFlow, unless a rule is by a model.
    "xlm_tf/cleaning/block_cleaning.py",
    "export/tflite.py",
)


def imports(tree):
    """Dotted names of all that a tree imports: of modules, or of what they hold."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import of {node.module}"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_modules(path):
    """Dotted names of all that a file imports, at any depth of its code."""
    yield from imports(ast.parse(path.read_text(encoding="utf-8")))


def room_of(path):
    return path.relative_to(ROOT / "xlm_tf").parts[0].removesuffix(".py")


LIBRARY = sorted((ROOT / "xlm_tf").rglob("*.py"))
EXPORT = sorted((ROOT / "export").rglob("*.py"))


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
            assert allowed is None, (
                f"{path} imports {module}: only the command line may"
            )
        if parts[0] == "xlm_tf" and len(parts) > 1 and allowed is not None:
            assert parts[1] in [room, *allowed], f"{path} imports {module}"


def test_the_check_sees_a_forbidden_import(tmp_path):
    path = tmp_path / "late.py"
    path.write_text("def f():\n    from xlm_tf.training import pretrain\n")
    assert "xlm_tf.training.pretrain" in list(imported_modules(path))


def modules_of(paths):
    """dict from dotted names to files."""
    names = {}
    for path in paths:
        parts = path.relative_to(ROOT).with_suffix("").parts
        names[".".join(parts).removesuffix(".__init__")] = path
    return names


def graph_of(modules):
    """dict from a module to those of them that it imports, late or not."""
    graph = {}
    for name, path in modules.items():
        found = list(imported_modules(path))
        # Of `from package import name`, the name is a module, or in the package.
        graph[name] = {
            x if x in modules else x.rpartition(".")[0] for x in found
        } & set(modules)
    return graph


def test_no_module_imports_itself_through_others():
    modules = modules_of([*LIBRARY, *EXPORT])
    graph = graph_of(modules)
    assert "xlm_tf.models.loading" in graph["xlm_tf.models.presets"]
    graphlib.TopologicalSorter(graph).prepare()  # names the circle


def test_the_check_sees_a_circle(tmp_path):
    one, other = tmp_path / "one.py", tmp_path / "other.py"
    one.write_text("import a.other\n")
    other.write_text("def f():\n    from a.one import x\n    from a import one\n")
    graph = graph_of({"a.one": one, "a.other": other})
    assert graph == {"a.one": {"a.other"}, "a.other": {"a.one"}}
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter(graph).prepare()


def test_imports_stand_at_the_head():
    late = [
        f"{path}: {node.name} imports {name}"
        for path in (*LIBRARY, *EXPORT)
        if not str(path.relative_to(ROOT)).startswith(LATE)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        for name in imports(node)
        if name.split(".")[0] in ("xlm_tf", "export")
    ]
    assert not late


def test_export_does_not_import_the_command_line():
    for path in EXPORT:
        for module in imported_modules(path):
            assert not module.startswith("xlm_tf.cli"), f"{path} imports {module}"
