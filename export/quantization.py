"""8-bit weights for a converted model."""

import contextlib
import io

import ai_edge_quantizer
from ai_edge_quantizer.qtyping import TFLOperationName

# The matrices and the embedding tables. Everything else is small, and loses accuracy.
QUANTIZED_OPERATIONS = (
    TFLOperationName.FULLY_CONNECTED,
    TFLOperationName.EMBEDDING_LOOKUP,
)


def quantize_to_int8(model):
    """Weights as int8 with a scale a row; activations are quantised as they come.

    Args:
        model: bytes of a float32 `.tflite` model.

    Returns:
        bytes of the quantised model.
    """
    quantizer = ai_edge_quantizer.Quantizer(bytearray(model))
    for operation in QUANTIZED_OPERATIONS:
        quantizer.add_dynamic_config(".*", operation, num_bits=8)
    # Its statistics and progress bars of milliseconds say nothing to a user.
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        return bytes(quantizer.quantize().quantized_model)
