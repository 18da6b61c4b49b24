"""Plain text, one sentence per line, in Python: `plain_text_dataset` reads the same."""

from xlm_tf.data.corpus_report import CorpusReport, check_files, usable_text
from xlm_tf.data.text_lines import binary_lines


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
        for number, line in binary_lines(path, report.lines_of(path)):
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
