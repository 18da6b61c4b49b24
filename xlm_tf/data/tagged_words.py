"""Sentences of words with a tag each: CoNLL, CoNLL-U, JSON lines and Parquet."""

import contextlib
import gzip
import json
import re
from pathlib import Path

from xlm_tf.data.corpus_report import CorpusReport, check_files, usable_text
from xlm_tf.data.json_objects import iterate_objects, shortened, text_problem
from xlm_tf.data.text_lines import binary_lines
from xlm_tf.output_files import whole_file

CONLL = (".conll", ".bio", ".iob", ".iob2", ".txt")
FORMATS = (*CONLL, ".conllu", ".jsonl", ".parquet")
# Names of the columns of CoNLL-U, from the first.
CONLLU_COLUMNS = (
    *("id", "form", "lemma", "upos", "xpos"),
    *("feats", "head", "deprel", "deps", "misc"),
)
_DOCUMENT = "-DOCSTART-"


def read_tagged_words(
    paths,
    words="tokens",
    tags="tags",
    tag_column=None,
    language=None,
    with_tags=True,
    report=None,
):
    """The sentences of some files, in memory; see `iterate_tagged_words`.

    Sentences that cannot be read are left out, counted and named in the report.

    Args:
        paths: path or list of paths.
        words, tags, tag_column, language, with_tags: see `iterate_tagged_words`.
        report: `CorpusReport` to count in.

    Returns:
        `(rows, report)`: list of dict with `words` and `tags`, lists of as many str,
        and `language` where a column is named for it.

    Raises:
        as `iterate_tagged_words`; ValueError: no sentence, or more broken ones than
            others.
    """
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    report = CorpusReport() if report is None else report
    rows = []
    for path in paths:
        own = CorpusReport()
        for number, row, reason in iterate_tagged_words(
            path, words, tags, tag_column, language, with_tags
        ):
            if reason is not None:
                own.add_broken(path, number, reason)
                report.add_broken(path, number, reason)
            else:
                own.sentences += 1
                report.sentences += 1
                rows.append(row)
        own.check_usable([path])
    return rows, report


def iterate_tagged_words(
    path, words="tokens", tags="tags", tag_column=None, language=None, with_tags=True
):
    """The sentences of a file, streaming.

    - CoNLL (`.conll`, `.bio`, `.iob`, `.iob2`, `.txt`): a word a line, a line without
      text between sentences; `-DOCSTART-` is skipped. Tabs part the columns, spaces
      where the first line has no tab; all lines have as many. The word is in the first
      column, the tag in the last.
    - CoNLL-U (`.conllu`): the word is in the second column, the tag in `upos`.
      Comments, ranges of words (`1-2`) and empty nodes (`1.1`) are skipped.
    - JSON lines (`.jsonl`) and Parquet: two columns of lists of str.

    All but Parquet may be `.gz`; text is UTF-8, with or without a byte order mark.

    Args:
        path: str or Path.
        words, tags: str, the columns of JSON lines and Parquet.
        tag_column: the column of the tags in CoNLL and CoNLL-U: its number, from 1,
            "last", or of CoNLL-U one of `CONLLU_COLUMNS`.
        language: str, a column of JSON lines or Parquet that names the language.
        with_tags: bool; False reads the words alone.

    Yields:
        `(number, row, reason)`: the number of its first line, from 1 (of Parquet, of
        the row); dict with `words` and, with tags, `tags`, lists of as many str, no
        word of white space alone; and None. Of a sentence that cannot be read: the line
        that is at fault, None, and why.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: a file of another kind, a column that it does not have.
        ModuleNotFoundError: Parquet without pyarrow.
    """
    kind = tagged_words_format(path)
    if kind in (".jsonl", ".parquet"):
        if tag_column is not None:
            raise ValueError(
                "tag_column is of CoNLL and CoNLL-U files; the columns of "
                f"{path} are named by words and tags. Received: {tag_column!r}."
            )
        yield from _object_rows(path, words, tags if with_tags else None, language)
        return
    if language is not None:
        raise ValueError(
            "A column of the language is of JSON lines and Parquet; a CoNLL file is of "
            f"one language. Received: {language!r} for {path}."
        )
    check_files(path)
    columns = _columns(kind, tag_column) if with_tags else (_word_column(kind), None)
    nothing = "_" if kind == ".conllu" else None
    for block in _sentences(path, kind == ".conllu"):
        yield _sentence(path, block, *columns, nothing)


