"""Real artefacts, loaded by the session loader and served over real sockets."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import export
import xlm_tf
from export.fresh_process import run_in_fresh_process
from export.inference_copy import InferenceCopy
from export.serving import Client, LocalServer
from export.serving.serving_error import ServingError
from export.tasks import check_of, labels_of
from export.text_module import TextModule
from xlm_tf.cli import main

TEXTS = ["The night opens.", "", "Le train à Marseille", "请输入地址。", "a " * 90]


def ask(directory, *calls):
    return run_in_fresh_process("export.run_saved_model", directory, list(calls))


def as_inputs(texts):
    return np.array([text.encode() for text in texts], object)


@pytest.fixture(scope="module")
def models(saved):
    """A directory with three tasks, and their reports."""
    return saved.folder, {
        name: saved(name).report for name in ("topic", "vectors", "cloze")
    }


def test_the_report_says_what_was_written(models):
    folder, reports = models
    for name, report in reports.items():
        assert report.path.parent == folder / name
        assert report.signatures[:2] == ("serving_default", "token_ids")
        assert report.difference < 1e-5
        files = [f for f in report.path.rglob("*") if f.is_file()]
        assert report.num_bytes == sum(f.stat().st_size for f in files)


@pytest.mark.slow
def test_answers_are_the_models(models, classifier, embedder, masked_lm):
    folder, _ = models
    text = as_inputs(TEXTS)
    (topic,) = ask(folder / "topic" / "7", ("serving_default", {"text": text}))
    expected = keras.ops.softmax(classifier.predict(TEXTS, verbose=0))
    np.testing.assert_allclose(topic["probabilities"], expected, atol=1e-5)
    names = np.array([b"a", b"b", "ζ".encode()])
    assert topic["label"].tolist() == names[np.argmax(expected, 1)].tolist()

    language = as_inputs(["en", "fr", "fr", "en", "fr"])
    fields = {"text": text, "language": language}
    (vectors,) = ask(folder / "vectors" / "1", ("serving_default", fields))
    expected = embedder(embedder.preprocessor.pack(fields))
    np.testing.assert_allclose(vectors["embedding"], expected, atol=1e-5)

    cloze = as_inputs(["The <mask> opens.", "no gap"])
    (filled,) = ask(folder / "cloze" / "1", ("serving_default", {"text": cloze}))
    expected = masked_lm.fill_mask("The <mask> opens.", top_k=3)[0]
    assert [token.decode() for token in filled["tokens"][0]] == [t for t, _ in expected]
    np.testing.assert_allclose(
        filled["scores"], [[p for _, p in expected], [0, 0, 0]], atol=1e-5
    )
    assert filled["tokens"][1].tolist() == [b""] * 3


def test_token_ids_and_texts_get_the_same_answer(models, classifier):
    folder, _ = models
    packed = classifier.preprocessor.pack(TEXTS)
    by_text, by_id = ask(
        folder / "topic" / "7",
        ("serving_default", {"text": as_inputs(TEXTS)}),
        ("token_ids", {"token_ids": packed["token_ids"].numpy()}),
    )
    np.testing.assert_allclose(
        by_text["probabilities"], by_id["probabilities"], atol=1e-6
    )


def test_weights_are_stored_once(models, classifier):
    _, reports = models
    parameters = 4 * classifier.count_params()
    data = next(reports["topic"].path.glob("variables/*.data-*"))
    assert parameters <= data.stat().st_size < 1.2 * parameters


@pytest.mark.slow
def test_a_served_artefact_answers_by_both_protocols(models, classifier):
    folder, _ = models
    expected = keras.ops.softmax(classifier.predict(TEXTS, verbose=0))
    # Starting replays the warm-up records that the export wrote.
    with LocalServer(folder) as server:
        for protocol in ("rest", "grpc"):
            ports = {"rest_port": server.rest_port, "grpc_port": server.grpc_port}
            with Client("topic", protocol=protocol, **ports) as client:
                answers = client.classify(TEXTS)
                assert client.metadata().signatures.keys() >= {"token_ids"}
                np.testing.assert_allclose(
                    [answer.probabilities for answer in answers], expected, atol=1e-5
                )
                with pytest.raises(ServingError, match=r"lie in \[0, "):
                    client.predict(
                        {"token_ids": [[0, 9_999, 2]]}, signature_name="token_ids"
                    )
                with pytest.raises(ServingError, match="40 positions"):
                    client.predict(
                        {"token_ids": [[5] * 41]}, signature_name="token_ids"
                    )
            with Client("cloze", protocol=protocol, **ports) as client:
                assert len(client.fill_mask(["The <mask>"])[0].tokens) == 3


@pytest.mark.slow
def test_pairs(pair_classifier, saved):
    task, path = pair_classifier, saved("pairs").report.path
    fields = {
        "text": as_inputs(["The train", "a"]),
        "text_pair": as_inputs(["le train de nuit", "b " * 60]),
        "language": as_inputs(["en", "en"]),
        "language_pair": as_inputs(["fr", "en"]),
    }
    (answer,) = ask(path, ("serving_default", fields))
    expected = keras.ops.softmax(task(task.preprocessor.pack(fields)))
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
    assert [f.name for f in (path / "assets.extra").iterdir()] == ["model.json"]


@pytest.mark.parametrize("freeze_weights", [False, True])
def test_bfloat16_halves_the_matrices(classifier, tmp_path, freeze_weights):
    path = tmp_path / "small" / "1"
    report = export.to_saved_model(
        classifier, path, dtype="bfloat16", freeze_weights=freeze_weights
    )
    assert 0 < report.difference < 5e-2


def test_a_trained_task_in_bfloat16_can_be_exported(make_task, tmp_path):
    task = make_task(
        xlm_tf.XLMTextClassifier, num_classes=2, backbone={"dtype": "mixed_bfloat16"}
    )
    report = export.to_saved_model(task, tmp_path / "m" / "1", warmup_batch_sizes=())
    assert report.difference < 5e-2


@pytest.mark.parametrize("name", ["latest", "0", "-1", "1.5"])
def test_the_directory_must_be_a_version(classifier, tmp_path, name):
    with pytest.raises(ValueError, match="must be a version"):
        export.to_saved_model(classifier, tmp_path / "model" / name)
    assert not list(tmp_path.iterdir())


def test_an_existing_directory_is_kept(classifier, tmp_path):
    path = tmp_path / "model" / "1"
    path.mkdir(parents=True)
    (path / "thesis.txt").write_text("precious")
    with pytest.raises(FileExistsError, match="next version"):
        export.to_saved_model(classifier, path)
    assert [f.name for f in path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": ["a", "b"]}, "labels must be 3 different names"),
        ({"labels": ["a", "a", "b"]}, "labels must be 3 different names"),
        ({"dtype": "float16"}, "dtype must be one of"),
    ],
)
def test_arguments_that_do_not_fit(classifier, tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        export.to_saved_model(classifier, tmp_path / "model" / "1", **arguments)
    assert not list(tmp_path.iterdir())


def test_tasks_that_do_not_fit(make_task, embedder, masked_lm, translator, tmp_path):
    path = tmp_path / "model" / "1"
    with pytest.raises(ValueError, match="Only a classifier has labels"):
        export.to_saved_model(embedder, path, labels=["a"])
    with pytest.raises(ValueError, match="Only a classifier reads pairs"):
        export.to_saved_model(embedder, path, pairs=True)
    with pytest.raises(ValueError, match="top_k must be a whole number"):
        export.to_saved_model(masked_lm, path, top_k=10_000)
    without = xlm_tf.XLMTextClassifier(embedder.backbone, num_classes=2)
    with pytest.raises(ValueError, match="Pairs of texts need a preprocessor"):
        export.to_saved_model(without, path, pairs=True)
    translator = xlm_tf.XLMSeq2SeqLM(translator.backbone)
    with pytest.raises(ValueError, match="give the XLMSeq2SeqLM a preprocessor"):
        export.to_saved_model(translator, path)
    longer = make_task(xlm_tf.XLMTextEmbedder)
    longer.preprocessor.sequence_length = 41
    with pytest.raises(ValueError, match="sequence_length=41, max_sequence_length=40"):
        export.to_saved_model(longer, path)
    assert not list(tmp_path.iterdir())


def test_an_artefact_that_answers_differently_is_deleted(classifier, tmp_path):
    with pytest.raises(export.ParityError, match="nothing was exported"):
        export.to_saved_model(
            classifier, tmp_path / "model" / "1", dtype="bfloat16", tolerance=1e-9
        )
    assert not list((tmp_path / "model").iterdir())


def test_warmup_records_are_requests(models):
    path = models[0] / "vectors" / "1"
    records = tf.data.TFRecordDataset(
        str(path / "assets.extra" / "tf_serving_warmup_requests")
    )
    from tensorflow_serving.apis import prediction_log_pb2

    sizes = []
    for record in records.as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(record)
        request = log.predict_log.request
        assert request.model_spec.name == "vectors"
        assert set(request.inputs) == {"text", "language"}
        sizes.append(request.inputs["text"].tensor_shape.dim[0].size)
    assert sizes == [1, 8, 64]
    assert "max_batch_size" in (path / "batching_params.pbtxt").read_text()


@pytest.mark.slow
def test_a_model_that_continues_texts_is_served(make_continuer, tmp_path):
    """Whole, as `xlm-tf export` makes it of what a pretraining by `clm` saved."""
    model = make_continuer(languages=["en", "fr"])
    masked_lm = xlm_tf.XLMMaskedLM(
        model.backbone,
        xlm_tf.XLMMaskedLMPreprocessor(
            model.preprocessor.tokenizer,
            **model.preprocessor.packing_config() | {"language": "fr"},
        ),
        head_transform=False,
    )
    masked_lm.save_to_preset(tmp_path / "pretrained")
    folder = tmp_path / "models"
    saved, output = tmp_path / "pretrained", folder / "writer" / "1"
    beams = ["--num-beams", "2"]
    assert main(["export", "saved-model", str(saved), str(output), *beams]) == 0
    model = xlm_tf.XLMCausalLM.from_masked_lm(masked_lm)
    model.compile(sampler=xlm_tf.BeamSearch(2))
    texts = ["Le train", ""]
    with (
        LocalServer(folder) as server,
        Client("writer", rest_port=server.rest_port) as client,
    ):
        answers = client.generate(texts, language="fr")
    assert [answer.text for answer in answers] == model.generate(texts)


@pytest.fixture(scope="module")
def xlm_task():
    """A causal masked LM of 2019's kind: BPE, untied, without language embeddings."""
    tokens = ["<s>", "</s>", "<pad>", "<unk>", *(f"<special{i}>" for i in range(10))]
    tokens += [*"lowner'", "low", "er", "lo@@", "l@@", "o@@", "w@@", "e@@", "n@@"]
    merges = [("l", "o"), ("lo", "w</w>"), ("e", "r</w>")]
    tokenizer = xlm_tf.XLMBPETokenizer(tokens, merges)
    backbone = xlm_tf.XLMBackbone(
        len(tokens),
        2,
        2,
        32,
        128,
        zero_padding_states=True,
        pad_token_id=2,
        causal=True,
        initializer_range=0.3,
    )
    preprocessor = xlm_tf.XLMMaskedLMPreprocessor(
        tokenizer, sequence_length=32, num_separators=1
    )
    return xlm_tf.XLMMaskedLM(backbone, preprocessor, head_transform=False, tied=False)


