"""What a client knows of a model: its versions, signatures, types and shapes."""

from dataclasses import dataclass

import numpy as np

# Types of `TensorInfo` and their numpy types; strings are objects.
_NUMPY_TYPES = {
    "DT_FLOAT": np.float32,
    "DT_DOUBLE": np.float64,
    "DT_INT8": np.int8,
    "DT_INT16": np.int16,
    "DT_INT32": np.int32,
    "DT_INT64": np.int64,
    "DT_UINT8": np.uint8,
    "DT_UINT16": np.uint16,
    "DT_UINT32": np.uint32,
    "DT_UINT64": np.uint64,
    "DT_BOOL": np.bool_,
    "DT_HALF": np.float16,
    "DT_STRING": np.object_,
}


@dataclass(frozen=True)
class TensorDescription:
    """One input or output of a signature.

    Attributes:
        dtype: string, as in `types.proto`: "DT_STRING", "DT_FLOAT", ...
        shape: tuple of int, None for any length; None where the rank is not known.
    """

    dtype: str
    shape: tuple[int | None, ...] | None

    @property
    def is_string(self):
        """Whether the values are strings."""
        return self.dtype == "DT_STRING"

    @property
    def numpy_dtype(self):
        """The `np.dtype` of the values; `object` for strings.

        Raises:
            ValueError: for a type that numpy does not have.
        """
        if self.dtype not in _NUMPY_TYPES:
            raise ValueError(f"numpy has no type for a tensor of {self.dtype}.")
        return np.dtype(_NUMPY_TYPES[self.dtype])


@dataclass(frozen=True)
class SignatureDescription:
    """Inputs and outputs of one signature, by name."""

    inputs: dict[str, TensorDescription]
    outputs: dict[str, TensorDescription]


@dataclass(frozen=True)
class ModelMetadata:
    """A version of a model and its signatures.

    Attributes:
        name: string.
        version: int.
        signatures: dict of signature name to `SignatureDescription`.
    """

    name: str
    version: int
    signatures: dict[str, SignatureDescription]


@dataclass(frozen=True)
class VersionStatus:
    """The state of one version.

    Attributes:
        version: int.
        state: string: "START", "LOADING", "AVAILABLE", "UNLOADING" or "END".
        error_code: string, "OK" unless the version failed.
        error_message: string.
    """

    version: int
    state: str
    error_code: str
    error_message: str


def metadata_from_json(document):
    """Read the REST form of `GetModelMetadataResponse`.

    Args:
        document: dict with `model_spec` and `metadata`.

    Returns:
        `ModelMetadata`, without the signatures that only start a model.
    """
    signatures = document["metadata"]["signature_def"]["signature_def"]
    return ModelMetadata(
        name=document["model_spec"]["name"],
        version=int(document["model_spec"]["version"]),
        signatures={
            name: SignatureDescription(
                inputs=_tensors(signature.get("inputs", {})),
                outputs=_tensors(signature.get("outputs", {})),
            )
            for name, signature in sorted(signatures.items())
            if not name.startswith("__")  # __saved_model_init_op
        },
    )


def status_from_json(document):
    """Read the REST form of `GetModelStatusResponse`.

    Args:
        document: dict with `model_version_status`.

    Returns:
        list of `VersionStatus`, ascending.
    """
    statuses = [
        VersionStatus(
            version=int(entry["version"]),
            state=entry["state"],
            error_code=entry.get("status", {}).get("error_code", "OK"),
            error_message=entry.get("status", {}).get("error_message", ""),
        )
        for entry in document["model_version_status"]
    ]
    return sorted(statuses, key=lambda status: status.version)


def _tensors(infos):
    return {name: _tensor(info) for name, info in sorted(infos.items())}


def _tensor(info):
    shape = info.get("tensor_shape", {})
    if shape.get("unknown_rank", False):
        return TensorDescription(info["dtype"], None)
    sizes = [int(dim["size"]) for dim in shape.get("dim", [])]
    return TensorDescription(
        info["dtype"], tuple(None if size < 0 else size for size in sizes)
    )
