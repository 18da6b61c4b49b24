"""The client over both protocols: same answers, same types, clear errors."""

import http.server
import socket
import threading
import time

import numpy as np
import pytest

from export.serving import (
    Client,
    LocalServer,
    ServingError,
    TensorDescription,
    VersionStatus,
)


@pytest.fixture(params=["rest", "grpc"])
def protocol(request):
    return request.param


def connect(server, protocol, model="demo", **kwargs):
    return Client(
        model,
        host="127.0.0.1",
        rest_port=server.rest_port,
        grpc_port=server.grpc_port,
        protocol=protocol,
        **kwargs,
    )


@pytest.fixture
def client(server, protocol):
    with connect(server, protocol) as client:
        yield client


def test_predict_gives_the_signatures_types(client):
    outputs = client.predict({"text": ["ça", "b"]})
    assert outputs["upper"].tolist() == ["ÇA", "B"]
    assert outputs["upper"].dtype == object
    assert outputs["length"].dtype == np.int32
    assert outputs["scores"].dtype == np.float32
    np.testing.assert_array_equal(
        outputs["scores"],
        np.array([[3], [1]], np.float32) * np.array([[0.1, 0.2]], np.float32),
    )
    assert outputs["version"].tolist() == [10, 10]


def test_every_type_goes_in_and_out(client):
    inputs = {
        "flag": [True, False],
        "whole": [2**62, -1],
        "real": [[1, 2.5], [float("nan"), float("-inf")]],
        "double": np.array([1, 3]),
        "byte": np.array([0, 255], np.uint8),
    }
    outputs = client.predict(inputs, "types")
    np.testing.assert_array_equal(outputs["flag"], [False, True])
    np.testing.assert_array_equal(outputs["whole"], [2**62 + 1, 0])
    np.testing.assert_array_equal(outputs["real"], -np.array(inputs["real"]))
    np.testing.assert_array_equal(outputs["double"], [1 / 3, 1.0])
    assert [outputs[name].dtype.name for name in inputs] == [
        "bool",
        "int64",
        "float32",
        "float64",
        "uint8",
    ]


def test_text_and_bytes(client):
    texts = ["", "\x00", 'a "b" \\ \n', "日本語 🙂", "x" * 200_000]
    assert client.predict({"text": texts}, "echo")["echo"].tolist() == texts
    raw = [b"\xff\xfe\x00", "é".encode()]
    outputs = client.predict({"text": raw}, "echo_bytes")
    assert outputs["echo_bytes"].tolist() == raw
    mixed = client.predict({"text": np.array(["é", "a"])}, "echo")["echo"]
    assert mixed.tolist() == ["é", "a"]
    broken = client.predict({"text": [b"a\xff"]}, "echo")["echo"]
    assert broken.tolist() == ["a\ufffd"]


def test_empty_batch_keeps_its_shape(client):
    outputs = client.predict({"text": []})
    assert outputs["scores"].shape == (0, 2)
    assert outputs["upper"].shape == (0,)
    assert outputs["length"].dtype == np.int32


def test_single_and_scalar_outputs(client):
    joined = client.predict({"text": ["a"], "text_pair": ["b"]}, "pair")
    assert {name: array.tolist() for name, array in joined.items()} == {
        "joined": ["a|b"]
    }
    mean = client.predict({"text": ["a", "bbb"]}, "mean")["mean"]
    assert (mean.shape, float(mean)) == ((), 2.0)
    total = client.predict({"token_ids": np.ones((2, 5), np.int64)}, "token_ids")
    assert total["total"].tolist() == [5, 5]


def test_version(server, protocol):
    for version in (1, 2):
        with connect(server, protocol, version=version) as client:
            assert client.predict({"text": ["a"]})["version"].tolist() == [version]
            assert client.metadata().version == version
            assert [status.version for status in client.status()] == [version]


def test_metadata(client):
    metadata = client.metadata()
    assert (metadata.name, metadata.version) == ("demo", 10)
    assert "__saved_model_init_op" not in metadata.signatures
    signature = metadata.signatures["token_ids"]
    assert signature.inputs == {"token_ids": TensorDescription("DT_INT32", (None,) * 2)}
    assert metadata.signatures["mean"].outputs == {
        "mean": TensorDescription("DT_FLOAT", ())
    }