@pytest.mark.slow
def test_bpe_is_in_the_graph(xlm_task, tmp_path):
    directory = tmp_path / "cloze" / "1"
    report = export.to_saved_model(xlm_task, directory, top_k=4)
    assert report.difference < 1e-5
    texts = ["low n'ow <mask>", "LOWER <mask> low", "<mask>"]
    language = as_inputs(["fr", "en", "ru"])
    fields = {"text": as_inputs(texts), "language": language}
    (answer,) = ask(directory, ("serving_default", fields))
    for i, (text, name) in enumerate(zip(texts, ("fr", "en", "ru"), strict=True)):
        (expected,) = xlm_task.fill_mask(text, top_k=4, language=name)
        # Weights are drawn anew: padding may be among the likeliest, which is no text.
        assert [token.decode() for token in answer["tokens"][i]] == [
            token.replace("<pad>", "") for token, _ in expected
        ]
        scores = [score for _, score in expected]
        np.testing.assert_allclose(answer["scores"][i], scores, atol=1e-5)


def test_labels_travel(saved):
    """A client of any server can ask for the names, and finds them beside the model."""
    path = saved("topic").report.path
    (names,) = ask(path, ("labels", {"class_id": np.array([2, 0], "int32")}))
    assert [name.decode() for name in names["label"]] == ["ζ", "a"]
    document = json.loads((path / "assets.extra" / "model.json").read_text("utf-8"))
    assert document["labels"] == ["a", "b", "ζ"]
    assert document["problem_type"] == "single_label_classification"
    assert document["maximum_length"] == 40
    assert document["special_ids"]["end"] == 2
    with LocalServer(path.parent) as server:
        for protocol in ("rest", "grpc"):
            ports = {"rest_port": server.rest_port, "grpc_port": server.grpc_port}
            with Client("topic", protocol=protocol, **ports) as client:
                (answer,) = client.classify(["The train opens."])
                assert answer.labels == ("a", "b", "ζ")
                names, numbers = zip(*answer.ranked, strict=True)
                assert names[0] == answer.label
                assert sorted(numbers, reverse=True) == list(numbers)
                assert numbers[1] == sorted(answer.probabilities)[1]
                with pytest.raises(ServingError, match="class_id must lie in"):
                    client.predict({"class_id": [3]}, signature_name="labels")


