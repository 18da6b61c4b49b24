"""Status and metadata of models, as the public protos that TF Serving answers with."""

from tensorflow.core.protobuf import error_codes_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from export.serving.proto_json import SIGNATURE_DEF
from export.serving.request_error import invalid_argument


def status_response(served_versions, failures=None):
    """Return the `GetModelStatusResponse` of some versions.

    Args:
        served_versions: list of `ServedVersion`, those that are loaded.
        failures: dict from versions that could not be loaded to the reasons.
    """
    response = get_model_status_pb2.GetModelStatusResponse()
    for served in served_versions:
        version_status = response.model_version_status.add(
            version=served.version,
            state=get_model_status_pb2.ModelVersionStatus.AVAILABLE,
        )
        version_status.status.SetInParent()  # OK, with an empty message
    for version, reason in (failures or {}).items():
        version_status = response.model_version_status.add(
            version=version, state=get_model_status_pb2.ModelVersionStatus.END
        )
        version_status.status.error_code = error_codes_pb2.FAILED_PRECONDITION
        version_status.status.error_message = reason
    return response


def metadata_response(served):
    """Return the `GetModelMetadataResponse` of a loaded version: its signatures."""
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for name, signature in served.signature_defs.items():
        signatures.signature_def[name].CopyFrom(signature)
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = served.model_name
    response.model_spec.version.value = served.version
    response.metadata[SIGNATURE_DEF].Pack(signatures)
    return response


def check_metadata_fields(metadata_fields):
    """Raise `RequestError` unless the fields are just `signature_def`."""
    if set(metadata_fields) != {SIGNATURE_DEF}:
        raise invalid_argument(
            f'metadata_field must be "{SIGNATURE_DEF}", the only field there is. '
            f"Received: {list(metadata_fields)}."
        )
