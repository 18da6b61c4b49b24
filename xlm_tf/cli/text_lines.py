"""Lines of text into a command and out of it: UTF-8, whatever the terminal's is."""

import argparse
import codecs
import contextlib
import gzip
import itertools
import os
import stat
import sys
from pathlib import Path

from xlm_tf.data.text_lines import CHUNK, other_kind, split_lines, unpacked
from xlm_tf.output_files import check_output, whole_file

STANDARD_STREAM = "-"
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def encoding(name):
    """The type of an argument: the name of an encoding that Python knows."""
    try:
        found = codecs.lookup(name)
        "".encode(name)  # a LookupError where it is none of texts, such as base64
    except LookupError as error:
        raise argparse.ArgumentTypeError(
            f"there is no text encoding {name!r}"
        ) from error
    return found.name


def add_encoding_argument(parser, texts):
    """Add `--encoding`; `texts` says of what, in its help."""
    parser.add_argument(
        "--encoding",
        type=encoding,
        default="utf-8",
        help=f"of {texts} (default: %(default)s)",
    )


def blocks(items, size):
    """Yield lists of `size` items, in their order; the last may be shorter."""
    items = iter(items)
    while block := list(itertools.islice(items, size)):
        yield block


def read_lines(path, encoding="utf-8"):
    """The lines of a file, without their ends, streaming.

    What a line is says `xlm_tf.data.text_lines.binary_lines`.

    Args:
        path: str of a file, plain or .gz; "-" is stdin.
        encoding: str, that of the file. A byte order mark is no part of the text.

    Yields:
        str.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line that is not in the encoding; names file and line. A file that
            is packed, but not by gzip.
    """
    name = "stdin" if path == STANDARD_STREAM else str(path)
    if path != STANDARD_STREAM and Path(path).is_dir():
        raise IsADirectoryError(f"{path} is a folder. Name the files in it.")
    if path != STANDARD_STREAM and not Path(path).is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    chunks = (
        iter(lambda: sys.stdin.buffer.read1(CHUNK), b"")
        if path == STANDARD_STREAM
        else unpacked(path)
    )
    chunks = _not_packed(chunks, name)
    if encoding != "utf-8":
        chunks = _as_utf8(chunks, name, encoding)
    for number, line in enumerate(split_lines(chunks, name), start=1):
        if number == 1:
            _check_mark(name, line)
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{name}, line {number}: not UTF-8 ({error.reason} at byte "
                f"{error.start}). Say what it is, such as --encoding latin-1."
            ) from error
        if "\0" in text:
            raise ValueError(
                f"{name}, line {number}: holds a NUL, as UTF-16 and binary files do. "
                "Say what it is, such as --encoding utf-16."
            )
        yield text.removeprefix("\ufeff") if number == 1 else text


def check_lines(path, encoding="utf-8"):
    """Read a file once, before anything is done with it; see `read_lines`.

    What can be read only once, stdin or a pipe, is left alone.
    """
    is_file = Path(path).is_file() or Path(path).is_dir() or not Path(path).exists()
    if path == STANDARD_STREAM or not is_file:
        return
    for _ in read_lines(path, encoding):
        pass


def check_stdout(inputs):
    """Raise a ValueError where stdout is a file that is read: it would never end.

    Args:
        inputs: list of str, paths; "-" is stdin.
    """
    for path in inputs:
        try:
            written = os.fstat(sys.stdout.fileno())
            is_stdin = path == STANDARD_STREAM
            read = os.fstat(sys.stdin.fileno()) if is_stdin else os.stat(path)
        except (OSError, ValueError):  # there is no file, or a stream is none
            continue
        if stat.S_ISREG(written.st_mode) and os.path.samestat(written, read):
            raise ValueError(f"The output goes to the file that is read: {path}.")


def check_output_of(output, inputs):
    """See that an output can be written without destroying what is read.

    Args:
        output: str, a file, or "-" for stdout.
        inputs: list of str, files and folders that are read; "-" is stdin.

    Raises:
        ValueError, OSError: see `check_stdout` and `check_output`.
    """
    if output == STANDARD_STREAM:
        check_stdout(inputs)
    else:
        check_output(output, inputs)


@contextlib.contextmanager
def open_output(output, inputs):
    """A text file to write to, which is there when all is written.

    Args:
        output, inputs: as for `check_output_of`; a name that ends with .gz is packed.

    Yields:
        Stream of text, in UTF-8.
    """
    if output == STANDARD_STREAM:
        yield standard_output()
        return
    opened = gzip.open if output.endswith(".gz") else open
    with (
        whole_file(output, inputs) as partial,
        opened(partial, "wt", encoding="utf-8", newline="\n") as file,
    ):
        yield file


def standard_output():
    """stdout, as UTF-8 with plain line ends unless a person looks at it."""
    if not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8", errors="replace", newline="\n")
    return sys.stdout


def _check_mark(name, line):
    """Raise a ValueError for a line that begins as UTF-16 and UTF-32 do."""
    for mark, own in _BYTE_ORDER_MARKS.items():
        if line.startswith(mark):
            raise ValueError(f"{name} is {own.upper()}: pass --encoding {own}.")


def _not_packed(chunks, name):
    """The chunks, unless the first tells that a program other than gzip packed them."""
    for number, chunk in enumerate(filter(None, chunks)):
        kind = None if number else other_kind(chunk)
        if kind is not None and "text" not in kind:
            raise ValueError(f"{name} is {kind}. Expected text, plain or gzip.")
        yield chunk


def _as_utf8(chunks, name, encoding):
    decoder = codecs.getincrementaldecoder(encoding)()
    number = 1
    try:
        for chunk in chunks:
            text = decoder.decode(chunk)
            yield text.encode("utf-8")
            number += text.count("\n")
        decoder.decode(b"", final=True)
    except UnicodeError as error:
        raise ValueError(
            f"{name}, line {number} or later: not {encoding} ({error})."
        ) from error
