"""What is done to a block of lines, on any processor: repair, judge, fingerprint."""

import collections
import dataclasses
import functools
import hashlib
import heapq
import json
import re
from types import SimpleNamespace

import numpy as np

from xlm_tf.cleaning.fingerprints import bands_of, key_of, shingle_size
from xlm_tf.cleaning.line_rules import UNPUNCTUATED, LineRules
from xlm_tf.cleaning.normal_form import normal_form
from xlm_tf.cleaning.pair_rules import PairRules
from xlm_tf.cleaning.personal_data import PersonalDataMask
from xlm_tf.cleaning.text_blocks import holds_documents, longest_line
from xlm_tf.cleaning.text_repair import REPLACEMENT, TextRepair, one_space
from xlm_tf.data.corpus_report import usable_text
from xlm_tf.data.language_identification import LanguageIdentifier
from xlm_tf.data.pair_lines import pair_parser
from xlm_tf.text.language_codes import parse_language_code

# Samples of every rule and file, to look at.
SAMPLES = 10
# Characters of a sample that are kept.
SHOWN = 1000
_LINE_BITS = 44
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def place_of(file, line):
    """A place as one number: int, which orders places."""
    return file << _LINE_BITS | line


def file_and_line(place):
    """The number of the file, and the line from 1: (int, int)."""
    return place >> _LINE_BITS, place & ((1 << _LINE_BITS) - 1)


class FileCounts:
    """What became of the lines of a file.

    Attributes:
        counts: Counter of `lines`, `empty`, `kept`, `characters` (of what was kept),
            `repaired` and `masked`.
        removed: Counter of rules.
        samples: dict from rule to a list of (order, line, seen, texts), drawn evenly
            from all lines by their texts, not by when they were read.
    """

    def __init__(self, counts=(), removed=(), samples=()):
        self.counts = collections.Counter(dict(counts))
        self.removed = collections.Counter(dict(removed))
        self.samples = {rule: list(own) for rule, own in dict(samples).items()}

    def remove(self, rule, line, seen, texts):
        """Count a line that a rule removed."""
        self.removed[rule] += 1
        self.add_sample(rule, line, seen, texts)

    def add_sample(self, kind, line, seen, texts):
        """Keep a line to look at, if it is drawn."""
        key = hashlib.blake2b("\t".join(texts).encode(), digest_size=6).hexdigest()
        own = self.samples.setdefault(kind, [])
        own.append((key, line, seen, [text[:SHOWN] for text in texts]))
        if len(own) > 2 * SAMPLES:
            self.samples[kind] = heapq.nsmallest(SAMPLES, own)

    def add(self, other):
        """Count what others counted."""
        self.counts += other.counts
        self.removed += other.removed
        for rule, own in other.samples.items():
            self.samples[rule] = heapq.nsmallest(
                SAMPLES, [*self.samples.get(rule, ()), *map(tuple, own)]
            )

    def as_json(self):
        """What `FileCounts(**...)` takes: dict."""
        return {
            "counts": dict(self.counts),
            "removed": dict(self.removed),
            "samples": {
                rule: heapq.nsmallest(SAMPLES, own)
                for rule, own in self.samples.items()
            },
        }


@dataclasses.dataclass
class CleanedBlock:
    """What is left of a block.

    Attributes:
        file: int, see `Block`.
        next_line: int, the line behind it.
        places: list of int, of every row, see `place_of`.
        texts: list of str: the rows, of pairs the two sides with a tab between them;
            empty between documents.
        keys: uint64 array (rows, 1 or 3): the fingerprint of a row, of pairs those of
            the sides, too. 0 between documents.
        bands: uint64 array (rows, BANDS or 0).
        rejected: list of (place, rule, seen, texts).
        counts: `FileCounts`.
    """

    file: int
    next_line: int
    places: list
    texts: list
    keys: np.ndarray
    bands: np.ndarray
    rejected: list
    counts: FileCounts


