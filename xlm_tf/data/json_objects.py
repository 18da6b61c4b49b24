"""Objects with lists in them, from JSON lines and Parquet: read whole or named."""

import json
from pathlib import Path

from xlm_tf.data.corpus_report import check_files, usable_text
from xlm_tf.data.text_lines import binary_lines
from xlm_tf.optional_packages import import_optional


def iterate_objects(path, columns, optional=()):
    """The objects of a `.jsonl` file, which may be `.gz`, or the rows of a Parquet one.

    Args:
        path: str or Path.
        columns: names that the first object must have; of Parquet, no others are read.
        optional: names that may be missing.

    Yields:
        `(number, object, reason)`: the number of its line, from 1 (of Parquet, of the
        row); dict as JSON has it; and None. Of a line that cannot be read: None, and
        why. Lines without text are skipped.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: it is another kind of file, or lacks a column.
        ModuleNotFoundError: Parquet without pyarrow.
    """
    if Path(path).suffix.lower() == ".parquet":
        yield from _parquet_rows(path, columns, optional)
        return
    check_files(path)
    is_first = True
    for number, line in binary_lines(path):
        found, reason = None, None
        try:
            text = usable_text(line)
            if not text:
                continue
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            reason = f"not JSON: {error}"
        if reason is None and not isinstance(found, dict):
            found, reason = None, "not a JSON object"
        if reason is None and is_first:
            check_columns(path, found, columns)
            is_first = False
        yield number, found, reason


def check_columns(path, names, columns):
    """Raise a ValueError where a column is missing, with those that there are."""
    missing = [name for name in columns if name not in names]
    if missing:
        raise ValueError(
            f"{path} has no column {', '.join(map(repr, missing))}. "
            f"It has: {', '.join(map(repr, names))}."
        )


def text_problem(value):
    """Why something cannot be used as a text, or None.

    Args:
        value: what JSON gave.
    """
    if not isinstance(value, str):
        return f"{shortened(json.dumps(value, default=str))} is not a text"
    if "\0" in value:
        return "it holds a NUL character"
    if any("\ud800" <= character <= "\udfff" for character in value):
        return "it is not UTF-8"
    return None


def shortened(text, length=40):
    """A text for a message: what is longer ends in "..."."""
    return text if len(text) <= length else text[: length - 3] + "..."


def _parquet_rows(path, columns, optional):
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    parquet = import_optional(
        "pyarrow.parquet", "Parquet files", "pip install 'xlm-tf[parquet]'"
    )
    try:
        file = parquet.ParquetFile(path)
    except Exception as error:
        raise ValueError(f"{path} is not a Parquet file: {error}") from error
    names = file.schema_arrow.names
    check_columns(path, names, columns)
    wanted = [name for name in (*columns, *optional) if name in names]
    number = 0
    for batch in file.iter_batches(columns=wanted):
        for row in batch.to_pylist():
            number += 1
            yield number, row, None
