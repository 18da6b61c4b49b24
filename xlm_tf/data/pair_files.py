"""The pairs of files in Python: `bitext` reads the same as `tf.data` sources."""

import itertools

from xlm_tf.data.corpus_report import CorpusReport, check_files, usable_text
from xlm_tf.data.pair_lines import pair_parser
from xlm_tf.data.text_lines import binary_lines


def scan_bitext(paths, source_language, target_language):
    """Read TSV or JSONL files once and count what they hold.

    Args:
        paths: path or list of paths.
        source_language: str.
        target_language: str.

    Returns:
        `CorpusReport`; a pair with an empty side counts as empty.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: a file is neither .tsv nor .jsonl, there is no pair, or most lines
            cannot be read.
    """
    paths = check_files(paths)
    report = CorpusReport()
    for _ in bitext_pairs(paths, source_language, target_language, report):
        pass
    report.check_usable(paths)
    return report


def bitext_pairs(paths, source_language, target_language, report=None):
    """The pairs of TSV or JSONL files, both sides of which have text, streaming.

    Args:
        as `bitext_lines`.

    Yields:
        tuple of two str.

    Raises:
        as `bitext_lines`.
    """
    lines = bitext_lines(paths, source_language, target_language, report)
    return (pair for pairs in lines for pair in pairs if all(pair))


def bitext_lines(paths, source_language, target_language, report=None):
    """The lines of TSV or JSONL files, all of them, streaming.

    Args:
        paths: path or list of paths.
        source_language: str.
        target_language: str.
        report: `CorpusReport` that counts what is read, or None.

    Yields:
        For every line the list of its pairs of str, of which a side may be empty; of a
        line that cannot be read an empty list.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: a file is neither .tsv nor .jsonl, or not a whole gzip file.
    """
    report = CorpusReport() if report is None else report
    for path in check_files(paths):
        parse = pair_parser(path)
        for number, line in binary_lines(path, report.lines_of(path)):
            try:
                pairs = parse(line, source_language, target_language)
            except ValueError as error:
                report.add_broken(path, number, str(error))
                pairs = []
            for pair in pairs:
                _count(pair, report)
            yield pairs


def scan_parallel_text(source_path, target_path):
    """Read two line-aligned files once and count what they hold.

    Args:
        source_path: path, plain or .gz.
        target_path: path, of as many lines.

    Returns:
        `CorpusReport`; a pair with an empty side counts as empty.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: the files have different numbers of lines, there is no pair, or
            most lines are not UTF-8.
    """
    report = CorpusReport()
    for _ in parallel_pairs(source_path, target_path, report):
        pass
    report.check_usable([source_path, target_path])
    return report


def parallel_pairs(source_path, target_path, report=None):
    """The pairs of two line-aligned files, both sides of which have text, streaming.

    Args:
        as `parallel_lines`.

    Yields:
        tuple of two str.

    Raises:
        as `parallel_lines`.
    """
    lines = parallel_lines(source_path, target_path, report)
    return (pair for pairs in lines for pair in pairs if all(pair))


def parallel_lines(source_path, target_path, report=None):
    """The lines of two line-aligned files, all of them, streaming.

    Args:
        source_path: path, plain or .gz.
        target_path: path, of as many lines.
        report: `CorpusReport` that counts what is read, or None.

    Yields:
        For every line a list of its pair of str, of which a side may be empty; of a
        line that cannot be read an empty list.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: a file is not a whole gzip file, or, at the end, they have different
            numbers of lines.
    """
    paths = [*check_files(source_path), *check_files(target_path)]
    report = CorpusReport() if report is None else report
    counts = [0, 0]
    lines = (binary_lines(path, report.lines_of(path)) for path in paths)
    for sides in itertools.zip_longest(*lines):
        counts = [n + (side is not None) for n, side in zip(counts, sides, strict=True)]
        if None in sides:
            continue
        texts = []
        for path, (number, line) in zip(paths, sides, strict=True):
            try:
                texts.append(usable_text(line))
            except ValueError as error:
                report.add_broken(path, number, str(error))
                yield []
                break
        else:
            pair = tuple(texts)
            _count(pair, report)
            yield [pair]
    if counts[0] != counts[1]:
        raise ValueError(
            "Line-aligned files must have as many lines as each other. Received: "
            f"{paths[0]} with {counts[0]:,} and {paths[1]} with {counts[1]:,}."
        )


def _count(pair, report):
    if all(pair):
        report.sentences += 1
    else:
        report.empty += 1