class BlockCleaner:
    """Cleans blocks.

    Args:
        sources: list of `Source`.
        rules: `xlm_tf.cleaning.cleaning_recipe.Rules`, or a namespace with the same
            fields, which needs no TensorFlow.
        usual: dict from the number of a source of pairs to `UsualPair`.
        word_lists: dict from language to frozenset of str.
    """

    def __init__(self, sources, rules, usual, word_lists):
        self.sources = sources
        self.rules = rules
        self.usual = usual
        self.word_lists = word_lists
        repair = rules.repair
        self.repair = one_space
        if repair is not None:
            self.repair = TextRepair(
                repair.mojibake, repair.markup, repair.normalization
            )

    @functools.cached_property
    def _identifier(self):
        return LanguageIdentifier()

    @functools.cache  # noqa: B019  as long as the process
    def _line_rules(self, language, is_side):
        rules, setting = self.rules, self.rules.language
        identifies = setting is not None and language not in setting.unknown
        if is_side and rules.length is not None:
            # What says little alone may be a good translation.
            length = SimpleNamespace(**{**vars(rules.length), "min_words": 1})
            rules = SimpleNamespace(**{**vars(rules), "length": length})
        return LineRules(
            rules,
            language,
            self._identifier if identifies else None,
            self.word_lists.get(language, frozenset()),
        )

    @functools.cache  # noqa: B019
    def _pair_rules(self, number):
        languages = self.sources[number].languages
        codes = [parse_language_code(language).language for language in languages]
        are_punctuated = tuple(code not in UNPUNCTUATED for code in codes)
        return PairRules(self.rules.pairs, self.usual[number], are_punctuated)

    @functools.cache  # noqa: B019
    def _mask(self, language):
        return PersonalDataMask(language)

    def __call__(self, block):
        """Clean a block.

        Args:
            block: `Block`.

        Returns:
            `CleanedBlock`.
        """
        source = self.sources[block.source]
        counts = FileCounts(counts={"lines": len(block.lines)})
        accepted, rejected = [], []
        for line_number, line in enumerate(block.lines, start=block.first_line):
            place = place_of(block.file, line_number)
            try:
                rows = _rows_of(line, source, block.file)
            except ValueError as error:
                shown = _shown(line, len(source.languages))
                rejected.append((place, "unreadable", str(error), shown))
                continue
            for row in rows:
                if not all(row):
                    counts.counts["empty"] += 1
                    if len(source.languages) == 1:
                        accepted.append((place, row, row))
                    continue
                repaired = tuple(map(self.repair, row))
                broken = None
                if not source.is_reference:
                    broken = self._broken_by(repaired, block.source)
                if broken is None:
                    accepted.append((place, row, repaired))
                else:
                    rejected.append((place, *broken, row))
        if not source.is_reference:
            accepted, of_models = self._judged_by_models(accepted, source)
            rejected = sorted([*rejected, *of_models], key=lambda entry: entry[0])
        for place, rule, seen, row in rejected:
            counts.remove(rule, file_and_line(place)[1], seen, row)
        texts = [self._finished(entry, source, counts) for entry in accepted]
        places = [place for place, _, _ in accepted]
        keys, bands = self._fingerprints(texts, source)
        return CleanedBlock(
            block.file, block.next_line, places, texts, keys, bands, rejected, counts
        )

    def _finished(self, entry, source, counts):
        """The text of an accepted row, masked if asked for, and counted."""
        place, row, texts = entry
        line = file_and_line(place)[1]
        if texts != tuple(map(one_space, row)):
            counts.counts["repaired"] += 1
            counts.add_sample("repaired", line, "\t".join(row), texts)
        if self.rules.mask_personal_data and not source.is_reference:
            masked = tuple(
                self._mask(language)(text)
                for text, language in zip(texts, source.languages, strict=True)
            )
            if masked != texts:
                counts.counts["masked"] += 1
                counts.add_sample("masked", line, "\t".join(texts), masked)
            texts = masked
        return "\t".join(texts)

    def _judged_by_models(self, accepted, source):
        """Accepted rows that models accept, too, and (place, rule, seen, row)."""
        rejected = []
        if self.rules.perplexity is not None:
            for side, language in enumerate(source.languages):
                most = self.rules.perplexity.max
                most = most.get(language) if isinstance(most, dict) else most
                if most is None:
                    continue
                texts = [texts[side] for _, _, texts in accepted]
                values = self._model_values(self._perplexity, texts, language)
                seen = [x is not None and x > most and f"{x:.0f}" for x in values]
                accepted = _without(accepted, "perplexity", seen, rejected)
        if self.rules.pairs.similarity is not None and len(source.languages) == 2:
            sides = [[texts[side] for _, _, texts in accepted] for side in range(2)]
            values = self._similarity(*sides, source.languages)
            least = self.rules.pairs.similarity.min
            seen = [value < least and f"{value:.2f}" for value in values]
            accepted = _without(accepted, "similarity", seen, rejected)
        return accepted, rejected

    @staticmethod
    def _model_values(model, texts, language):
        """What a model says of texts that are not empty; None of others."""
        full = [text for text in texts if text]
        values = iter(model(full, language))
        return [next(values) if text else None for text in texts]

    @functools.cached_property
    def _perplexity(self):
        from xlm_tf.cleaning.model_rules import LinePerplexity

        return LinePerplexity(self.rules.perplexity.model)

    @functools.cached_property
    def _similarity(self):
        from xlm_tf.cleaning.model_rules import PairSimilarity

        return PairSimilarity(self.rules.pairs.similarity.model)

    def _broken_by(self, texts, number):
        languages = self.sources[number].languages
        for text, language in zip(texts, languages, strict=True):
            if not text:
                return "markup", "nothing but markup"
            broken = self._line_rules(language, len(texts) == 2).broken_by(text)
            if broken is not None:
                rule, seen = broken
                return rule, seen if len(texts) == 1 else f"{language}: {seen}"
        return self._pair_rules(number).broken_by(*texts) if len(texts) == 2 else None

    def _fingerprints(self, texts, source):
        if self.rules.duplicates is None and self.rules.boilerplate is None:
            return np.zeros((len(texts), 1), "uint64"), np.zeros((len(texts), 0), "u8")
        forms = [[normal_form(side) for side in text.split("\t")] for text in texts]
        columns = [[" ".join(form) for form in forms]]
        if len(source.languages) == 2:
            columns += [[form[side] for form in forms] for side in range(2)]
        keys = np.array(
            [[key_of(form) if form else 0 for form in column] for column in columns],
            "uint64",
        ).T.reshape(len(texts), len(columns))
        setting = self.rules.duplicates
        bands = np.zeros((len(texts), 0), "uint64")
        if setting is not None and setting.min_similarity is not None:
            bands = bands_of(forms, size_of(source))
        return keys, bands


