"""Which files of lines a command reads, and where what it makes of each goes."""

import contextlib
import sys
from pathlib import Path

from xlm_tf.cli.text_lines import (
    STANDARD_STREAM,
    add_encoding_argument,
    check_lines,
    check_output_of,
    open_output,
    read_lines,
)


def add_job_arguments(parser):
    """Add the inputs, `--encoding`, `--output` and `--output-dir`."""
    parser.add_argument(
        "inputs",
        nargs="*",
        default=[STANDARD_STREAM],
        metavar="input",
        help="one text per line, plain or .gz; - is stdin (default)",
    )
    add_encoding_argument(
        parser, "the input, such as latin-1 or utf-16; the output is UTF-8"
    )
    parser.add_argument(
        "--output",
        help="file, which is replaced when all is written; - is stdout (default)",
    )
    parser.add_argument(
        "--output-dir",
        metavar="FOLDER",
        help="folder of several outputs, which have the names of their inputs (with "
        ".txt, of tables); what is there is whole, and not written again",
    )


def text_jobs(args, lines_of_a_text=None, rows_of=None):
    """What is to be read, and where it goes; checked before anything is done.

    Args:
        args: `argparse.Namespace` with the arguments above, and `model`.
        lines_of_a_text: int, how many lines are written of each; None where it is not
            known.
        rows_of: function from an input to the rows of its table; None of lines.

    Returns:
        list of `(input, output)`, str. Outputs that are there already in `--output-dir`
        are left out, and named on stderr.

    Raises:
        ValueError, OSError: a file cannot be read or written, several files go to one,
            or what is there already is not of its input.
    """
    if args.output_dir is None:
        if len(args.inputs) > 1:
            raise ValueError(
                "Several files are written to a folder: name it by --output-dir. "
                f"Received: {', '.join(args.inputs)}."
            )
        output = STANDARD_STREAM if args.output is None else args.output
        check_output_of(output, [*args.inputs, args.model])
        _check_input(args, args.inputs[0], rows_of)
        return [(args.inputs[0], output)]
    jobs = _jobs_of_folder(args, is_table=rows_of is not None)
    for path, _ in jobs:
        _check_input(args, path, rows_of)
    finished = [(path, output) for path, output in jobs if Path(output).exists()]
    if lines_of_a_text is not None:
        for path, output in finished:
            rows = rows_of(path) if rows_of else read_lines(path, args.encoding)
            _check_finished(path, output, lines_of_a_text * sum(1 for _ in rows))
    for _, output in finished:
        print(f"{output} is there, and not written again.", file=sys.stderr)
    return [job for job in jobs if job not in finished]


def open_job(args, output):
    """The file that one job writes to; makes its folder.

    Args:
        args: `argparse.Namespace`, see `text_jobs`.
        output: str, of a job.

    Returns:
        Context manager, see `open_output`.
    """
    if args.output_dir is not None:
        Path(args.output_dir).mkdir(parents=True, exist_ok=True)
    return open_output(output, [*args.inputs, args.model])


def _jobs_of_folder(args, is_table):
    if args.output is not None:
        raise ValueError(
            "--output is a file and --output-dir a folder: name one of them. "
            f"Received: {args.output} and {args.output_dir}."
        )
    folder = Path(args.output_dir)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"--output-dir {folder} is a file. Name a folder.")
    names = {}
    for path in args.inputs:
        if path == STANDARD_STREAM:
            raise ValueError(
                "What is read from stdin has no name in --output-dir: name a file, or "
                "write it to --output."
            )
        name = _lines_name(path) if is_table else Path(path).name
        if name in names:
            raise ValueError(
                f"{names[name]} and {path} would both be written to {folder / name}: "
                "give them different names."
            )
        names[name] = path
    jobs = [(path, str(folder / name)) for name, path in names.items()]
    for _, output in jobs:
        # The folder is made with the first output.
        with contextlib.suppress(FileNotFoundError):
            check_output_of(output, [*args.inputs, args.model])
    return jobs


def _lines_name(path):
    """The name of the lines that are written for a table: `.txt`, packed as it is."""
    from xlm_tf.data.tables import table_format

    name, ending = Path(path).name, table_format(path)
    begun = name.lower().rindex(ending)
    return f"{name[:begun]}.txt{name[begun + len(ending) :]}"


def _check_input(args, path, rows_of):
    if rows_of is None:
        check_lines(path, args.encoding)
        return
    if path == STANDARD_STREAM:
        raise ValueError("A table is a file with a name: stdin is lines of text.")
    for _ in rows_of(path):
        pass


def _check_finished(path, output, expected):
    """Raise a ValueError where an output has not as many lines as its input's."""
    found = sum(1 for _ in read_lines(output))
    if found != expected:
        raise ValueError(
            f"{output} is there, with {found:,} lines, and of {path} there would be "
            f"{expected:,}: it is not of this file. Remove it to have it written anew, "
            "or name another --output-dir."
        )
