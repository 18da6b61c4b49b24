"""The files that a collection writes: JSON lines in gzip, a part after the other."""

import dataclasses
import json
import os
import zlib


class DocumentFiles:
    """Files of documents in a folder, in a `with` block.

    They are gzip files of several parts: those that are whole stay when a run is
    interrupted, and what follows them is cut off when it goes on.

    Args:
        folder: Path, which exists.
        sizes: dict from the names of files to their sizes, where they go on. Files
            that are not among them are begun anew.

    Raises:
        ValueError: a file is shorter than it was.
    """

    def __init__(self, folder, sizes):
        self._folder = folder
        self._files = {}
        self._packers = {}
        for name, size in sizes.items():
            path = folder / name
            if not path.exists() or path.stat().st_size < size:
                raise ValueError(
                    f"{path} is not what was written there. Delete its folder, and "
                    "start again."
                )
            self._files[name] = open(path, "r+b")  # noqa: SIM115  closed below
            self._files[name].truncate(size)
            self._files[name].seek(size)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for file in self._files.values():
            file.close()

    def write(self, name, document):
        """Append a `Document` to a file."""
        if name not in self._files:
            self._files[name] = open(self._folder / name, "wb")  # noqa: SIM115
        if name not in self._packers:
            self._packers[name] = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
        # Names of files may hold bytes that are no UTF-8.
        line = json.dumps(dataclasses.asdict(document), ensure_ascii=False) + "\n"
        self._files[name].write(
            self._packers[name].compress(line.encode("utf-8", "replace"))
        )

    def end_part(self):
        """Make what is written stay: dict from names to sizes."""
        for name, packer in self._packers.items():
            self._files[name].write(packer.flush())
            self._files[name].flush()
            os.fsync(self._files[name].fileno())
        self._packers = {}
        return {name: file.tell() for name, file in self._files.items()}
