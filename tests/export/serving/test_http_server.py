"""HTTP itself: keep-alive, limits, encodings, broken requests."""

import gzip
import http.client
import json
import socket
import threading
import time

import pytest
import requests

BODY = b'{"signature_name": "echo", "instances": ["a"]}'
PATH = "/v1/models/demo:predict"


@pytest.fixture
def connection(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=20)
    yield connection
    connection.close()


def exchange(server, data):
    """Send raw bytes; returns everything that comes back until the server closes."""
    address = ("127.0.0.1", server.rest_port)
    with socket.create_connection(address, timeout=20) as raw:
        raw.sendall(data)
        raw.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := raw.recv(1 << 16):
            answer += piece
    return answer


def test_one_connection_carries_many_requests(connection):
    for method, path, body, status in (
        ("POST", PATH, BODY, 200),
        ("POST", PATH, b"{", 400),
        ("GET", "/v1/models/demo", None, 200),
        ("GET", "/nothing", None, 404),
        ("POST", PATH, BODY, 200),
    ):
        connection.request(method, path, body)
        sock = connection.sock
        response = connection.getresponse()
        assert response.status == status
        json.loads(response.read())
        assert connection.sock is sock
        assert response.getheader("Connection") is None


def test_http_1_0_is_closed_after_the_answer(server):
    answer = exchange(server, b"GET /v1/models/demo HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"AVAILABLE" in answer


def test_body_above_the_limit_is_413(model_url):
    big = b'{"instances": ["' + b"x" * (3 << 20) + b'"]}'
    response = requests.post(model_url + ":predict", data=big, timeout=20)
    assert response.status_code == 413
    assert "1048576 bytes" in response.json()["error"]
    assert response.headers["Connection"] == "close"  # its rest is no next request


def test_announced_body_above_the_limit_is_refused_before_it_is_sent(server):
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n"
        "Expect: 100-continue\r\n\r\n"
    )
    answer = exchange(server, head.encode())
    assert answer.startswith(b"HTTP/1.1 413")


def test_expected_body_is_asked_for(server):
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n"
        "Expect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    address = ("127.0.0.1", server.rest_port)
    with socket.create_connection(address, timeout=20) as raw:
        raw.sendall(head.encode())
        assert raw.recv(1000).startswith(b"HTTP/1.1 100")
        raw.sendall(BODY)
        assert raw.recv(1000).startswith(b"HTTP/1.1 200")


def test_chunked_body(model_url):
    pieces = [BODY[:5], BODY[5:20], BODY[20:]]
    response = requests.post(model_url + ":predict", data=iter(pieces), timeout=20)
    assert response.json() == {"predictions": ["a"]}


def test_chunked_body_above_the_limit_is_413(model_url):
    pieces = [b'{"instances": ["'] + [b"x" * (1 << 16)] * 40
    response = requests.post(model_url + ":predict", data=iter(pieces), timeout=20)
    assert response.status_code == 413


def test_gzip_body(model_url):
    headers = {"Content-Encoding": "gzip"}

    def send(data):
        response = requests.post(
            model_url + ":predict", data=data, headers=headers, timeout=20
        )
        return response.status_code, response.json()

    assert send(gzip.compress(BODY)) == (200, {"predictions": ["a"]})
    assert send(b"no gzip")[0] == 400
    assert send(gzip.compress(BODY)[:-9])[0] == 400
    assert send(gzip.compress(b" " * (50 << 20)))[0] == 413  # unpacked it is too large


def test_unknown_encoding_is_415(model_url):
    headers = {"Content-Encoding": "br"}
    response = requests.post(model_url + ":predict", data=BODY, headers=headers)
    assert response.status_code == 415


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET /v1/models/demo HTTP/9.9\r\n\r\n", b"505"),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", b"501"),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: minus\r\n\r\n",
            b"400",
        ),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nshort",
            b"400",
        ),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"400",
        ),
    ],
)
def test_broken_requests_get_json_errors(server, data, status):
    answer = exchange(server, data)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b" ")[1] == status
    assert list(json.loads(body)) == ["error"]


def test_client_that_leaves_does_not_disturb_the_others(server, model_url):
    for _ in range(5):
        address = ("127.0.0.1", server.rest_port)
        raw = socket.create_connection(address)
        raw.sendall(b"POST " + PATH.encode() + b" HTTP/1.1\r\nContent-Length: 100\r\n")
        raw.close()
    response = requests.post(model_url + ":predict", data=BODY, timeout=20)
    assert response.status_code == 200


def test_failure_of_the_server_is_500_and_logged(
    server, model_url, monkeypatch, caplog
):
    def fail(*_):
        raise KeyError("a bug")

    monkeypatch.setattr(server._http.api, "answer", fail)
    response = requests.get(model_url, timeout=20)
    assert response.status_code == 500
    assert list(response.json()) == ["error"]
    deadline = time.monotonic() + 10  # it is logged after the answer
    while "a bug" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "a bug" in caplog.text


def test_concurrent_requests_get_their_own_answers(model_url):
    failures = []

    def work(seed):
        with requests.Session() as session:
            for index in range(25):
                text = f"{seed}/{index}"
                answer = session.post(
                    model_url + ":predict",
                    json={"signature_name": "echo", "instances": [text]},
                    timeout=30,
                ).json()
                if answer != {"predictions": [text]}:
                    failures.append((text, answer))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
