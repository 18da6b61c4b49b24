"""Rows of a table to translate, each from its language to its language."""

import sys

from xlm_tf.cli.text_lines import blocks

# Rows whose languages are put together.
_WINDOW = 4096


def add_column_arguments(parser):
    """Add `--text`, `--source-language-column` and `--target-language-column`."""
    group = parser.add_argument_group(
        "of tables", "any of these reads .csv, .tsv, .jsonl and .parquet by columns"
    )
    group.add_argument("--text", help="column of the texts (default: text)")
    for side, what in (("source", "it is in"), ("target", "to write")):
        group.add_argument(
            f"--{side}-language-column",
            metavar="COLUMN",
            help=f"column of the language {what} (default: --{side}-language, of all)",
        )


def check_columns(args):
    """See that the arguments of tables go with the others.

    Returns:
        dict from "text", "source_language" and "target_language" to columns; None
        where the input is lines of text.

    Raises:
        ValueError: they contradict each other.
    """
    columns = {}
    for name in ("source_language", "target_language"):
        column = getattr(args, f"{name}_column")
        if column is None:
            continue
        option = f"--{name.replace('_', '-')}"
        if getattr(args, name) is not None:
            raise ValueError(
                f"{option} is of all texts, {option}-column of each: name one of them. "
                f"Received: {getattr(args, name)} and {column}."
            )
        columns[name] = column
    if not columns and args.text is None:
        return None
    columns["text"] = args.text or "text"
    if len(set(columns.values())) < len(columns):
        raise ValueError(
            "Texts and languages are in columns of their own. Received: "
            f"{', '.join(columns.values())}."
        )
    if args.encoding != "utf-8":
        raise ValueError(
            "--encoding is of lines of text; tables are UTF-8. Received: --encoding "
            f"{args.encoding}."
        )
    return columns


def note_tables(paths):
    """Say on stderr which files of lines have the name of a table."""
    from xlm_tf.data.tables import is_table

    for path in filter(is_table, paths):
        print(
            f"{path} is read line by line, as it is. With --text COLUMN it is read as "
            "a table.",
            file=sys.stderr,
        )


def read_rows(path, columns):
    """The rows of a table.

    Args:
        path: str.
        columns: dict, see `check_columns`.

    Yields:
        `(number, row)`: the number of its line, and a dict from the keys of `columns`
        to str. Its text may be empty.

    Raises:
        ValueError, OSError: it is no table with these columns; or a row cannot be read,
            or names no language.
    """
    from xlm_tf.data.tables import iterate_table

    for number, row, reason in iterate_table(path, columns):
        if reason is not None:
            raise ValueError(f"{path}:{number}: {reason}.")
        for name, column in columns.items():
            if name != "text" and not row[name]:
                raise ValueError(f"{path}:{number}: nothing in the column {column!r}.")
        yield number, row


def check_row_languages(model, path, columns, **languages):
    """See that a model translates every row of a table.

    Args:
        model: `XLMSeq2SeqLM`.
        path, columns: see `read_rows`.
        **languages: `source_language` and `target_language` of rows that name none.

    Raises:
        ValueError: it does not read or write a language of a row; names the first.
    """
    checked = set()
    for number, row in read_rows(path, columns):
        own = _languages_of(row, languages)
        if tuple(own.values()) in checked:
            continue
        try:
            model.preprocessor.check_direction(**own)
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}") from error
        checked.add(tuple(own.values()))


def generate_by_row(model, rows, source_language=None, target_language=None, **how):
    """`generate_in_order`, of rows that may have languages of their own.

    Args:
        model: `XLMSeq2SeqLM`.
        rows: iterable of dicts of `text`, and `source_language` or `target_language`.
        source_language, target_language: of rows that name none.
        **how: see `generate_in_order`.

    Yields:
        what `generate_in_order` does, for every row in order.
    """
    from xlm_tf.models.generation_in_order import generate_in_order

    languages = {"source_language": source_language, "target_language": target_language}
    for window in blocks(rows, _WINDOW):
        directions = {}
        for number, row in enumerate(window):
            own = tuple(_languages_of(row, languages).values())
            directions.setdefault(own, []).append(number)
        results = [None] * len(window)
        for own, numbers in directions.items():
            texts = [window[number]["text"] for number in numbers]
            named = dict(zip(languages, own, strict=True))
            found = generate_in_order(model, texts, **named, **how)
            for number, candidates in zip(numbers, found, strict=True):
                results[number] = candidates
        yield from results


def _languages_of(row, languages):
    return {name: row.get(name, own) for name, own in languages.items()}
