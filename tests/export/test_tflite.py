"""Real files, run by LiteRT in a fresh process."""

import errno
import json
import os
from pathlib import Path

import keras
import numpy as np
import pytest
import sentencepiece
from ai_edge_litert import interpreter as litert
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

import export
import xlm_tf
from export.fresh_process import run_in_fresh_process
from export.tflite_file import read_description
from export.tflite_operations import TOKENIZER_OP, operations
from xlm_tf.cli import main

# q, k, v in one; output; two of the feed-forward.
DENSE_A_LAYER = 4
# Fixtures, and the dense layers of the head.
TASKS = {"classifier": 2, "embedder": 0, "masked_lm": 2, "tagger": 1, "answerer": 1}


def ask(path, *calls):
    return run_in_fresh_process("export.run_tflite", path, list(calls))


def trimmed_ids(task, text):
    inputs = task.preprocessor.pack([text])
    length = int(inputs["padding_mask"].numpy().sum())
    return inputs["token_ids"].numpy()[:, :length]


@pytest.mark.slow
def test_float32(classifier, tflite):
    report = tflite("topic").report
    assert report.signatures == ("serving_default", "length_8", "length_40")
    assert report.difference < 1e-5
    assert report.num_bytes == report.path.stat().st_size
    ids = trimmed_ids(classifier, "The train opens.")
    fixed = np.pad(
        ids,
        ((0, 0), (0, 40 - ids.shape[1])),
        constant_values=classifier.backbone.pad_token_id,
    )
    free, fixed = ask(
        report.path,
        ("serving_default", {"token_ids": ids}),
        ("length_40", {"token_ids": fixed}),
    )
    expected = keras.ops.softmax(classifier.predict(["The train opens."], verbose=0))
    np.testing.assert_allclose(free["probabilities"], expected, atol=1e-5)
    np.testing.assert_allclose(fixed["probabilities"], expected, atol=1e-5)


def test_the_signatures_share_the_weights(classifier, tflite):
    """Three signatures: hardly more than the weights, which are there once."""
    weights = 4 * classifier.count_params()
    assert weights < tflite("topic").report.num_bytes < 1.8 * weights


@pytest.mark.slow
@pytest.mark.parametrize("name", ["topic", "translator", "continuer"])
def test_the_first_subgraph_is_the_default_signature(tflite, name):
    """What runtimes run that know no signatures; its data stays aligned."""
    data = tflite(name).report.path.read_bytes()
    parsed = flatbuffer_utils.convert_bytearray_to_object(bytearray(data))
    first = {x.signatureKey for x in parsed.signatureDefs if x.subgraphIndex == 0}
    assert first == {b"serving_default"}
    model = schema.Model.GetRootAs(data, 0)
    for i in range(model.BuffersLength()):
        buffer = model.Buffers(i)
        if buffer.DataLength():
            start = buffer._tab.Vector(buffer._tab.Offset(4))
            assert start % 16 == 0
    interpreter = litert.Interpreter(model_content=data)
    names = [x["name"] for x in interpreter.get_input_details()]
    assert all("serving_default" in name for name in names)


def test_an_app_finds_what_it_needs(classifier, tflite):
    report = tflite("topic").report
    document = json.loads(Path(f"{report.path}.json").read_text("utf-8"))
    assert document == read_description(report.path)
    assert document["labels"] == ["x", "y", "z"]
    assert document["maximum_length"] == 40
    special = document["special_ids"]
    assert special == {
        "start": 0,
        "padding": 1,
        "end": 2,
        "unknown": 3,
        "mask": classifier.preprocessor.tokenizer.mask_token_id,
    }
    (name,) = document["tokenizer"]["files"]
    assert {file.name for file in report.files} == {name, f"{report.path.name}.json"}
    # With the file and the rule alone, an app makes the same ids.
    processor = sentencepiece.SentencePieceProcessor(
        model_file=str(report.path.with_name(name))
    )
    offset = document["tokenizer"]["id_rule"]["offset"]
    ids = [
        i + offset if i else special["unknown"] for i in processor.encode("The fox 🎉")
    ]
    ids = [special["start"], *ids, special["end"]]
    assert ids == trimmed_ids(classifier, "The fox 🎉")[0].tolist()


