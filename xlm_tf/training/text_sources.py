"""The texts of a pretraining: a source for every language and pair of languages."""

import collections
import contextlib
import dataclasses
import functools
import itertools

import tensorflow as tf

from xlm_tf.data import bitext, gettext_catalogues
from xlm_tf.data.corpus_report import CorpusReport, check_files
from xlm_tf.data.plain_text_dataset import read_plain_text
from xlm_tf.objectives.packed_sequences import WINDOW
from xlm_tf.objectives.registry import OBJECTIVES
from xlm_tf.objectives.token_sequences import token_ids_of_sides
from xlm_tf.training.corpus_files import (
    Texts,
    count_others,
    keys,
    map_texts,
    scan,
    select,
)
from xlm_tf.training.held_out import (
    FoldSelection,
    HeldOutTexts,
    Selection,
    keys_of_fold,
)
from xlm_tf.training.held_out_datasets import without_left_out, without_texts
from xlm_tf.training.recipe import HELD_OUT_SHARE

# Of all files, for every process: they end at about the same time.
_PARTS = 8
TEXT = ("text",)
PAIR = ("source", "target")


@dataclasses.dataclass(frozen=True)
class Source:
    """One language or one pair of languages: its examples and how many there are.

    Attributes:
        examples: dataset of dicts of string scalars.
        count: int.
        reports: tuple of `CorpusReport`.
        left_out: int, how many more there would be if none were held out.
        scored: int, how many of these are scored; None where none are held out.
    """

    examples: tf.data.Dataset
    count: int
    reports: tuple = ()
    left_out: int = 0
    scored: int | None = None


def read_corpora(recipe, processes=1):
    """The texts of a recipe, those to train on and those to score.

    Args:
        recipe: `PretrainingRecipe` whose `data` are not prepared.
        processes: int, that read, where there is much; 1: this one. More need, in a
            script, `if __name__ == "__main__":` around the call.

    Returns:
        `(train, held_out, reports)`: both are dicts of `texts`, from languages to
        `Source`, and `pairs`, from pairs of languages; list of `CorpusReport`.

    Raises:
        ValueError: a corpus without usable text; names it.
    """
    if recipe.held_out is None:
        every, is_of_fold = _texts_of(recipe.data), None
        if recipe.held_out_fold is not None:
            is_of_fold = _keys_of_fold(every, recipe.held_out_fold, processes)
        train, held_out = split(every, recipe.held_out_share, is_of_fold, processes)
        held_out = held_out_sources(held_out)
    else:
        train = sources_of(recipe.data, processes)
        held_out = sources_of(recipe.held_out, processes)
    return train, held_out, [*reports_of(train), *reports_of(held_out)]


def split_sizes(train):
    """How texts are divided: dict from languages, and pairs, to three int.

    They are how many sentences or pairs are trained on, left out of that, and scored.
    Empty where none of them are held out.

    Args:
        train: dict of dicts of `Source`, the first of what `split` gives.
    """
    return {
        source_name(kind, key): (own.count, own.left_out, own.scored)
        for kind, sources in train.items()
        for key, own in sources.items()
        if own.scored is not None
    }


def check_tokens(sources, tokenizer):
    """See that every source has an example with tokens on every side.

    An endless stream of others would never give a batch.

    Args:
        sources: the first of what `read_corpora` gives.
        tokenizer: a tokenizer of `xlm_tf.text`.

    Raises:
        ValueError: there is one without; names it.
    """
    for kind, own in sources.items():
        for key, source in own.items():
            windows = source.examples.batch(WINDOW)
            if not any(_has_tokens(examples, tokenizer) for examples in windows):
                raise ValueError(
                    f"The texts of {source_name(kind, key)} in recipe.data have no "
                    "tokens: the vocabulary leaves out all of their characters, such "
                    "as spaces of no width. Name other texts."
                )


def sources_of(corpora, processes=1):
    """Read the corpora of a recipe.

    Args:
        corpora: `Corpora`.
        processes: see `read_corpora`.

    Returns:
        dict of dicts: `texts`, from languages to `Source`, and `pairs`, from pairs of
        languages.

    Raises:
        ValueError: a corpus without usable text; names it.
    """
    return sources_of_texts(_texts_of(corpora), processes)


def sources_of_texts(every, processes=1):
    """As `sources_of`, of a list of `Texts`."""
    sources = {"texts": {}, "pairs": {}}
    for texts, report, _ in read(every, scan, processes):
        _add_texts(sources, texts, report)
    return sources


