"""What a command says when it cannot go on: one line, and for bugs a traceback."""

import argparse
import re
import sys
import tempfile
import traceback
import zipfile
import zlib
from pathlib import Path

from xlm_tf.output_files import FULL
from xlm_tf.tensorflow_errors import plain_message

EXIT_CODE = 2
INTERRUPTED = 130
OWN = [Path(__file__).parents[1], Path(__file__).parents[2] / "export"]
# Of TensorFlow's errors, those that files, memory and our own checks in graph cause.
_OF_TENSORFLOW = (
    "AbortedError",
    "AlreadyExistsError",
    "DataLossError",
    "NotFoundError",
    "OutOfRangeError",
    "PermissionDeniedError",
    "ResourceExhaustedError",
    "UnavailableError",
)
_ASSERTION = "assertion failed: "


class OneLineParser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, without the whole usage."""

    def error(self, message):
        message = " ".join(message.split())
        self.exit(EXIT_CODE, f"error: {message} (see {self.prog} --help)\n")


def is_expected(error):
    """Whether an error says what a user can mend, and no traceback is needed.

    Args:
        error: Exception that a command ended with.

    Returns:
        bool: True for errors of values, files, missing packages and memory, and for
        checks in a graph that failed, and clusters; False for bugs.
    """
    import safetensors
    import yaml

    from xlm_tf.cluster.connection import ClusterError

    tf = sys.modules.get("tensorflow")  # which not all commands need
    if tf is not None and isinstance(error, tf.errors.OpError):
        is_check = _ASSERTION in str(error)
        return is_check or type(error).__name__ in _OF_TENSORFLOW
    of_values_and_files = ValueError | OSError | ImportError | MemoryError | EOFError
    of_formats = (
        yaml.YAMLError,
        safetensors.SafetensorError,
        zipfile.BadZipFile,
        zlib.error,
        ClusterError,
    )
    return isinstance(error, (of_values_and_files, *of_formats))


def error_lines(error):
    """What to print: one line, or for a recipe one for every mistake in it.

    Args:
        error: Exception for which `is_expected`.

    Returns:
        List of str.
    """
    return getattr(error, "lines", None) or [one_line(error)]


def one_line(error):
    """What an error says, in one line.

    Args:
        error: Exception for which `is_expected`.

    Returns:
        str. Where another package raised it, that of its class and place too.
    """
    text = str(error)
    if isinstance(error, OSError) and error.filename and error.strerror:
        text = f"{error.filename}: {error.strerror}"
    elif isinstance(error, OSError) and error.errno in FULL:
        folder = tempfile.gettempdir()
        text = f"{error.strerror}: of the output, or of temporary files ({folder})."
    if _ASSERTION in text:
        text = re.split(r"\[Op:|\n", text.split(_ASSERTION, 1)[1])[0]
        text = re.sub(r"\] \[", " ", text).strip().removeprefix("[").removesuffix("]")
    tf = sys.modules.get("tensorflow")
    if tf is not None and isinstance(error, tf.errors.OpError):
        text = plain_message(text)
    text = " ".join(text.split()) or type(error).__name__
    place = traceback.extract_tb(error.__traceback__)[-1:]
    is_own = any(
        Path(frame.filename).is_relative_to(folder) for frame in place for folder in OWN
    )
    if is_own or isinstance(error, OSError | ImportError):
        return text
    return f"{text} ({type(error).__name__}; --debug shows where)"
