"""A number that two tokenizers share when they give the same ids."""

import hashlib
import json
import tempfile
from pathlib import Path

# What Keras gives a layer, and no id depends on.
_OF_LAYERS = ("name", "trainable", "dtype", "build_config")


def tokenizer_fingerprint(tokenizer):
    """A number of a tokenizer's kind, settings and files.

    Args:
        tokenizer: a tokenizer of `xlm_tf.text`.

    Returns:
        str, 64 hexadecimal digits.
    """
    config = tokenizer.get_config()
    settings = {key: value for key, value in config.items() if key not in _OF_LAYERS}
    settings = [type(tokenizer).__name__, settings]
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=repr).encode())
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_assets(folder)
        for path in sorted(Path(folder).iterdir()):
            digest.update(path.read_bytes())
    return digest.hexdigest()
