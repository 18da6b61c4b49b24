"""The files of a collection: what they are, by their content, before work starts."""

import collections
import os
import re
import typing
import zlib
from pathlib import Path

from xlm_tf.collecting.packed_files import PackedFile

_BEGINNING = 4096
_PROLOG = re.compile(
    r"\s*(<\?.*?\?>|<!--.*?-->|<!doctype(?!\s+html)[^>\[]*(\[.*?\])?[^>]*>)",
    re.I | re.S,
)
_ROOT = re.compile(r"\s*<(!doctype\s+html|[\w:.-]+)", re.I)
_KINDS = {"mediawiki": "wiki", "rss": "feed", "feed": "feed", "rdf": "feed"}
_HTML_TAGS = {
    *("html", "head", "body", "title", "meta", "link", "script", "style", "div", "p"),
    *("table", "a", "h1", "h2", "center", "font"),
}
_HTML_NAMES = (".html", ".htm", ".xhtml", ".shtml")
EXPECTED = (
    "Expected WARC, WET, HTML, a dump of MediaWiki (XML), RSS or Atom, each plain, "
    "gzip or bzip2, or a folder of them."
)
EMPTY = "empty file"
OTHER_KIND = "another kind of file"
LINKED = "link to a folder"
DAMAGED = "damaged"


class InputFile(typing.NamedTuple):
    """A file to read.

    Attributes:
        path: Path.
        kind: str, "warc", "html", "wiki" or "feed"; "damaged" where nothing can be
            read, which reading says.
        input: int, the number of the argument that it comes from.
        size: int, bytes.
    """

    path: Path
    kind: str
    input: int
    size: int


def find_files(inputs, output):
    """The files of a collection, in their order.

    Args:
        inputs: list of Path of files and folders.
        output: Path of the folder to write to.

    Returns:
        (list of `InputFile`, list of Counter, of every input, why files of folders are
        left out).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a file of another kind, a folder without any that can be read, one
            file twice, or the output within an input.
    """
    seen = []
    for path in inputs:
        if not path.exists():
            raise FileNotFoundError(f"There is no file or folder {path}.")
        real = path.resolve()
        for other in seen:
            if real.is_relative_to(other) or other.is_relative_to(real):
                raise ValueError(
                    f"Every file is read once. Received {path}, which is, is in or "
                    "holds another input."
                )
        if output.resolve().is_relative_to(real):
            raise ValueError(
                f"The output, {output}, must be outside of what is read, {path}."
            )
        seen.append(real)
    files, left_out = [], []
    for number, path in enumerate(inputs):
        counts = collections.Counter()
        find = _of_folder if path.is_dir() else _of_file
        files += find(path, number, counts)
        left_out.append(+counts)
    return files, left_out


def _of_file(path, number, counts):
    if not path.is_file():
        raise ValueError(f"{path} is no file that can be read again. {EXPECTED}")
    if not path.stat().st_size:
        raise ValueError(f"{path} is empty. {EXPECTED}")
    kind = kind_of(path)
    if kind == DAMAGED:
        raise ValueError(
            f"{path} is damaged or cut off: it is packed, and nothing of it can be "
            "unpacked. Fetch it again."
        )
    if kind is None:
        raise ValueError(f"{path} is {OTHER_KIND}. {EXPECTED}")
    yield _input_file(path, kind, number)


def _of_folder(folder, number, counts):
    found = False
    for place, folders, names in os.walk(folder, onerror=_raise):
        folders.sort()
        counts[LINKED] += sum(os.path.islink(Path(place, name)) for name in folders)
        for name in sorted(names):
            path = Path(place, name)
            if not path.is_file():
                counts[OTHER_KIND] += 1
            elif not path.stat().st_size:
                counts[EMPTY] += 1
            elif (kind := kind_of(path)) is None:
                counts[OTHER_KIND] += 1
            else:
                found = True
                yield _input_file(path, kind, number)
    if not found:
        raise ValueError(f"{folder} holds no file that can be read. {EXPECTED}")


def _raise(error):
    raise error


def _input_file(path, kind, number):
    return InputFile(path, kind, number, path.stat().st_size)


def kind_of(path):
    """What a file is, by its content: see `InputFile.kind`; None for all others."""
    with PackedFile(path) as file:
        content, is_damaged = _beginning(file.content())
    if is_damaged and not content:
        return DAMAGED
    if re.match(rb"WARC/\d", content):
        return "warc"
    encoding = "utf-8"
    if content.startswith((b"\xff\xfe", b"<\0")):
        encoding = "utf-16-le"
    elif content.startswith((b"\xfe\xff", b"\0<")):
        encoding = "utf-16-be"
    text = content.decode(encoding, "replace").lstrip("\ufeff")
    if "\0" in text:
        return None
    while match := _PROLOG.match(text):
        text = text[match.end() :]
    match = _ROOT.match(text)
    if match:
        root = match[1].lower().rpartition(":")[2]
        if root.startswith("!doctype") or root in _HTML_TAGS:
            return "html"
        if root in _KINDS:
            return _KINDS[root]
    name = path.name.lower().removesuffix(".gz").removesuffix(".bz2")
    is_named = name.endswith(_HTML_NAMES) and (match or "<" in text)
    return "html" if is_named else None


def _beginning(stream):
    """The first bytes of a stream, as far as it is whole: (bytes, bool: it is not)."""
    content = b""
    try:
        # Piece by piece: of a cut file, what comes before the cut.
        while part := stream.read1(_BEGINNING - len(content)):
            content += part
    except (EOFError, zlib.error, ValueError):
        return content, True
    except OSError as error:
        if error.errno is not None:  # not of bz2
            raise
        return content, True
    return content, False
