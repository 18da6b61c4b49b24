"""Real files, run by LiteRT in a fresh process."""

import json

import keras
import numpy as np
import pytest

import export
import xlm_tf
from export.fresh_process import run_in_fresh_process
from export.tflite import TOKENIZER_OP, operations
from xlm_tf.cli import main

# q, k, v in one; output; two of the feed-forward.
DENSE_A_LAYER = 4


def ask(path, *calls):
    return run_in_fresh_process("export.run_tflite", path, list(calls))


def trimmed_ids(task, text):
    inputs = task.preprocessor.pack([text])
    length = int(inputs["padding_mask"].numpy().sum())
    return inputs["token_ids"].numpy()[:, :length]


def test_float32(classifier, tmp_path):
    path = tmp_path / "topic.tflite"
    report = export.to_tflite(classifier, path, lengths=(8, 40))
    assert report.signatures == ("serving_default", "length_8", "length_40")
    assert report.difference < 1e-5
    assert report.num_bytes == path.stat().st_size
    ids = trimmed_ids(classifier, "The train opens.")
    fixed = np.pad(
        ids,
        ((0, 0), (0, 40 - ids.shape[1])),
        constant_values=classifier.backbone.pad_token_id,
    )
    free, fixed = ask(
        path,
        ("serving_default", {"token_ids": ids}),
        ("length_40", {"token_ids": fixed}),
    )
    expected = keras.ops.softmax(classifier.predict(["The train opens."], verbose=0))
    np.testing.assert_allclose(free["probabilities"], expected, atol=1e-5)
    np.testing.assert_allclose(fixed["probabilities"], expected, atol=1e-5)


def test_the_signatures_share_the_weights(classifier, tmp_path):
    one = export.to_tflite(classifier, tmp_path / "one.tflite")
    four = export.to_tflite(classifier, tmp_path / "four.tflite", lengths=(8, 16, 24))
    weights = 4 * classifier.count_params()
    assert one.num_bytes > weights
    assert four.num_bytes - one.num_bytes < weights / 2


@pytest.mark.parametrize("name", ["classifier", "embedder", "masked_lm"])
def test_int8(request, name, tmp_path):
    task = request.getfixturevalue(name)
    path = tmp_path / "model.tflite"
    report = export.to_tflite(task, path, quantization="int8")
    assert 1e-5 < report.difference < 0.1
    counts = operations(path.read_bytes())
    head = {"classifier": 2, "embedder": 0, "masked_lm": 2}[name]
    layers = task.backbone.num_layers
    assert counts["FULLY_CONNECTED"] == layers * DENSE_A_LAYER + head
    assert counts["EMBEDDING_LOOKUP"] >= 1
    assert all(operation.isupper() for operation in counts)
    # Tables and matrices, a byte a number, and a scale a row.
    assert path.stat().st_size < 3 * task.count_params()


def test_float16(embedder, tmp_path):
    path = tmp_path / "vectors.tflite"
    report = export.to_tflite(embedder, path, quantization="float16")
    assert 1e-6 < report.difference < 1e-2
    assert path.stat().st_size < 4 * embedder.count_params()


def test_masks_are_filled(masked_lm, tmp_path):
    path = tmp_path / "cloze.tflite"
    export.to_tflite(masked_lm, path, top_k=4)
    ids = trimmed_ids(masked_lm, "The <mask> opens.")
    (answer,) = ask(path, ("serving_default", {"token_ids": ids}))
    to_token = masked_lm.preprocessor.tokenizer.id_to_token
    expected = masked_lm.fill_mask("The <mask> opens.", top_k=4)[0]
    assert [to_token(i) for i in answer["token_ids"][0]] == [t for t, _ in expected]


def test_strings(classifier, tmp_path):
    path = tmp_path / "topic.tflite"
    export.to_tflite(classifier, path, string_input=True, labels=["x", "y", "z"])
    foreign = {name for name in operations(path.read_bytes()) if not name.isupper()}
    assert foreign == {TOKENIZER_OP}
    texts = ["The train opens.", "", "请输入地址。", "a " * 90, b"\xff\xc3 broken"]
    text = np.array([t if isinstance(t, bytes) else t.encode() for t in texts], object)
    (answer,) = run_in_fresh_process(
        "export.run_string_tflite", path, [("serving_default", {"text": text})]
    )
    logits = classifier(classifier.preprocessor.pack(text.tolist()))
    expected = keras.ops.softmax(logits)
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
    names = np.array([b"x", b"y", b"z"])
    assert answer["label"].tolist() == names[np.argmax(expected, 1)].tolist()