def test_labels_of_the_task_are_the_answers(make_task):
    task = make_task(xlm_tf.XLMTextClassifier, labels=["bad", "good"])
    module = TextModule(InferenceCopy(task), labels_of(task), False, 5)
    answer = module.signatures()["serving_default"](text=tf.constant(TEXTS))
    assert set(answer["label"].numpy().tolist()) <= {b"bad", b"good"}


@pytest.mark.parametrize(
    ("arguments", "output", "formula"),
    [
        ({"num_classes": 1}, "scores", keras.ops.sigmoid),
        (
            {"num_classes": 3, "problem_type": "multi_label_classification"},
            "probabilities",
            keras.ops.sigmoid,
        ),
        ({"num_classes": 3}, "probabilities", keras.ops.softmax),
        (
            {"num_classes": 3, "activation": "softmax"},
            "probabilities",
            lambda x: x,
        ),
        ({"num_classes": 2, "problem_type": "regression"}, "scores", lambda x: x),
    ],
)
def test_the_problem_type_decides(make_task, arguments, output, formula):
    task = make_task(xlm_tf.XLMTextClassifier, **arguments)
    module = TextModule(InferenceCopy(task), labels_of(task), False, 5)
    answer = module.signatures()["serving_default"](text=tf.constant(TEXTS))
    packed = task.preprocessor.pack(TEXTS)
    np.testing.assert_allclose(answer[output], formula(task(packed)), atol=1e-5)
    # The check computes its own, and finds them the same.
    check = check_of(task, labels_of(task))
    words = {name: value.numpy() for name, value in answer.items()}
    assert check.compare(words, check.expected(packed), 1e-4, "it") < 1e-5


