"""TF Serving's REST API over real HTTP: formats, types, versions and errors."""

import base64
import json

import numpy as np
import pytest
import requests
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from export.serving.json_values import array_to_json


def test_row_format_has_one_object_an_instance(post):
    status, answer = post({"instances": ["ça", "Baum"]})
    assert status == 200
    assert answer == {
        "predictions": [
            {"length": 3, "scores": [0.3, 0.6], "upper": "ÇA", "version": 10},
            {"length": 4, "scores": [0.4, 0.8], "upper": "BAUM", "version": 10},
        ]
    }


def test_row_format_takes_named_inputs(post):
    rows = [{"text": "a", "text_pair": "b"}, {"text_pair": "d", "text": "c"}]
    status, answer = post({"signature_name": "pair", "instances": rows})
    assert (status, answer) == (200, {"predictions": ["a|b", "c|d"]})


def test_column_format_keeps_names_of_several_outputs(post):
    status, answer = post({"inputs": {"text": ["ab"]}})
    assert status == 200
    assert sorted(answer["outputs"]) == ["length", "scores", "upper", "version"]
    assert answer["outputs"]["upper"] == ["AB"]


def test_column_format_single_input_and_output_drop_their_names(post):
    status, answer = post({"signature_name": "echo", "inputs": ["a", "b"]})
    assert (status, answer) == (200, {"outputs": ["a", "b"]})


def test_column_format_answers_an_empty_batch(post):
    assert post({"inputs": []}) == (
        200,
        {"outputs": {"length": [], "scores": [], "upper": [], "version": []}},
    )


def test_float32_is_written_as_its_shortest_decimal(model_url):
    response = requests.post(model_url + ":predict", json={"instances": ["a"]})
    assert "[0.1, 0.2]" in response.text


def test_integer_matrix(post):
    body = {"signature_name": "token_ids", "instances": [[1, 2, 3], [4, 5, 6]]}
    assert post(body) == (200, {"predictions": [6, 15]})


def test_every_type_goes_in_and_out(post):
    inputs = {
        "flag": [True],
        "whole": [2**53],
        "real": [[1, -2.5]],
        "double": [1.0],
        "byte": [255],
    }
    status, answer = post({"signature_name": "types", "inputs": inputs})
    assert status == 200
    assert answer["outputs"] == {
        "flag": [False],
        "whole": [2**53 + 1],
        "real": [[-1.0, 2.5]],
        "double": [1 / 3],
        "byte": [255],
    }


def test_nan_and_infinity_pass_as_words(model_url):
    body = (
        '{"signature_name": "types", "inputs": {"flag": [true], "whole": [1], '
        '"real": [[NaN, Infinity]], "double": [0.0], "byte": [0]}}'
    )
    response = requests.post(model_url + ":predict", data=body)
    assert '"real": [[NaN, -Infinity]]' in response.text


@pytest.mark.parametrize("padded", [True, False])
def test_binary_strings_go_in_and_out_as_base64(post, padded):
    raw = b"\xff\xfe\x00 not UTF-8"
    encoded = base64.b64encode(raw).decode()
    value = {"b64": encoded if padded else encoded.rstrip("=")}
    for body in ({"instances": [value]}, {"instances": [{"text": value}]}):
        status, answer = post({"signature_name": "echo_bytes", **body})
        assert (status, answer) == (200, {"predictions": [{"b64": encoded}]})


def test_output_that_is_not_utf8_has_a_defined_answer(post):
    value = {"b64": base64.b64encode(b"a\xffz").decode()}
    body = {"signature_name": "echo", "instances": [value, "good"]}
    assert post(body) == (200, {"predictions": ["a\ufffdz", "good"]})


def test_any_text_comes_back_as_it_was(post):
    texts = [
        "",
        "\x00",
        'a "quoted" \\ \n line',
        "日本語 हिन्दी עברית 🙂",
        "x" * 300_000,
    ]
    body = {"signature_name": "echo", "instances": texts}
    assert post(body) == (200, {"predictions": texts})


def test_versions_by_number_and_the_latest_by_default(post):
    def version(suffix):
        return post({"instances": ["a"]}, suffix)[1]["predictions"][0]["version"]

    assert version(":predict") == 10
    assert version("/versions/1:predict") == 1
    assert version("/versions/2:predict") == 2