def tagged_words_format(path):
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


def write_tagged_words(path, rows):
    """Write sentences as CoNLL, a tab between word and tag, or as JSON lines.

    Args:
        path: str or Path; the ending says the format, `.gz` behind it packs the file.
        rows: iterable of dict with `words` and `tags`.

    Raises:
        ValueError: another ending; not as many tags as words, or none; a word or tag
            that a CoNLL file cannot hold, with a tab or a line end, say.
    """
    kind = tagged_words_format(path)
    if kind not in (*CONLL, ".jsonl"):
        raise ValueError(
            f"{path}: sentences are written to {', '.join(CONLL)} and .jsonl."
        )
    with whole_file(path) as partial, contextlib.ExitStack() as stack:
        file = stack.enter_context(open(partial, "wb"))
        if Path(path).suffix.lower() == ".gz":
            # No time of day in the file: the same sentences give the same bytes.
            file = stack.enter_context(gzip.GzipFile("", "wb", fileobj=file, mtime=0))
        for number, row in enumerate(rows, start=1):
            problem = _problem(row["words"], row["tags"])
            if problem is None and kind != ".jsonl":
                problem = _conll_problem(row)
            if problem is not None:
                raise ValueError(f"Sentence {number}: {problem}.")
            file.write(_written(row, kind).encode("utf-8"))


def _written(row, kind):
    if kind == ".jsonl":
        columns = {"tokens": row["words"], "tags": row["tags"]}
        return json.dumps(columns, ensure_ascii=False) + "\n"
    pairs = zip(row["words"], row["tags"], strict=True)
    return "".join(f"{word}\t{tag}\n" for word, tag in pairs) + "\n"


def _conll_problem(row):
    if row["words"][0] == _DOCUMENT:
        return f"the word {_DOCUMENT} begins a document in a CoNLL file"
    for text in (*row["words"], *row["tags"]):
        if re.search(r"[\t\n\r]", text) or usable_text(text.encode()) != text:
            return f"a CoNLL file cannot hold {text!r}: write .jsonl"
    return None


def _object_rows(path, words, tags, language):
    columns = [name for name in (words, tags, language) if name is not None]
    for number, found, broken in iterate_objects(path, columns):
        if broken is not None:
            yield number, None, broken
            continue
        row, lists = {}, {"words": words, **({"tags": tags} if tags else {})}
        reason = None
        for key, name in lists.items():
            row[key] = found.get(name)
            reason = reason or _list_problem(row[key], name, key)
        reason = reason or _problem(row["words"], row.get("tags"))
        if language is not None:
            row["language"] = found.get(language)
            problem = text_problem(row["language"])
            if problem is None and not row["language"].strip():
                problem = "it is empty"
            if problem is not None:
                reason = reason or f"the column {language!r}: {problem}"
        yield number, None if reason else row, reason


def _list_problem(values, name, key):
    """Why a column is no list of str, or None."""
    if not isinstance(values, list):
        found = shortened(json.dumps(values, default=str))
        return f"the column {name!r} holds {found}, not a list"
    for value in values:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and key == "tags":
            return (
                f"the tag {value} in the column {name!r} is a number: the tags' names "
                'are expected, such as "B-PER"'
            )
        problem = text_problem(value)
        if problem is not None:
            return f"the column {name!r}: {problem}"
    return None


