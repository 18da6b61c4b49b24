"""Runs a model's warm-up records, so that its first real request is not slow."""

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import prediction_log_pb2

from export.serving.proto_tensors import tensors_from_protos
from export.serving.request_error import RequestError

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
MAX_RECORDS = 1000  # TF Serving refuses a model with more (saved_model_warmup_util.cc)


def replay_warmup(served_version):
    """Replay `assets.extra/tf_serving_warmup_requests` of a loaded version.

    A TFRecord file of `PredictionLog`, one predict request each. The model's name in
    the records is not compared, since a model may be renamed with its directory.

    Args:
        served_version: a `ServedVersion`.

    Returns:
        int, the number of requests replayed; 0 where there is no such file.

    Raises:
        ValueError: if a record cannot be read or the model refuses it, or there are
            more than 1000: the official server would not load such a model.
    """
    path = served_version.path / WARMUP_FILE
    if not path.is_file():
        return 0
    number = 0
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            number += 1
            if number > MAX_RECORDS:
                raise ValueError(
                    f"{path} holds more than {MAX_RECORDS} warm-up records, which "
                    "TF Serving refuses. Write fewer."
                )
            _replay(served_version, record)
    except tf.errors.DataLossError as error:
        raise ValueError(
            f"{path} is not a whole TFRecord file after record {number}: "
            f"{error.message} Export the model again."
        ) from error
    except (DecodeError, RequestError) as error:
        raise ValueError(f"Warm-up record {number} of {path} fails: {error}") from error
    return number


def _replay(served_version, record):
    log = prediction_log_pb2.PredictionLog.FromString(record)
    kind = log.WhichOneof("log_type")
    if kind != "predict_log":
        raise RequestError(
            "UNIMPLEMENTED",
            f"it is a {kind}, and only predict_log can be replayed here.",
        )
    request = log.predict_log.request
    served_version.predict(
        tensors_from_protos(request.inputs),
        request.model_spec.signature_name,
        list(request.output_filter),
    )
