"""Rows of named columns: CSV, TSV, JSON lines and Parquet, broken rows named."""

import csv
import io
import itertools
import json
import math
from pathlib import Path

from xlm_tf.data.corpus_report import CorpusReport, check_files, usable_text
from xlm_tf.data.text_lines import binary_lines, unpacked
from xlm_tf.optional_packages import import_optional

FORMATS = (".csv", ".tsv", ".jsonl", ".parquet")
# The csv module's limit, 131,072 characters, would refuse a long text.
csv.field_size_limit(1 << 30)
_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_OTHER_SEPARATORS = (";", ",", "\t", "|")


def read_table(paths, columns, optional=(), report=None, problem_of=None):
    """The rows of some files, in memory; see `iterate_table`.

    Rows that cannot be read, or hold nothing in a column that is needed, are left out,
    counted and named in the report.

    Args:
        paths: path or list of paths.
        columns: dict from what a column is, such as "text" or "label", to its name in
            the files.
        optional: keys of `columns` that may be missing, or empty in a row.
        report: `CorpusReport` to count in.
        problem_of: function from a row to why it is of no use, or None.

    Returns:
        `(rows, report)`: list of dict from the keys of `columns` to str.

    Raises:
        as `iterate_table`; ValueError: no row, or more broken ones than others.
    """
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    report = CorpusReport() if report is None else report
    rows = []
    for path in paths:
        own = CorpusReport()
        for number, row, broken in iterate_table(path, columns, optional):
            reason = broken or _nothing_in(row, columns, optional)
            if reason is None and problem_of is not None:
                reason = problem_of(row)
            if reason is not None:
                own.add_broken(path, number, reason)
                report.add_broken(path, number, reason)
            else:
                own.sentences += 1
                report.sentences += 1
                rows.append(row)
        own.check_usable([path])
    return rows, report


def iterate_table(path, columns, optional=()):
    """The rows of a file, streaming.

    The first row of `.csv` and `.tsv` files names the columns. CSV has quotation marks
    as RFC 4180 says, TSV has none: a tab ends a field, a line ends a row. A row of
    `.jsonl` is an object. All but Parquet may be `.gz`; text is UTF-8, with or without
    a byte order mark.

    Args:
        path: str or Path.
        columns: dict from what a column is to its name in the file.
        optional: keys of `columns` that the file may lack.

    Yields:
        `(number, row, reason)`: the number of its line, from 1 (of Parquet, of the
        row); dict from the keys of `columns` to str, "" of an empty cell, numbers as
        they are written, bytes of Parquet read as UTF-8; and None. Of a row that cannot
        be read, also of an object that lacks a column: None, and why.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: a file of another kind, a column that it does not have, CSV that is
            separated by something else than commas, TSV with quotation marks, a
            quotation mark that is never closed.
        ModuleNotFoundError: Parquet without pyarrow.
    """
    path = Path(path)
    kind = table_format(path)
    if kind != ".parquet":
        check_files(path)
    elif not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    for number, row, reason in _READERS[kind](path, columns, optional):
        values, problem = (None, reason) if reason else _checked(row, columns, optional)
        yield number, values, problem


def check_table(path, columns, optional=()):
    """See that a file has some columns, by its beginning.

    Args and raises: as for `iterate_table`.
    """
    next(iterate_table(path, columns, optional), None)


def is_table(path):
    """Whether a file is of one of the `FORMATS`, by its name: bool."""
    return Path(path).name.lower().removesuffix(".gz").endswith(FORMATS)


def table_format(path):
    """The format of a file by its name, one of `FORMATS`.

    Raises:
        ValueError: it is none of them.
    """
    name = Path(path).name.lower().removesuffix(".gz")
    for ending in FORMATS:
        if name.endswith(ending):
            return ending
    raise ValueError(
        f"{path}: expected a file of {', '.join(FORMATS)}, or .gz of them."
    )


def _nothing_in(row, columns, optional):
    """Why a row is of no use: which column that is needed is empty; or None."""
    for key, name in columns.items():
        if key not in optional and not row[key]:
            return f"nothing in the column {name!r}"
    return None


def _checked(row, columns, optional):
    """The wanted columns of a row as str, and what is wrong with it, or None."""
    values = {}
    for key, name in columns.items():
        value = row.get(name)
        if value is None or (isinstance(value, float) and math.isnan(value)):
            if key not in optional:
                return None, f"no {name!r}"
            value = ""
        if isinstance(value, bool | dict | list):
            shown = json.dumps(value, default=str)
            return None, f"the column {name!r} holds {shown}, not a text"
        if isinstance(value, bytes):
            value = value.decode("utf-8", errors="surrogateescape")
        value = str(value)
        if any("\ud800" <= character <= "\udfff" for character in value):
            return None, f"not UTF-8 in the column {name!r}"
        if "\0" in value:
            return None, f"the column {name!r} holds a NUL character"
        values[key] = value.strip(" \t\n\v\f\r")
    return values, None


