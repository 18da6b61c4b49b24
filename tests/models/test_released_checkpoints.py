"""`from_preset` on files that others made, from a folder and from a hub."""

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

import xlm_tf
from xlm_tf.models.loading import load_task

FOLDER = Path(__file__).resolve().parents[1] / "data" / "checkpoints"


def test_every_released_model_has_a_source_and_a_citation():
    for name, model in xlm_tf.PRESETS.items():
        assert re.fullmatch("[a-z0-9_]+", name)
        assert (
            re.match("hf://[^/]+/[^/]+$", model.source) or Path(model.source).is_dir()
        )
        assert model.citation
    assert xlm_tf.PRESETS["xlm_clm_enfr_1024"].arguments == {"causal": True}


@pytest.fixture(scope="module")
def tiny():
    return xlm_tf.XLMMaskedLM.from_preset("xlm_tiny")


def test_the_tiny_model_knows_something(tiny):
    ((best, *_),) = tiny.fill_mask("Cette page n'existe <mask>.")
    assert best[0] == "▁pas"
    states = tiny.last_hidden_states("Hello, world!")
    assert states.shape == (1, 16, 128)
    tokenizer = tiny.preprocessor.tokenizer
    ids = tokenizer.encode("Hello, world!")
    assert tokenizer.decode(ids) == "Hello, world!"


def test_every_task_from_one_checkpoint():
    assert xlm_tf.XLMBackbone.from_preset("xlm_tiny").num_layers == 2
    for task, arguments in (
        ("XLMTextEmbedder", {}),
        ("XLMTextClassifier", {"num_classes": 3}),
        ("XLMTokenClassifier", {"labels": ["O", "B-PER"]}),
    ):
        model = getattr(xlm_tf, task).from_preset("xlm_tiny", **arguments)
        assert model.preprocessor.sequence_length == 128
    with pytest.raises(ValueError, match="no head for question answering"):
        xlm_tf.XLMQuestionAnswering.from_preset("xlm_tiny")
    causal = xlm_tf.XLMBackbone.from_preset("xlm_tiny", causal=True)
    assert causal.causal


def test_the_saved_task_is_found(tmp_path):
    assert isinstance(load_task("xlm_tiny"), xlm_tf.XLMMaskedLM)
    for name, task in (
        ("tags", "XLMTokenClassifier"),
        ("answers", "XLMQuestionAnswering"),
    ):
        assert type(load_task(FOLDER / f"xlmr_{name}")).__name__ == task
    assert isinstance(load_task(FOLDER / "xlm_relu_classes"), xlm_tf.XLMTextClassifier)
    xlm_tf.XLMBackbone.from_preset("xlm_tiny").save_to_huggingface(tmp_path)
    with pytest.raises(ValueError, match="an encoder without a task's head"):
        load_task(tmp_path)


@pytest.mark.parametrize("pooling", ["first", "mean", "max"])
@pytest.mark.parametrize("normalize", [True, False])
def test_sentence_transformers(tmp_path, pooling, normalize):
    embedder = xlm_tf.XLMTextEmbedder.from_preset(
        "xlm_tiny", pooling=pooling, normalize=normalize
    )
    embedder.preprocessor.sequence_length = 40
    embedder.save_to_huggingface(tmp_path)
    modules = json.loads((tmp_path / "modules.json").read_text())
    assert [m["type"].split(".")[-1] for m in modules][1:] == ["Pooling"] + (
        ["Normalize"] * normalize
    )
    again = load_task(tmp_path)
    assert (again.pooling, again.normalize) == (pooling, normalize)
    assert again.preprocessor.sequence_length == 40
    texts = ["The file was not found.", "Die Datei wurde nicht gefunden."]
    np.testing.assert_array_equal(again.predict(texts), embedder.predict(texts))


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ([("1_Dense", "Dense")], "a module Dense, which is not here"),
        (
            [("", "Transformer"), ("1_Pooling", "Pooling")],
            "pools by .*pooling_mode_lasttoken",
        ),
    ],
)
def test_other_modules_are_refused(tmp_path, modules, message):
    folder = tmp_path / "model"
    shutil.copytree(xlm_tf.PRESETS["xlm_tiny"].source, folder)
    content = [
        {"idx": 0, "name": "0", "path": p, "type": f"sentence_transformers.models.{k}"}
        for p, k in modules
    ]
    (folder / "modules.json").write_text(json.dumps(content))
    (folder / "1_Pooling").mkdir()
    mode = {"pooling_mode_lasttoken": True, "pooling_mode_mean_tokens": False}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(mode))
    with pytest.raises(ValueError, match=message):
        xlm_tf.XLMTextEmbedder.from_preset(folder)


def test_the_parity_of_a_saved_task_is_exact(tiny, tmp_path):
    tiny.save_to_huggingface(tmp_path)
    again = xlm_tf.XLMMaskedLM.from_preset(tmp_path)
    texts = ["The page was not <mask>.", "Seite <mask>"]
    assert again.fill_mask(texts) == tiny.fill_mask(texts)


def test_forms_that_transformers_lacks_are_refused(tmp_path):
    backbone = xlm_tf.XLMBackbone(30, 1, 1, 8, 16, num_languages=2, position_offset=2)
    with pytest.raises(ValueError, match="no form in transformers"):
        xlm_tf.XLMTextEmbedder(backbone).save_to_huggingface(tmp_path)
    backbone = xlm_tf.XLMBackbone(30, 1, 1, 8, 16, position_offset=2)
    head = xlm_tf.XLMTextClassifier(backbone, num_classes=2, pooling="mean")
    with pytest.raises(ValueError, match="pool the first token"):
        head.save_to_huggingface(tmp_path)
    assert not list(tmp_path.iterdir())


