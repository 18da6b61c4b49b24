"""Plain text, one sentence a line, as a `tf.data` source."""

import tensorflow as tf

from xlm_tf.data.corpus_report import (
    CorpusReport,
    binary_lines,
    check_files,
    is_gzip,
    usable_text,
)

# Lines that are checked together: one by one, tf.data's own time would dominate.
BLOCK = 1024


def scan_plain_text(paths):
    """Read files once, streaming, and count what they hold.

    Args:
        paths: path or list of paths, plain or .gz.

    Returns:
        `CorpusReport`.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: there is no text, a file is not a whole gzip file, or most lines
            are not UTF-8.
    """
    paths = check_files(paths)
    report = CorpusReport()
    for _ in iterate_plain_text(paths, report):
        pass
    report.check_usable(paths)
    return report


def iterate_plain_text(paths, report=None):
    """The lines of `read_plain_text` as a Python iterator, streaming.

    Args:
        paths: path or list of paths, plain or .gz.
        report: `CorpusReport` that counts what is read, or None.

    Yields:
        str, a sentence each.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: a file is not a whole gzip file.
    """
    report = CorpusReport() if report is None else report
    for path in check_files(paths):
        for number, line in binary_lines(path):
            try:
                text = usable_text(line)
            except ValueError as error:
                report.add_broken(path, number, str(error))
                continue
            if text:
                report.sentences += 1
                yield text
            else:
                report.empty += 1


def read_plain_text(paths, language, report=None):
    """The lines of files as examples, streaming.

    Lines lose the ASCII white space around them; empty ones are left out. So are
    lines that are not UTF-8 text, with a warning that names file and line.

    Args:
        paths: path or list of paths, plain or .gz; read in this order.
        language: str, language of all.
        report: what `scan_plain_text` said of these files, if the caller has it (and
            then sees to the broken lines). Without it they are scanned here.

    Returns:
        `tf.data.Dataset` of `text` and `language`, string scalars.

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
        scan_plain_text(paths).warn()

    def examples(lines):
        texts = tf.boolean_mask(lines, is_usable(lines))  # (usable lines,)
        return {"text": texts, "language": tf.fill(tf.shape(texts), language)}

    return stripped_lines(paths).map(examples).unbatch()


def stripped_lines(paths):
    """Dataset of blocks of the lines of files, string (up to 1024,), stripped."""
    return line_blocks(paths).map(tf.strings.strip)


def line_blocks(paths):
    """Dataset of blocks of the lines of files, string (up to 1024,), as they are."""
    datasets = [
        tf.data.TextLineDataset(str(path), "GZIP" if is_gzip(path) else "")
        for path in paths
    ]
    lines = datasets[0]
    for dataset in datasets[1:]:
        lines = lines.concatenate(dataset)

    def without_byte_order_mark(block):
        return tf.strings.regex_replace(block, "^\ufeff", "")

    return lines.batch(BLOCK).map(without_byte_order_mark)


def is_usable(lines):
    """Whether lines hold text and can be read; as `usable_text` judges in Python.

    Args:
        lines: string tensor, of any shape.

    Returns:
        bool tensor of that shape.
    """
    is_utf8 = tf.strings.unicode_transcode(lines, "UTF-8", "UTF-8") == lines
    return is_utf8 & tf.strings.regex_full_match(lines, r"[^\x00]+")
