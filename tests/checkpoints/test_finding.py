"""Checkpoints are found by name, from a folder, a file and a hub."""

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
from unittest.mock import Mock

import numpy as np
import pytest
from huggingface_hub.errors import RemoteEntryNotFoundError

import xlm_tf
from tests.checkpoints.tensorflow_files import write_tensorflow
from tests.checkpoints.test_adapters import FIXTURES, QUERY, factors, write_adapter
from xlm_tf.checkpoints import finding
from xlm_tf.checkpoints.checkpoint import Checkpoint
from xlm_tf.checkpoints.declared_settings import read_json
from xlm_tf.checkpoints.tensor_files import Tensors, read_safetensors
from xlm_tf.checkpoints.xlm_roberta import XLM_ROBERTA
from xlm_tf.models.loading import load_task

ROOT = Path(__file__).resolve().parents[2]


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
        "PYTHONPATH": str(ROOT),
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


@pytest.fixture
def repositories(tmp_path, monkeypatch):
    """A folder of repositories, which stands in for the hub's client."""
    remote, local = tmp_path / "remote", tmp_path / "local"

    def snapshot(repository, allow_patterns):
        folder = local / repository
        folder.mkdir(parents=True, exist_ok=True)
        for path in (remote / repository).iterdir():
            if any(path.match(pattern) for pattern in allow_patterns):
                shutil.copy(path, folder)
        return str(folder)

    def download(repository, name):
        if not (remote / repository / name).is_file():
            raise RemoteEntryNotFoundError(name, response=Mock())
        return str(Path(snapshot(repository, [name]), name))

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    (remote / "owner").mkdir(parents=True)
    (remote / "owner" / "none").mkdir()
    write_tensorflow(FIXTURES / "xlmr", remote / "owner" / "tf", parts=2)
    write_adapter(
        remote / "owner" / "adapter",
        factors(QUERY),
        base_model_name_or_path="owner/tf",
    )
    return local / "owner"


def test_tensorflow_and_adapters_on_a_hub(repositories):
    expected = xlm_tf.XLMBackbone.from_preset(FIXTURES / "xlmr")
    loaded = xlm_tf.XLMBackbone.from_preset("hf://owner/tf")
    ids = np.array([[0, 5, 6, 2]])
    np.testing.assert_array_equal(loaded(ids), expected(ids))
    merged = xlm_tf.XLMBackbone.from_preset("hf://owner/adapter")
    assert not np.allclose(merged(ids), loaded(ids))
    named = xlm_tf.XLMBackbone.from_preset(
        FIXTURES / "xlmr_bin", adapter="hf://owner/adapter"
    )
    np.testing.assert_allclose(named(ids), merged(ids), rtol=1e-5, atol=1e-6)
    names = {path.name for path in (repositories / "adapter").iterdir()}
    assert names == {"adapter_config.json", "adapter_model.safetensors"}
    with pytest.raises(FileNotFoundError, match="nor an adapter of PEFT"):
        xlm_tf.XLMBackbone.from_preset("hf://owner/none")
    with pytest.raises(FileNotFoundError, match="is no adapter of PEFT"):
        xlm_tf.XLMBackbone.from_preset("xlm_tiny", adapter="hf://owner/tf")


class ArchiveFormat:
    """A format as somebody would add one: a `.archive` folder of two files."""

    @staticmethod
    def find(path):
        return path if path.suffix == ".archive" and path.is_dir() else None

    @staticmethod
    def read(path, ignored):
        tensors = Tensors(path, read_safetensors(path / "tensors"))
        config = read_json(path / "settings")
        return Checkpoint(path, XLM_ROBERTA, config, tensors, ignored=ignored)


def test_a_new_format_is_one_module_and_one_line(tmp_path, monkeypatch):
    model = xlm_tf.XLMMaskedLM.from_preset("xlm_tiny")
    folder = tmp_path / "model.archive"
    model.save_to_huggingface(folder)
    (folder / "model.safetensors").rename(folder / "tensors")
    (folder / "config.json").rename(folder / "settings")
    with pytest.raises(FileNotFoundError, match="holds no model"):
        load_task(folder)
    monkeypatch.setattr(finding, "FORMATS", (*finding.FORMATS, ArchiveFormat))
    again = load_task(folder)
    assert again.fill_mask("Seite <mask>") == model.fill_mask("Seite <mask>")
    ids = np.array([[0, 5, 6, 2]])
    np.testing.assert_array_equal(again.backbone(ids), model.backbone(ids))
