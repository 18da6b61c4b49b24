"""PredictionService and ModelService over a real gRPC channel."""

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)


@pytest.fixture(scope="module")
def channel(server):
    options = [("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(server.grpc_address, options=options) as channel:
        yield channel


@pytest.fixture(scope="module")
def predict(channel):
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

    def send(inputs, signature_name="", model="demo", version=None, output_filter=()):
        request = predict_pb2.PredictRequest(output_filter=output_filter)
        request.model_spec.name = model
        request.model_spec.signature_name = signature_name
        if version is not None:
            request.model_spec.version.value = version
        for name, value in inputs.items():
            is_proto = isinstance(value, TensorProto)
            request.inputs[name].CopyFrom(
                value if is_proto else tf.make_tensor_proto(value)
            )
        return stub.Predict(request, timeout=30)

    return send


def refused(call, *args, **kwargs):
    """The code and the message of a call that must fail."""
    with pytest.raises(grpc.RpcError) as caught:
        call(*args, **kwargs)
    return caught.value.code().name, caught.value.details()


def test_predict(predict):
    response = predict({"text": ["ça", ""]})
    assert response.model_spec.name == "demo"
    assert response.model_spec.version.value == 10
    assert response.model_spec.signature_name == "serving_default"
    assert sorted(response.outputs) == ["length", "scores", "upper", "version"]
    np.testing.assert_array_equal(
        tf.make_ndarray(response.outputs["scores"]),
        np.array([[3], [0]], np.float32) * np.array([[0.1, 0.2]], np.float32),
    )
    assert list(response.outputs["upper"].string_val) == ["ÇA".encode(), b""]


def test_outputs_are_in_the_typed_fields_that_clients_read(predict):
    response = predict({"text": ["abc"]})
    assert list(response.outputs["length"].int_val) == [3]
    assert len(response.outputs["scores"].float_val) == 2
    half = predict({"text": ["abc"]}, "half").outputs["half"]
    assert tf.make_ndarray(half).tolist() == [3.0]
    assert half.dtype == tf.float16.as_datatype_enum


def test_any_bytes_are_a_legal_string(predict):
    raw = [b"\xff\xfe", b"\x00", b"", b"x" * 500_000]
    response = predict({"text": raw}, "echo")
    assert list(response.outputs["echo"].string_val) == raw


def test_every_type_goes_in_and_out(predict):
    inputs = {
        "flag": np.array([True, False]),
        "whole": np.array([-(2**62), 5], np.int64),
        "real": np.array([[1, 2], [np.nan, np.inf]], np.float32),
        "double": np.array([1.0, 3.0]),
        "byte": np.array([0, 255], np.uint8),
    }
    outputs = {
        name: tf.make_ndarray(proto)
        for name, proto in predict(inputs, "types").outputs.items()
    }
    np.testing.assert_array_equal(outputs["flag"], [False, True])
    np.testing.assert_array_equal(outputs["whole"], inputs["whole"] + 1)
    np.testing.assert_array_equal(outputs["real"], -inputs["real"])
    np.testing.assert_array_equal(outputs["double"], inputs["double"] / 3)
    np.testing.assert_array_equal(outputs["byte"], inputs["byte"])
    assert {name: array.dtype for name, array in outputs.items()} == {
        name: array.dtype for name, array in inputs.items()
    }


def test_typed_fields_and_repeated_values_are_read(predict):
    proto = tf.make_tensor_proto(np.zeros([2, 3], np.int32))
    proto.ClearField("tensor_content")
    proto.int_val.extend([1, 2])  # the last value fills the rest, as in TensorFlow
    response = predict({"token_ids": proto}, "token_ids")
    assert list(response.outputs["total"].int_val) == [5, 6]


def test_output_filter(predict):
    response = predict({"text": ["a"]}, output_filter=["length"])
    assert list(response.outputs) == ["length"]
    code, message = refused(predict, {"text": ["a"]}, output_filter=["size"])
    assert (code, "size" in message) == ("INVALID_ARGUMENT", True)
    code, _ = refused(predict, {"text": ["a"]}, output_filter=["length"] * 2)
    assert code == "INVALID_ARGUMENT"


def test_versions(predict):
    for version, expected in ((None, 10), (1, 1), (2, 2)):
        response = predict({"text": ["a"]}, version=version)
        assert response.model_spec.version.value == expected
        assert list(response.outputs["version"].int_val) == [expected]


@pytest.mark.parametrize(
    ("kwargs", "code"),
    [
        ({"inputs": {"texts": ["a"]}}, "INVALID_ARGUMENT"),
        ({"inputs": {}}, "INVALID_ARGUMENT"),
        ({"inputs": {"text": ["a"], "language": ["en"]}}, "INVALID_ARGUMENT"),
        ({"inputs": {"text": [1]}}, "INVALID_ARGUMENT"),
        ({"inputs": {"text": "scalar"}}, "INVALID_ARGUMENT"),
        ({"inputs": {"text": [["a"]]}}, "INVALID_ARGUMENT"),
        (
            {"inputs": {"text": ["x"]}, "signature_name": "number"},
            "INVALID_ARGUMENT",
        ),
        (
            {"inputs": {"text": ["x"]}, "signature_name": "nothing"},
            "FAILED_PRECONDITION",
        ),
        ({"inputs": {"text": ["a"]}, "model": "other"}, "NOT_FOUND"),
        ({"inputs": {"text": ["a"]}, "model": ""}, "INVALID_ARGUMENT"),
        ({"inputs": {"text": ["a"]}, "version": 3}, "NOT_FOUND"),
    ],
)
def test_predict_errors(predict, kwargs, code):
    received, message = refused(predict, **kwargs)
    assert received == code
    assert len(message) > 20


def malformed_protos():
    def make(**changes):
        proto = tf.make_tensor_proto(np.zeros([2, 3], np.int32))
        for name, value in changes.items():
            proto.ClearField(name)
            if name == "tensor_content":
                proto.tensor_content = value
        return proto

    empty = make(tensor_content=b"")
    short = make(tensor_content=b"\x00" * 7)
    negative = make()
    negative.tensor_shape.dim[0].size = -1
    unknown = make()
    unknown.tensor_shape.unknown_rank = True
    huge = make(tensor_content=b"")
    huge.tensor_shape.dim[0].size = 1 << 40
    huge.int_val.append(1)
    untyped = make()
    untyped.dtype = 0
    strange = make()
    strange.dtype = 9999
    too_many = make(tensor_content=b"")
    too_many.int_val.extend(range(7))
    return {
        "no value": empty,
        "content too short": short,
        "negative size": negative,
        "unknown rank": unknown,
        "a small message for a huge tensor": huge,
        "no type": untyped,
        "unknown type": strange,
        "too many values": too_many,
    }


@pytest.mark.parametrize("case", malformed_protos())
def test_malformed_tensor_is_invalid(predict, case):
    inputs = {"token_ids": malformed_protos()[case]}
    code, message = refused(predict, inputs, "token_ids")
    assert code == "INVALID_ARGUMENT"
    assert "token_ids" in message


def test_missing_model_spec(channel):
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    assert refused(stub.Predict, predict_pb2.PredictRequest()) == (
        "INVALID_ARGUMENT",
        "Missing ModelSpec",
    )


def test_request_above_the_limit(predict):
    code, _ = refused(predict, {"text": [b"x" * (2 << 20)]}, "echo")
    assert code == "RESOURCE_EXHAUSTED"


def test_metadata(channel, demo_directory):
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = "demo"
    assert refused(stub.GetModelMetadata, request)[0] == "INVALID_ARGUMENT"
    request.metadata_field.append("signature_def")
    response = stub.GetModelMetadata(request)
    assert response.model_spec.version.value == 10
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    signature = signatures.signature_def["pair"]
    assert sorted(signature.inputs) == ["text", "text_pair"]
    assert signature.method_name == "tensorflow/serving/predict"
    request.metadata_field.append("weights")
    code, message = refused(stub.GetModelMetadata, request)
    assert (code, "weights" in message) == ("INVALID_ARGUMENT", True)


def test_model_status(channel):
    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "demo"
    entries = stub.GetModelStatus(request).model_version_status
    available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    assert [(e.version, e.state, e.status.error_code) for e in entries] == [
        (1, available, 0),
        (2, available, 0),
        (10, available, 0),
    ]
    request.model_spec.version.value = 2
    assert [e.version for e in stub.GetModelStatus(request).model_version_status] == [2]
    request.model_spec.version.value = 7
    assert refused(stub.GetModelStatus, request)[0] == "NOT_FOUND"
    request.model_spec.version_label = "stable"
    assert refused(stub.GetModelStatus, request)[0] == "INVALID_ARGUMENT"


def test_what_is_not_done_says_so(channel):
    prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    models = model_service_pb2_grpc.ModelServiceStub(channel)
    for call, request in (
        (prediction.Classify, classification_pb2.ClassificationRequest()),
        (prediction.Regress, regression_pb2.RegressionRequest()),
        (prediction.MultiInference, inference_pb2.MultiInferenceRequest()),
        (
            models.HandleReloadConfigRequest,
            model_management_pb2.ReloadConfigRequest(),
        ),
    ):
        code, message = refused(call, request)
        assert code == "UNIMPLEMENTED"
        assert "This server does not do" in message
