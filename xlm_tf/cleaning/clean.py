"""Clean the texts of a recipe: `xlm-tf clean`."""

import collections
import contextlib
import dataclasses
import functools
import gzip
import heapq
import io
import itertools
import json
import shutil
import sys
import unicodedata
from types import SimpleNamespace

import numpy as np
from rich.console import Console
from rich.progress import Progress

from xlm_tf.cleaning.block_cleaning import (
    BlockCleaner,
    FileCounts,
    file_and_line,
    place_of,
    size_of,
)
from xlm_tf.cleaning.cleaning_report import (
    REPORT_FILE,
    SourceReport,
    summary,
    write_report,
)
from xlm_tf.cleaning.duplicates import KEPT, RULES, DuplicateSearch
from xlm_tf.cleaning.pair_rules import UsualPair
from xlm_tf.cleaning.row_shards import RowPlaces, RowShards, Shard
from xlm_tf.cleaning.text_blocks import (
    check_files_to_the_end,
    file_name,
    read_blocks,
    sources_of,
)
from xlm_tf.cleaning.text_repair import one_space
from xlm_tf.data.corpus_report import check_files, usable_text
from xlm_tf.data.text_lines import split_lines, unpacked
from xlm_tf.output_files import (
    claim_folder,
    folders_unlocked,
    visible_names,
    whole_file,
)
from xlm_tf.text.language_codes import parse_language_code
from xlm_tf.training.input_files import RECORD, Inputs, differences
from xlm_tf.training.recipe_fields import RecipePart
from xlm_tf.version import __version__
from xlm_tf.worker_processes import Failure, Workers

PROGRESS_FILE = "progress.jsonl"
WORK_FOLDER = "unfinished"
REJECTED_FOLDER = "rejected"
# Pairs that say what is usual.
_USUAL_PAIRS = 20_000


@folders_unlocked()
def clean(recipe, processes=1, quiet=False, map_blocks=None):
    """Clean texts into the folder of a recipe, from where it stopped before.

    The folder gets a file of kept lines for every language (`en.txt.gz`) and pair of
    languages (`en-de.tsv.gz`), in the order of the input, `report.md`, `report.html`
    and `report.json`, and with `rejected` what was removed and why
    (`rejected/en.jsonl.gz`). The same input gives the same files, whatever the number
    of processes. Texts are read as a stream; what is between the passes, some three
    times the text, lies in `unfinished` in the folder until the end.

    Args:
        recipe: `CleaningRecipe`, see `load_cleaning_recipe`.
        processes: int, how many work; 1: this one. More need, in a script, `if __name__
            == "__main__":` around the call, as `multiprocessing` asks.
        quiet: bool, say nothing on the standard output.
        map_blocks: function from blocks to the results of `cleaning` in their order,
            which may be found elsewhere; None: here.

    Returns:
        list of `SourceReport`.

    Raises:
        FileExistsError: the folder holds something else, or what was cleaned of other
            texts or by other rules.
        ValueError: a file cannot be read.
    """
    cleaning = _Cleaning(recipe)
    if not (recipe.output / WORK_FOLDER / PROGRESS_FILE).exists():
        check_files_to_the_end(cleaning.sources)
    console = Console(quiet=quiet or not sys.stdout.isatty())
    with contextlib.ExitStack() as stack:
        if map_blocks is None:
            map_blocks = stack.enter_context(cleaning.mapped_on_processes(processes))
        bar = stack.enter_context(
            Progress(console=console, transient=True, disable=console.quiet)
        )
        reports = cleaning.run(map_blocks, bar)
    if not quiet:
        print(summary(reports))
        print(f"The cleaned texts and report.html are in {recipe.output}.")
    return reports


def cleaning(recipe):
    """What cleans one block: a function without arguments that makes it.

    It travels to other processes and machines, and needs no TensorFlow there.
    """
    return _Cleaning(recipe).make_cleaner()


