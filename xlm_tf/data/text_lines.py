"""What a line of a text file is: one reader for counting, training and commands."""

import atexit
import dataclasses
import functools
import gzip
import os
import re
import shutil
import tempfile
import zlib
from pathlib import Path

CHUNK = 1 << 20
# Bytes of a line, which is read whole: what is longer is a file without line ends.
LONGEST_LINE = 100 << 20
_GZIP = b"\x1f\x8b"
# What files that are no UTF-8 text begin with.
_OTHER_KINDS = {
    b"\xff\xfe\0\0": "UTF-32 text",
    b"\0\0\xfe\xff": "UTF-32 text",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"PK\x03\x04": "a zip archive",
    b"\xfd7zXZ\0": "compressed by xz",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
}
# A text too may begin with BZh: bzip2 goes on with its level, and the mark of a block
# or of the end.
_BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")


@dataclasses.dataclass
class FileLines:
    """What reading a file to its end found.

    Attributes:
        lines: int, all of them.
        is_plain: bool, whether `tf.data.TextLineDataset` sees the same lines: it drops
            every carriage return, and loses what follows in gzip files of several
            parts.
    """

    lines: int = 0
    is_plain: bool = True


def is_gzip(path):
    """Whether a file is gzip, by its name, `.gz`, or by its first bytes."""
    if Path(path).suffix == ".gz":
        return True
    with open(path, "rb") as file:
        return file.read(len(_GZIP)) == _GZIP


def binary_lines(path, found=None):
    """Iterate over (number from 1, line as bytes without its end), streaming.

    A line ends with a line feed, or a carriage return before it; the last one may
    have no end. Other carriage returns are spaces; in a file without any line feed
    they end the lines, as on old Macs. Nothing else ends a line: U+2028, U+0085 and
    form feeds are part of it. A gzip file may have several parts, some of them empty,
    and zeros behind the last, as tapes and block devices leave them.

    Args:
        path: path, plain or gzip.
        found: `FileLines` to fill in, complete after the last line.

    Raises:
        ValueError: a gzip file that is damaged or cut off, or a line of more than
            100 MB.
    """
    found = FileLines() if found is None else found
    lines = split_lines(unpacked(path, found), path, found)
    for number, line in enumerate(lines, start=1):
        found.lines = number
        yield number, line


def split_lines(chunks, name, found=None):
    """The lines of a stream of bytes, by the rule of `binary_lines`.

    Args:
        chunks: iterable of bytes.
        name: of the file, for the error.
        found: `FileLines`, of which `is_plain` is set.

    Yields:
        bytes.

    Raises:
        ValueError: a line of more than 100 MB.
    """
    found = FileLines() if found is None else found
    parts, length, ended = [], 0, 0
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        parts.append(first)
        length += len(first)
        if length > LONGEST_LINE and (ended or not _has_return(parts)):
            raise ValueError(
                f"{name}, line {ended + 1}: longer than {LONGEST_LINE >> 20} MB. "
                "Expected a text, such as a sentence, per line: put line ends between "
                "them."
            )
        if others:
            length = len(others[-1])
            ended += len(others)
            yield _without_returns(b"".join(parts), found)
            *whole, last = others
            if b"\r" in chunk:
                whole = [_without_returns(line, found) for line in whole]
            yield from whole
            parts = [last]
    rest = b"".join(parts).rstrip(b"\r")
    if not ended and b"\r" in rest:
        found.is_plain = False
        yield from rest.split(b"\r")
    elif rest:
        yield _without_returns(rest, found)


def with_cut_lines(chunks, longest, name):
    """A stream of bytes whose lines are cut, so that none fills the memory.

    Args:
        chunks: iterable of bytes.
        longest: int, bytes of a line; of a longer one `longest + 1` are left.
        name: str, of the file, for the error.

    Yields:
        bytes.

    Raises:
        ValueError: lines end with carriage returns alone, as on old Macs, which only
            the whole file would tell.
    """
    length, has_line_feed = 0, False
    for chunk in chunks:
        pieces = []
        for number, piece in enumerate(chunk.split(b"\n")):
            if number:
                length, has_line_feed = 0, True
            pieces.append(piece[: max(longest + 1 - length, 0)])
            length += len(piece)
            if length > longest and not has_line_feed and b"\r" in piece.rstrip(b"\r"):
                raise ValueError(
                    f"{name}: its lines end with carriage returns alone, as on old "
                    "Macs. Convert them, such as by tr '\\r' '\\n'."
                )
        yield b"\n".join(pieces)


