"""Plain text, one sentence a line, as a `tf.data` source."""

import tensorflow as tf

from xlm_tf.data.corpus_report import CorpusReport, binary_lines, check_files, is_gzip


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
    """
    report = CorpusReport() if report is None else report
    for path in check_files(paths):
        for number, line in binary_lines(path):
            try:
                # ASCII white space only, as `tf.strings.strip` does.
                text = line.decode("utf-8").strip(" \t\r\v\f")
            except UnicodeDecodeError as error:
                report.add_broken(path, number, f"not UTF-8: {error.reason}")
                continue
            if text:
                report.sentences += 1
                yield text
            else:
                report.empty += 1


def read_plain_text(paths, language):
    """The lines of files as examples.

    Lines that are empty or not UTF-8 are left out: those that `scan_plain_text`
    counts so.

    Args:
        paths: path or list of paths, plain or .gz; read in this order.
        language: str, language of all.

    Returns:
        `tf.data.Dataset` of `text` and `language`, string scalars.

    Raises:
        FileNotFoundError: a file does not exist.
    """
    return text_lines(check_files(paths)).map(
        lambda line: {"text": line, "language": tf.constant(language)}
    )


def text_lines(paths):
    """Dataset of the usable lines, stripped; every line is checked in graph."""
    return stripped_lines(paths).filter(
        lambda line: tf.logical_and(tf.strings.length(line) > 0, is_utf8(line))
    )


def stripped_lines(paths):
    """Dataset of all lines of files, without the white space around them."""
    datasets = [
        tf.data.TextLineDataset(str(path), "GZIP" if is_gzip(path) else "")
        for path in paths
    ]
    lines = datasets[0]
    for dataset in datasets[1:]:
        lines = lines.concatenate(dataset)
    return lines.map(tf.strings.strip)


def is_utf8(text):
    """Whether a string is valid UTF-8: bool tensor of its shape."""
    return tf.strings.unicode_transcode(text, "UTF-8", "UTF-8") == text