class _Cleaning:
    def __init__(self, recipe):
        self.recipe = recipe
        check_files([*recipe.data.paths, *recipe.held_out.paths])
        self.references = sources_of(recipe.held_out, is_reference=True)
        self.data = sources_of(recipe.data)
        self.sources = [*self.references, *self.data]

    def make_cleaner(self):
        """Function without arguments that makes a `BlockCleaner`."""
        rules = _namespace(self.recipe.rules)
        words = {
            language: _read_words(path)
            for language, path in self.recipe.rules.word_lists.items()
        }
        usual = {
            number: UsualPair.of(self._some_pairs(source, number))
            for number, source in enumerate(self.sources)
            if len(source.languages) == 2 and not source.is_reference
        }
        return functools.partial(BlockCleaner, self.sources, rules, usual, words)

    @contextlib.contextmanager
    def mapped_on_processes(self, processes):
        """Begin to clean on several processes; 1: this one.

        Yields:
            Function from an iterable of `Block` to an iterator over `CleanedBlock`.
        """
        make_cleaner = self.make_cleaner()
        if processes == 1:
            clean_block = make_cleaner()
            yield lambda blocks: map(clean_block, blocks)
            return
        with Workers(processes, make_cleaner) as workers:
            yield functools.partial(self._mapped, workers)

    def _mapped(self, workers, blocks):
        """What workers make of blocks, in their order.

        Raises:
            ValueError: one ends every process that it is given to.
        """
        items = ((block.place, block, block.size) for block in blocks)
        for (source, file, line), cleaned in workers.map(items):
            if isinstance(cleaned, Failure):
                name = file_name(self.sources[source].files[file])
                raise ValueError(
                    f"{name}, lines from {line:,} on: twice, a process that cleaned "
                    "them was ended, such as for want of memory. Start again with "
                    "fewer processes: it goes on where it stopped."
                )
            yield cleaned

    def _some_pairs(self, source, number):
        """The first pairs of a source, repaired, whatever the rules say of them."""
        rules = self.recipe.rules.model_copy(
            update={"duplicates": None, "boilerplate": None}
        )
        reference = dataclasses.replace(source, is_reference=True)
        sources = [*self.sources[:number], reference, *self.sources[number + 1 :]]
        clean_block = BlockCleaner(sources, rules, {}, {})
        texts = (
            text
            for block in read_blocks(source, number)
            for text in clean_block(block).texts
        )
        return (text.split("\t") for text in itertools.islice(texts, _USUAL_PAIRS))

    def run(self, map_blocks, bar):
        folder = self.recipe.output
        progress = _Progress(self.recipe)
        for number, source in enumerate(self.sources):
            self._judge(number, source, progress, map_blocks, bar)
        self._check_unchanged(progress.inputs)
        reports = []
        held_out_keys = self._held_out_keys(progress)
        for number, source in enumerate(self.data, start=len(self.references)):
            task = bar.add_task(f"Duplicates and output of {source.name}", total=None)
            reports.append(self._finish(number, source, progress, held_out_keys))
            bar.remove_task(task)
        write_report(folder, self.recipe, reports)
        progress.end()
        return reports

    def _judge(self, number, source, progress, map_blocks, bar):
        """The first pass: every line by itself, to shards."""
        if progress.is_whole(number):
            return
        shards = progress.shards(number)
        start = tuple(shards[-1].next) if shards else (0, 1)
        task = bar.add_task(
            f"{'Reading' if source.is_reference else 'Cleaning'} {source.name}, lines",
            total=None,
            completed=sum(shard.rows for shard in shards),
        )
        blocks = map_blocks(read_blocks(source, number, start))
        blocks = _advancing(blocks, bar, task)
        while True:
            shard = progress.store.write(
                number, len(shards), blocks, self.recipe.rejected
            )
            if shard is None:
                break
            progress.add(shard)
            shards = progress.shards(number)
        progress.end_source(number)
        bar.remove_task(task)

    def _held_out_keys(self, progress):
        """The fingerprints of held-out texts: dict from language to a sorted array.

        Languages are those of `_plain_languages`.
        """
        keys = collections.defaultdict(list)
        for number, source in enumerate(self.references):
            for shard in progress.shards(number):
                own = np.asarray(progress.store.array(shard, "keys"))
                for side, language in enumerate(_plain_languages(source)):
                    column = side + 1 if len(source.languages) == 2 else 0
                    keys[language].append(own[:, column])
        return {name: np.unique(np.concatenate(own)) for name, own in keys.items()}

    def _finish(self, number, source, progress, held_out_keys):
        """The second pass: duplicates, and the files of a source."""
        shards = progress.shards(number)
        # Of pairs the other way round, too.
        languages = sorted(_plain_languages(source))
        references = [
            shard
            for other, reference in enumerate(self.references)
            if sorted(_plain_languages(reference)) == languages
            for shard in progress.shards(other)
        ]
        empty = np.zeros(0, "uint64")
        search = DuplicateSearch(
            progress.store, progress.folder, self.recipe.rules, size_of(source)
        )
        state, first = search.find(
            shards,
            references,
            [held_out_keys.get(own, empty) for own in _plain_languages(source)],
        )
        counts = collections.defaultdict(FileCounts)
        for shard in shards:
            for file, own in shard.counts.items():
                counts[int(file)].add(FileCounts(**own))
        self._write(source, shards, progress.store, state, first, counts)
        return SourceReport(
            name=source.name,
            files={file_name(source.files[file]): own for file, own in counts.items()},
        )

    def _write(self, source, shards, store, state, first, counts):
        kind = "tsv" if len(source.languages) == 2 else "txt"
        output = self.recipe.output
        places = RowPlaces(store, shards)
        writer = _Writer(output / f"{source.name}.{kind}.gz")
        rejected = contextlib.nullcontext()
        if self.recipe.rejected:
            (output / REJECTED_FOLDER).mkdir(exist_ok=True)
            rejected = _lines_of_gzip(
                output / REJECTED_FOLDER / f"{source.name}.jsonl.gz"
            )
        with writer, rejected as rejected_lines:
            start = 0
            for shard in shards:
                own_places = store.array(shard, "places")
                later = []
                for row, text in enumerate(store.texts(shard)):
                    file, line = file_and_line(int(own_places[row]))
                    found = int(state[start + row])
                    if found == KEPT:
                        writer.write(text)
                        if text:
                            counts[file].counts["kept"] += 1
                            counts[file].counts["characters"] += len(text)
                        continue
                    seen = "a held-out text"
                    if first[start + row] >= 0:
                        other, other_line = file_and_line(places[first[start + row]])
                        seen = f"{file_name(source.files[other])}:{other_line}"
                    texts = text.split("\t")
                    counts[file].remove(RULES[found], line, seen, texts)
                    later.append((place_of(file, line), RULES[found], seen, texts))
                start += shard.rows
                if self.recipe.rejected:
                    earlier = map(tuple, store.rejected(shard))
                    for entry in heapq.merge(earlier, later, key=lambda x: x[0]):
                        rejected_lines.write(_rejected_line(source, *entry))

    def _check_unchanged(self, inputs):
        """Raise a ValueError for files that are not what they were at the beginning."""
        changed = inputs.changed(self.recipe)
        if changed:
            raise ValueError(
                f"Changed while it was read: {', '.join(changed)}. Delete "
                f"{self.recipe.output}, and start again."
            )


