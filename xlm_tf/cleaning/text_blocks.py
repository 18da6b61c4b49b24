"""The lines of the files of a cleaning, in blocks, as they are: nothing is decoded."""

import collections
import dataclasses
import itertools

from xlm_tf.data.text_lines import is_gzip, split_lines, unpacked, with_cut_lines

# Lines, and about bytes, of a block.
LINES = 2000
BYTES = 1 << 20
# Of a line; what is longer is cut, and no text.
LONGEST = 1 << 20
# Of a document, as an object of JSON.
LONGEST_DOCUMENT = 1 << 26


@dataclasses.dataclass(frozen=True)
class Source:
    """Text of one language, or pairs of two.

    Attributes:
        languages: tuple of one or two str.
        files: tuple of tuples of one or two Path: two whose lines belong together, of
            pairs.
        is_reference: bool, whether it is held out.
    """

    languages: tuple
    files: tuple
    is_reference: bool = False

    @property
    def name(self):
        """What its results are called: str, such as "en" or "en-de"."""
        return "-".join(self.languages)


def sources_of(texts, is_reference=False):
    """The sources of texts: one for every language, one for every pair of them.

    Args:
        texts: `xlm_tf.cleaning.cleaning_recipe.Texts`.
        is_reference: bool.

    Returns:
        list of `Source`.
    """
    files = {
        (language,): [(path,) for path in paths]
        for language, paths in texts.monolingual.items()
    }
    for entry in texts.bitext:
        own = [(path,) for path in entry.files]
        if entry.source_file is not None:
            own.append((entry.source_file, entry.target_file))
        files.setdefault(entry.languages, []).extend(own)
    return [Source(key, tuple(own), is_reference) for key, own in files.items()]


@dataclasses.dataclass
class Block:
    """Lines that follow each other in a file.

    Attributes:
        source: int, number of the source.
        file: int, number of its files.
        first_line: int, from 1.
        lines: list of bytes; of two files list of (bytes, bytes).
    """

    source: int
    file: int
    first_line: int
    lines: list

    @property
    def place(self):
        """(number of the source, number of its files, first line): ints."""
        return self.source, self.file, self.first_line

    @property
    def size(self):
        """Bytes of the lines: int."""
        return sum(map(_size, self.lines))

    @property
    def next_line(self):
        """The line behind it: int."""
        return self.first_line + len(self.lines)


def read_blocks(source, number, start=(0, 1)):
    """Iterate over the blocks of a source.

    Args:
        source: `Source`.
        number: int, its number.
        start: (number of the files, line), where to begin.

    Yields:
        `Block`.

    Raises:
        ValueError: a gzip file that is damaged or cut off; two files with different
            numbers of lines.
    """
    for file in range(start[0], len(source.files)):
        first = start[1] if file == start[0] else 1
        lines = itertools.islice(_lines(source.files[file]), first - 1, None)
        while block := _some(lines):
            yield Block(number, file, first, block)
            first += len(block)


def check_files_to_the_end(sources):
    """Read what only its end would show to be damaged: soon, and not after all else.

    Args:
        sources: list of `Source`.

    Raises:
        ValueError: as `read_blocks`.
    """
    for source in sources:
        for paths in source.files:
            if len(paths) > 1 or is_gzip(paths[0]):
                collections.deque(_lines(paths), maxlen=0)


def _some(lines):
    block, size = [], 0
    for line in lines:
        block.append(line)
        size += _size(line)
        if len(block) == LINES or size >= BYTES:
            break
    return block


def _size(line):
    return len(line) if isinstance(line, bytes) else sum(map(len, line))


def _lines(paths):
    streams = [
        split_lines(with_cut_lines(unpacked(path), longest_line(path), path), path)
        for path in paths
    ]
    if len(paths) == 1:
        yield from streams[0]
        return
    for count, sides in enumerate(itertools.zip_longest(*streams)):
        if None in sides:
            short, long = paths if sides[0] is None else paths[::-1]
            raise ValueError(
                "Line-aligned files must have as many lines as each other. "
                f"Received: {long} with more than {short}, which has {count:,}."
            )
        yield sides


def longest_line(path):
    """The bytes that a line of a file may have: int; what is longer is cut."""
    return LONGEST_DOCUMENT if holds_documents(path) else LONGEST


def holds_documents(path):
    """Whether the lines of a file are objects of JSON, by its name: bool."""
    return path.name.removesuffix(".gz").endswith(".jsonl")


def file_name(files):
    """The name of a file, or of two whose lines belong together: str."""
    return " + ".join(map(str, files))
