"""Requests that do not fit: an answer each time, and a server that lives.

The server is a process of its own: what ends it must not end the tests.
"""

import random
import signal
import subprocess
import sys

import numpy as np
import pytest
import requests

from export.fresh_process import run_in_fresh_process
from export.serving import Client, ServingError

pytestmark = pytest.mark.slow

NAMES = ("topic", "pairs", "vectors", "cloze", "rating", "ids", "translator")
PROGRAM = "import sys; from xlm_tf.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture(scope="module")
def served(saved):
    """(REST port, gRPC port) of a server on all models."""
    for name in NAMES:
        saved(name)
    command = ["serve", saved.folder, "--rest-port", "0", "--grpc-port", "0"]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *command], stdout=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if line.startswith("REST at"):
            ports = [int(part.rpartition(":")[2]) for part in line.split(", ")]
        if line.startswith("Ready"):
            break
    yield ports
    assert process.poll() is None, "the server has died"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    process.stdout.close()


MISFITS = [
    ("pairs", "serving_default", {"text": ["a", "b", "c"], "text_pair": ["d"]}),
    ("pairs", "serving_default", {"text": ["a"], "text_pair": ["b", "c", "d"]}),
    ("pairs", "serving_default", {"text": [], "text_pair": ["b"]}),
    ("pairs", "serving_default", {"language": ["en", "fr"]}),
    ("pairs", "serving_default", {"language_pair": []}),
    ("pairs", "token_ids", {"language_ids": [[0, 0, 0]] * 2}),
    ("pairs", "token_ids", {"language_ids": [[0, 0]] * 3}),
    ("pairs", "token_ids", {"language_ids": [[0, -1, 0]] * 3}),
    ("vectors", "serving_default", {"language": ["en"] * 4}),
    ("topic", "token_ids", {"token_ids": [[0, -1, 2]]}),
    ("ids", "token_ids", {"mask_position": [0]}),
    ("ids", "token_ids", {"mask_position": [0, 1, 3]}),
    ("translator", "serving_default", {"target_language": ["de", "en"]}),
    ("translator", "serving_default", {"source_language": []}),
    ("translator", "token_ids", {"prompt": [[0]] * 2}),
    ("translator", "token_ids", {"target_language_ids": [0] * 4}),
    ("translator", "token_ids", {"target_language_ids": [0, 1, 3]}),
    ("translator", "token_ids", {"encoder_language_ids": [[0, 0, 7]] * 3}),
]
# What fits, three rows each.
FITTING = {
    "text": ["One.", "two", ""],
    "text_pair": ["a", "", "b c"],
    "language": ["en", "fr", "en"],
    "language_pair": ["fr", "fr", "en"],
    "source_language": ["de", "en", "fr"],
    "target_language": ["en", "fr", "de"],
    "token_ids": [[0, 5, 2]] * 3,
    "language_ids": [[0, 1, 0]] * 3,
    "mask_position": [1, 1, 0],
    "encoder_token_ids": [[0, 5, 2]] * 3,
    "encoder_language_ids": [[0, 1, 2]] * 3,
    "prompt": [[0]] * 3,
    "target_language_ids": [0, 1, 2],
    "class_id": [0, 0, 0],
}


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_rows_and_ids_that_do_not_fit(served, protocol):
    rest_port, grpc_port = served
    for name, signature, misfit in MISFITS:
        with Client(
            name, rest_port=rest_port, grpc_port=grpc_port, protocol=protocol
        ) as client:
            names = client.metadata().signatures[signature].inputs
            inputs = {key: FITTING[key] for key in names}
            assert client.predict(inputs, signature)
            with pytest.raises(ServingError) as caught:
                client.predict({**inputs, **misfit}, signature)
            assert caught.value.code == "INVALID_ARGUMENT", (name, misfit)
            none = {key: np.array(inputs[key])[:0] for key in names}
            if protocol == "grpc" or all(x.ndim == 1 for x in none.values()):
                # JSON's [] has no second dimension.
                answer = client.predict(none, signature)
                assert all(len(value) == 0 for value in answer.values()), name


def test_random_shapes(served):
    """In the column format, which sends what it is given."""
    rest_port, _ = served
    session = requests.Session()
    draw = random.Random(5)
    statuses = set()
    for _ in range(150):
        name = draw.choice(NAMES)
        url = f"http://localhost:{rest_port}/v1/models/{name}"
        signatures = session.get(f"{url}/metadata", timeout=60).json()["metadata"]
        signatures = signatures["signature_def"]["signature_def"]
        signature = draw.choice([x for x in signatures if not x.startswith("__")])
        inputs = {}
        for key, info in signatures[signature]["inputs"].items():
            entry = FITTING[key][0]
            value = draw.choice([[entry] * draw.randint(0, 4), [[entry]], entry, []])
            if info["dtype"] != "DT_STRING" and draw.random() < 0.4:
                length = draw.randint(0, 60)
                value = [
                    [draw.randint(-1, 40) for _ in range(length)]
                    for _ in range(draw.randint(0, 3))
                ]
            inputs[key] = value
        body = {"signature_name": signature, "inputs": inputs}
        response = session.post(f"{url}:predict", json=body, timeout=60)
        assert response.status_code in (200, 400), (name, body, response.text)
        statuses.add(response.status_code)
    assert statuses == {200, 400}


def test_the_session_loader(saved):
    """What TF Serving runs: the error comes from the graph."""
    fields = {key: np.array(FITTING[key], object) for key in ("text", "text_pair")}
    fields |= {key: np.array(FITTING[key], object) for key in ("language",)}
    fields["language_pair"] = fields["language"]
    fields["text_pair"] = fields["text_pair"][:1]
    with pytest.raises(RuntimeError, match="must hold one string for every"):
        run_in_fresh_process(
            "export.run_saved_model",
            saved("pairs").report.path,
            [("serving_default", fields)],
        )