def _plain_languages(source):
    """The languages of a source however they are spelled, zh for zh-CN: tuple."""
    return tuple(parse_language_code(own).language for own in source.languages)


def _rejected_line(source, place, rule, seen, texts):
    file, line = file_and_line(place)
    content = {"file": file_name(source.files[file]), "line": line}
    content |= {"rule": rule, "detail": seen}
    names = ("text",) if len(texts) == 1 else ("source", "target")
    content |= dict(zip(names, texts, strict=True))
    return json.dumps(content, ensure_ascii=False) + "\n"


def _advancing(blocks, bar, task):
    for block in blocks:
        yield block
        bar.advance(task, block.counts.counts["lines"])


def _namespace(value):
    """The fields of a part of a recipe, and of its parts, without their classes."""
    if not isinstance(value, RecipePart):
        return value
    fields = type(value).model_fields
    return SimpleNamespace(
        **{name: _namespace(getattr(value, name)) for name in fields}
    )


def _read_words(path):
    """The entries of a word list, as lines are repaired: frozenset of str."""
    try:
        lines = [usable_text(line) for line in split_lines(unpacked(path), path)]
    except ValueError as error:
        raise ValueError(f"{path}, a list of words: {error}") from error
    words = frozenset(
        one_space(unicodedata.normalize("NFC", line)).casefold() for line in lines
    ) - {""}
    if not words:
        raise ValueError(f"{path} has no word, one per line.")
    return words


