"""Edits of a `.tflite` file after the conversion: what it says of itself."""

import json
from pathlib import Path

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

# Name of the entry among the model's metadata that holds `export.description`.
METADATA_NAME = "xlm_tf"
_ALIGNMENT = 16  # bytes; the converter's, which kernels may rely on


def finished(model, document):
    """A converted model with `serving_default` first, and with its description.

    Runtimes that know no signatures run the first subgraph: the converter puts there
    whichever name comes first in the alphabet. It also calls every tensor by the layers
    around it and around all that was fused with it, hundreds of bytes: the innermost
    are left.

    Args:
        model: bytes of a `.tflite` model.
        document: dict of `export.description.describe`.

    Returns:
        bytes.
    """
    # Also what the quantizer puts behind the flatbuffer: large constants.
    parsed = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    first = next(
        signature.subgraphIndex
        for signature in parsed.signatureDefs
        if signature.signatureKey == b"serving_default"
    )
    _swap_subgraphs(parsed, 0, first)
    for subgraph in parsed.subgraphs:
        for tensor in subgraph.tensors:
            tensor.name = b"/".join(tensor.name.split(b";")[0].split(b"/")[-3:])
    text = json.dumps(document, ensure_ascii=False).encode("utf-8")
    entry = schema.MetadataT()
    entry.name, entry.buffer = METADATA_NAME, len(parsed.buffers)
    parsed.metadata = [*(parsed.metadata or []), entry]
    parsed.buffers.append(schema.BufferT(np.frombuffer(text, "uint8")))
    parsed.buffers = [_AlignedBuffer(buffer) for buffer in parsed.buffers]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(parsed))


def read_description(path):
    """What a `.tflite` file of `export.to_tflite` says of itself.

    Args:
        path: str or Path.

    Returns:
        dict, see `export.description.describe`.

    Raises:
        ValueError: the file has no such entry.
    """
    model = schema.Model.GetRootAs(Path(path).read_bytes(), 0)
    for i in range(model.MetadataLength()):
        entry = model.Metadata(i)
        if entry.Name() == METADATA_NAME.encode():
            data = model.Buffers(entry.Buffer()).DataAsNumpy()
            return json.loads(data.tobytes().decode("utf-8"))
    raise ValueError(f"{path} does not say what it is: it has no {METADATA_NAME!r}.")


class _AlignedBuffer:
    """A buffer of the object form, which as it is loses the alignment of its data."""

    def __init__(self, buffer):
        self._data = b"" if buffer.data is None else bytes(buffer.data)

    def Pack(self, builder):
        """Write it, as the generated classes do."""
        vector = None
        if self._data:
            builder.StartVector(1, len(self._data), _ALIGNMENT)
            head = builder.Head() - len(self._data)
            builder.head = head
            builder.Bytes[head : head + len(self._data)] = self._data
            vector = builder.EndVector()
        schema.BufferStart(builder)
        if vector is not None:
            schema.BufferAddData(builder, vector)
        return schema.BufferEnd(builder)


def _swap_subgraphs(parsed, i, j):
    if i == j:
        return
    subgraphs = parsed.subgraphs
    subgraphs[i], subgraphs[j] = subgraphs[j], subgraphs[i]
    other = {i: j, j: i}
    for signature in parsed.signatureDefs:
        index = signature.subgraphIndex
        signature.subgraphIndex = other.get(index, index)
    for subgraph in subgraphs:
        for operator in subgraph.operators:
            for options in (operator.builtinOptions, operator.builtinOptions2):
                # IF, WHILE, CALL_ONCE and others name the subgraphs that they call.
                for name, index in list(vars(options).items()) if options else ():
                    if name.endswith("SubgraphIndex") or name == "subgraph":
                        setattr(options, name, other.get(index, index))