def _check_columns(path, names, columns, optional):
    missing = [
        name
        for key, name in columns.items()
        if name not in names and key not in optional
    ]
    if missing:
        raise ValueError(
            f"{path} has no column {', '.join(map(repr, missing))}. "
            f"It has: {', '.join(map(repr, names))}."
        )
    for name in columns.values():
        if list(names).count(name) > 1:
            raise ValueError(
                f"{path} has several columns {name!r}: rename all but one."
            )


def _check_separator(path, header, columns, optional):
    """Raise ValueError where the first line has the columns between other marks."""
    kind = table_format(path)
    wanted = {name for key, name in columns.items() if key not in optional}
    own = _SEPARATORS[kind]
    for separator in (own, *_OTHER_SEPARATORS):
        names = {name.strip(' "\r\n\ufeff') for name in header.split(separator)}
        if not wanted <= names:
            continue
        if separator == own or len(names) == 1:
            return
        raise ValueError(
            f"{path} looks separated by {separator!r}, and {kind} is by {own!r} here: "
            f"save it so. It begins with: {header.strip()[:80]}"
        )


def _check_quotes(path, number, fields, columns=()):
    """Raise ValueError where the fields of a line of TSV are in quotation marks.

    All of them, or, of the first row, one of a column that is wanted.
    """
    are_quoted = all(len(x) > 1 and x[0] == x[-1] == '"' for x in fields)
    if are_quoted or any(f'"{name}"' in fields for name in columns):
        raise ValueError(
            f"{path}:{number}: the fields are in quotation marks, and TSV has none: a "
            "tab ends a field, a line ends a row. Save it as CSV, with commas, or "
            f"without quotation marks. Received: {', '.join(fields)[:80]}."
        )


def _read_csv(path, columns, optional):
    text = io.TextIOWrapper(
        _Chunks(unpacked(path)), "utf-8-sig", errors="surrogateescape", newline=""
    )
    header = text.readline()
    _check_separator(path, header, columns, optional)
    reader = csv.reader(itertools.chain([header], text), strict=True)
    begun = 1
    try:
        names = [name.strip() for name in next(reader, [])]
        _check_columns(path, names, columns, optional)
        begun = reader.line_num + 1
        for fields in reader:
            if fields:  # not of an empty line
                yield from _fields_row(begun, names, fields)
            begun = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"{path}:{begun}: a quotation mark is wrong or never closed ({error}). "
            'Inside a quoted field it is written twice, "".'
        ) from error


def _read_tsv(path, columns, optional):
    names, is_first = None, True
    for number, line in binary_lines(path):
        text = line.decode("utf-8", errors="surrogateescape")
        if names is None:
            names = [x.strip() for x in text.removeprefix("\ufeff").split("\t")]
            _check_separator(path, text, columns, optional)
            _check_quotes(path, number, names, columns.values())
            _check_columns(path, names, columns, optional)
        elif text:
            fields = text.split("\t")
            if is_first and len(fields) > 1:
                _check_quotes(path, number, fields)
            is_first = False
            yield from _fields_row(number, names, fields)


def _fields_row(number, names, fields):
    reason = None
    if len(fields) != len(names):
        reason = f"{len(fields)} columns, not the {len(names)} of the first row"
    yield number, dict(zip(names, fields, strict=False)), reason


def _read_jsonl(path, columns, optional):
    is_first = True
    for number, line in binary_lines(path):
        row, reason = None, None
        try:
            text = usable_text(line)
            if not text:
                continue
            # Numbers as they are written, and NaN is nothing.
            row = json.loads(
                text, parse_float=str, parse_int=str, parse_constant=lambda _: None
            )
        except (ValueError, RecursionError) as error:
            reason = f"not JSON: {error}"
        if reason is None and not isinstance(row, dict):
            reason = "not a JSON object"
        if reason is None and is_first:
            _check_columns(path, list(row), columns, optional)
            is_first = False
        yield number, row, reason


def _read_parquet(path, columns, optional):
    parquet = import_optional(
        "pyarrow.parquet", "Parquet files", "pip install 'xlm-tf[parquet]'"
    )
    try:
        file = parquet.ParquetFile(path)
    except Exception as error:
        raise ValueError(f"{path} is not a Parquet file: {error}") from error
    names = file.schema_arrow.names
    _check_columns(path, names, columns, optional)
    wanted = [name for name in columns.values() if name in names]
    number = 0
    for batch in file.iter_batches(columns=wanted):
        for row in batch.to_pylist():
            number += 1
            yield number, row, None


_READERS = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}


class _Chunks(io.RawIOBase):
    """A stream of chunks of bytes, as a file."""

    def __init__(self, chunks):
        self._chunks, self._rest = chunks, b""

    def readable(self):
        return True

    def readinto(self, buffer):
        while not self._rest:
            self._rest = next(self._chunks, None)
            if self._rest is None:
                self._rest = b""
                return 0
        part, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)
