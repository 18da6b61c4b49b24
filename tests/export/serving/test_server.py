"""`LocalServer` as a whole: ports, start and stop, the compose file, the import."""

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
