"""TF Serving's gRPC services on its public stubs: PredictionService, ModelService."""

from tensorflow_serving.apis import (
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from export.serving import descriptions
from export.serving.proto_tensors import proto_from_array, tensors_from_protos
from export.serving.request_error import RequestError, invalid_argument
from export.serving.served_version import DEFAULT_SIGNATURE


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict and GetModelMetadata; the rest answers UNIMPLEMENTED.

    Args:
        repository: `ModelRepository`.
    """

    def __init__(self, repository):
        self._repository = repository

    def Predict(self, request, context):
        """Run a signature: `PredictRequest` -> `PredictResponse`."""
        try:
            return self._predict(request)
        except RequestError as error:
            context.abort(error.grpc_status, error.message)

    def GetModelMetadata(self, request, context):
        """Describe the signatures of a version."""
        try:
            served = _find(self._repository, request)
            descriptions.check_metadata_fields(request.metadata_field)
            return descriptions.metadata_response(served)
        except RequestError as error:
            context.abort(error.grpc_status, error.message)

    def Classify(self, request, context):
        """Answer UNIMPLEMENTED."""
        _refuse(context, "Classify", "Predict runs every signature.")

    def Regress(self, request, context):
        """Answer UNIMPLEMENTED."""
        _refuse(context, "Regress", "Predict runs every signature.")

    def MultiInference(self, request, context):
        """Answer UNIMPLEMENTED."""
        _refuse(context, "MultiInference", "Send one Predict for each signature.")

    def _predict(self, request):
        served = _find(self._repository, request)
        outputs = served.predict(
            tensors_from_protos(request.inputs),
            request.model_spec.signature_name,
            list(request.output_filter),
        )
        response = predict_pb2.PredictResponse()
        response.model_spec.name = served.model_name
        response.model_spec.version.value = served.version
        response.model_spec.signature_name = (
            request.model_spec.signature_name or DEFAULT_SIGNATURE
        )
        for name, array in outputs.items():
            response.outputs[name].CopyFrom(proto_from_array(array))
        return response


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus; HandleReloadConfigRequest answers UNIMPLEMENTED.

    Args:
        repository: `ModelRepository`.
    """

    def __init__(self, repository):
        self._repository = repository

    def GetModelStatus(self, request, context):
        """Tell the state of one version, or of all that are loaded."""
        try:
            served = _find(self._repository, request)
            spec = request.model_spec
            one = spec.WhichOneof("version_choice") is not None
            if one:
                return descriptions.status_response([served])
            return descriptions.status_response(
                self._repository.versions(spec.name),
                self._repository.failures(spec.name),
            )
        except RequestError as error:
            context.abort(error.grpc_status, error.message)

    def HandleReloadConfigRequest(self, request, context):
        """Answer UNIMPLEMENTED."""
        _refuse(
            context,
            "HandleReloadConfigRequest",
            "Its models are those of its directory; start it again to load others.",
        )


def _find(repository, request):
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    spec = request.model_spec
    version = spec.version.value if spec.HasField("version") else None
    return repository.find(spec.name, version, spec.version_label)


def _refuse(context, method, instead):
    error = RequestError(
        "UNIMPLEMENTED", f"This server does not do {method}. {instead}"
    )
    context.abort(error.grpc_status, error.message)