def held_out_sources(held_out):
    """Sources of dicts of lists: `texts` by language, `pairs` by pair of languages."""
    return {
        "texts": {
            language: _held_out_source({"text": own, "language": [language] * len(own)})
            for language, own in held_out["texts"].items()
        },
        "pairs": {
            pair: _held_out_source(_columns(pair, own))
            for pair, own in held_out["pairs"].items()
        },
    }


def sources_by_objective(sources, recipe, read_by):
    """What every objective reads.

    Args:
        sources: what `sources_of` gives.
        recipe: `PretrainingRecipe`.
        read_by: function from the name of an objective to the names of its sources.

    Returns:
        dict of dicts, such as `{"mlm": {"en": Source}, "tlm": {"en-de": Source}}`.
    """
    texts = dict(sources["texts"])
    for language, source in _sides(sources["pairs"]).items():
        # Where a language has no text of its own, its sides of the pairs serve.
        texts.setdefault(language, source)
    pairs = {"-".join(pair): source for pair, source in sources["pairs"].items()}
    read = {"texts": texts, "pairs": pairs}
    by_objective = {}
    for name in recipe.objectives:
        wanted, own = read_by(name), read[OBJECTIVES[name].reads]
        by_objective[name] = {key: own[key] for key in own if key in wanted}
    return by_objective


def source_name(kind, key):
    """What a source is called: "en", "en-de".

    Args:
        kind: "texts" or "pairs".
        key: str, a language, or tuple of two.
    """
    return key if kind == "texts" else "-".join(key)


def reports_of(sources):
    """The reports of what `sources_of` gives: list of `CorpusReport`."""
    of_kinds = (own.values() for own in sources.values())
    return [report for own in of_kinds for source in own for report in source.reports]


def texts_of_pairs(entries):
    """What entries of pairs name: list of `Texts`, of which files are there.

    Args:
        entries: list of `Bitext`.
    """
    found = []
    for entry in entries:
        paths = entry.files or (entry.source_file, entry.target_file)
        paths = tuple(check_files(paths))
        found.append(Texts(entry.languages, paths, not entry.files))
    return found


def split(every, share, is_of_fold, processes):
    """What is trained on, and what is held out.

    A document, or the pairs of one source text, come to one side, and no text that is
    scored is on any side of a training example.

    Args:
        every: list of `Texts`.
        share: float, that is held out; None: the usual one.
        is_of_fold: function from a key to bool, of the fold that is held out instead;
            it travels to other processes. None: a share is.
        processes: see `read_corpora`.

    Returns:
        `(train, held_out)`, dicts of `texts` and `pairs`: of `Source`, see
        `sources_of`; of lists of str, or of pairs of str.

    Raises:
        ValueError: a corpus without usable text, or with too few; names it.
    """
    new_selection = functools.partial(Selection, share or HELD_OUT_SHARE)
    if is_of_fold is not None:
        new_selection = functools.partial(FoldSelection, is_of_fold)
    sources = {"texts": {}, "pairs": {}}
    selections = {"texts": {}, "pairs": {}}
    files = []
    choose = functools.partial(select, new_selection)
    for texts, report, parts in read(every, choose, processes):
        _add_texts(sources, texts, report)
        kind, key = _place(texts)
        selection = selections[kind].setdefault(key, new_selection())
        for part, own in parts:
            selection.merge(own)
            files.append((part, own.is_left_out))
    held_out = {
        kind: {key: selection.examples() for key, selection in own.items()}
        for kind, own in selections.items()
    }
    texts = [text for own in held_out["texts"].values() for text in own]
    for own in held_out["pairs"].values():
        texts += [text for pair in own for text in pair]
    # In Python: tf.data takes three times as long to give single lines.
    count_in = functools.partial(count_others, HeldOutTexts(texts))
    counts, spellings = collections.Counter(), set()
    found = map_texts(count_in, files, processes)
    for (part, _), (own, own_spellings) in zip(files, found, strict=True):
        counts[part.languages] += own
        spellings |= own_spellings
    fields = {"texts": TEXT, "pairs": PAIR}
    train = {"texts": {}, "pairs": {}}
    for kind, of_kind in sources.items():
        for key, source in of_kind.items():
            count = counts[(key,) if kind == "texts" else key]
            if not count:
                raise ValueError(
                    f"The texts of {source_name(kind, key)} in recipe.data are too "
                    "few, or too much alike, to hold some out. Name more of them, or "
                    "other ones in recipe.held_out."
                )
            examples = without_left_out(
                source.examples, selections[kind][key].is_left_out
            )
            examples = without_texts(examples, fields[kind], spellings)
            train[kind][key] = Source(
                examples,
                count,
                source.reports,
                left_out=source.count - count,
                scored=len(held_out[kind][key]),
            )
    return train, held_out


