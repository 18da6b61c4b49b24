"""What the files of a corpus hold: read in Python, by processes where there is much.

Without TensorFlow, which takes a process seconds to import.
"""

import array
import dataclasses
import functools
import itertools

from xlm_tf.data.corpus_report import CorpusReport
from xlm_tf.data.pair_files import bitext_lines, parallel_lines
from xlm_tf.data.plain_text import iterate_plain_text
from xlm_tf.training.folds import REMAINDERS
from xlm_tf.training.held_out import documents, text_key
from xlm_tf.worker_processes import Failure, Workers

# Bytes of files that are worth a process: they take it a second, and its beginning, for
# each of two readings, a tenth (measured).
WORTH = 1 << 25


@dataclasses.dataclass(frozen=True)
class Texts:
    """Texts that are read as a stream.

    Attributes:
        languages: tuple of str, one, or two of pairs.
        paths: tuple of Path.
        are_aligned: bool, whether they are two whose lines belong together.
        pairs: tuple of pairs of str, where they are in memory.
    """

    languages: tuple
    paths: tuple = ()
    are_aligned: bool = False
    pairs: tuple = ()

    @property
    def size(self):
        """Bytes of the files: int."""
        return sum(path.stat().st_size for path in self.paths)

    def parts(self, size):
        """The same as a list of `Texts`, of files of about so many bytes, or of one."""
        if self.are_aligned or len(self.paths) < 2:
            return [self]
        parts = [[]]
        for path in self.paths:
            if parts[-1] and sum(own.stat().st_size for own in parts[-1]) >= size:
                parts.append([])
            parts[-1].append(path)
        return [dataclasses.replace(self, paths=tuple(own)) for own in parts]

    def rows(self, report=None):
        """Iterate over tuples of str, the texts of an example each.

        Args:
            report: `CorpusReport` that counts what is read, or None.
        """
        if len(self.languages) == 1:
            return zip(iterate_plain_text(self.paths, report))
        if not self.paths:
            return iter(self.pairs)
        return (pair for pairs in self.lines(report) for pair in pairs if all(pair))

    def lines(self, report):
        """Iterate over the lines of pairs, also those without: see `bitext_lines`."""
        if self.are_aligned:
            return parallel_lines(*self.paths, report)
        return bitext_lines(self.paths, *self.languages, report)

    def units(self, report=None):
        """Iterate over what is held out together: documents, and pairs by their source.

        Args:
            report: see `rows`.

        Yields:
            int, a `text_key`; list of str, or of one pair of str.
        """
        if len(self.languages) == 1:
            for lines in documents(self.paths, report):
                yield text_key(" ".join(lines)), lines
        else:
            for pair in self.rows(report):
                yield text_key(pair[0]), [pair]


def scan(texts):
    """What `Texts` hold: `CorpusReport`, None."""
    report = CorpusReport()
    for _ in texts.rows(report):
        pass
    return report, None


def keys(texts):
    """What `Texts` hold: `CorpusReport`, and what `KeyFolds` takes of their keys."""
    report = CorpusReport()
    return report, {key % REMAINDERS for key, _ in texts.units(report)}


def keys_of_sides(texts):
    """What `Texts` of pairs hold: `CorpusReport`, and the keys of both sides in turn.

    They are an array of 64 bits each.
    """
    report = CorpusReport()
    sides = (side for pair in texts.rows(report) for side in pair)
    return report, array.array("Q", map(text_key, sides))


def select(new_selection, texts):
    """What `Texts` hold: `CorpusReport`, and a new selection that was offered all."""
    report, selection = CorpusReport(), new_selection()
    for unit in texts.units(report):
        selection.add(*unit)
    return report, selection


def count_others(held_out, texts, is_left_out):
    """See `HeldOutTexts.count_others`, of `Texts`.

    Args:
        held_out: `HeldOutTexts`.
        texts: `Texts`.
        is_left_out: see `Selection`.
    """
    rows = texts.rows()
    if is_left_out is not None:
        rows = itertools.compress(rows, (not x for x in is_left_out))
    return held_out.count_others(rows)


def map_texts(function, items, processes):
    """The results of a function of `Texts` and others, in their order.

    Args:
        function: of the values of an item. It travels to other processes, and so do
            items and results.
        items: list of tuples, `Texts` first.
        processes: int, that read where there is much; 1: this one.

    Yields:
        What the function returns.

    Raises:
        Exception: what the function raises, of the first item where it does.
    """
    sizes = [texts.size for texts, *_ in items]
    processes = min(processes, len(items), sum(sizes) // WORTH)
    if processes < 2:
        for item in items:
            yield function(*item)
        return
    # The largest first, lest one is left alone at the end.
    order = sorted(range(len(items)), key=lambda number: -sizes[number])
    todo = ((number, items[number], sizes[number]) for number in order)
    results, done = {}, 0
    with Workers(processes, functools.partial(_guarded, function)) as workers:
        for number, result in workers.map(todo, in_order=False):
            results[number] = result
            while done in results:
                yield _value(results.pop(done), function, items[done])
                done += 1


def _guarded(function):
    """A function that returns its errors: which comes first depends on the items."""

    def guarded(item):
        try:
            return function(*item), None
        except (OSError, ValueError) as error:
            return None, error

    return guarded


def _value(result, function, item):
    if isinstance(result, Failure):  # somebody ended its process, twice
        return function(*item)
    value, error = result
    if error is not None:
        raise error
    return value
