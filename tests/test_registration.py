"""`import xlm_tf` is fast, and Keras and KerasHub find the classes after it."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import xlm_tf
from xlm_tf.registration import CLASSES

ROOT = Path(__file__).resolve().parents[1]


def registered_in(path):
    """Names of the classes that a file registers with Keras."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef) and any(
            "register_keras_serializable" in ast.unparse(decorator)
            for decorator in node.decorator_list
        ):
            yield node.name


def test_the_table_holds_every_registered_class():
    found = {}
    for path in sorted((ROOT / "xlm_tf").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if names := tuple(sorted(registered_in(path))):
            found[module] = names
    assert {module: tuple(sorted(names)) for module, names in CLASSES.items()} == found


def test_every_model_of_the_family_is_public():
    own = {name for names in CLASSES.values() for name in names if name[:3] == "XLM"}
    assert own <= set(xlm_tf.__all__)
    for name in xlm_tf.__all__:
        assert getattr(xlm_tf, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'AdamW'"):
        _ = xlm_tf.AdamW  # registered, and not public


def test_kerashub_finds_one_class_for_a_backbone():
    import keras_hub

    names = (name for names in CLASSES.values() for name in names if name[:3] == "XLM")
    own = [getattr(xlm_tf, name) for name in names]
    tasks = [x for x in own if issubclass(x, keras_hub.models.Task)]
    for base in vars(keras_hub.models).values():
        if not isinstance(base, type) or base is keras_hub.models.Task:
            continue
        found = [x.backbone_cls for x in tasks if issubclass(x, base)]
        if issubclass(base, keras_hub.models.Task):
            assert len(found) == len(set(found)), base


def run_fresh(program, *arguments):
    """What a program prints in a fresh process, as JSON."""
    process = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    return json.loads(process.stdout.splitlines()[-1])


def test_importing_the_package_imports_no_keras():
    loaded = run_fresh(
        "import sys, json, xlm_tf; from xlm_tf import cli;"
        "names = ('tensorflow', 'keras', 'keras_hub', 'numpy');"
        "print(json.dumps([name for name in names if name in sys.modules]))"
    )
    assert loaded == []


@pytest.fixture(scope="module")
def saved(tmp_path_factory, spm_proto):
    """Saved models of three kinds: a task's preset and file, and a file of layers."""
    import keras

    folder = tmp_path_factory.mktemp("saved")
    tokenizer = xlm_tf.XLMSentencePieceTokenizer(spm_proto)
    backbone = xlm_tf.XLMBackbone(
        vocabulary_size=tokenizer.vocabulary_size(),
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=16,
        max_sequence_length=32,
    )
    classifier = xlm_tf.XLMTextClassifier(
        backbone,
        labels=["no", "yes"],
        preprocessor=xlm_tf.XLMTextClassifierPreprocessor(tokenizer, 32),
    )
    classifier.save_to_preset(folder / "preset")
    classifier.save(folder / "classifier.keras")
    from xlm_tf.models.losses import LabelSmoothedCrossentropy
    from xlm_tf.training.schedules import InverseSquareRoot

    inputs = keras.Input((4, 8))
    model = keras.Model(inputs, xlm_tf.layers.FeedForward(16)(inputs))
    model.compile(keras.optimizers.Adam(InverseSquareRoot(1e-3, 10)), "mse")
    model.save(folder / "layers.keras")
    configs = {
        "loss": keras.losses.serialize(LabelSmoothedCrossentropy(0.2)),
        "schedule": keras.optimizers.schedules.serialize(InverseSquareRoot(1e-3, 10)),
    }
    (folder / "configs.json").write_text(json.dumps(configs))
    return folder


PROGRAM = """
import sys, json, importlib
folder, imports, order = sys.argv[1], sys.argv[2].split(), sys.argv[3].split()
for name in imports:
    importlib.import_module(name)
import keras
assert "xlm_tf.models" not in sys.modules  # nothing was imported for the names alone
found = {}

def keras_looks():
    configs = json.load(open(folder + "/configs.json"))
    loss = keras.losses.deserialize(configs["loss"])
    found["loss"] = type(loss).__name__, loss.label_smoothing
    schedule = keras.optimizers.schedules.deserialize(configs["schedule"])
    found["schedule"] = type(schedule).__name__
    model = keras.models.load_model(folder + "/layers.keras")
    found["layers"] = type(model.layers[1]).__module__
    rate = model.optimizer.get_config()["learning_rate"]
    found["optimizer"] = rate["class_name"]
    found["task"] = keras.models.load_model(folder + "/classifier.keras").labels

def kerashub_looks():
    import keras_hub
    model = keras_hub.models.TextClassifier.from_preset(folder + "/preset")
    found["preset"] = type(model).__name__, model.labels
    model = keras_hub.models.TextEmbedder.from_preset(folder + "/preset")
    found["other task"] = type(model).__name__
    backbone = keras_hub.models.Backbone.from_preset(folder + "/preset")
    found["backbone"] = type(backbone).__name__
    tokenizer = keras_hub.tokenizers.Tokenizer.from_preset(folder + "/preset")
    found["tokenizer"] = type(tokenizer).__name__
    preprocessor = keras_hub.models.TextClassifierPreprocessor.from_preset(
        folder + "/preset")
    found["preprocessor"] = type(preprocessor).__name__, preprocessor.sequence_length

for name in order:
    globals()[name + "_looks"]()
import xlm_tf
registered = keras.saving.get_registered_object("xlm_tf>XLMSeq2SeqLM")
found["registered"] = registered is xlm_tf.XLMSeq2SeqLM
print(json.dumps(found))
"""
FOUND = {
    "loss": ["LabelSmoothedCrossentropy", 0.2],
    "schedule": "InverseSquareRoot",
    "layers": "xlm_tf.layers.feed_forward",
    "optimizer": "InverseSquareRoot",
    "task": ["no", "yes"],
    "preset": ["XLMTextClassifier", ["no", "yes"]],
    "other task": "XLMTextEmbedder",
    "backbone": "XLMBackbone",
    "tokenizer": "XLMSentencePieceTokenizer",
    "preprocessor": ["XLMTextClassifierPreprocessor", 32],
    "registered": True,
}


@pytest.mark.parametrize(
    ("imports", "order"),
    [
        ("xlm_tf", "keras kerashub"),
        # TensorFlow begins to import Keras, fails, and begins again.
        pytest.param("xlm_tf tensorflow", "kerashub keras", marks=pytest.mark.slow),
        ("keras xlm_tf", "kerashub keras"),
    ],
)
def test_a_fresh_process_finds_the_classes(saved, imports, order):
    assert run_fresh(PROGRAM, saved, imports, order) == FOUND
