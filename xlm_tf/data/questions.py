"""Questions on a text, and where in it their answers stand: SQuAD's JSON, and rows."""

import json
from pathlib import Path

from xlm_tf.data.corpus_report import CorpusReport, check_files
from xlm_tf.data.json_objects import iterate_objects, shortened, text_problem
from xlm_tf.data.text_lines import unpacked

FORMATS = (".json", ".jsonl", ".parquet")
COLUMNS = {"question": "question", "context": "context", "answers": "answers"}


def read_questions(paths, report=None, **reading):
    """The questions of some files, in memory; see `iterate_questions`.

    Questions that cannot be read are left out, counted and named in the report.

    Args:
        paths: path or list of paths.
        report: `CorpusReport` to count in.
        **reading: further arguments of `iterate_questions`.

    Returns:
        `(rows, report)`: list of dict with `id`, `question` and `context`, str;
        `answers`, list of `(text, start)`, empty of a question that has no answer; and
        `language` and `group` where they are asked for.

    Raises:
        as `iterate_questions`; ValueError: no question, or more broken ones than
            others.
    """
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    report = CorpusReport() if report is None else report
    rows = []
    for path in paths:
        own = CorpusReport()
        for number, row, reason in iterate_questions(path, **reading):
            if reason is not None:
                own.add_broken(path, number, reason)
                report.add_broken(path, number, reason)
            else:
                own.sentences += 1
                report.sentences += 1
                rows.append(row)
        own.check_usable([path])
    return rows, report


def iterate_questions(
    path, with_answers=True, language=None, group=None, columns=COLUMNS
):
    """The questions of a file; JSON lines and Parquet stream.

    - `.json`: SQuAD's, versions 1.1 and 2.0 (`data`, `paragraphs`, `qas`), or a list of
      rows.
    - `.jsonl` and `.parquet`: rows with `id` (of none, the number of the line),
      `question`, `context` and `answers`.

    Answers are `[{"text": ..., "start": ...}]` or `{"text": [...], "start": [...]}`;
    `answer_start` is another name of `start`. All but Parquet may be `.gz`; text is
    UTF-8. Contexts and questions are kept as they are, white space too.

    Args:
        path: str or Path.
        with_answers: bool; False does not read answers, all are empty.
        language: str, a key of the rows that names the language.
        group: str, a key that says which rows belong together, such as `title`.
        columns: dict from `question`, `context` and `answers` to the names that rows
            have for them. SQuAD's paragraphs always have its own.

    Yields:
        `(number, row, reason)`: the number of its line, from 1 (of `.json`, of the
        question; of Parquet, of the row); dict as `read_questions` returns it, `start`
        in characters of the context, where the answer stands word for word; and None.
        Of a question that cannot be read: None, and why, with its id.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: it is of another kind, or has no such keys.
        ModuleNotFoundError: Parquet without pyarrow.
    """
    kind = questions_format(path)
    unknown = columns.keys() - COLUMNS.keys()
    columns = {**COLUMNS, **columns}
    needed = [columns["question"], columns["context"]]
    needed += [columns["answers"]] if with_answers else []
    if unknown or len(set(needed)) < len(needed):
        raise ValueError(
            f"columns must name different columns for {', '.join(COLUMNS)}. "
            f"Received: {columns}."
        )
    others = {"language": language, "group": group}
    others = {name: key for name, key in others.items() if key is not None}
    needed += others.values()
    if kind == ".json":
        found = _read_json(path, needed, columns)
    else:
        found = iterate_objects(path, needed, optional=["id", "is_impossible"])
    lines_of_ids = {}
    for number, values, broken in found:
        if broken is not None:
            yield number, None, broken
            continue
        row, reason = _row(values, number, with_answers, others, columns)
        if reason is None and row["id"] in lines_of_ids:
            reason = f"the id is that of number {lines_of_ids[row['id']]}"
        if reason is None:
            lines_of_ids[row["id"]] = number
            yield number, row, None
        else:
            yield number, None, f"question {row['id']}: {reason}"


def questions_format(path):
    """The format of a file by its name, one of `FORMATS`.

    Raises:
        ValueError: it is none of them.
    """
    name = Path(path).name.lower()
    kind = Path(name.removesuffix(".gz")).suffix
    if kind not in FORMATS or name.endswith(".parquet.gz"):
        raise ValueError(
            f"{path}: expected a file of {', '.join(FORMATS)}, or .gz of all but the "
            "last."
        )
    return kind