def test_status(client):
    assert client.status() == [
        VersionStatus(version, "AVAILABLE", "OK", "") for version in (1, 2, 10)
    ]


@pytest.mark.parametrize(
    ("inputs", "signature_name", "words"),
    [
        ({"texts": ["a"]}, "serving_default", r"\['text'\]"),
        ({"text": [1]}, "serving_default", "must be strings"),
        ({"text": [["a"], "b"]}, "serving_default", "ragged"),
        ({"text": ["a"]}, "nothing", "echo_bytes"),
        ({"token_ids": [[1], [2, 3]]}, "token_ids", "ragged"),
        ({"token_ids": [[1.5]]}, "token_ids", "int32"),
        ({"token_ids": [[2**31]]}, "token_ids", "int32"),
        ({"token_ids": [["1"]]}, "token_ids", "int32"),
        ({"token_ids": [[True]]}, "token_ids", "int32"),
    ],
)
def test_wrong_inputs_are_found_before_sending(client, inputs, signature_name, words):
    with pytest.raises(ValueError, match=words):
        client.predict(inputs, signature_name)


def test_server_errors_have_the_same_code_over_both(client, server, protocol):
    cases = [
        (client, ["number", "douze"], "INVALID_ARGUMENT", 400),
        (connect(server, protocol, "other"), None, "NOT_FOUND", 404),
        (connect(server, protocol, version=5), None, "NOT_FOUND", 404),
    ]
    for each, request, code, http_status in cases:
        with pytest.raises(ServingError) as caught:
            if request is None:
                each.predict({"text": ["a"]})
            else:
                each.predict({"text": [request[1]]}, request[0])
        assert caught.value.code == code
        assert caught.value.http_status == (http_status if protocol == "rest" else None)
        assert caught.value.message in str(caught.value)
    with pytest.raises(ServingError, match="douze"):
        client.predict({"text": ["douze"]}, "number")


def test_wrong_shape_is_the_servers_error(client):
    with pytest.raises(ServingError, match=r"INVALID_ARGUMENT.*shape"):
        client.predict({"text": "not a list"})


def test_too_large_a_request(client):
    with pytest.raises(ServingError, match="RESOURCE_EXHAUSTED"):
        client.predict({"text": ["x" * (3 << 20)]}, "echo")


def test_unknown_protocol():
    with pytest.raises(ValueError, match='"rest" or "grpc"'):
        Client("demo", protocol="http")


def test_stopped_server_is_unavailable(demo_directory, protocol):
    with LocalServer(demo_directory) as server:
        client = connect(server, protocol, timeout_s=10)
        client.wait_until_ready(timeout_s=10)
        assert client.predict({"text": ["a"]})["length"].tolist() == [1]
    # The open connections were closed too.
    with pytest.raises(ServingError) as caught:
        client.predict({"text": ["a"]})
    assert caught.value.code == "UNAVAILABLE"
    assert "is not available" in caught.value.message
    with pytest.raises(ServingError, match=r"not ready after 0.3 s.*UNAVAIL"):
        client.wait_until_ready(timeout_s=0.3)


def test_wait_until_ready_waits_for_a_server_that_starts_later(
    demo_directory, protocol
):
    server = LocalServer(demo_directory)
    client = connect(server, protocol)
    starter = threading.Timer(0.5, server.start)
    starter.start()
    try:
        client.wait_until_ready(timeout_s=30)
        assert client.predict({"text": ["a"]})["length"].tolist() == [1]
    finally:
        starter.join()
        server.stop()


def test_silent_server_is_a_timeout(protocol):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        client = Client(
            "demo",
            host="127.0.0.1",
            rest_port=port,
            grpc_port=port,
            protocol=protocol,
            timeout_s=0.5,
        )
        started = time.monotonic()
        with pytest.raises(ServingError, match=r"DEADLINE_EXCEEDED.*0.5 s"):
            client.status()
        with pytest.raises(ServingError, match="not ready after"):
            client.wait_until_ready(timeout_s=0.3)
        assert time.monotonic() - started < 5


