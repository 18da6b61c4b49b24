"""`xlm-tf serve` as a process, and its example request."""

import argparse
import json
import shlex
import signal
import subprocess
import sys

import pytest
import requests

from export.serving.example_request import example_body, example_curl
from export.serving.served_version import read_signature_defs
from xlm_tf.cli import main, serve

PROGRAM = """
import argparse, sys
from xlm_tf.cli import serve
parser = argparse.ArgumentParser()
serve.add_arguments(parser)
sys.exit(serve.run(parser.parse_args()))
"""


def parse(*arguments):
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    return parser.parse_args([str(argument) for argument in arguments])


def test_defaults_are_tf_servings_ports():
    args = parse("models")
    assert (args.host, args.rest_port, args.grpc_port) == ("127.0.0.1", 8501, 8500)
    assert args.all_versions is False
    assert (args.poll_seconds, args.grace_seconds) == (1.0, 10.0)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_a_signal(demo_directory, number):
    arguments = ["--all-versions", "--rest-port", "0", "--grpc-port", "0"]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, demo_directory, *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        lines = []
        for line in process.stdout:
            lines.append(line.strip())
            if line.startswith("Ready"):
                break
        text = "\n".join(lines)
        assert "demo (version 1, 2, 10): http://127.0.0.1:" in text
        curl = shlex.split(next(line for line in lines if line.startswith("curl")))
        assert curl[:2] == ["curl", "-d"]
        # What the line says, sent as curl would.
        response = requests.post(curl[3], data=curl[2].encode(), timeout=30)
        assert response.status_code == 200
        assert response.json()["predictions"][0]["version"] == 10
        # An op of tensorflow_text, in a process that only served.
        body = {"signature_name": "fold", "instances": ["STRAßE"]}
        response = requests.post(curl[3], json=body, timeout=30)
        assert response.json() == {"predictions": ["strasse"]}
        process.send_signal(number)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def test_the_help_says_what_happens_to_versions_and_requests(capsys):
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "a new version is loaded" in said
    assert "--grace-seconds" in said


def test_the_grace_is_no_negative_time(demo_directory):
    arguments = ("--rest-port", 0, "--grpc-port", 0, "--grace-seconds", -1)
    with pytest.raises(ValueError, match="--grace-seconds must not be negative"):
        serve.run(parse(demo_directory, *arguments))


def test_nothing_to_serve(tmp_path):
    with pytest.raises(OSError, match="There is no directory"):
        serve.run(parse(tmp_path / "no", "--rest-port", 0, "--grpc-port", 0))
    with pytest.raises(ValueError, match="holds no model version"):
        serve.run(parse(tmp_path, "--rest-port", 0, "--grpc-port", 0))
    (tmp_path / "1").mkdir()
    with pytest.raises(ValueError, match="not a whole SavedModel"):
        serve.run(parse(tmp_path, "--rest-port", 0, "--grpc-port", 0))


def test_port_in_use(demo_directory, server):
    with pytest.raises(OSError, match="Cannot listen on"):
        serve.run(parse(demo_directory, "--rest-port", server.rest_port))


def test_example_fits_every_signature(demo_directory, post):
    signatures = read_signature_defs(demo_directory / "10")
    for name, signature in signatures.items():
        if name in ("__saved_model_init_op", "number", "half", "mean"):
            continue  # their answers are errors for any text
        body = example_body(signature)
        assert list(body) == ["instances"]
        status, answer = post({"signature_name": name, **body})
        assert (status, name, answer.get("error")) == (200, name, None)


def test_example_of_a_masked_language_model_has_a_mask(task_server):
    served = task_server.repository.find("fill_mask")
    curl = example_curl("http://h:1/v1/models/m", served.signature_def())
    _, _, body, url = shlex.split(curl)
    assert "<mask>" in json.loads(body)["instances"][0]
    assert url == "http://h:1/v1/models/m:predict"