def _row(values, number, with_answers, others, columns):
    """A row, and what is wrong with it, or None."""
    name = values.get("id")
    is_number = isinstance(name, int) and not isinstance(name, bool)
    row = {"id": str(number) if name is None else str(name) if is_number else name}
    row |= {key: values.get(columns[key]) for key in ("question", "context")}
    row |= {other: values.get(key) for other, key in others.items()}
    for key, text in row.items():
        problem = text_problem(text)
        if problem is None and not text.strip():
            problem = "nothing, or white space alone"
        if problem is not None:
            return row, f"the {others.get(key, key)}: {problem}"
    row["answers"] = []
    if not with_answers:
        return row, None
    answers, problem = _answers(
        values.get(columns["answers"]), values.get("is_impossible")
    )
    for text, start in answers:
        problem = problem or _span_problem(text, start, row["context"])
    row["answers"] = answers
    return row, problem


def _answers(given, is_impossible):
    """`(answers, problem)`: list of (text, start), and what is wrong, or None."""
    if isinstance(given, dict):
        texts, starts = given.get("text"), _start(given)
        if not isinstance(texts, list) or not isinstance(starts, list):
            return (
                [],
                "the answers: a list of text and one of answer_start belong there",
            )
        if len(texts) != len(starts):
            return [], f"the answers: {len(texts)} texts and {len(starts)} starts"
        answers = list(zip(texts, starts, strict=True))
    elif isinstance(given, list):
        if not all(isinstance(answer, dict) for answer in given):
            return [], (
                'the answers: every one is an object such as {"text": "Rome", '
                '"start": 12}'
            )
        answers = [(answer.get("text"), _start(answer)) for answer in given]
    elif given is None and is_impossible is True:
        answers = []
    else:
        found = shortened(json.dumps(given, default=str))
        return [], (
            f"the answers: {found}; `answers` is a list of objects such as "
            '{"text": "Rome", "start": 12}, and empty where there is none'
        )
    if is_impossible is True and answers:
        return answers, "it is_impossible, and has answers"
    if is_impossible is False and not answers:
        return answers, "it has no answer, and is not is_impossible"
    return answers, None


def _start(answer):
    return answer.get("answer_start", answer.get("start"))


def _span_problem(text, start, context):
    """Why an answer does not stand in its context, or None."""
    problem = text_problem(text)
    if problem is None and not text.strip():
        problem = "nothing, or white space alone"
    if problem is not None:
        return f"the answer: {problem}"
    if not isinstance(start, int) or isinstance(start, bool):
        return (
            f"the answer {shortened(text)!r} starts at {start!r}, not a whole number: "
            "`start` (or `answer_start`) is its first character in the context"
        )
    there = context[start : start + len(text)] if start >= 0 else ""
    if there == text:
        return None
    message = (
        f"the answer {shortened(text)!r} is not at character {start} of the context, "
        f"where {shortened(there)!r} stands"
    )
    place = context.find(text)
    return f"{message}; it is at {place}" if place >= 0 else message


def _read_json(path, needed, columns):
    """`(number, values, reason)` of every question of a JSON file."""
    check_files(path)
    data = b"".join(unpacked(path))
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8: {error.reason} at byte {error.start}."
        ) from error
    except (ValueError, RecursionError) as error:
        hint = " It has an object per line? Name it .jsonl." if _has_lines(data) else ""
        raise ValueError(f"{path} is not JSON: {error}.{hint}") from error
    rows = document.get("data") if isinstance(document, dict) else document
    if not isinstance(rows, list):
        raise ValueError(
            f'{path} has no questions: SQuAD\'s JSON is {{"data": [{{"paragraphs": '
            f"[...]}}]}}. Received: {shortened(data[:100].decode('utf-8', 'replace'))}"
        )
    found = _questions(rows, needed, columns)
    for number, (values, reason) in enumerate(found, start=1):
        yield number, values, reason


def _questions(rows, needed, columns):
    for row in rows:
        if isinstance(row, dict) and "paragraphs" in row:
            for paragraph in _list_of(row, "paragraphs"):
                yield from _paragraph(paragraph, row.get("title"), columns)
        elif isinstance(row, dict) and set(needed) <= set(row) | {columns["answers"]}:
            yield row, None
        else:
            found = shortened(json.dumps(row, ensure_ascii=False))
            yield None, f"neither paragraphs nor {', '.join(needed)}: {found}"


def _paragraph(paragraph, title, columns):
    if not isinstance(paragraph, dict) or not isinstance(paragraph.get("qas"), list):
        found = shortened(json.dumps(paragraph, ensure_ascii=False))
        yield None, f"a paragraph without qas, the list of its questions: {found}"
        return
    for question in paragraph["qas"]:
        if isinstance(question, dict):
            context = paragraph.get("context")
            values = {"title": title, **question, "context": context}
            named = {column: values.get(own) for own, column in columns.items()}
            yield {**values, **named}, None
        else:
            yield None, f"{shortened(json.dumps(question))} is no question"


def _list_of(row, key):
    return row[key] if isinstance(row[key], list) else [row[key]]


def _has_lines(data):
    return len(data.strip().splitlines()) > 1 and data.lstrip().startswith(b"{")
