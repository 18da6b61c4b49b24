"""Called, models give the numbers of TensorFlow on JAX too; loops are refused there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import xlm_tf

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = """
import sys, json
import numpy as np
import keras, xlm_tf
assert keras.backend.backend() == "jax"
ids = np.array([[0, 9, 8, 2], [0, 7, 2, 1]])
found = {}
embedder = xlm_tf.XLMTextEmbedder.from_preset("xlm_tiny")
found["vectors"] = np.asarray(embedder.embed(["The file", "Die Datei"])).tolist()
masked_lm = xlm_tf.XLMMaskedLM.from_preset("xlm_tiny")
found["mask"] = masked_lm.fill_mask("Cette page n'existe <mask>.", top_k=1)[0][0][0]
backbone = embedder.backbone
classifier = xlm_tf.XLMTextClassifier(backbone, num_classes=2)
backbone.enable_lora(2)
classifier.save_to_preset(sys.argv[1])
found["classes"] = np.asarray(classifier(ids)).tolist()
translator = xlm_tf.XLMSeq2SeqLM.from_masked_lm(masked_lm)
inputs = {"encoder_token_ids": ids, "decoder_token_ids": ids}
found["logits"] = list(translator(inputs).shape)
found["errors"] = {}
for name, call in {
    "fit": lambda: classifier.fit(ids, np.array([0, 1])),
    "evaluate": lambda: classifier.evaluate(ids, np.array([0, 1])),
    "predict": lambda: embedder.predict(["The file"]),
    "generate": lambda: translator.generate(["The file"]),
}.items():
    try:
        call()
    except ValueError as error:
        found["errors"][name] = str(error)
print(json.dumps(found))
"""


@pytest.mark.parity
def test_models_run_on_jax(tmp_path):
    pytest.importorskip("jax")
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    found = json.loads(process.stdout.splitlines()[-1])
    embedder = xlm_tf.XLMTextEmbedder.from_preset("xlm_tiny")
    expected = embedder.embed(["The file", "Die Datei"])
    np.testing.assert_allclose(found["vectors"], expected, atol=1e-5)
    assert found["mask"] == "▁pas"
    assert found["logits"][:2] == [2, 4]
    for name in ("fit", "evaluate", "predict", "generate"):
        assert found["errors"][name].startswith(f"`{name}` needs Keras on TensorFlow")
    # A preset that JAX saved is one like any other.
    classifier = xlm_tf.XLMTextClassifier.from_preset(tmp_path)
    ids = np.array([[0, 9, 8, 2], [0, 7, 2, 1]])
    np.testing.assert_allclose(classifier(ids), found["classes"], atol=1e-4)