def test_two_vocabularies_in_one_folder_are_refused(tmp_path):
    shutil.copy(FOLDER / "xlmr_fairseq_split" / "model.pt", tmp_path)
    tiny = Path(xlm_tf.PRESETS["xlm_tiny"].source)
    shutil.copy(tiny / "sentencepiece.bpe.model", tmp_path)
    (tmp_path / "dict.txt").write_text("▁the 7\n▁of 6\n")
    with pytest.raises(ValueError, match="two vocabularies: they differ from line 1"):
        xlm_tf.XLMMaskedLM.from_preset(tmp_path)
    (tmp_path / "dict.txt").unlink()
    with pytest.raises(ValueError, match=r"has 4000 tokens. Expected 40"):
        xlm_tf.XLMMaskedLM.from_preset(tmp_path)


def test_span_of_an_answer():
    backbone = xlm_tf.XLMBackbone.from_preset("xlm_tiny")
    tokenizer = load_task("xlm_tiny").preprocessor.tokenizer
    preprocessor = xlm_tf.XLMQuestionAnsweringPreprocessor(
        tokenizer, sequence_length=128
    )
    model = xlm_tf.XLMQuestionAnswering(backbone, preprocessor)
    context = "The file was not found."
    ids = tokenizer.encode(context)
    pieces = tokenizer.detokenize(tokenizer(context)).numpy().decode()
    assert pieces == context
    scores = np.zeros((len(ids), 2), "float32")
    scores[2, 0] = scores[3, 1] = 5.0
    scores[4, 0] = scores[1, 1] = 9.0  # the end before the start: not a span
    text, score = model._best_span(np.array(ids), scores, 30)
    assert text == tokenizer.decode(ids[2:4])
    assert score == 10.0
    ((answer, _),) = model.answer("What was not found?", context)
    assert answer in context
    assert model.answer(["?"], [""])[0][0] == ""
    with pytest.raises(ValueError, match="3 questions and 1 contexts"):
        model.answer(["a", "b", "c"], [context])


class Hub(http.server.BaseHTTPRequestHandler):
    """What a hub answers for one repository, with a connection that breaks once."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        self.answer(with_body=True)

    def answer(self, with_body):
        path = self.path.split("?")[0]
        if "/tree/" in path:
            body = json.dumps(
                [
                    {"type": "file", "path": name, "size": len(body), "oid": name}
                    for name, body in self.files.items()
                ]
            ).encode()
            self.send(200, body, with_body)
            return
        if path.startswith("/api/models/"):
            body = json.dumps(
                {
                    "_id": "1",
                    "id": "owner/model",
                    "sha": "0" * 40,
                    "siblings": [{"rfilename": name} for name in self.files],
                }
            ).encode()
            self.send(200, body, with_body)
            return
        name = path.split("/resolve/")[-1].split("/", 1)[-1]
        if name not in self.files:
            self.send(404, b"", with_body, {"X-Error-Code": "EntryNotFound"})
            return
        body = self.files[name]
        span = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        headers = {"X-Repo-Commit": "0" * 40, "ETag": f'"{len(body)}-{name}"'}
        if with_body:
            self.requests.append((name, span and int(span[1])))
        start = int(span[1]) if span else 0
        if span:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        if with_body and name in self.breaks:
            self.breaks.remove(name)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            for key, value in headers.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.connection.close()
            return
        self.send(206 if span else 200, body[start:], with_body, headers)

    def send(self, status, body, with_body, headers=()):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for key, value in dict(headers).items():
            self.send_header(key, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def hub(tmp_path):
    """Address of a hub with a model of 28 MB, and more files than are needed."""
    backbone = xlm_tf.XLMBackbone(56_000, 1, 2, 128, 256, position_offset=2)
    backbone.save_to_huggingface(tmp_path / "files")
    Hub.files = {x.name: x.read_bytes() for x in (tmp_path / "files").iterdir()}
    Hub.files |= {"pytorch_model.bin": b"x" * 99, "tf_model.h5": b"x" * 99}
    Hub.requests, Hub.breaks = [], {"model.safetensors"}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.mark.slow
def test_a_hub_is_asked_once_and_a_broken_download_goes_on(hub, tmp_path):
    program = textwrap.dedent("""
        import xlm_tf
        backbone = xlm_tf.XLMBackbone.from_preset("hf://owner/model")
        print(backbone.vocabulary_size)
    """)
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub,
        "HF_HOME": str(tmp_path),
        "HF_HUB_DISABLE_XET": "1",
        "PYTHONPATH": str(FOLDER.parents[2]),
        "no_proxy": "*",
    }

    def run():
        return subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            env=environment,
            timeout=300,
            check=False,
        )

    result = run()
    if result.returncode:  # the connection broke: started again, it goes on
        result = run()
    assert result.stdout.strip() == "56000", result.stderr
    fetched = [name for name, _ in Hub.requests]
    assert "pytorch_model.bin" not in fetched
    assert "tf_model.h5" not in fetched
    weights = [start for name, start in Hub.requests if name == "model.safetensors"]
    assert weights == [None, 10 * 2**20]  # the client keeps whole blocks of 10 MB
    before = len(Hub.requests)
    assert run().stdout.strip() == "56000"
    assert len(Hub.requests) == before
