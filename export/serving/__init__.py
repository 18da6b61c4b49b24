"""Serving exported models: a local server and a client, with TF Serving's interfaces.

`compose.yaml` in this folder runs the official server on the same directory.
"""

import importlib.util

if missing := [
    name
    for name in ("grpc", "requests", "tensorflow_serving")
    if importlib.util.find_spec(name) is None
]:
    raise ModuleNotFoundError(
        f"Server and client need {', '.join(missing)}, which is not installed: "
        "pip install 'xlm-tf[serving]'"
    )

from export.serving.answers import (
    Classification,
    FilledMask,
    FoundAnswer,
    GeneratedText,
    HybridEmbedding,
    TaggedWord,
)
from export.serving.client import Client
from export.serving.model_description import (
    ModelMetadata,
    SignatureDescription,
    TensorDescription,
    VersionStatus,
)
from export.serving.server import LocalServer
from export.serving.serving_error import ServingError

__all__ = [
    "Classification",
    "Client",
    "FilledMask",
    "FoundAnswer",
    "GeneratedText",
    "HybridEmbedding",
    "LocalServer",
    "ModelMetadata",
    "ServingError",
    "SignatureDescription",
    "TaggedWord",
    "TensorDescription",
    "VersionStatus",
]