def _without(accepted, rule, seen, rejected):
    """Accepted rows of which nothing was seen; the others go to `rejected`."""
    kept = []
    for entry, own in zip(accepted, seen, strict=True):
        if own:
            rejected.append((entry[0], rule, own, entry[1]))
        else:
            kept.append(entry)
    return kept


def size_of(source):
    """Characters of the runs by which the rows of a source are compared: int."""
    return min(map(shingle_size, source.languages))


def _rows_of(line, source, file):
    """The texts of a line: list of tuples of one or two str, some of them empty.

    A document is its lines, and an empty one behind it.
    """
    paths = source.files[file]
    sides = line if isinstance(line, tuple) else (line,)
    for path, side in zip(paths, sides, strict=True):
        if len(side) > longest_line(path):
            raise ValueError(f"longer than {longest_line(path):,} bytes")
    if len(sides) < len(source.languages):
        return pair_parser(paths[0])(line, *source.languages)
    if holds_documents(paths[0]):
        return _rows_of_document(usable_text(line))
    return [tuple(map(usable_text, sides))]


def _rows_of_document(line):
    if not line:
        return [("",)]
    try:
        document = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    text = document.get("text") if isinstance(document, dict) else None
    if not isinstance(text, str):
        raise ValueError("no document: an object with a text")
    # JSON can spell half a character: its line is found by the rule encoding.
    text = _HALF_CHARACTER.sub(REPLACEMENT, text)
    lines = [usable_text(own.encode("utf-8")) for own in text.split("\n")]
    return [*((own,) for own in lines if own), ("",)]


def _shown(line, num_sides):
    """The beginning of what cannot be read, to look at: tuple of str."""
    sides = line if isinstance(line, tuple) else (line,)
    shown = [side[:SHOWN].decode("utf-8", "backslashreplace") for side in sides]
    return tuple(shown + [""] * (num_sides - len(shown)))
