"""What a corpus holds, and which of its lines cannot be used."""

import dataclasses
import warnings
from pathlib import Path

from xlm_tf.data.text_lines import FileLines, check_is_text

# Broken lines that a report names; all are counted.
MAX_NAMED = 20


@dataclasses.dataclass(frozen=True)
class BrokenLine:
    """A line that is left out.

    Attributes:
        file: str, path.
        line_number: int, from 1.
        reason: str.
    """

    file: str
    line_number: int
    reason: str

    def __str__(self):
        return f"{self.file}:{self.line_number}: {self.reason}"


@dataclasses.dataclass
class CorpusReport:
    """Counts of a corpus.

    Attributes:
        sentences: int, usable lines (in bitext, pairs).
        empty: int, lines without text.
        broken: int, lines that are left out because they cannot be read.
        broken_lines: list of `BrokenLine`, the first 20 of them.
        files: dict from path to `FileLines`, of the files that were read to the end.
    """

    sentences: int = 0
    empty: int = 0
    broken: int = 0
    broken_lines: list[BrokenLine] = dataclasses.field(default_factory=list)
    files: dict[str, FileLines] = dataclasses.field(default_factory=dict)

    def lines_of(self, path):
        """`FileLines` of a file, to be filled in while it is read."""
        return self.files.setdefault(str(path), FileLines())

    def add_broken(self, file, line_number, reason):
        """Count a line that cannot be read, and keep its place."""
        self.broken += 1
        if len(self.broken_lines) < MAX_NAMED:
            self.broken_lines.append(BrokenLine(str(file), line_number, reason))

    def add(self, other):
        """Count what another report counted, too."""
        self.sentences += other.sentences
        self.empty += other.empty
        self.broken += other.broken
        self.broken_lines += other.broken_lines[: MAX_NAMED - len(self.broken_lines)]
        self.files |= other.files

    def summary(self):
        """The report in words, a line each for what is broken."""
        lines = [
            f"{self.sentences:,} sentences, {self.empty:,} empty lines, "
            f"{self.broken:,} broken lines left out."
        ]
        lines += [f"  {line}" for line in self.broken_lines]
        if self.broken > len(self.broken_lines):
            lines.append(f"  ... and {self.broken - len(self.broken_lines):,} more")
        return "\n".join(lines)

    def warn(self):
        """Issue a warning that names the broken lines, where there are any."""
        if self.broken:
            warnings.warn(self.summary(), stacklevel=3)

    def check_usable(self, paths):
        """Raise ValueError where nothing, or less than half, can be used."""
        names = ", ".join(str(path) for path in paths)
        if self.broken > self.sentences:
            first = self.broken_lines[0]
            raise ValueError(
                f"{names}: {self.broken:,} of {self.broken + self.sentences:,} lines "
                f"cannot be read, so this is not the expected kind of file. {first}"
            )
        if not self.sentences:
            raise ValueError(f"{names}: there is no text.")


def check_files(paths):
    """The paths as a list of `Path`; an error for the first that is no text file."""
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    if not paths:
        raise ValueError("At least one corpus file is needed. Received: none.")
    for path in map(Path, paths):
        if not path.exists():
            raise FileNotFoundError(f"There is no corpus file {path}.")
        if path.is_dir():
            raise ValueError(f"{path} is a folder; name the corpus files in it.")
        check_is_text(path)
    return [Path(path) for path in paths]


def usable_text(line):
    """The text of a line, without byte order marks and ASCII white space around it.

    Args:
        line: bytes.

    Returns:
        str; empty for a line without text.

    Raises:
        ValueError: the line is not UTF-8, or holds a NUL as UTF-16 and binary files do.
    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: {error.reason} at byte {error.start}") from error
    if "\0" in text:
        raise ValueError("not UTF-8 text: it holds a NUL character")
    # What `tf.strings.strip` takes as white space.
    return text.lstrip("\ufeff").strip(" \t\n\v\f\r")