@pytest.mark.slow
def test_a_regression_is_served(regression, saved):
    path = saved("rating").report.path
    expected = regression.predict(TEXTS, verbose=0)
    with (
        LocalServer(path.parent) as server,
        Client("rating", rest_port=server.rest_port) as client,
    ):
        np.testing.assert_allclose(client.score(TEXTS), expected, atol=1e-5)
        with pytest.raises(ValueError, match="classify needs a model with"):
            client.classify(TEXTS)


def test_a_task_without_a_preprocessor_takes_ids_alone(masked_lm_of_ids, saved):
    report = saved("ids").report
    assert report.signatures == ("token_ids",)
    token_ids = np.array([[0, 5, 9, 2], [0, 7, 2, 1]], "int32")
    inputs = {
        "token_ids": token_ids,
        "language_ids": np.array([[0] * 4, [1] * 4], "int32"),
        "mask_position": np.array([2, 1], "int32"),
    }
    (answer,) = ask(report.path, ("token_ids", inputs))
    logits = masked_lm_of_ids(
        {
            "token_ids": token_ids,
            "padding_mask": token_ids != 1,
            "language_ids": inputs["language_ids"],
            "mask_positions": inputs["mask_position"][:, None],
        }
    )
    expected = keras.ops.softmax(logits[:, 0])
    np.testing.assert_allclose(
        answer["scores"], -np.sort(-np.asarray(expected))[:, :5], atol=1e-5
    )
    assert answer["token_ids"].tolist() == np.argsort(-expected)[:, :5].tolist()
    with (
        LocalServer(report.path.parent) as server,  # replays its warm-up
        Client("ids", rest_port=server.rest_port) as client,
    ):
        outputs = client.predict(inputs, signature_name="token_ids")
        np.testing.assert_allclose(outputs["scores"], answer["scores"], atol=1e-6)


