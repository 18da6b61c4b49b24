"""A share of the texts set aside for evaluation, and kept out of the training."""

import hashlib
import heapq
import itertools

import numpy as np
import tensorflow as tf

from xlm_tf.data.corpus_report import CorpusReport
from xlm_tf.data.plain_text import iterate_plain_text
from xlm_tf.training.folds import KeyFolds

# Of one language, or one pair of languages.
MAX_HELD_OUT = 2000
# Lines between empty lines that are one document; more of them are single texts.
MAX_DOCUMENT = 100
# Examples that are read together: one by one, tf.data's own time would dominate.
_BLOCK = 1024


def text_key(text):
    """A number that texts share if they say the same: case and spaces aside.

    Args:
        text: str.

    Returns:
        int, at random but always the same.
    """
    plain = " ".join(text.casefold().split())
    digest = hashlib.blake2b(plain.encode("utf-8"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def documents(paths):
    """The documents of plain text, streaming.

    Lines between empty lines are a document. Where there is no empty line, or more
    than 100 lines are between two, every line is one.

    Args:
        paths: list of Path.

    Yields:
        Lists of str, the lines of a document.
    """
    for path in paths:
        report, num_empty, lines, is_long = CorpusReport(), 0, [], False
        for text in iterate_plain_text([path], report):
            if report.empty != num_empty:
                if num_empty or lines or is_long:
                    yield from _closed(lines, is_document=not is_long)
                num_empty, lines, is_long = report.empty, [], False
            if not is_long and len(lines) == MAX_DOCUMENT:
                yield from _closed(lines, is_document=False)
                lines, is_long = [], True
            if is_long:
                yield [text]
            else:
                lines.append(text)
        yield from _closed(lines, is_document=num_empty > 0)


def _closed(lines, is_document):
    if is_document:
        return [lines] if lines else []
    return [[line] for line in lines]


def pairs_by_source(pairs):
    """The pairs of a dataset by their sources.

    Args:
        pairs: dataset of `source` and `target`, string scalars.

    Yields:
        `text_key` of the source, and a list of the one pair of str.
    """
    for source, target in iterate_pairs(pairs):
        yield text_key(source), [(source, target)]


def iterate_pairs(pairs):
    """The pairs of a dataset, see `pairs_by_source`, as tuples of str."""
    for batch in pairs.batch(_BLOCK).as_numpy_iterator():
        for sides in zip(batch["source"], batch["target"], strict=True):
            yield tuple(side.decode("utf-8") for side in sides)


def keys_of_fold(keys, fold):
    """Which keys are of the fold that a recipe holds out.

    Args:
        keys: see `KeyFolds`.
        fold: `Fold`.

    Returns:
        Function from a key to bool.

    Raises:
        ValueError: there are too few; names the field and the language.
    """
    try:
        folds = KeyFolds(keys, fold.folds)
    except ValueError as error:
        raise ValueError(f"recipe.held_out_fold: {error}") from error
    return lambda key: folds.fold_of(key) == fold.fold


class Selection:
    """Which examples of a stream are held out: those of the smallest keys.

    The choice depends on the texts alone, not on their order, so that copies of a text
    come to one side, here and in every other corpus.

    Args:
        share: float, of the examples; one at least, and 2,000 at most, or as many more
            as the last document has.

    Attributes:
        count: int, of the examples that were offered.
    """

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

    def others(self, examples):
        """The dataset without what is held out whatever it says, see `HeldOutTexts`.

        Args:
            examples: dataset of dicts, of what was added.
        """
        return examples

    def other_rows(self, rows):
        """As `others`, of an iterable."""
        return rows


class FoldSelection(Selection):
    """Which examples of a stream are of the fold that is held out.

    None of them is trained on; those of the smallest keys, 2,000 at most, are scored.

    Args:
        is_held_out: function from a key to bool.
    """

    def __init__(self, is_held_out):
        super().__init__(share=1)
        self._is_held_out = is_held_out
        self._is_left_out = bytearray()

    def add(self, key, examples):
        """See `Selection`; every example of the stream, in its order."""
        is_held_out = self._is_held_out(key)
        self._is_left_out += bytes([is_held_out]) * len(examples)
        if is_held_out:
            super().add(key, examples)
        else:
            self.count += len(examples)

    def others(self, examples):
        """See `Selection`. The dataset holds a bit per example in memory."""
        bits = np.packbits(np.frombuffer(self._is_left_out, "uint8"))
        bits = np.pad(bits, (0, -len(bits) % (_BLOCK // 8)))
        bits = tf.data.Dataset.from_tensor_slices(bits.reshape(-1, _BLOCK // 8))
        masks = tf.constant([128 >> place for place in range(8)], "uint8")

        def of_block(block, bits):
            is_left_out = tf.bitwise.bitwise_and(bits[:, None], masks) > 0
            is_left_out = tf.reshape(is_left_out, [-1])  # (_BLOCK,)
            return {
                name: tf.boolean_mask(values, ~is_left_out[: tf.size(values)])
                for name, values in block.items()
            }

        blocks = tf.data.Dataset.zip(examples.batch(_BLOCK), bits)
        return blocks.map(of_block).unbatch()

    def other_rows(self, rows):
        """See `Selection`."""
        return itertools.compress(rows, (not x for x in self._is_left_out))


class HeldOutTexts:
    """The texts that no training example may hold.

    Args:
        texts: iterable of str.
    """

    def __init__(self, texts):
        self._keys = {text_key(text) for text in texts}
        self._spellings = set()  # of the same, as they stand in the training texts

    def count_others(self, rows):
        """Read the texts of examples once: how many may be trained on.

        Args:
            rows: iterable of tuples of str, the texts of an example each.

        Returns:
            int.
        """
        count = 0
        for texts in rows:
            found = [text for text in texts if text_key(text) in self._keys]
            self._spellings.update(found)
            count += not found
        return count

    def without(self, examples, fields):
        """The dataset of those that may be; of what `count_others` has read.

        Args:
            examples: dataset of dicts of string scalars.
            fields: the names of its texts.
        """
        spellings = sorted(self._spellings)
        if not spellings:
            return examples
        table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(spellings, [1] * len(spellings)), 0
        )

        def is_other(example):
            return tf.add_n([table.lookup(example[name]) for name in fields]) == 0

        return examples.filter(is_other)
