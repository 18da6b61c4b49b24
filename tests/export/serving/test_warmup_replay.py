"""Warm-up records are replayed when a version is loaded."""

import shutil

import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from export.serving import LocalServer
from export.serving.model_repository import ModelRepository
from export.serving.served_version import ServedVersion
from export.serving.warmup_replay import replay_warmup


def record(signature_name="", **inputs):
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name = "whatever"
    request.model_spec.signature_name = signature_name
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return log.SerializeToString()


@pytest.fixture
def model(demo_directory, tmp_path):
    """A copy of one version, and a function that writes its warm-up records."""
    path = tmp_path / "m" / "1"
    shutil.copytree(demo_directory / "1", path)
    warmup_path = path / "assets.extra" / "tf_serving_warmup_requests"
    warmup_path.parent.mkdir()

    def write(records):
        with tf.io.TFRecordWriter(str(warmup_path)) as writer:
            for each in records:
                writer.write(each)
        return warmup_path

    return path, write


def test_every_record_is_run(model, monkeypatch):
    path, write = model
    write([record(text=["a"]), record("pair", text=["a"], text_pair=["b"])])
    seen = []
    predict = ServedVersion.predict

    def spy(self, inputs, signature_name="", output_filter=()):
        seen.append((sorted(inputs), signature_name))
        return predict(self, inputs, signature_name, output_filter)

    monkeypatch.setattr(ServedVersion, "predict", spy)
    ModelRepository(path.parent)
    assert seen == [(["text"], ""), (["text", "text_pair"], "pair")]


def test_no_file_is_no_record(demo_directory):
    served = ServedVersion("demo", 1, demo_directory / "1")
    assert replay_warmup(served) == 0


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([record(text=["a"]), record(texts=["a"])], "Warm-up record 2 .*texts"),
        ([record("nothing", text=["a"])], "Warm-up record 1 .*nothing"),
        ([b"\xff\xff\xff"], "Warm-up record 1"),
        (
            [
                prediction_log_pb2.PredictionLog(
                    classify_log=prediction_log_pb2.ClassifyLog()
                ).SerializeToString()
            ],
            "classify_log",
        ),
        ([record(text=["a"])] * 1001, "more than 1000"),
    ],
)
def test_bad_records_stop_the_loading(model, records, words):
    path, write = model
    write(records)
    with pytest.raises(ValueError, match=words):
        ModelRepository(path.parent)


def test_cut_file_stops_the_loading_and_frees_the_ports(model):
    path, write = model
    warmup_path = write([record(text=["a"]), record(text=["b"])])
    warmup_path.write_bytes(warmup_path.read_bytes()[:-5])
    server = LocalServer(path.parent)
    with pytest.raises(ValueError, match="not a whole TFRecord file"):
        server.start()
    warmup_path.unlink()
    with LocalServer(path.parent, rest_port=server.rest_port) as second:
        assert second.rest_port == server.rest_port
