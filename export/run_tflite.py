"""`python -m export.run_tflite FILE CALLS ANSWERS`: as a phone runs a model."""

import json
import sys
from pathlib import Path

from ai_edge_litert import interpreter as litert

from export.fresh_process import decode, encode


def main(path, request, answer):
    """Run the calls of a file and write what the model answers."""
    interpreter = litert.Interpreter(model_path=path)
    calls = json.loads(Path(request).read_text())
    answers = []
    for name, document in calls:
        run = interpreter.get_signature_runner(name)
        answers.append(encode(run(**decode(document))))
    Path(answer).write_text(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
