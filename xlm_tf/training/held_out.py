"""A share of the texts set aside for evaluation, and kept out of the training."""

import functools
import hashlib
import heapq

from xlm_tf.data.corpus_report import CorpusReport
from xlm_tf.data.plain_text import iterate_plain_text
from xlm_tf.training.folds import KeyFolds

# Of one language, or one pair of languages.
MAX_HELD_OUT = 2000
# Lines between empty lines that are one document; more of them are single texts.
MAX_DOCUMENT = 100


def text_key(text):
    """A number that texts share if they say the same: case and spaces aside.

    Args:
        text: str.

    Returns:
        int, at random but always the same.
    """
    plain = text.casefold()
    # No white space but the space is printable: looking is quicker than splitting.
    if "  " in plain or not plain.isprintable():
        plain = " ".join(plain.split())
    plain = plain.strip(" ")
    digest = hashlib.blake2b(plain.encode("utf-8"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def documents(paths, report=None):
    """The documents of plain text, streaming.

    Lines between empty lines are a document. Where there is no empty line, or more
    than 100 lines are between two, every line is one.

    Args:
        paths: list of Path.
        report: `CorpusReport` that counts what is read, or None.

    Yields:
        Lists of str, the lines of a document.
    """
    report = CorpusReport() if report is None else report
    for path in paths:
        own, num_empty, lines, is_long = CorpusReport(), 0, [], False
        for text in iterate_plain_text([path], own):
            if own.empty != num_empty:
                if num_empty or lines or is_long:
                    yield from _closed(lines, is_document=not is_long)
                num_empty, lines, is_long = own.empty, [], False
            if not is_long and len(lines) == MAX_DOCUMENT:
                yield from _closed(lines, is_document=False)
                lines, is_long = [], True
            if is_long:
                yield [text]
            else:
                lines.append(text)
        yield from _closed(lines, is_document=num_empty > 0)
        report.add(own)


def _closed(lines, is_document):
    if is_document:
        return [lines] if lines else []
    return [[line] for line in lines]


def keys_of_fold(keys, fold):
    """Which keys are of the fold that a recipe holds out.

    Args:
        keys: see `KeyFolds`.
        fold: `Fold`.

    Returns:
        Function from a key to bool, which travels to other processes.

    Raises:
        ValueError: there are too few; names the field and the language.
    """
    try:
        folds = KeyFolds(keys, fold.folds)
    except ValueError as error:
        raise ValueError(f"recipe.held_out_fold: {error}") from error
    return functools.partial(folds.is_in, fold.fold)


class Selection:
    """Which examples of a stream are held out: those of the smallest keys.

    The choice depends on the texts alone, not on their order, so that copies of a text
    come to one side, here and in every other corpus.

    Args:
        share: float, of the examples; one at least, and 2,000 at most, or as many more
            as the last document has.

    Attributes:
        count: int, of the examples that were offered.
        is_left_out: bytearray, of every example 1 or 0: whether it is left out of the
            training whatever it says. None: no one is; see `HeldOutTexts`.
    """

    is_left_out = None

    def __init__(self, share):
        self.share = share
        self._units = {}  # key -> examples
        self._largest_first = []
        self._size = 0
        self.count = 0

    def add(self, key, examples):
        """Offer the examples of a document, or of a text, together.

        Args:
            key: int, `text_key` of what they are.
            examples: list of values that can be compared.
        """
        self.count += len(examples)
        self._keep(key, examples)

    def _keep(self, key, examples):
        # Most of a long stream: it would be the first to go.
        if self._size >= MAX_HELD_OUT and key > -self._largest_first[0]:
            return
        if key not in self._units:
            self._units[key] = []
            heapq.heappush(self._largest_first, -key)
        own = self._units[key]
        new = [example for example in dict.fromkeys(examples) if example not in own]
        own += new
        self._size += len(new)
        while self._size - len(self._units[-self._largest_first[0]]) >= MAX_HELD_OUT:
            self._size -= len(self._units.pop(-heapq.heappop(self._largest_first)))

    def examples(self):
        """The list of the examples that are held out."""
        wanted = min(max(round(self.share * self.count), 1), MAX_HELD_OUT)
        chosen = []
        for key in sorted(self._units):
            if len(chosen) >= wanted:
                break
            chosen += self._units[key]
        return chosen

    def merge(self, other):
        """Go on after another selection like this one, as if it had seen the same.

        Args:
            other: `Selection`, of the examples that follow.
        """
        self.count += other.count
        for key, examples in other._units.items():
            self._keep(key, examples)


class FoldSelection(Selection):
    """Which examples of a stream are of the fold that is held out.

    None of them is trained on; those of the smallest keys, 2,000 at most, are scored.

    Args:
        is_held_out: function from a key to bool.
    """

    def __init__(self, is_held_out):
        super().__init__(share=1)
        self._is_held_out = is_held_out
        self.is_left_out = bytearray()

    def add(self, key, examples):
        """See `Selection`; every example of the stream, in its order."""
        is_held_out = self._is_held_out(key)
        self.is_left_out += bytes([is_held_out]) * len(examples)
        self.count += len(examples)
        if is_held_out:
            self._keep(key, examples)

    def merge(self, other):
        """See `Selection`."""
        super().merge(other)
        self.is_left_out += other.is_left_out


def _outer_letters(text):
    """The first and last 8 letters: equal for equal keys, and found in half the time.

    None where spaces leave fewer in what is looked at.
    """
    first, last = ("".join(end.casefold().split()) for end in (text[:24], text[-24:]))
    if len(text) > 24 and (len(first) < 8 or len(last) < 8):
        return None
    return first[:8], last[-8:]


class HeldOutTexts:
    """The texts that no training example may hold.

    Args:
        texts: iterable of str.
    """

    def __init__(self, texts):
        texts = list(texts)
        self._keys = {text_key(text) for text in texts}
        spaced = (" ".join(text.split()) for text in texts)
        self._letters = {None, *map(_outer_letters, spaced)}

    def count_others(self, rows):
        """Read the texts of examples once: how many may be trained on.

        Args:
            rows: iterable of tuples of str, the texts of an example each.

        Returns:
            int, and the set of the texts that may not, as they stand there.
        """
        count, spellings = 0, set()
        for texts in rows:
            found = [
                text
                for text in texts
                if _outer_letters(text) in self._letters
                and text_key(text) in self._keys
            ]
            spellings.update(found)
            count += not found
        return count, spellings
