"""What an export leaves behind."""

import dataclasses
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class ExportReport:
    """What an export left behind.

    Attributes:
        path: Path of the artefact.
        num_bytes: int, size on disk.
        signatures: tuple of str.
        difference: float, the largest distance of an answer from the model's, relative
            to the answer's length.
        files: tuple of Path, what lies beside the artefact and belongs to it.
    """

    path: Path
    num_bytes: int
    signatures: tuple[str, ...]
    difference: float
    files: tuple[Path, ...] = ()