def test_languages(embedder, tmp_path):
    path = tmp_path / "vectors.tflite"
    report = export.to_tflite(embedder, path, string_input=True, quantization="int8")
    assert report.difference < 0.1  # in French, the preprocessor's language
    without = xlm_tf.XLMTextEmbedderPreprocessor(
        embedder.preprocessor.tokenizer, 40, languages=["en", "fr"]
    )
    task = xlm_tf.XLMTextEmbedder(embedder.backbone, without)
    with pytest.raises(ValueError, match="strings of one language"):
        export.to_tflite(task, tmp_path / "b.tflite", string_input=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"quantization": "int4"}, "quantization must be one of"),
        ({"labels": ["a", "b", "c"]}, "labels"),
        ({"lengths": (0,)}, "lengths"),
        ({"lengths": (41,)}, "lengths"),
        ({"lengths": (8,), "string_input": True}, "Texts have no fixed length"),
    ],
)
def test_arguments_that_do_not_fit(classifier, tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        export.to_tflite(classifier, tmp_path / "m.tflite", **arguments)
    assert not list(tmp_path.iterdir())


def test_tasks_that_do_not_fit(masked_lm, make_task, bpe_proto, tmp_path):
    path = tmp_path / "m.tflite"
    with pytest.raises(ValueError, match="does not know <mask>"):
        export.to_tflite(masked_lm, path, string_input=True)
    bpe = make_task(xlm_tf.XLMTextEmbedder, proto=bpe_proto)
    with pytest.raises(ValueError, match="plain unigram vocabulary"):
        export.to_tflite(bpe, path, string_input=True)
    assert not list(tmp_path.iterdir())


def test_an_existing_file_is_kept(classifier, tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        export.to_tflite(classifier, path)
    assert path.read_bytes() == b"precious"


def test_a_file_that_answers_differently_is_deleted(classifier, tmp_path):
    with pytest.raises(export.ParityError, match="nothing was exported"):
        export.to_tflite(
            classifier, tmp_path / "m.tflite", quantization="int8", tolerance=1e-9
        )
    assert not list(tmp_path.iterdir())


def test_the_command(classifier, tmp_path, capsys):
    preset = tmp_path / "preset"
    classifier.save_to_preset(preset)
    path = tmp_path / "topic.tflite"
    command = ["export", "tflite", str(preset), str(path), "--quantization", "int8"]
    assert main(command) == 0
    assert (
        "signatures serving_default; differs from the model" in capsys.readouterr().out
    )
    assert main(command) == 2
    assert "exists" in capsys.readouterr().err
    served = tmp_path / "models" / "topic" / "1"
    command = [
        "export",
        "saved-model",
        str(preset),
        str(served),
        "--labels",
        "a",
        "b",
        "c",
    ]
    assert main(command) == 0
    assert (served / "saved_model.pb").exists()
    (preset / "task.json").write_text(json.dumps({}))
    assert main(["export", "tflite", str(preset), str(tmp_path / "x.tflite")]) == 2
    assert "error: " in capsys.readouterr().err


def test_a_causal_model_with_bpe(tmp_path):
    tokens = ["<s>", "</s>", "<pad>", "<unk>", *(f"<special{i}>" for i in range(10))]
    tokenizer = xlm_tf.XLMBPETokenizer([*tokens, *"lowner"], [("l", "o")])
    backbone = xlm_tf.XLMBackbone(
        20, 1, 2, 32, 64, pad_token_id=2, causal=True, initializer_range=0.3
    )
    preprocessor = xlm_tf.XLMMaskedLMPreprocessor(tokenizer, sequence_length=32)
    task = xlm_tf.XLMMaskedLM(backbone, preprocessor, tied=False)
    report = export.to_tflite(task, tmp_path / "cloze.tflite", lengths=(16,))
    assert report.difference < 1e-4
    embedder = xlm_tf.XLMTextEmbedder(
        backbone, xlm_tf.XLMTextEmbedderPreprocessor(tokenizer, sequence_length=32)
    )
    with pytest.raises(ValueError, match="needs a SentencePiece vocabulary"):
        export.to_tflite(embedder, tmp_path / "x.tflite", string_input=True)
