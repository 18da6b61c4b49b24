"""Small SavedModels and a server on them, over real sockets of this machine."""

import numpy as np
import pytest
import requests
import tensorflow as tf
import tensorflow_text

from export.serving import LocalServer


class Demo(tf.Module):
    """String ops and arithmetic; a signature for each thing a server must do."""

    def __init__(self, version):
        super().__init__()
        self.version = tf.Variable(version, dtype=tf.int32)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def serve(self, text):
        length = tf.strings.length(text)
        scores = tf.cast(length, tf.float32)[:, None] * tf.constant([[0.1, 0.2]])
        return {
            "upper": tf.strings.upper(text, encoding="utf-8"),
            "length": length,
            "scores": scores,
            "version": tf.fill(tf.shape(text), self.version),
        }

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, name="text"),
            tf.TensorSpec([None], tf.string, name="text_pair"),
        ]
    )
    def pair(self, text, text_pair):
        return {"joined": tf.strings.join([text, text_pair], "|")}

    @tf.function(
        input_signature=[tf.TensorSpec([None, None], tf.int32, name="token_ids")]
    )
    def token_ids(self, token_ids):
        return {"total": tf.reduce_sum(token_ids, axis=-1)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def echo_bytes(self, text):
        return {"echo_bytes": tf.identity(text)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def echo(self, text):
        return {"echo": tf.identity(text)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def fold(self, text):
        return {"folded": tensorflow_text.case_fold_utf8(text)}  # tf.text's own op

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def number(self, text):
        return {"number": tf.strings.to_number(text)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def half(self, text):
        return {"half": tf.cast(tf.strings.length(text), tf.float16)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def mean(self, text):
        return {"mean": tf.reduce_mean(tf.cast(tf.strings.length(text), tf.float32))}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.bool, name="flag"),
            tf.TensorSpec([None], tf.int64, name="whole"),
            tf.TensorSpec([None, 2], tf.float32, name="real"),
            tf.TensorSpec([None], tf.float64, name="double"),
            tf.TensorSpec([None], tf.uint8, name="byte"),
        ]
    )
    def types(self, flag, whole, real, double, byte):
        return {
            "flag": tf.logical_not(flag),
            "whole": whole + 1,
            "real": -real,
            "double": double / 3.0,
            "byte": tf.identity(byte),
        }

    def save(self, directory):
        """Write this module as a SavedModel with all its signatures."""
        signatures = {
            "serving_default": self.serve,
            "pair": self.pair,
            "token_ids": self.token_ids,
            "echo_bytes": self.echo_bytes,
            "echo": self.echo,
            "fold": self.fold,
            "number": self.number,
            "half": self.half,
            "mean": self.mean,
            "types": self.types,
        }
        tf.saved_model.save(self, str(directory), signatures=signatures)


@pytest.fixture(scope="session")
def demo_directory(tmp_path_factory):
    """`<tmp>/demo` with the versions 1, 2 and 10."""
    directory = tmp_path_factory.mktemp("models") / "demo"
    for version in (1, 2, 10):
        Demo(version).save(directory / str(version))
    return directory


@pytest.fixture(scope="session")
def server(demo_directory):
    """A running `LocalServer` with all versions of `demo`."""
    with LocalServer(
        demo_directory, all_versions=True, max_request_bytes=1 << 20
    ) as server:
        yield server


@pytest.fixture(scope="session")
def model_url(server):
    return f"{server.rest_url}/v1/models/demo"


@pytest.fixture(scope="session")
def post(model_url):
    """Send a predict request; returns the HTTP status and the parsed answer."""
    session = requests.Session()
    session.trust_env = False

    def send(body, suffix=":predict"):
        kwargs = {"data": body} if isinstance(body, bytes) else {"json": body}
        response = session.post(model_url + suffix, timeout=30, **kwargs)
        assert response.headers["Content-Type"] == "application/json"
        return response.status_code, response.json()

    return send


class TextTask(tf.Module):
    """The serving_default of the three text tasks, with made-up answers."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def classify(self, text):
        long = tf.strings.length(text) > 3
        probability = tf.where(long, 0.75, 0.25)
        return {
            "label": tf.where(long, "long", "kurz — 短"),
            "probabilities": tf.stack([1.0 - probability, probability], axis=-1),
        }

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, name="text"),
            tf.TensorSpec([None], tf.string, name="text_pair"),
        ]
    )
    def classify_pair(self, text, text_pair):
        same = text == text_pair
        return {
            "label": tf.where(same, "same", "other"),
            "probabilities": tf.stack(
                [tf.cast(same, tf.float32), 1.0 - tf.cast(same, tf.float32)], axis=-1
            ),
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def embed(self, text):
        length = tf.cast(tf.strings.length(text), tf.float32)
        return {"embedding": length[:, None] * tf.constant([[0.1, 0.7, 1e-7]])}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def fill_mask(self, text):
        tokens = tf.tile(tf.constant([["Stadt", "ville"]]), [tf.shape(text)[0], 1])
        return {
            "tokens": tokens,
            "scores": tf.ones(tf.shape(tokens)) * np.float32(0.3),
        }


@pytest.fixture(scope="session")
def task_server(tmp_path_factory):
    """A server on a directory of four models, one a text task."""
    directory = tmp_path_factory.mktemp("tasks")
    task = TextTask()
    for name in ("classify", "classify_pair", "embed", "fill_mask"):
        signatures = {"serving_default": getattr(task, name)}
        tf.saved_model.save(task, str(directory / name / "1"), signatures=signatures)
    with LocalServer(directory) as server:
        yield server
