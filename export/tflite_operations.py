"""The ops that a converted model uses, and whether LiteRT has them."""

from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

TOKENIZER_OP = "TFText>FastSentencepieceTokenize"


def operations(model):
    """How often a model uses every op.

    Args:
        model: bytes of a `.tflite` model.

    Returns:
        dict from the op's name, such as "FULLY_CONNECTED", to a count.
    """
    names = {
        value: name
        for name, value in vars(schema.BuiltinOperator).items()
        if name[0] != "_"
    }
    parsed = flatbuffer_utils.convert_bytearray_to_object(bytearray(model))
    codes = [
        code.customCode.decode()
        if code.customCode
        else names[max(code.builtinCode, code.deprecatedBuiltinCode)]
        for code in parsed.operatorCodes
    ]
    counts = {}
    for subgraph in parsed.subgraphs:
        for operator in subgraph.operators:
            code = codes[operator.opcodeIndex]
            counts[code] = counts.get(code, 0) + 1
    return counts


def check_operations(model, allow_tokenizer):
    """Raise a RuntimeError for ops that LiteRT alone does not have."""
    foreign = [
        name
        for name in operations(model)
        if not name.isupper() and not (allow_tokenizer and name == TOKENIZER_OP)
    ]
    if foreign:
        raise RuntimeError(f"The conversion left ops that LiteRT lacks: {foreign}.")
