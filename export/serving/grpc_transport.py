"""A client's requests over TF Serving's gRPC services."""

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from export.serving.addresses import host_port, is_loopback
from export.serving.client_arrays import output_strings
from export.serving.model_description import metadata_from_json, status_from_json
from export.serving.proto_json import (
    SIGNATURE_DEF,
    message_to_dict,
    metadata_to_dict,
)
from export.serving.serving_error import ServingError, outputs_changed


class GrpcTransport:
    """Sends requests for one model by gRPC.

    Args:
        host: string.
        port: int.
        model: string.
        version: int, or None for the server's latest.
        timeout_s: float, seconds that one request may take.
    """

    def __init__(self, host, port, model, version, timeout_s):
        self._address = host_port(host, port)
        self._model = model
        self._version = version
        self._timeout_s = timeout_s
        self._channel = grpc.insecure_channel(
            self._address,
            options=[
                ("grpc.max_receive_message_length", -1),
                # A proxy of the environment cannot reach this machine's own ports.
                ("grpc.enable_http_proxy", 0 if is_loopback(host) else 1),
                # A server that starts later is found soon, not in two minutes.
                ("grpc.initial_reconnect_backoff_ms", 200),
                ("grpc.max_reconnect_backoff_ms", 1000),
            ],
        )
        self._prediction = prediction_service_pb2_grpc.PredictionServiceStub(
            self._channel
        )
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def predict(self, arrays, signature_name, signature):
        """Run a signature.

        Args:
            arrays: dict of input name to `np.ndarray` of the signature's types.
            signature_name: string.
            signature: `SignatureDescription`.

        Returns:
            dict of output name to `np.ndarray`.

        Raises:
            ServingError: for any answer but a good one, and for none.
        """
        request = predict_pb2.PredictRequest()
        self._fill(request.model_spec)
        request.model_spec.signature_name = signature_name
        for name, array in arrays.items():
            dtype = tf.string if array.dtype == object else None
            request.inputs[name].CopyFrom(
                tf.make_tensor_proto(array, dtype, array.shape)
            )
        response = self._call(self._prediction.Predict, request)
        if set(response.outputs) != set(signature.outputs):
            raise outputs_changed(signature.outputs, response.outputs)
        outputs = {}
        for name in signature.outputs:
            array = tf.make_ndarray(response.outputs[name])
            is_string = signature.outputs[name].is_string
            outputs[name] = output_strings(name, array) if is_string else array
        return outputs

    def metadata(self):
        """Return the `ModelMetadata`."""
        request = get_model_metadata_pb2.GetModelMetadataRequest()
        self._fill(request.model_spec)
        request.metadata_field.append(SIGNATURE_DEF)
        response = self._call(self._prediction.GetModelMetadata, request)
        return metadata_from_json(metadata_to_dict(response))

    def status(self, timeout_s=None):
        """Return the list of `VersionStatus`; the time limit may be shortened."""
        request = get_model_status_pb2.GetModelStatusRequest()
        self._fill(request.model_spec)
        return status_from_json(
            message_to_dict(self._call(self._models.GetModelStatus, request, timeout_s))
        )

    def close(self):
        """Close the connection."""
        self._channel.close()

    def _fill(self, model_spec):
        model_spec.name = self._model
        if self._version is not None:
            model_spec.version.value = self._version

    def _call(self, method, request, timeout_s=None):
        timeout_s = timeout_s or self._timeout_s
        try:
            return method(request, timeout=timeout_s)
        except grpc.RpcError as error:
            code, message = error.code().name, error.details()
            if code == "UNAVAILABLE":
                message = f"{self._address} is not available: {message}"
            if code == "DEADLINE_EXCEEDED":
                message = f"{self._address} did not answer within {timeout_s} s."
            raise ServingError(code, message) from error
