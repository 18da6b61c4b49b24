"""Which model made some vectors: a number of its weights, tokenizer and settings."""

import hashlib
import json
import tempfile
from pathlib import Path

from keras import ops

from xlm_tf.models.text_embedder_preprocessor import PROMPT_ARGUMENTS
from xlm_tf.models.text_packing import PACKING_ARGUMENTS

# What Keras gives a layer, and no vector depends on.
_OF_LAYERS = {"name", "trainable", "dtype", "build_config"}


def fingerprint(embedder):
    """A number that two models share when they give the same vectors.

    It does not depend on the form in which the model was saved.

    Args:
        embedder: `XLMTextEmbedder` with its preprocessor.

    Returns:
        str, 64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    preprocessor = embedder.text_preprocessor("fingerprint")
    tokenizer = preprocessor.tokenizer
    of_tokenizer = {
        name: value
        for name, value in tokenizer.get_config().items()
        if name not in _OF_LAYERS
    }
    settings = {
        "pooling": embedder.pooling,
        "normalize": embedder.normalize,
        "truncate_dim": embedder.truncate_dim,
        "texts": {
            name: getattr(preprocessor, name)
            for name in (*PACKING_ARGUMENTS, *PROMPT_ARGUMENTS)
        },
        "tokenizer": [type(tokenizer).__name__, of_tokenizer],
    }
    digest.update(json.dumps(settings, sort_keys=True, default=repr).encode())
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_assets(folder)
        for path in sorted(Path(folder).iterdir()):
            digest.update(path.read_bytes())
    for weight in embedder.weights:
        values = ops.convert_to_numpy(weight)
        digest.update(f"{values.shape}{values.dtype}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()