def test_another_web_server_is_recognised():
    handler = http.server.SimpleHTTPRequestHandler
    handler.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        client = Client("demo", host="127.0.0.1", rest_port=web.server_port)
        with pytest.raises(ServingError, match="may not be a TF Serving server"):
            client.status()
        web.shutdown()


def test_other_json_is_recognised(task_server, monkeypatch):
    for answer in (b"{}", b"[1]", b"null"):
        monkeypatch.setattr(task_server._http.api, "answer", lambda *_, a=answer: a)
        with (
            connect(task_server, "rest", "embed") as client,
            pytest.raises(ServingError, match="may not be a TF Serving server"),
        ):
            client.embed(["a"])


def test_proxy_of_the_environment_is_not_asked_for_this_machine(
    server, protocol, monkeypatch
):
    for name in ("http_proxy", "HTTP_PROXY", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with connect(server, protocol) as client:
        assert client.predict({"text": ["a"]})["length"].tolist() == [1]


def test_other_version_with_other_outputs_is_said(client):
    metadata = client.metadata()
    stale = metadata.signatures | {"serving_default": metadata.signatures["echo"]}
    client._signatures = stale
    with pytest.raises(ServingError, match=r"metadata\(\)"):
        client.predict({"text": ["a"]})
    client.metadata()
    assert client.predict({"text": ["a"]})["length"].tolist() == [1]


def test_classify(task_server, protocol):
    with connect(task_server, protocol, "classify") as client:
        answers = client.classify(["oui", "longtemps"])
        assert [answer.label for answer in answers] == ["kurz — 短", "long"]
        np.testing.assert_array_equal(answers[1].probabilities, [0.25, 0.75])
        assert answers[1].probabilities.dtype == np.float32
        assert client.classify([]) == []
        with pytest.raises(ValueError, match="list of strings"):
            client.classify("oui")
        with pytest.raises(ValueError, match="embedding"):
            client.embed(["oui"])
        with pytest.raises(ValueError, match=r"\['text'\]"):
            client.classify(["a"], text_pairs=["b"])


def test_classify_pairs(task_server, protocol):
    with connect(task_server, protocol, "classify_pair") as client:
        answers = client.classify(["a", "b"], text_pairs=["a", "c"])
        assert [answer.label for answer in answers] == ["same", "other"]
        with pytest.raises(ValueError, match="3 and 2"):
            client.classify(["a", "b", "c"], text_pairs=["a", "b"])


def test_embed_is_bit_equal_over_both_protocols(task_server):
    texts = ["a", "hello", "日本語", ""]
    vectors = []
    for protocol in ("rest", "grpc"):
        with connect(task_server, protocol, "embed") as client:
            vectors.append(client.embed(texts))
    assert vectors[0].shape == (4, 3)
    assert vectors[0].dtype == np.float32
    np.testing.assert_array_equal(vectors[0], vectors[1])


def test_fill_mask(task_server, protocol):
    with connect(task_server, protocol, "fill_mask") as client:
        answers = client.fill_mask(["Paris ist eine <mask>.", "<mask>"])
        assert [answer.tokens for answer in answers] == [["Stadt", "ville"]] * 2
        np.testing.assert_array_equal(answers[0].scores, np.float32([0.3, 0.3]))


def test_many_threads_share_one_client(client):
    failures = []

    def work(seed):
        texts = [f"{seed}-{index}" * (1 + index % 3) for index in range(20)]
        for text in texts:
            outputs = client.predict({"text": [text, "x"]})
            if outputs["length"].tolist() != [len(text), 1]:
                failures.append(text)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_answers_as_the_official_server_writes_them(task_server, monkeypatch):
    # Indented, with words for NaN, and strings as raw bytes.
    official = (
        b'{\n    "outputs": {\n        "label": ["a\xff", "b"],\n'
        b'        "probabilities": [[1, 0.0], [2e-05, NaN]]\n    }\n}'
    )
    with connect(task_server, "rest", "classify") as client:
        client.metadata()
        monkeypatch.setattr(task_server._http.api, "answer", lambda *_: official)
        answers = client.classify(["x", "y"])
    assert [answer.label for answer in answers] == ["a\ufffd", "b"]
    assert answers[0].probabilities.tolist() == [1.0, 0.0]
    assert answers[1].probabilities[0] == np.float32(2e-5)
    assert np.isnan(answers[1].probabilities[1])
