"""Web text that is on disk -> documents of plain text: `xlm-tf collect`."""

import dataclasses
import functools
import importlib.metadata
import itertools
import json
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from xlm_tf.collecting.collection_report import InputCounts, report
from xlm_tf.collecting.document_files import DocumentFiles
from xlm_tf.collecting.extraction import Extraction
from xlm_tf.collecting.input_files import find_files
from xlm_tf.collecting.pages import LeftOut, Outcome
from xlm_tf.collecting.reading import read_pages
from xlm_tf.data.file_content import File
from xlm_tf.data.language_identification import LanguageIdentifier
from xlm_tf.output_files import (
    claim_folder,
    folders_unlocked,
    full_disk_named,
    whole_file,
)
from xlm_tf.worker_processes import Failure, Workers

VERSION = 1
PROGRESS_FILE = "progress.json"
# Beside it: what the files are, a line each.
_INPUTS_FILE = "inputs.jsonl"
REPORT_FILE = "report.md"
# Where files grow until all is read.
_UNFINISHED = "unfinished"
_OTHER = "other"
_SUFFIX = ".jsonl.gz"
# Bytes of pages, about: what is lost, and done again, where a run is interrupted.
PART = 64 << 20
# Files that are not as they were, in an error.
_MOST_NAMED = 10
# Seconds of a processor that a page may take.
_SECONDS = 30
_EXTRACTORS = ("trafilatura", "htmldate", "mwparserfromhell", "feedparser", "py3langid")


@folders_unlocked()
def collect(
    inputs,
    folder,
    languages=None,
    processes=None,
    min_characters=200,
    quiet=False,
    part=PART,
):
    """Write the documents of files to a folder, from where it stopped before.

    The folder gets `documents.jsonl.gz`, or a file for every language and
    `other.jsonl.gz`, and `report.md`. A line has `text`, `source`, `date` and
    `language`. In a program, call it under `if __name__ == "__main__":`, as it starts
    processes.

    Args:
        inputs: list of paths of files and folders, see `find_files`.
        folder: path to write to.
        languages: list of codes of languages, or None: they are not told apart.
        processes: int; by default as many as there are cores.
        min_characters: int, characters of a document, at least.
        quiet: bool, say nothing on the standard output.
        part: int, bytes of pages after which what is done stays, about.

    Returns:
        list of `InputCounts`, of every input.

    Raises:
        FileExistsError: the folder holds something else.
        FileNotFoundError, ValueError: an input cannot be read, see `find_files`.
        ValueError: a language that cannot be identified.
    """
    inputs, folder = [Path(path) for path in inputs], Path(folder)
    names = None if languages is None else _labels(languages)
    files, left_out = find_files(inputs, folder)
    plan = _plan(languages, min_characters)
    counts = [InputCounts(left_out=x) for x in left_out]
    progress = _Progress(folder, plan, files, counts)
    begin = functools.partial(Extraction, names, min_characters)
    if progress.file < len(files):
        with full_disk_named(folder):
            _read_all(files, progress, begin, processes, languages, part, quiet)
    _finish(inputs, progress)
    if not quiet:
        print((folder / REPORT_FILE).read_text(encoding="utf-8"), end="")
    return progress.counts


def _labels(languages):
    """dict from names of the identifier to codes of languages."""
    identifier = LanguageIdentifier()
    names = {}
    for language in languages:
        label = identifier.label_of(language)
        if label in names:
            raise ValueError(
                f"{names[label]} and {language} are one language, and cannot be told "
                "apart. Name one of them."
            )
        names[label] = language
    return names


def _plan(languages, min_characters):
    """What the documents depend on, beside the files: another plan gives others."""
    return {
        "version": VERSION,
        "extractors": {x: importlib.metadata.version(x) for x in _EXTRACTORS},
        "languages": languages,
        "min_characters": min_characters,
    }


