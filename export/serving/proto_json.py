"""The JSON form of TF Serving's status and metadata messages."""

from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2

SIGNATURE_DEF = "signature_def"  # the one field of model metadata


def message_to_dict(message):
    """Return a message as TF Serving prints it: snake_case, defaults included."""
    return json_format.MessageToDict(
        message,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )


def metadata_to_dict(response):
    """Return a `GetModelMetadataResponse` as TF Serving's REST API prints it.

    It writes the packed `SignatureDefMap` without the `@type` of an `Any`
    (`http_rest_api_util.cc`), hence two levels of `signature_def`.
    """
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata[SIGNATURE_DEF].Unpack(signatures)
    return {
        "model_spec": message_to_dict(response.model_spec),
        "metadata": {SIGNATURE_DEF: message_to_dict(signatures)},
    }