def test_long_texts_are_cut_and_keep_their_end(classifier, tflite):
    inside = np.array([[0, *range(5, 43), 2]], "int32")  # 40 tokens
    longer = np.array([[0, *range(5, 43), 50, 51, 2, 1, 1]], "int32")
    padded = np.concatenate([inside, np.ones((1, 5), "int32")], axis=1)
    path = tflite("topic").report.path
    answers = ask(
        path, *(("serving_default", {"token_ids": x}) for x in (inside, longer, padded))
    )
    expected = keras.ops.softmax(classifier({"token_ids": inside}))
    for answer in answers:
        np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("topic", {"token_ids": [[0, 9_999, 2]]}),
        ("topic", {"token_ids": [[0, -1, 2]]}),
        (
            "ids",
            {
                "token_ids": [[0, 5, 2]] * 2,
                "language_ids": [[0, 1, 0]] * 3,
                "mask_position": [1, 1],
            },
        ),
        (
            "ids",
            {
                "token_ids": [[0, 5, 2]] * 2,
                "language_ids": [[0, 1, 0]] * 2,
                "mask_position": [1] * 3,
            },
        ),
        (
            "ids",
            {
                "token_ids": [[0, 5, 2]],
                "language_ids": [[0, 2, 0]],
                "mask_position": [1],
            },
        ),
    ],
)
def test_ids_that_do_not_fit_are_the_interpreters_error(tflite, name, inputs):
    path = tflite(name).report.path
    runner = litert.Interpreter(str(path)).get_signature_runner("serving_default")
    with pytest.raises((RuntimeError, ValueError)):
        runner(**{key: np.array(value, "int32") for key, value in inputs.items()})


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_int8(request, name, tmp_path):
    task = request.getfixturevalue(name)
    path = tmp_path / "model.tflite"
    report = export.to_tflite(task, path, quantization="int8")
    assert 1e-5 < report.difference < 0.1
    counts = operations(path.read_bytes())
    head = TASKS[name]
    layers = task.backbone.num_layers
    assert counts["FULLY_CONNECTED"] == layers * DENSE_A_LAYER + head
    assert counts["EMBEDDING_LOOKUP"] >= 1
    assert all(operation.isupper() for operation in counts)
    # Tables and matrices, a byte a number, and a scale a row.
    assert path.stat().st_size < 3 * task.count_params()


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_float16(request, name, tmp_path):
    task = request.getfixturevalue(name)
    path = tmp_path / "model.tflite"
    report = export.to_tflite(task, path, quantization="float16")
    assert 1e-6 < report.difference < 1e-2
    assert path.stat().st_size < 4 * task.count_params()


@pytest.mark.slow
def test_masks_are_filled(masked_lm, tflite):
    path = tflite("cloze").report.path
    ids = trimmed_ids(masked_lm, "The <mask> opens.")
    (answer,) = ask(path, ("serving_default", {"token_ids": ids}))
    to_token = masked_lm.preprocessor.tokenizer.id_to_token
    expected = masked_lm.fill_mask("The <mask> opens.", top_k=4)[0]
    assert [to_token(i) for i in answer["token_ids"][0]] == [t for t, _ in expected]


@pytest.mark.slow
def test_strings(classifier, tflite):
    path = tflite("topic-strings").report.path
    foreign = {name for name in operations(path.read_bytes()) if not name.isupper()}
    assert foreign == {TOKENIZER_OP}
    texts = ["The train opens.", "", "请输入地址。", "a " * 90, b"\xff\xc3 broken"]
    texts += ["a <mask>b", "<mask>", "x<mask>\u3000<mask> ＜mask＞"]
    text = np.array([t if isinstance(t, bytes) else t.encode() for t in texts], object)
    (answer,) = run_in_fresh_process(
        "export.run_string_tflite", path, [("serving_default", {"text": text})]
    )
    logits = classifier(classifier.preprocessor.pack(text.tolist()))
    expected = keras.ops.softmax(logits)
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
    names = np.array([b"x", b"y", b"z"])
    assert answer["label"].tolist() == names[np.argmax(expected, 1)].tolist()


