import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import export.serving, xlm_tf, xlm_tf.cli
for module in (export, xlm_tf):
    assert module.__file__.startswith(sys.argv[1]), module.__file__
assert callable(export.to_saved_model) and callable(export.to_tflite)
print(xlm_tf.XLMBackbone.__name__, xlm_tf.__version__)
"""


@pytest.mark.slow
def test_a_built_wheel_holds_all_that_is_imported(tmp_path):
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--wheel-dir", str(tmp_path), str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("xlm_tf-*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(installed)
    assert "export/serving/compose.yaml" in names
    assert "xlm_tf/checkpoints/tiny/model.safetensors" in names
    recipes = {path.name for path in (ROOT / "xlm_tf/recipes").glob("*.yaml")}
    assert recipes
    assert {f"xlm_tf/recipes/{name}" for name in recipes} <= set(names)
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]
    (entry_points,) = installed.glob("*.dist-info/entry_points.txt")
    assert "xlm-tf = xlm_tf.cli:main" in entry_points.read_text()
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(installed)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("XLMBackbone ")
