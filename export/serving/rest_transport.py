"""A client's requests over TF Serving's REST API."""

import base64
import json
from urllib.parse import quote

import numpy as np
import requests

from export.serving.addresses import host_port, is_loopback
from export.serving.client_arrays import map_objects
from export.serving.model_description import metadata_from_json, status_from_json
from export.serving.serving_error import ServingError, outputs_changed

_CODE_OF_HTTP_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    409: "ABORTED",
    413: "RESOURCE_EXHAUSTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class RestTransport:
    """Sends requests for one model by HTTP, over connections that stay open.

    Args:
        host: string.
        port: int.
        model: string.
        version: int, or None for the server's latest.
        timeout_s: float, seconds that one request may take.
    """

    def __init__(self, host, port, model, version, timeout_s):
        self._url = f"http://{host_port(host, port)}/v1/models/{quote(model, safe='')}"
        if version is not None:
            self._url += f"/versions/{version}"
        self._timeout_s = timeout_s
        self._session = requests.Session()
        # A proxy of the environment cannot reach this machine's own ports.
        self._session.trust_env = not is_loopback(host)

    def predict(self, arrays, signature_name, signature):
        """Run a signature in the column format.

        Args:
            arrays: dict of input name to `np.ndarray` of the signature's types.
            signature_name: string.
            signature: `SignatureDescription`.

        Returns:
            dict of output name to `np.ndarray`.

        Raises:
            ServingError: for any answer but a good one, and for none.
        """
        body = {
            "signature_name": signature_name,
            "inputs": {name: _to_json(array) for name, array in arrays.items()},
        }
        outputs = self._request("POST", ":predict", "outputs", body)["outputs"]
        is_named = isinstance(outputs, dict) and "b64" not in outputs
        if len(signature.outputs) == 1 and not is_named:
            # A single output drops its name.
            outputs = {next(iter(signature.outputs)): outputs}
        if not isinstance(outputs, dict) or set(outputs) != set(signature.outputs):
            raise outputs_changed(signature.outputs, outputs)
        return {
            name: _from_json(name, outputs[name], description)
            for name, description in signature.outputs.items()
        }

    def metadata(self):
        """Return the `ModelMetadata`."""
        return metadata_from_json(self._request("GET", "/metadata", "metadata"))

    def status(self, timeout_s=None):
        """Return the list of `VersionStatus`; the time limit may be shortened."""
        document = self._request("GET", "", "model_version_status", timeout_s=timeout_s)
        return status_from_json(document)

    def close(self):
        """Close the connections."""
        self._session.close()

    def _request(self, method, suffix, key, body=None, timeout_s=None):
        """Return the JSON object that answers, which must have `key`."""
        timeout_s = timeout_s or self._timeout_s
        data = None
        if body is not None:
            data = json.dumps(body, ensure_ascii=False).encode("utf-8")
        try:
            response = self._session.request(
                method,
                self._url + suffix,
                data=data,
                headers={"Content-Type": "application/json"},
                timeout=timeout_s,
            )
        except requests.Timeout as error:
            raise ServingError(
                "DEADLINE_EXCEEDED",
                f"{self._url} did not answer within {timeout_s} s.",
            ) from error
        except requests.RequestException as error:
            raise ServingError(
                "UNAVAILABLE", f"{self._url} is not available: {error}"
            ) from error
        return self._parse(response, key)

    def _parse(self, response, key):
        status = response.status_code
        # TF Serving writes strings as they are: they may be anything but UTF-8.
        text = response.content.decode("utf-8", errors="replace")
        code = _CODE_OF_HTTP_STATUS.get(status, "UNKNOWN")
        expected = key if status == requests.codes.ok else "error"
        try:
            document = json.loads(text)
        except ValueError:
            document = None
        if not isinstance(document, dict) or expected not in document:
            raise ServingError(
                code,
                f'{self._url} answered HTTP {status} without JSON that has "{expected}"'
                f"; it may not be a TF Serving server. It said: {text[:200]!r}",
                status,
            )
        if status != requests.codes.ok:
            raise ServingError(code, document["error"], status)
        return document


def _to_json(array):
    if array.dtype == object:
        return map_objects(_string_to_json, array).tolist()
    return array.tolist()


def _string_to_json(value):
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:  # JSON has text only; the server decodes this
        return {"b64": base64.b64encode(value).decode("ascii")}


def _from_json(name, value, description):
    if description.is_string:
        array = np.array(value, dtype=object)
        return map_objects(_string_from_json, array)
    array = np.asarray(value, dtype=description.numpy_dtype)
    rank = len(description.shape or ())
    if array.size == 0 and array.ndim < rank:  # [] says nothing of inner dimensions
        inner = description.shape[array.ndim :]
        array = array.reshape(array.shape + tuple(size or 0 for size in inner))
    return array


def _string_from_json(value):
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value