def read(every, function, processes):
    """Read texts once.

    Args:
        every: list of `Texts`.
        function: of `Texts`, which gives a `CorpusReport` and something else.
        processes: see `read_corpora`.

    Yields:
        `Texts`, their `CorpusReport`, and a list of their parts, each with what the
        function gave.
    """
    size = sum(texts.size for texts in every) // (_PARTS * processes)
    parts = [texts.parts(size) for texts in every]
    items = [(part,) for own in parts for part in own]
    with contextlib.closing(map_texts(function, items, processes)) as found:
        for texts, own in zip(every, parts, strict=True):
            report, values = CorpusReport(), []
            for part_report, value in itertools.islice(found, len(own)):
                report.add(part_report)
                values.append(value)
            if texts.paths:
                report.check_usable(texts.paths)
            yield texts, report, list(zip(own, values, strict=True))


def _keys_of_fold(every, fold, processes):
    """Which documents and sources are of a fold, see `keys_of_fold`."""
    found = {}
    for texts, _, parts in read(every, keys, processes):
        own = found.setdefault("-".join(texts.languages), set())
        own.update(*(numbers for _, numbers in parts))
    return keys_of_fold(found, fold)


def _has_tokens(examples, tokenizer):
    sides = token_ids_of_sides(tokenizer, examples)
    lengths = [ids.row_lengths() for ids in sides]
    return bool(tf.reduce_any(tf.reduce_min(lengths, axis=0) > 0))


def _held_out_source(columns):
    examples = tf.data.Dataset.from_tensor_slices(columns)
    return Source(examples, len(examples))


def _columns(languages, pairs):
    return {
        "source": [source for source, _ in pairs],
        "target": [target for _, target in pairs],
        "source_language": [languages[0]] * len(pairs),
        "target_language": [languages[1]] * len(pairs),
    }


def _texts_of(corpora):
    """What the corpora of a recipe name: list of `Texts`, of which files are there."""
    found = [
        Texts((language,), tuple(check_files(paths)))
        for language, paths in corpora.monolingual.items()
    ]
    found += texts_of_pairs(corpora.bitext)
    if corpora.gettext:
        messages = list(
            gettext_catalogues.iterate_messages(
                corpora.gettext, corpora.gettext_languages
            )
        )
        for language in corpora.gettext_languages:
            own = [(x.source, x.target) for x in messages if x.language == language]
            if not own:
                raise ValueError(
                    f"The catalogues hold no message in {language!r}. "
                    f"Received: {corpora.gettext}."
                )
            found.append(Texts(("en", language), pairs=tuple(own)))
    return found


def _place(texts):
    """Where the source of `Texts` stands: its kind and its key."""
    languages = texts.languages
    return ("texts", *languages) if len(languages) == 1 else ("pairs", languages)


def _add_texts(sources, texts, report):
    kind, key = _place(texts)
    if texts.are_aligned:
        dataset = bitext.read_parallel_text(*texts.paths, *key, report)
    elif not texts.paths:
        dataset = tf.data.Dataset.from_tensor_slices(_columns(key, texts.pairs))
    elif kind == "pairs":
        dataset = bitext.read_bitext(texts.paths, *key, report)
    else:
        dataset = read_plain_text(texts.paths, key, report)
    count = report.sentences if texts.paths else len(texts.pairs)
    reports = (report,) if texts.paths else ()
    _add(sources[kind], key, Source(dataset, count, reports))


def _sides(pairs):
    """The two sides of sentence pairs, as text of their languages."""
    sources = {}
    for languages, source in pairs.items():
        for side, language in zip(PAIR, languages, strict=True):
            texts = source.examples.map(
                lambda pair, side=side: {
                    "text": pair[side],
                    "language": pair[f"{side}_language"],
                }
            )
            _add(sources, language, Source(texts, source.count))
    return sources


def _add(sources, key, source):
    """Put a source under its key, after what is there already."""
    if key in sources:
        before = sources[key]
        source = Source(
            before.examples.concatenate(source.examples),
            before.count + source.count,
            before.reports + source.reports,
        )
    sources[key] = source
