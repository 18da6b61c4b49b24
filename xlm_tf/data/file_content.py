"""What tells that a file is the one of before, wherever it is now."""

import dataclasses
import functools
import zlib
from pathlib import Path

_CHUNK = 1 << 24


@dataclasses.dataclass(frozen=True)
class File:
    """A file as it was written.

    Attributes:
        name: str, in its folder.
        bytes: int.
        changed: int, when it was written, in nanoseconds.
        crc32: int.
    """

    name: str
    bytes: int
    changed: int
    crc32: int

    @classmethod
    def of(cls, path):
        """Read a file and describe it."""
        status = path.stat()
        return cls(path.name, status.st_size, status.st_mtime_ns, _crc32(path))

    def is_same(self, path):
        """Whether a file has the content of this one: bool.

        One of the same size that was written at another time is read to its end: it
        may be a copy.
        """
        status = path.stat()
        return status.st_size == self.bytes and (
            status.st_mtime_ns == self.changed or _crc32(path) == self.crc32
        )

    def check(self, folder):
        """Raise ValueError where the file is another one now, see `is_same`."""
        path = Path(folder, self.name)
        if not path.is_file():
            raise ValueError(f"{path} is missing.")
        if not self.is_same(path):
            raise ValueError(f"{path} is not as it was written: its content changed.")


def _crc32(path):
    value = 0
    with open(path, "rb") as file:
        for chunk in iter(functools.partial(file.read, _CHUNK), b""):
            value = zlib.crc32(chunk, value)
    return value