BAD_BODIES = {
    "empty": b"",
    "not JSON": b"{instances: 1}",
    "not UTF-8": b'{"instances": ["\xff"]}',
    "not an object": b"[1]",
    "too deep": b'{"instances": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "huge number": b'{"signature_name": "token_ids", "inputs": [['
    + b"9" * 5000
    + b"]]}",
    "half a surrogate pair": b'{"instances": ["\\ud800"]}',
    "no key": {"signature_name": "serving_default"},
    "both keys": {"instances": ["a"], "inputs": ["a"]},
    "no instance": {"instances": []},
    "instances no list": {"instances": "a"},
    "null": {"instances": [None]},
    "wrong type": {"instances": [1]},
    "bool for number": {"signature_name": "token_ids", "instances": [[True]]},
    "fraction for integer": {"signature_name": "token_ids", "instances": [[1.5]]},
    "too large for int32": {"signature_name": "token_ids", "instances": [[2**31]]},
    "wrong rank": {"signature_name": "token_ids", "instances": [1, 2]},
    "text too deep": {"instances": [["a"]]},
    "ragged": {"signature_name": "token_ids", "instances": [[1, 2], [3]]},
    "unknown name": {"inputs": {"text": ["a"], "language": ["en"]}},
    "wrong name": {"inputs": {"texts": ["a"]}},
    "missing name": {"signature_name": "pair", "inputs": {"text": ["a"]}},
    "missing name in a row": {
        "signature_name": "pair",
        "instances": [{"text": "a", "text_pair": "b"}, {"text": "a"}],
    },
    "plain list for two inputs": {"signature_name": "pair", "instances": ["a"]},
    "plain value for two inputs": {"signature_name": "pair", "inputs": ["a"]},
    "mixed rows": {"instances": [{"text": "a"}, "b"]},
    "mixed rows, plain first": {"instances": ["b", {"text": "a"}]},
    "bad base64": {"instances": [{"b64": "*"}]},
    "unknown signature": {"signature_name": "nothing", "instances": ["a"]},
    "signature no string": {"signature_name": 1, "instances": ["a"]},
    "the model's own op refuses": {"signature_name": "number", "instances": ["x"]},
    "float16 output": {"signature_name": "half", "instances": ["x"]},
    "scalar output by row": {"signature_name": "mean", "instances": ["x"]},
    "batch sizes differ": {
        "signature_name": "pair",
        "inputs": {"text": ["a", "b", "c"], "text_pair": ["d", "e"]},
    },
    "outer size wrong": {
        "signature_name": "types",
        "inputs": {
            "flag": [True],
            "whole": [1],
            "real": [[1.0]],
            "double": [1.0],
            "byte": [1],
        },
    },
    "too large for float32": {
        "signature_name": "types",
        "inputs": {
            "flag": [True],
            "whole": [1],
            "real": [[1e39, 1]],
            "double": [1.0],
            "byte": [1],
        },
    },
}


@pytest.mark.parametrize("depth", [3, 33, 500, 900, 950, 990, 3000])
def test_deep_lists_are_400_at_any_depth(post, depth):
    deep = b"[" * depth + b"]" * depth
    for value in (deep, b'["a", ' + deep + b"]"):
        assert post(b'{"inputs": ' + value + b"}")[0] == 400


@pytest.mark.parametrize("case", BAD_BODIES)
def test_bad_request_is_400_with_a_message(post, case):
    status, answer = post(BAD_BODIES[case])
    assert status == 400
    assert list(answer) == ["error"]
    assert len(answer["error"]) > 20
    # The server still answers, on the same connection.
    assert post({"signature_name": "echo", "instances": ["a"]})[0] == 200


def test_messages_say_what_was_expected(post):
    _, answer = post({"signature_name": "pair", "inputs": {"text": ["a"]}})
    assert "['text', 'text_pair']" in answer["error"]
    _, answer = post({"signature_name": "nothing", "instances": ["a"]})
    assert "serving_default" in answer["error"]
    _, answer = post({"signature_name": "token_ids", "instances": [1]})
    assert "[?,?]" in answer["error"]
    _, answer = post({"signature_name": "number", "instances": ["douze"]})
    assert "douze" in answer["error"]
    assert "stack traces" not in answer["error"]


def test_scalar_output_by_column(post):
    body = {"signature_name": "mean", "inputs": ["a", "bbb"]}
    assert post(body) == (200, {"outputs": 2.0})


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/models/other", 404),
        ("/v1/models/other/metadata", 404),
        ("/v1/models/demo/versions/3", 404),
        ("/v1/models/demo/versions/3/metadata", 404),
        ("/v1/models/demo/versions/99999999999999999999999", 400),
        ("/v1/models/demo/versions/x", 404),
        ("/v1/models/demo/labels/stable", 400),
        ("/v1/models", 400),
        ("/v2/models/demo", 404),
        ("/", 404),
        ("/v1/models/demo:predict", 405),
    ],
)
def test_get_errors(server, path, status):
    response = requests.get(server.rest_url + path)
    assert response.status_code == status
    assert list(response.json()) == ["error"]


@pytest.mark.parametrize(
    ("suffix", "status"),
    [
        ("/versions/3:predict", 404),
        ("", 405),
        ("/metadata", 405),
        (":classify", 501),
        (":regress", 501),
        (":explain", 404),
    ],
)
def test_post_errors(post, suffix, status):
    assert post({"instances": ["a"]}, suffix)[0] == status


def test_method_not_allowed_names_the_allowed_one(model_url):
    assert requests.get(model_url + ":predict").headers["Allow"] == "POST"
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"):
        response = requests.request(method, model_url)
        assert response.status_code == 405
        assert response.headers["Allow"] == "GET"


def test_status_is_the_json_form_of_the_proto(model_url):
    answer = requests.get(model_url).json()
    assert answer["model_version_status"][0] == {
        "version": "1",
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }
    message = json_format.ParseDict(
        answer, get_model_status_pb2.GetModelStatusResponse()
    )
    assert [entry.version for entry in message.model_version_status] == [1, 2, 10]
    one = requests.get(model_url + "/versions/2").json()
    assert one["model_version_status"] == answer["model_version_status"][1:2]


def test_metadata_is_the_json_form_of_the_saved_signatures(model_url, demo_directory):
    answer = requests.get(model_url + "/versions/2/metadata?view=full").json()
    assert answer["model_spec"] == {
        "name": "demo",
        "signature_name": "",
        "version": "2",
    }
    saved = saved_model_pb2.SavedModel.FromString(
        (demo_directory / "2" / "saved_model.pb").read_bytes()
    )
    signatures = get_model_metadata_pb2.SignatureDefMap()
    json_format.ParseDict(answer["metadata"]["signature_def"], signatures)
    assert dict(signatures.signature_def) == dict(saved.meta_graphs[0].signature_def)
    text = answer["metadata"]["signature_def"]["signature_def"]["serving_default"][
        "inputs"
    ]["text"]
    assert text["dtype"] == "DT_STRING"
    assert text["tensor_shape"] == {
        "dim": [{"size": "-1", "name": ""}],
        "unknown_rank": False,
    }


def test_paths_ignore_case_and_escapes(server):
    for path in ("/V1/Models/demo", "/v1/models/d%65mo"):
        assert requests.get(server.rest_url + path).status_code == 200


def test_large_integers_are_exact(post):
    body = {"signature_name": "token_ids", "instances": [[2**31 - 1, -5]]}
    assert post(body) == (200, {"predictions": [2**31 - 6]})


def test_answers_equal_the_loaded_model(post, demo_directory):
    texts = ["Ça va ?", "", "これは"]
    function = tf.saved_model.load(str(demo_directory / "10")).signatures
    expected = function["serving_default"](text=tf.constant(texts))["scores"].numpy()
    _, answer = post({"instances": texts})
    rows = np.array([row["scores"] for row in answer["predictions"]], np.float32)
    np.testing.assert_array_equal(rows, expected)


def test_every_float32_reads_back_as_itself():
    bits = np.random.default_rng(1).integers(0, 2**32, 100_000, dtype=np.uint32)
    edges = np.array([0.0, -0.0, 1e-45, 3.4028235e38, -1.17549435e-38, 16777217, 0.2])
    values = np.concatenate([bits.view(np.float32), edges.astype(np.float32)])
    text = json.dumps(array_to_json("x", values))
    back = np.array(json.loads(text), np.float32)
    np.testing.assert_array_equal(back, values)
    assert np.signbit(back[-6]) and text.endswith(", 16777216.0, 0.2]")


def test_usual_float32_values_are_short():
    values = np.random.default_rng(1).normal(size=10_000).astype(np.float32)
    numbers = json.dumps(array_to_json("x", values))[1:-1].split(", ")
    assert max(len(number) for number in numbers) <= 15
