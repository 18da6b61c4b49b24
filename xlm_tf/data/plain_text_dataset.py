"""Plain text, one sentence per line, as a `tf.data` source."""

import tensorflow as tf

from xlm_tf.data.corpus_report import check_files
from xlm_tf.data.plain_text import scan_plain_text
from xlm_tf.data.text_lines import is_gzip, plain_copy

# Lines that are checked together: one by one, tf.data's own time would dominate.
BLOCK = 1024


def read_plain_text(paths, language, report=None):
    """The lines of files as examples, streaming.

    What a line is says `xlm_tf.data.text_lines.binary_lines`. Lines lose the ASCII
    white space around them; empty ones are left out. So are lines that are not UTF-8
    text, with a warning that names file and line.

    Args:
        paths: path or list of paths, plain or .gz; read in this order.
        language: str, language of all.
        report: what `scan_plain_text` said of these files, if the caller has it (and
            then sees to the broken lines). Without it they are scanned here.

    Returns:
        `tf.data.Dataset` of `text` and `language`, string scalars. Reading it ends with
        an `InvalidArgumentError` that names the file where one has changed since.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: as `scan_plain_text`.

    Example:
    ```python
    sentences = read_plain_text(["news.sw.txt.gz"], "sw")
    # {"text": b"Habari ya asubuhi.", "language": b"sw"}, ...
    ```
    """
    paths = check_files(paths)
    if report is None:
        report = scan_plain_text(paths)
        report.warn()

    def examples(lines):
        texts = tf.boolean_mask(lines, is_usable(lines, report))  # (usable,)
        return {"text": texts, "language": tf.fill(tf.shape(texts), language)}

    return line_blocks(paths, report).map(stripped).map(examples).unbatch()


def line_blocks(paths, report):
    """Dataset of blocks of the lines of files, string (up to 1024,), as they are.

    Args:
        paths: list of paths, read in this order.
        report: `CorpusReport` of these files, which says how many lines they have.
    """
    found = [report.files[str(path)] for path in paths]
    sources = [plain_copy(*file) for file in zip(paths, found, strict=True)]
    files = {
        "source": sources,
        "compression": ["GZIP" if is_gzip(source) else "" for source in sources],
        "lines": tf.constant([file.lines for file in found], "int64"),
        "error": [
            f"{path} has changed since its lines were counted: there were "
            f"{file.lines:,}. Start again. Received, in lines:"
            for path, file in zip(paths, found, strict=True)
        ],
    }
    return tf.data.Dataset.from_tensor_slices(files).flat_map(_blocks_of_file)


def _blocks_of_file(file):
    lines = tf.data.TextLineDataset(file["source"], file["compression"])
    # An empty block says that the file is at its end.
    end = tf.data.Dataset.from_tensors(tf.zeros([0], tf.string))

    def counted(before, block):
        read = before + tf.size(block, "int64")
        is_whole = tf.debugging.Assert(
            (tf.size(block) > 0) | (read == file["lines"]), [file["error"], read]
        )
        with tf.control_dependencies([is_whole]):
            return read, tf.identity(block)

    return lines.batch(BLOCK).concatenate(end).scan(tf.zeros([], "int64"), counted)


def stripped(texts):
    """Texts without byte order marks and ASCII white space, as `usable_text`'s."""
    return tf.strings.strip(tf.strings.regex_replace(texts, "^\ufeff+", ""))


def is_usable(lines, report):
    """Whether lines hold text and can be read; as `usable_text` judges in Python.

    Args:
        lines: string tensor, of any shape.
        report: `CorpusReport` of their files.

    Returns:
        bool tensor of that shape.
    """
    if not report.broken:  # to look again would take most of the time of reading
        return tf.strings.length(lines) > 0
    is_utf8 = tf.strings.unicode_transcode(lines, "UTF-8", "UTF-8") == lines
    return is_utf8 & tf.strings.regex_full_match(lines, r"[^\x00]+")
