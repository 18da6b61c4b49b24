"""Files as they lie there, plain, gzip or bzip2: streams of what is in them."""

import bz2
import io
import zlib

BLOCK = 1 << 16
_GZIP = b"\x1f\x8b"
_BZIP2 = b"BZh"


class CutOffError(EOFError):
    """A packed file ends before its content does."""


class PackedFile:
    """A file whose content is read as a stream, whatever it is packed with.

    Args:
        path: Path.

    Example:
    ```python
    with PackedFile(path) as file:
        beginning = file.content().read(1000)
    ```
    """

    def __init__(self, path):
        self.path = path
        self._file = open(path, "rb")  # noqa: SIM115  closed by `__exit__`
        beginning = self._file.peek(len(_BZIP2))
        self.packing = None
        if beginning.startswith(_GZIP):
            self.packing = "gzip"
        elif beginning.startswith(_BZIP2):
            self.packing = "bzip2"

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._file.close()

    def tell(self):
        """Bytes of the file that are read, about."""
        return self._file.tell()

    def content(self):
        """All that is in the file, as one stream.

        Its `read` raises EOFError where the file ends too early (gzip: `CutOffError`),
        and zlib.error or OSError where it is damaged.
        """
        if self.packing == "bzip2":
            return bz2.BZ2File(self._file)
        if self.packing is None:
            return self._file
        return io.BufferedReader(_Joined(self.members()), BLOCK)

    def members(self):
        """Iterate over streams: the parts of a gzip file, or the content in one.

        One is to be read to its end before the next is asked for.
        """
        if self.packing != "gzip":
            yield self.content()
            return
        rest = b""
        while True:
            rest = (rest or self._file.read(BLOCK)).lstrip(b"\0")
            if rest:
                member = _Member(self._file, rest)
                yield member
                member.skip()
                rest = member.rest
            elif not self._file.peek(1):
                return


class _Member:
    """One part of a gzip file, with `read` as files have it."""

    def __init__(self, file, packed):
        self._file = file
        self._packed = packed
        self._unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    @property
    def rest(self):
        """What follows in the file, of what was read of it: bytes."""
        return self._unpacker.unused_data

    def read(self, size):
        while not self._unpacker.eof:
            packed = self._unpacker.unconsumed_tail or self._packed
            self._packed = b""
            packed = packed or self._file.read(BLOCK)
            content = self._unpacker.decompress(packed, size)
            if content:
                return content
            if not packed and not self._unpacker.eof:
                raise CutOffError("the gzip file is cut off")
        return b""

    def skip(self):
        """Read to the end."""
        while self.read(BLOCK):
            pass


class _Joined(io.RawIOBase):
    """Streams one after the other as one."""

    def __init__(self, streams):
        self._streams = streams
        self._stream = None

    def readable(self):
        return True

    def readinto(self, buffer):
        while True:
            if self._stream is None:
                self._stream = next(self._streams, None)
                if self._stream is None:
                    return 0
            content = self._stream.read(len(buffer))
            if content:
                buffer[: len(content)] = content
                return len(content)
            self._stream = None