@pytest.mark.slow
def test_text_is_written_in_the_graph(translator, saved, tmp_path):
    report = saved("translator").report
    assert report.difference < 1e-5
    languages = ["de", "fr", "de", "en", "fr"]
    fields = {
        "text": as_inputs(TEXTS),
        "source_language": as_inputs(["en"] * 5),
        "target_language": as_inputs(languages),
    }
    (answer,) = ask(report.path, ("serving_default", fields))
    texts, scores = translator.generate(
        {
            "text": TEXTS,
            "source_language": ["en"] * 5,
            "target_language": languages,
        },
        with_scores=True,
    )
    assert [text.decode() for text in answer["output_text"]] == texts
    np.testing.assert_allclose(answer["score"], scores, atol=1e-5)
    expected = translator.generate(TEXTS, source_language="en", target_language="fr")
    with LocalServer(report.path.parent) as server:
        for protocol in ("rest", "grpc"):
            ports = {"rest_port": server.rest_port, "grpc_port": server.grpc_port}
            with Client("translator", protocol=protocol, **ports) as client:
                answers = client.generate(
                    TEXTS, source_language="en", target_language="fr"
                )
                assert [answer.text for answer in answers] == expected
                with pytest.raises(ServingError, match="A language is not one"):
                    client.generate(["x"], "en", "xx")
                ids = {"encoder_token_ids": [[0, 9_999]], "prompt": [[0]]}
                ids |= {"encoder_language_ids": [[0, 0]], "target_language_ids": [1]}
                with pytest.raises(ServingError, match=r"lie in \[0, "):
                    client.predict(ids, signature_name="token_ids")
    with pytest.raises(ValueError, match="Only a classifier has labels"):
        export.to_saved_model(translator, tmp_path / "x" / "1", labels=["a", "b"])


@pytest.mark.slow
def test_text_is_written_with_frozen_weights(translator, tmp_path):
    report = export.to_saved_model(
        translator, tmp_path / "1", freeze_weights=True, warmup_batch_sizes=()
    )
    assert report.difference < 1e-5
    # Constants of the graph, once; only the tables are variables.
    variables = sum(f.stat().st_size for f in (tmp_path / "1" / "variables").iterdir())
    backbone = translator.backbone
    tables = 4 * backbone.hidden_dim * (backbone.vocabulary_size + 40 + 3)
    assert variables < tables + 20_000
    graph = (tmp_path / "1" / "saved_model.pb").read_bytes()
    kernel = backbone.decoder_blocks[0].feed_forward.intermediate_dense.kernel
    assert graph.count(np.asarray(kernel).tobytes()) == 1