def unpacked(path, found=None):
    """The content of a file in chunks of bytes, streaming.

    Args:
        path: path, plain or gzip.
        found: `FileLines`, of which `is_plain` is set.

    Yields:
        bytes.

    Raises:
        ValueError: a gzip file that is damaged or cut off.
    """
    found = FileLines() if found is None else found
    with open(path, "rb") as file:
        blocks = iter(functools.partial(file.read, CHUNK), b"")
        if not is_gzip(path):
            yield from blocks
            return
        try:
            yield from _unpacked_parts(blocks, found)
        except (EOFError, zlib.error) as error:
            raise ValueError(
                f"{path} is not a whole gzip file: {error}. Copy or make it again; a "
                "text that is not packed has another ending."
            ) from error


def first_bytes(path):
    """The first bytes of a file, unpacked."""
    return next(filter(None, unpacked(path)), b"")


def other_kind(beginning):
    """What a file is that is no UTF-8 text, such as "compressed by xz": str, or None.

    Args:
        beginning: bytes, its first ones.
    """
    kinds = [kind for mark, kind in _OTHER_KINDS.items() if beginning.startswith(mark)]
    if _BZIP2.match(beginning):
        kinds.append("compressed by bzip2")
    return kinds[0] if kinds else None


def check_is_text(path):
    """Raise a ValueError for a file that is something else than UTF-8 text.

    Args:
        path: path, plain or gzip.
    """
    kind = other_kind(first_bytes(path))
    if kind is not None:
        hint = "unpack it"
        if "text" in kind:
            hint = "convert it, such as with iconv -f UTF-16 -t UTF-8"
        raise ValueError(
            f"{path} is {kind}. Expected UTF-8 text, plain or gzip: {hint}."
        )


def plain_copy(path, found):
    """A file that `tf.data.TextLineDataset` reads as `binary_lines` reads another.

    Args:
        path: path.
        found: `FileLines` of it.

    Returns:
        str: the path itself where it will do, or that of a copy with the same lines,
        which lives as long as the process.
    """
    if found.is_plain:
        return str(path)
    status = os.stat(path)
    return _copy(os.fspath(path), status.st_size, status.st_mtime_ns, is_gzip(path))


@functools.cache
def _copy(path, size, changed, packed):
    name = f"{len(os.listdir(_copies()))}.txt{'.gz' if packed else ''}"
    copy = os.path.join(_copies(), name)
    opener = functools.partial(gzip.open, compresslevel=1) if packed else open
    with opener(copy, "wb") as file:
        for _, line in binary_lines(path):
            file.write(line + b"\n")
    return copy


@functools.cache
def _copies():
    folder = tempfile.mkdtemp(prefix="xlm_tf_text_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _has_return(parts):
    """Whether bytes may be lines of old Macs: bool."""
    return any(b"\r" in part for part in parts)


def _without_returns(line, found):
    line = line.rstrip(b"\r")
    if b"\r" not in line:
        return line
    found.is_plain = False
    return line.replace(b"\r", b" ")


def _unpacked_parts(blocks, found):
    """The content of all parts of a gzip file."""
    parts, unpacker = 0, None
    for block in blocks:
        packed = block
        while packed:
            if unpacker is None:
                if parts:
                    found.is_plain = False
                    packed = packed.lstrip(b"\0")
                    if not packed:
                        break
                unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
            # No more than a few chunks at once, whatever a small file unpacks to.
            yield unpacker.decompress(packed, 4 * CHUNK)
            packed = unpacker.unconsumed_tail
            if unpacker.eof:
                parts += 1
                packed, unpacker = unpacker.unused_data, None
    if unpacker is not None:
        raise EOFError("it ends in the middle of the compressed text")
