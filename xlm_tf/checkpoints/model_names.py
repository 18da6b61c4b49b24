"""What a model can be named by, everywhere: presets, addresses, folders, files."""

import difflib
import os
import re
from pathlib import Path

from xlm_tf.checkpoints.released_models import PRESETS

HUB = "hf://"
_SCHEMES = ("hf", "kaggle", "modelscope")


def resolve(name, folder=None):
    """Check the name of a model.

    Args:
        name: str or Path:
            a name of `xlm_tf.PRESETS`, such as "xlm_roberta_base";
            an address, "hf://OWNER/NAME" or another of Keras' schemes;
            a folder or a file.
        folder: str or Path where relative paths start; defaults to the working
            directory.

    Returns:
        str: the name or address as it is, or the path of the folder or file.

    Raises:
        FileNotFoundError: there is no such model; names the nearest.
    """
    text = str(name)
    if text in PRESETS:
        return text
    scheme, is_address, _ = text.partition("://")
    if is_address:
        if scheme in _SCHEMES or _knows_files_of(scheme):
            return text
    elif (path := Path(folder or "", os.path.expanduser(name))).exists():
        return str(path)
    raise FileNotFoundError(no_model(text))


def _knows_files_of(scheme):
    # Late: names are all that recipes need.
    import tensorflow as tf

    return scheme in tf.io.gfile.get_registered_schemes()


def no_model(name):
    """What to say of a name that is none: with the nearest of ours.

    Args:
        name: str.

    Returns:
        str.
    """
    nearest = _nearest(name)
    hint = f" Did you mean {nearest}?" if nearest else ""
    return (
        f"There is no model {name}.{hint} Expected a folder, a file, {HUB}OWNER/NAME, "
        f"or one of xlm_tf.PRESETS: {', '.join(PRESETS)}."
    )


def _nearest(text):
    address = re.fullmatch(r"(hf|kaggle|modelscope):/([^/].*)", text)
    if address:  # `Path` takes a slash away
        return f"{address[1]}://{address[2]}, as a str"
    own = {_plain(preset): preset for preset in PRESETS} | {
        _plain(model.source): preset
        for preset, model in PRESETS.items()
        if model.source.startswith(HUB)
    }
    close = difflib.get_close_matches(_plain(text), own, n=1, cutoff=0.7)
    return own[close[0]] if close else None


def _plain(name):
    """A name without its owner, and in one spelling."""
    plain = re.sub(r"[^a-z0-9]", "", name.rsplit("/", 1)[-1].lower())
    return re.sub("^xlmr(?!oberta)", "xlmroberta", plain)
