"""Pairs of texts in memory, with hard negatives or scores: tables, aligned files."""

import math

from xlm_tf.data import pair_files
from xlm_tf.data.corpus_report import CorpusReport, check_files
from xlm_tf.data.tables import check_table, read_table


def pair_columns(source, target, negatives=(), **others):
    """The columns of a table of pairs, as `read_table` takes them.

    Args:
        source, target: str, names of columns.
        negatives: list of str.
        **others: names of further columns, or None.

    Returns:
        dict of str.
    """
    columns = {"source": source, "target": target}
    columns |= {f"negative_{i}": name for i, name in enumerate(negatives)}
    return columns | {key: name for key, name in others.items() if name is not None}


def read_pair_table(
    path,
    source="source",
    target="target",
    negatives=(),
    score=None,
    language=None,
    group=None,
    report=None,
):
    """The rows of a table of pairs; see `read_table`.

    Rows without a negative, where there are columns of them, and rows whose score is
    not a number are left out, counted and named in the report, too.

    Args:
        path: str or Path.
        source, target, score, language, group: str, names of columns; None where there
            is none.
        negatives: list of str, columns of texts that are no targets; some of a row may
            be empty.
        report: `CorpusReport` to count in.

    Returns:
        `(rows, report)`: list of dict with `source`, `target` and, where there are
        such columns, `negatives` (list of str), `number` (float), `language`, `group`.

    Raises:
        as `read_table`.
    """
    columns = pair_columns(
        source, target, negatives, score=score, language=language, group=group
    )
    check_table(path, columns)  # all columns must be there
    names = [name for name in columns if name.startswith("negative_")]

    def problem_of(row):
        if names and not any(row[name] for name in names):
            return "no negative"
        if score is not None and not math.isfinite(_number(row["score"])):
            return f"the column {score!r} holds {row['score']!r}, not a number"
        return None

    rows, report = read_table(path, columns, names, report, problem_of)
    for row in rows:
        own = [row.pop(name) for name in names]
        if names:
            row["negatives"] = [text for text in own if text]
        if score is not None:
            row["number"] = _number(row.pop("score"))
    return rows, report


def read_aligned_pairs(source_path, target_path, report=None):
    """The pairs of two files whose lines belong together.

    Pairs with an empty side are left out; so are those that are not UTF-8, which the
    report names.

    Args:
        source_path: path, plain or .gz.
        target_path: path, of as many lines.
        report: `CorpusReport` to count in.

    Returns:
        `(rows, report)`: list of dict with `source` and `target`.

    Raises:
        as `scan_parallel_text`.
    """
    found = CorpusReport()
    pairs = pair_files.parallel_pairs(source_path, target_path, found)
    rows = _rows(pairs)
    found.check_usable([source_path, target_path])
    return rows, _joined(report, found)


def read_bitext_pairs(paths, source_language, target_language, report=None):
    """As `read_aligned_pairs`, of the files of `read_bitext`."""
    paths, found = check_files(paths), CorpusReport()
    pairs = pair_files.bitext_pairs(paths, source_language, target_language, found)
    rows = _rows(pairs)
    found.check_usable(paths)
    return rows, _joined(report, found)


def _rows(pairs):
    return [{"source": source, "target": target} for source, target in pairs]


def _joined(report, found):
    report = CorpusReport() if report is None else report
    report.add(found)
    return report


def _number(text):
    try:
        return float(text)
    except ValueError:
        return math.nan
