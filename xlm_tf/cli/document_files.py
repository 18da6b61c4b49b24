"""Documents in files: lines, paragraphs or whole texts, and objects of JSON lines."""

import os
from pathlib import Path

from xlm_tf.cli.text_lines import read_lines
from xlm_tf.data.json_objects import iterate_objects, text_problem
from xlm_tf.search.documents import Document

UNITS = ("lines", "paragraphs", "files")
_JSON_LINES = (".jsonl", ".jsonl.gz")


def iterate_documents(path, unit="lines", encoding="utf-8"):
    """The documents of a file, streaming.

    A document of a text file is called by the file and the number of the line where it
    begins, `news.txt:12`; the text of a whole file by the file alone.

    Args:
        path: str: .jsonl, with `id` and `text` in every object, or a text file; both
            may be .gz.
        unit: one of `UNITS`, what a document of a text file is; paragraphs are parted
            by empty lines.
        encoding: str, that of a text file.

    Yields:
        `(place, document)`: str for messages; `Document`. Lines
        without text are empty documents, or part paragraphs.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: another encoding, an object without id or text.
    """
    if is_json_lines(path):
        yield from _of_objects(path)
        return
    lines = enumerate(read_lines(path, encoding), start=1)
    path = os.path.normpath(path)  # ./news.txt is news.txt
    if unit == "files":
        text = "\n".join(line for _, line in lines)
        yield path, Document(path, text, source=path)
        return
    if unit == "paragraphs":
        lines = _paragraphs(lines)
    for number, text in lines:
        yield f"{path}, line {number}", Document(f"{path}:{number}", text, source=path)


def is_json_lines(path):
    """Whether a file holds JSON lines, by its name."""
    return str(path).lower().endswith(_JSON_LINES)


def check_documents(paths, unit="lines", encoding="utf-8"):
    """Read files once, before anything is done with them.

    Args: as for `iterate_documents`, of several files.

    Returns:
        int, how many documents there are.

    Raises:
        as `iterate_documents`; ValueError: an id that stands twice, a file that is
        given twice, one without text.
    """
    files, places, count = {}, {}, 0
    for path in paths:
        if Path(path).is_dir():
            raise IsADirectoryError(f"{path} is a folder. Name the files in it.")
        has_text = False
        for place, document in iterate_documents(path, unit, encoding):
            count += 1
            has_text = has_text or bool(document.text.strip())
            other = places.setdefault(document.id, place)
            if other is not place and document.source is None:
                raise ValueError(f"{place}: the id {document.id!r} is that of {other}.")
        if not has_text:
            raise ValueError(f"{path} holds no text.")
        other = files.setdefault(Path(path).resolve(), path)
        if other is not path:
            raise ValueError(f"{path} is given twice.")
    return count


def _paragraphs(lines):
    """Lines between empty ones, as `(number, text)`; the number is the first one's."""
    begun, parts = 0, []
    for number, line in lines:
        if line.strip():
            begun = begun or number
            parts.append(line)
        elif parts:
            yield begun, "\n".join(parts)
            begun, parts = 0, []
    if parts:
        yield begun, "\n".join(parts)


def _of_objects(path):
    for number, found, reason in iterate_objects(path, ("id", "text")):
        place = f"{path}, line {number}"
        if reason is not None:
            raise ValueError(f"{place}: {reason}.")
        for name in ("id", "text"):
            if found.get(name) is None:
                raise ValueError(f"{place}: there is no {name!r}.")
        id, text = found.pop("id"), found.pop("text")
        if isinstance(id, int) and not isinstance(id, bool):
            id = str(id)
        for name, value in (("id", id), ("text", text)):
            problem = text_problem(value)
            if problem:
                raise ValueError(f"{place}: the {name!r}: {problem}.")
        if not id:
            raise ValueError(f"{place}: the 'id' is empty.")
        yield place, Document(id, text, found)