def test_a_task_without_a_preprocessor(masked_lm_of_ids, tflite, tmp_path):
    report = tflite("ids").report
    assert report.signatures == ("serving_default",)
    assert [file.name for file in report.files] == [f"{report.path.name}.json"]
    with pytest.raises(ValueError, match="string_input needs a task with a preproc"):
        export.to_tflite(masked_lm_of_ids, tmp_path / "x.tflite", string_input=True)


@pytest.mark.slow
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
        ({"labels": ["a", "b"]}, "labels must be 3 different names"),
        ({"lengths": (0,)}, "lengths"),
        ({"lengths": (41,)}, "lengths"),
        ({"lengths": (8,), "string_input": True}, "Texts have no fixed length"),
    ],
)
def test_arguments_that_do_not_fit(classifier, tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        export.to_tflite(classifier, tmp_path / "m.tflite", **arguments)
    assert not list(tmp_path.iterdir())


def test_tasks_that_do_not_fit(make_task, bpe_proto, tmp_path):
    path = tmp_path / "m.tflite"
    bpe = make_task(xlm_tf.XLMTextEmbedder, proto=bpe_proto)
    with pytest.raises(ValueError, match="plain unigram vocabulary"):
        export.to_tflite(bpe, path, string_input=True)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_said_before(
    classifier, tmp_path, monkeypatch
):
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    for write, name in (
        (export.to_tflite, "m.tflite"),
        (export.to_tflite, "new/m.tflite"),
        (export.to_saved_model, "new/1"),
    ):
        with pytest.raises(PermissionError, match=f"{tmp_path / name} cannot be writt"):
            write(classifier, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_an_existing_file_is_kept(classifier, tmp_path):
    path = tmp_path / "m.tflite"
    for name in ("m.tflite", "m.tflite.json", "m.tflite.vocabulary.spm"):
        precious = tmp_path / name
        precious.write_bytes(b"precious")
        with pytest.raises(FileExistsError, match=name):
            export.to_tflite(classifier, path)
        assert precious.read_bytes() == b"precious"
        precious.unlink()


@pytest.mark.slow
@pytest.mark.parametrize("full_from", ["", ".json", ".vocabulary.spm"])
def test_a_full_disk_leaves_nothing_in_the_way(
    classifier, tmp_path, monkeypatch, full_from
):
    path = tmp_path / "m.tflite"
    full = f"{path.name}{full_from}"

    def write_half(self, content):
        is_full = full in self.name
        with open(self, "wb") as file:
            file.write(content[:100] if is_full else content)
        if is_full:
            raise OSError(errno.ENOSPC, "No space left on device")

    with (
        monkeypatch.context() as patch,
        pytest.raises(OSError, match=f"No space left on device: '{tmp_path / full}'"),
    ):
        patch.setattr(Path, "write_bytes", write_half)
        export.to_tflite(classifier, path)
    assert not path.exists()
    assert export.to_tflite(classifier, path).path == path
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.slow
def test_a_file_that_answers_differently_is_deleted(classifier, tmp_path):
    with pytest.raises(export.ParityError, match="nothing was exported"):
        export.to_tflite(
            classifier, tmp_path / "m.tflite", quantization="int8", tolerance=1e-9
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
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
    search = ["--no-repeat-ngram-size", "2"]
    assert main([*command[:3], str(tmp_path / "other.tflite"), *search]) == 2
    assert "--no-repeat-ngram-size is for models that" in capsys.readouterr().err
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
    assert (tmp_path / "topic.tflite.json").exists()
    (preset / "task.json").write_text(json.dumps({}))
    assert main(["export", "tflite", str(preset), str(tmp_path / "x.tflite")]) == 2
    assert "error: " in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_on_a_task_without_a_preprocessor(make_task, tmp_path, capsys):
    task = make_task(xlm_tf.XLMTextEmbedder, has_preprocessor=False)
    preset = tmp_path / "preset"
    task.save_to_preset(preset)
    for kind, output in (("tflite", "m.tflite"), ("saved-model", "m/1")):
        command = ["export", kind, str(preset), str(tmp_path / output)]
        assert main(command) == 0, capsys.readouterr().err
    out = capsys.readouterr().out
    assert "m.tflite" in out
    assert "signatures token_ids; differs" in out


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