@contextlib.contextmanager
def _lines_of_gzip(path):
    """Write lines of text to a gzip file, the same bytes for the same lines."""
    with (
        whole_file(path) as partial,
        open(partial, "wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="\n") as lines,
    ):
        yield lines


class _Writer(contextlib.AbstractContextManager):
    """Writes kept lines, with one empty line between documents that have some."""

    def __init__(self, path):
        self._context = _lines_of_gzip(path)
        self._is_between = False
        self._has_text = False

    def __enter__(self):
        self._lines = self._context.__enter__()
        return self

    def __exit__(self, *error):
        return self._context.__exit__(*error)

    def write(self, text):
        if not text:
            self._is_between = self._has_text
            return
        if self._is_between:
            self._lines.write("\n")
            self._is_between = False
        self._has_text = True
        self._lines.write(f"{text}\n")


class _Progress:
    """The shards that are whole, of every source: a line each, after the recipe.

    Attributes:
        inputs: `Inputs`, the files that they are of.
    """

    def __init__(self, recipe):
        self._output = output = recipe.output
        self.folder = output / WORK_FOLDER
        self._path = self.folder / PROGRESS_FILE
        if (output / REPORT_FILE).exists():
            # Of one that was killed when all but this was done.
            shutil.rmtree(self.folder, ignore_errors=True)
            raise FileExistsError(
                f"{output} holds cleaned texts already. Choose another output, or "
                "delete it."
            )
        # What was killed at once has a folder, and nothing in it.
        is_empty = visible_names(self.folder) <= {RECORD}
        own = (WORK_FOLDER,) if is_empty else ()
        claim_folder(output, self._path.exists(), "a cleaning", own)
        # Of a process that was killed.
        for path in [*output.rglob(".*.partial")]:
            path.unlink()
        self.store = RowShards(self.folder)
        self._whole, self._shards = set(), {}
        if not self._path.exists():
            self.folder.mkdir(exist_ok=True)
            self._begin(recipe)
        first, *lines = self._entries()
        if lines:
            self.inputs = self._checked_inputs(first, recipe)
        else:  # nothing would be lost
            self._begin(recipe)
        for content in lines:
            if "whole" in content:
                self._whole.add(content["whole"])
            else:
                shard = Shard(**content)
                self._shards.setdefault(shard.source, []).append(shard)

    def _begin(self, recipe):
        self.inputs = Inputs.of(recipe)
        self.inputs.write(self.folder)
        plan = {"version": __version__, "recipe": recipe.model_dump(mode="json")}
        with whole_file(self._path) as partial:
            partial.write_text(json.dumps(plan) + "\n", encoding="utf-8")

    def _checked_inputs(self, plan, recipe):
        """The inputs of before; other ones would give other shards.

        Raises:
            FileExistsError: the recipe, the content of a file, or the program was
                another one.
        """
        inputs = self._read(lambda: Inputs.read(self.folder), self.folder / RECORD)
        if inputs is None or plan.get("version") != __version__:
            changed = ["the version of xlm_tf"]
        else:
            changed = sorted(differences(*inputs.comparable(plan["recipe"], recipe)))
            changed += [f"the content of {own}" for own in inputs.changed(recipe)]
        if changed:
            raise FileExistsError(
                f"{self._output} holds the beginning of another cleaning. Changed "
                f"since: {', '.join(changed)}. Choose another output, or delete it."
            )
        return inputs

    def _entries(self):
        """The plan, and what was done of it: list of dict, at least one."""

        def read():
            lines = self._path.read_text(encoding="utf-8").splitlines()
            return list(map(json.loads, lines or [""]))

        return self._read(read, self._path)

    def _read(self, read, path):
        """What is read of a file, or a ValueError that says how to go on without."""
        try:
            return read()
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(
                f"{path} is damaged: {error}. Delete {self._output}, and start again."
            ) from error

    def shards(self, source):
        """The whole shards of a source, by its number: list of `Shard`."""
        return self._shards.get(source, [])

    def is_whole(self, source):
        """Whether all of a source is in its shards: bool."""
        return source in self._whole

    def add(self, shard):
        """Keep that a shard is whole."""
        content = json.loads(json.dumps(dataclasses.asdict(shard)))
        self._shards.setdefault(shard.source, []).append(Shard(**content))
        self._append(content)

    def end_source(self, source):
        """Keep that a source was read to its end."""
        self._whole.add(source)
        self._append({"whole": source})

    def _append(self, content):
        with whole_file(self._path) as partial:
            shutil.copyfile(self._path, partial)
            with open(partial, "a", encoding="utf-8") as file:
                file.write(f"{json.dumps(content)}\n")

    def end(self):
        """Remove what is between the passes."""
        shutil.rmtree(self.folder)
