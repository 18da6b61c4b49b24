"""TF Serving's REST API: from a method, a path and a body to an answer.

No sockets here: `http_server.py` brings the requests.
"""

import json
import re
from urllib.parse import unquote

from export.serving import predict_json
from export.serving.descriptions import metadata_response, status_response
from export.serving.proto_json import message_to_dict, metadata_to_dict
from export.serving.request_error import RequestError, invalid_argument

# The patterns of TF Serving's `http_rest_api_util.cc`, which ignores case.
_MODEL = (
    r"/v1/models/(?P<name>[^/:]+)"
    r"(/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
)
_PREDICT_PATH = re.compile(
    _MODEL + r":(?P<method>predict|classify|regress)", re.IGNORECASE | re.ASCII
)
_STATUS_PATH = re.compile(
    _MODEL + r"(?P<metadata>/metadata)?", re.IGNORECASE | re.ASCII
)
_LIST_PATH = re.compile(r"/v1/models/?", re.IGNORECASE)
MAX_VERSION = 2**63 - 1


class RestApi:
    """Answers REST requests on the models of a repository.

    Args:
        repository: `ModelRepository`.
    """

    def __init__(self, repository):
        self._repository = repository

    def answer(self, http_method, path, body):
        """Answer one request.

        Args:
            http_method: string, such as "GET".
            path: string, the request target; a query is ignored.
            body: bytes.

        Returns:
            bytes, the JSON of a successful answer.

        Raises:
            RequestError: for everything else.
        """
        path = path.partition("?")[0]
        if match := _PREDICT_PATH.fullmatch(path):
            _require(http_method, "POST", path)
            answer = self._predict(match, body)
        elif match := _STATUS_PATH.fullmatch(path):
            _require(http_method, "GET", path)
            answer = self._describe(match)
        elif _LIST_PATH.fullmatch(path):
            _require(http_method, "GET", path)
            self._repository.versions("")  # raises: TF Serving lists no models
        else:
            raise RequestError(
                "NOT_FOUND",
                f"Malformed request: {http_method} {path}. Paths are "
                "/v1/models/NAME[/versions/N]:predict, /v1/models/NAME[/versions/N] "
                "and /v1/models/NAME[/versions/N]/metadata.",
            )
        return json.dumps(answer, ensure_ascii=False).encode("utf-8")

    def _predict(self, match, body):
        served = self._repository.find(*_model(match))
        if match["method"].lower() != "predict":
            raise RequestError(
                "UNIMPLEMENTED",
                f"This server does not do {match['method']}; use predict, which "
                "runs every signature.",
            )
        request = predict_json.parse_body(body)
        signature_name = predict_json.signature_name(request)
        inputs, write_outputs = predict_json.read_inputs(
            request, served.signature_def(signature_name)
        )
        return write_outputs(served.predict(inputs, signature_name))

    def _describe(self, match):
        name, version, label = _model(match)
        if match["metadata"]:
            served = self._repository.find(name, version, label)
            return metadata_to_dict(metadata_response(served))
        if version is None and label is None:
            versions = self._repository.versions(name)
            failures = self._repository.failures(name)
            return message_to_dict(status_response(versions, failures))
        served = self._repository.find(name, version, label)
        return message_to_dict(status_response([served]))


def error_json(message):
    """Return the bytes of `{"error": message}`."""
    return json.dumps({"error": message}, ensure_ascii=False).encode(
        "utf-8", errors="replace"
    )


def _model(match):
    version = None if match["version"] is None else int(match["version"][:20])
    if version is not None and version > MAX_VERSION:
        raise invalid_argument(
            f"Failed to convert version: {match['version']} to numeric."
        )
    label = match["label"] and unquote(match["label"])
    return unquote(match["name"]), version, label


def _require(http_method, allowed, path):
    if http_method != allowed:
        raise RequestError(
            "UNIMPLEMENTED",
            f"{http_method} is not allowed on {path}. Expected: {allowed}.",
            http_status=405,
            http_headers={"Allow": allowed},
        )
