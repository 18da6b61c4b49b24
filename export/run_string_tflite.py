"""Like `export.run_tflite`, for models that take strings.

Their tokenizer is an op that an app registers from TensorFlow Text.
"""

import json
import sys
from pathlib import Path

from ai_edge_litert import interpreter as litert
from tensorflow_text import tflite_registrar

from export.fresh_process import decode, encode


def main(path, request, answer):
    """Run the calls of a file and write what the model answers."""
    interpreter = litert.InterpreterWithCustomOps(
        custom_op_registerers=tflite_registrar.SELECT_TFTEXT_OPS, model_path=path
    )
    answers = []
    for name, document in json.loads(Path(request).read_text()):
        run = interpreter.get_signature_runner(name)
        answers.append(encode(run(**decode(document))))
    Path(answer).write_text(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
