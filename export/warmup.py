"""Warm-up requests and the batching configuration of a served model."""

import tensorflow as tf

from xlm_tf.optional_packages import import_optional

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
# TF Serving reads it with --enable_per_model_batching_parameters. Texts are strings
# here, so requests of any length batch together; threads default to the cores.
BATCHING_PARAMETERS = """\
max_batch_size { value: 64 }
batch_timeout_micros { value: 1000 }
max_enqueued_batches { value: 256 }
"""


def write_batching_parameters(directory):
    """Write `batching_params.pbtxt` into a version directory."""
    path = directory / "batching_params.pbtxt"
    path.write_text(BATCHING_PARAMETERS, encoding="ascii")


def write_warmup(directory, requests):
    """Write requests that a server replays before it says that the model is ready.

    Args:
        directory: Path, the version directory.
        requests: list of (signature name, dict from input name to array).

    Raises:
        ModuleNotFoundError: tensorflow-serving-api is not installed.
    """
    predict_pb2, prediction_log_pb2 = (
        import_optional(
            f"tensorflow_serving.apis.{name}",
            "Warm-up records",
            "pip install 'xlm-tf[serving]', or export with warmup_batch_sizes=().",
        )
        for name in ("predict_pb2", "prediction_log_pb2")
    )
    path = directory / WARMUP_FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature_name, inputs in requests:
            request = predict_pb2.PredictRequest()
            request.model_spec.name = directory.parent.name
            request.model_spec.signature_name = signature_name
            for name, value in inputs.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
            log = prediction_log_pb2.PredictionLog(
                predict_log=prediction_log_pb2.PredictLog(request=request)
            )
            writer.write(log.SerializeToString())
