"""`python -m export.run_saved_model DIR CALLS ANSWERS`: as TF Serving loads a model.

TensorFlow's session loader reads the graph and nothing else. `tf.saved_model.load`
also rebuilds Python objects, and forgives what a server does not.
"""

import json
import sys
from pathlib import Path

import tensorflow as tf
import tensorflow_text  # noqa: F401  The ops, which the official server links too.

from export.fresh_process import decode, encode


def main(directory, request, answer):
    """Run the calls of a file and write what the model answers."""
    calls = json.loads(Path(request).read_text())
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        meta_graph = tf.compat.v1.saved_model.loader.load(session, ["serve"], directory)
        answers = []
        for name, document in calls:
            signature = meta_graph.signature_def[name]
            feeds = {
                signature.inputs[key].name: value
                for key, value in decode(document).items()
            }
            fetches = {key: info.name for key, info in signature.outputs.items()}
            answers.append(encode(session.run(fetches, feeds)))
    Path(answer).write_text(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
