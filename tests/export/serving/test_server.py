"""`LocalServer` as a whole: ports, start and stop, the compose file, the import."""

import http.client
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests
import tensorflow as tf
import yaml

import export.serving
from export.serving import Client, LocalServer


def test_free_ports_are_picked_and_told(server):
    assert server.rest_port != server.grpc_port
    assert server.rest_port > 0
    assert server.rest_url == f"http://127.0.0.1:{server.rest_port}"


@pytest.mark.parametrize("name", ["rest_port", "grpc_port"])
def test_port_in_use(demo_directory, server, name):
    for port in (server.rest_port, server.grpc_port):
        with pytest.raises(OSError, match=rf"127.0.0.1:{port}.*choose another {name}"):
            LocalServer(demo_directory, **{name: port})


@pytest.mark.parametrize("name", ["rest_port", "grpc_port"])
def test_port_out_of_range(demo_directory, name):
    for port in (-1, 70000):
        with pytest.raises(ValueError, match=f"{name} must be a port.*{port}"):
            LocalServer(demo_directory, **{name: port})


def test_same_port_twice(demo_directory):
    with pytest.raises(ValueError, match="must differ"):
        LocalServer(demo_directory, rest_port=8501, grpc_port=8501)


def test_address_of_another_machine(demo_directory):
    with pytest.raises(OSError, match=r"192\.0\.2\.1"):
        LocalServer(demo_directory, host="192.0.2.1")


def test_ports_are_free_after_stop(demo_directory):
    with LocalServer(demo_directory) as first:
        pass
    with LocalServer(
        demo_directory, rest_port=first.rest_port, grpc_port=first.grpc_port
    ) as second:
        assert requests.get(f"{second.rest_url}/v1/models/demo").status_code == 200


def test_nothing_answers_before_the_models_are_loaded(demo_directory):
    server = LocalServer(demo_directory)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.rest_port))
    server.stop()


class Slow(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="seconds")])
    def wait(self, seconds):
        def sleep(amount):
            time.sleep(float(amount[0]))
            return amount

        return {"waited": tf.numpy_function(sleep, [seconds], tf.float32)}


def test_running_requests_end_before_the_server_does(tmp_path):
    # numpy_function works since the module that made it stays in this process.
    module = Slow()
    tf.saved_model.save(
        module, str(tmp_path / "slow" / "1"), {"serving_default": module.wait}
    )
    for protocol in ("rest", "grpc"):
        server = LocalServer(tmp_path / "slow").start()
        client = Client(
            "slow",
            host="127.0.0.1",
            rest_port=server.rest_port,
            grpc_port=server.grpc_port,
            protocol=protocol,
        )
        client.metadata()
        answers = []
        thread = threading.Thread(
            target=lambda c=client, a=answers: a.append(c.predict({"seconds": [1.0]}))
        )
        thread.start()
        time.sleep(0.4)
        server.stop(grace_s=10)
        thread.join()
        assert [answer["waited"].tolist() for answer in answers] == [[1.0]]


def test_draining_loses_nothing(demo_directory):
    """Clients that keep a connection learn to close it by their next answer."""
    server = LocalServer(demo_directory).start()
    body = b'{"signature_name": "echo", "instances": ["a"]}'
    path = "/v1/models/demo:predict"

    def ask(connection):
        connection.request("POST", path, body)
        response = connection.getresponse()
        assert response.status == 200
        response.read()
        return response.getheader("Connection")

    address = ("127.0.0.1", server.rest_port)
    connections = [http.client.HTTPConnection(*address, timeout=20) for _ in range(3)]
    assert [ask(connection) for connection in connections] == [None] * 3
    stopping = threading.Thread(target=server.stop, kwargs={"grace_s": 60})
    start = time.monotonic()
    stopping.start()
    time.sleep(0.5)
    new = http.client.HTTPConnection(*address, timeout=20)
    assert ask(new) == "close"  # who comes now is still answered
    assert [ask(connection) for connection in connections] == ["close"] * 3
    stopping.join()
    assert time.monotonic() - start < 30  # nobody is left to wait for
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


def test_idle_clients_are_waited_for_as_long_as_asked(demo_directory):
    server = LocalServer(demo_directory).start()
    with socket.create_connection(("127.0.0.1", server.rest_port)) as idle:
        time.sleep(0.2)
        start = time.monotonic()
        server.stop(grace_s=1)
        assert 1 <= time.monotonic() - start < 10
        assert idle.recv(1) == b""


def test_a_new_version_is_served_without_a_pause(demo_directory, tmp_path):
    directory = tmp_path / "demo"
    shutil.copytree(demo_directory / "1", directory / "1")
    changes = []
    with (
        LocalServer(directory, poll_seconds=0.05, report=changes.append) as server,
        Client("demo", rest_port=server.rest_port) as client,
    ):
        assert client.predict({"text": ["a"]})["version"].tolist() == [1]
        shutil.copytree(demo_directory / "2", tmp_path / "copy")
        (tmp_path / "copy").rename(directory / "2")
        deadline = time.monotonic() + 60
        versions = [1]
        while versions[-1] == 1 and time.monotonic() < deadline:
            versions += client.predict({"text": ["a"]})["version"].tolist()
        assert set(versions) == {1, 2}
        while len(changes) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert [status.version for status in client.status()] == [2]
        (directory / "3").mkdir()
        (directory / "3" / "saved_model.pb").write_bytes(b"no model")
        while len(changes) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        two, three = client.status()
        assert (two.version, two.state, two.error_code) == (2, "AVAILABLE", "OK")
        assert (three.version, three.state) == (3, "END")
        assert "not a whole SavedModel" in three.error_message
        client.wait_until_ready(timeout_s=5)
    assert changes[:2] == ["demo 2 is loaded.", "demo 1 is not served any more."]


def test_waits_that_are_none(demo_directory):
    with pytest.raises(ValueError, match="poll_seconds must not be negative"):
        LocalServer(demo_directory, poll_seconds=-1)


def test_compose_file_runs_the_official_image_on_both_ports():
    path = Path(export.serving.__file__).with_name("compose.yaml")
    service = yaml.safe_load(path.read_text())["services"]["serving"]
    assert service["image"].startswith("tensorflow/serving:")
    assert [port.rpartition(":")[2] for port in service["ports"]] == ["8501", "8500"]
    assert service["command"] == [
        "--enable_batching=true",
        "--enable_per_model_batching_parameters=true",
    ]
    (volume,) = service["volumes"]
    assert volume["target"] == "/models/${MODEL_NAME}"
    assert volume["read_only"] is True


def test_missing_extra_is_named():
    code = (
        "import sys\n"
        "sys.modules['grpc'] = None  # is not found\n"
        "import export.serving\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "need grpc, which is not installed: pip install 'xlm-tf[serving]'" in (
        result.stderr
    )