def _problem(words, tags):
    """What is wrong with the words and tags of a sentence, lists of str, or None."""
    if not words:
        return "a sentence without words"
    if tags is not None and len(tags) != len(words):
        return f"{len(words)} words and {len(tags)} tags"
    for number, word in enumerate(words, start=1):
        if not word.strip():
            return f"word {number} is {word!r}: nothing, or white space alone"
    for number, tag in enumerate(tags or (), start=1):
        if not tag.strip():
            return f"tag {number} is {tag!r}: nothing, or white space alone"
    return None


def _word_column(kind):
    return 1 if kind == ".conllu" else 0


def _columns(kind, tag_column):
    """Indices of the columns of word and tag in a line."""
    is_conllu = kind == ".conllu"
    column = str(tag_column).lower() if tag_column is not None else None
    if column is None:
        column = "upos" if is_conllu else "last"
    if column == "last":
        return _word_column(kind), -1
    if is_conllu and column in CONLLU_COLUMNS:
        return 1, CONLLU_COLUMNS.index(column)
    if re.fullmatch(r"[1-9]\d*", column):
        return _word_column(kind), int(column) - 1
    expected = 'the number of a column, from 1, or "last"'
    if is_conllu:
        expected += f", or one of {', '.join(CONLLU_COLUMNS)}"
    raise ValueError(f"tag_column must be {expected}. Received: {tag_column!r}.")


def _sentences(path, is_conllu):
    """Lists of (line number, columns or None, reason or None), a sentence each."""
    block, has_tabs, width = [], None, None
    for number, line in binary_lines(path):
        try:
            text = usable_text(line)
        except ValueError as error:
            block.append((number, None, str(error)))
            continue
        if not text:
            yield from filter(None, [block])
            block = []
            continue
        if is_conllu and text.startswith("#"):
            continue
        if re.match(rf"{_DOCUMENT}(?:[ \t]|$)", text):
            yield from filter(None, [block])
            block = []
            continue
        if has_tabs is None:
            has_tabs = "\t" in text
        columns = re.split("\t" if has_tabs else "[ \t]+", text)
        if is_conllu and re.fullmatch(r"\d+[-.]\d+", columns[0]):
            continue
        reason = None
        width = len(columns) if width is None else width
        if len(columns) != width:
            parted = "tabs" if has_tabs else "spaces"
            reason = (
                f"{len(columns)} columns, parted by {parted}, not the {width} of the "
                f"first line: {shortened(text)!r}"
            )
        elif is_conllu and not re.fullmatch(r"\d+", columns[0]):
            reason = f"the first column is {columns[0]!r}, not the number of a word"
        block.append((number, columns, reason))
    yield from filter(None, [block])


def _sentence(path, block, word_column, tag_column, nothing):
    """A sentence as `iterate_tagged_words` yields it; `nothing` is no tag."""
    for number, columns, reason in block:
        if reason is not None:
            return number, None, reason
        needed = max(word_column, -1 if tag_column is None else tag_column) + 1
        if len(columns) < needed:
            raise ValueError(
                f"{path}:{number}: column {needed} is needed, and there are "
                f"{len(columns)}: {shortened(' '.join(columns))!r}."
            )
        if tag_column is not None and tag_column % len(columns) == word_column:
            raise ValueError(
                f"{path}:{number}: column {word_column + 1} holds the word, and "
                f"another one the tag. Received: {len(columns)} columns, "
                f"{shortened(' '.join(columns))!r}."
            )
    words = [columns[word_column] for _, columns, _ in block]
    row = {"words": words}
    if tag_column is not None:
        row["tags"] = [columns[tag_column] for _, columns, _ in block]
    for number, columns, _ in block:
        word = columns[word_column]
        tag = None if tag_column is None else [columns[tag_column]]
        reason = _problem([word], tag)
        if reason is None and tag is not None and tag[0] == nothing:
            reason = f"the word {word!r} has no tag: {nothing!r}"
        if reason is not None:
            return number, None, reason
    return block[0][0], row, None