class _Progress:
    """How far a collection is: all before a record of a file is done.

    Attributes:
        file: int, the number of the file.
        records: int, of it that are done.
        sizes: dict from names of files to sizes, so far.
        counts: list of `InputCounts`.
        languages: dict from language to [documents, characters].
    """

    def __init__(self, folder, plan, files, counts):
        self.folder = folder
        self._path = folder / PROGRESS_FILE
        self._plan = plan
        self.file, self.records, self.sizes = 0, 0, {}
        self.counts, self.languages = counts, {}
        if (folder / REPORT_FILE).exists() and not self._path.exists():
            raise FileExistsError(
                f"{folder} holds collected documents already. Choose another output, "
                "or delete it."
            )
        claim_folder(folder, self._path.exists(), "a collection")
        goes_on = self._path.exists() and self._read(files)
        self.save()
        if not goes_on:
            self._write_inputs(files)
        (folder / _UNFINISHED).mkdir(exist_ok=True)

    def _read(self, files):
        """Read how far it is: bool, whether there is anything that would be lost."""
        content = json.loads(self._path.read_text(encoding="utf-8"))
        if not content["file"] and not content["records"]:
            return False
        changed = sorted(
            name
            for name in {*content["plan"], *self._plan}
            if content["plan"].get(name) != self._plan.get(name)
        )
        changed = changed or self._changed_inputs(files)
        if changed:
            raise FileExistsError(
                f"{self.folder} holds the beginning of another collection. Changed "
                f"since: {', '.join(changed)}. Choose another output, or delete it."
            )
        self.file, self.records = content["file"], content["records"]
        self.sizes = content["sizes"]
        self.counts = [InputCounts(**own) for own in content["counts"]]
        self.languages = {name: own for name, own in content["languages"]}
        return True

    def _write_inputs(self, files):
        with (
            whole_file(self.folder / _INPUTS_FILE) as partial,
            open(partial, "w", encoding="utf-8") as lines,
        ):
            for file in files:
                own = dataclasses.asdict(File.of(file.path))
                own |= {"kind": file.kind, "input": file.input}
                lines.write(json.dumps(own) + "\n")

    def _changed_inputs(self, files):
        """What is not as it was of the files, wherever they are: list of str."""
        changed = []
        with open(self.folder / _INPUTS_FILE, encoding="utf-8") as lines:
            for line, file in itertools.zip_longest(lines, files):
                if None in (line, file):
                    return ["the number of the files"]
                own = json.loads(line)
                as_it_was = own.pop("kind"), own.pop("input")
                is_same = as_it_was == (file.kind, file.input)
                if not is_same or not File(**own).is_same(file.path):
                    changed.append(f"the content of {file.path}")
        return changed[:_MOST_NAMED]

    def save(self):
        """Keep it, whatever happens."""
        content = {
            "plan": self._plan,
            "file": self.file,
            "records": self.records,
            "sizes": self.sizes,
            "counts": [vars(own) for own in self.counts],
            "languages": list(self.languages.items()),
        }
        with whole_file(self._path) as partial:
            partial.write_text(json.dumps(content), encoding="utf-8")

    def add(self, number, outcome):
        """Count an `Outcome` of an input."""
        self.counts[number].add(outcome)
        for document in outcome.documents:
            own = self.languages.setdefault(document.language, [0, 0])
            own[0] += 1
            own[1] += len(document.text)

    def end(self):
        """All is in its place."""
        (self.folder / _INPUTS_FILE).unlink(missing_ok=True)
        self._path.unlink()


def _read_all(files, progress, begin, processes, languages, part, quiet):
    since = 0
    console = Console(quiet=quiet or not sys.stdout.isatty())
    with (
        DocumentFiles(progress.folder / _UNFINISHED, progress.sizes) as output,
        Workers(processes or os.cpu_count(), begin, _SECONDS) as workers,
        Progress(console=console, transient=True, disable=console.quiet) as bar,
    ):
        before = sum(file.size for file in files[: progress.file])
        task = bar.add_task("Collecting", total=sum(file.size for file in files))
        items = _items(files, progress.file, progress.records)
        for (number, records, place, size), result in workers.map(items):
            bar.update(task, completed=before + place)
            outcome = _failed(result) if isinstance(result, Failure) else result
            file = files[number]
            progress.add(file.input, outcome)
            for document in outcome.documents:
                output.write(_file_name(document, languages), document)
            since += size
            is_end = records is None
            if is_end:
                before += file.size
            is_enough = since >= (part // 4 if is_end else part)
            if is_enough or number + is_end == len(files):
                progress.sizes = output.end_part()
                progress.file = number + is_end
                progress.records = 0 if is_end else records
                progress.save()
                since = 0


def _items(files, first, done):
    """What is not done: a tag, an item for `Extraction` and its bytes.

    A tag is (number of the file, records of it that are done then, bytes of it, bytes
    of the item). After all of a file, there is one with None for the records.
    """
    for number in range(first, len(files)):
        for records, (item, place) in enumerate(read_pages(files[number]), start=1):
            if records > done:
                size = 0 if isinstance(item, LeftOut) else len(item.content)
                yield (number, records, place, size), item, size
        yield (number, None, files[number].size, 0), None, 0
        done = 0


def _failed(failure):
    long, crash = f"takes more than {_SECONDS} s", "the extractor crashes"
    outcome = Outcome()
    outcome.left_out[long if failure.took_long else crash] += 1
    return outcome


def _file_name(document, languages):
    if languages is None:
        return f"documents{_SUFFIX}"
    name = document.language if document.language in languages else _OTHER
    return f"{name}{_SUFFIX}"


def _finish(inputs, progress):
    """Put what is whole in its place; again, where that was interrupted."""
    unfinished = progress.folder / _UNFINISHED
    for name in progress.sizes:
        if (unfinished / name).exists():
            os.replace(unfinished / name, progress.folder / name)
    with whole_file(progress.folder / REPORT_FILE) as partial:
        text = report(list(map(str, inputs)), progress.counts, progress.languages)
        partial.write_text(text, encoding="utf-8", errors="replace")
    for path in unfinished.iterdir():
        path.unlink()
    unfinished.rmdir()
    progress.end()
