"""The texts of a pretraining: a source for every language and pair of languages."""

import dataclasses
import functools

import tensorflow as tf

from xlm_tf.data import bitext, gettext_catalogues, plain_text
from xlm_tf.objectives.packed_sequences import WINDOW
from xlm_tf.objectives.registry import OBJECTIVES
from xlm_tf.objectives.token_sequences import token_ids_of_sides
from xlm_tf.training.held_out import (
    FoldSelection,
    HeldOutTexts,
    Selection,
    documents,
    iterate_pairs,
    keys_of_fold,
    pairs_by_source,
    text_key,
)
from xlm_tf.training.recipe import HELD_OUT_SHARE

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
    """

    examples: tf.data.Dataset
    count: int
    reports: tuple = ()
    left_out: int = 0


def read_corpora(recipe):
    """The texts of a recipe, those to train on and those to score.

    Args:
        recipe: `PretrainingRecipe` whose `data` are not prepared.

    Returns:
        `(train, held_out, reports)`: both are dicts of `texts`, from languages to
        `Source`, and `pairs`, from pairs of languages; list of `CorpusReport`.

    Raises:
        ValueError: a corpus without usable text; names it.
    """
    train = sources_of(recipe.data)
    if recipe.held_out is None:
        train, held_out = _split(train, recipe.data.monolingual, recipe)
    else:
        held_out = sources_of(recipe.held_out)
    return train, held_out, [*reports_of(train), *reports_of(held_out)]


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


def sources_of(corpora):
    """Read the corpora of a recipe.

    Args:
        corpora: `Corpora`.

    Returns:
        dict of dicts: `texts`, from languages to `Source`, and `pairs`, from pairs of
        languages.

    Raises:
        ValueError: a corpus without usable text; names it.
    """
    texts = {
        language: _plain_source(paths, language)
        for language, paths in corpora.monolingual.items()
    }
    return {"texts": texts, "pairs": _pair_sources(corpora)}


def held_out_sources(held_out):
    """Sources of dicts of lists: `texts` by language, `pairs` by pair of languages."""
    return {
        "texts": {
            language: _held_out_source({"text": own, "language": [language] * len(own)})
            for language, own in held_out["texts"].items()
        },
        "pairs": {
            pair: _held_out_source(
                {
                    "source": [source for source, _ in own],
                    "target": [target for _, target in own],
                    "source_language": [pair[0]] * len(own),
                    "target_language": [pair[1]] * len(own),
                }
            )
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


def _split(sources, monolingual, recipe):
    """The sources without a share of them, or a fold, and that part as sources.

    A document, or the pairs of one source text, come to one side, and no text that is
    scored is on any side of a training example.
    """
    units = {
        "texts": lambda language: _documents(monolingual[language]),
        "pairs": lambda pair: pairs_by_source(sources["pairs"][pair].examples),
    }
    new_selection = functools.partial(
        Selection, recipe.held_out_share or HELD_OUT_SHARE
    )
    fold = recipe.held_out_fold
    if fold is not None:
        keys = {
            source_name(kind, key): (own for own, _ in units[kind](key))
            for kind, of_kind in sources.items()
            for key in of_kind
        }
        new_selection = functools.partial(FoldSelection, keys_of_fold(keys, fold))
    held_out = {"texts": {}, "pairs": {}}
    selections = {"texts": {}, "pairs": {}}
    for kind, own in sources.items():
        for key in own:
            selection = selections[kind][key] = new_selection()
            for unit in units[kind](key):
                selection.add(*unit)
            held_out[kind][key] = selection.examples()
    texts = [text for own in held_out["texts"].values() for text in own]
    for own in held_out["pairs"].values():
        texts += [text for pair in own for text in pair]
    excluded = HeldOutTexts(texts)
    # In Python: tf.data takes three times as long to give single lines.
    rows = {
        "texts": lambda language: zip(
            plain_text.iterate_plain_text(monolingual[language])
        ),
        "pairs": lambda pair: iterate_pairs(sources["pairs"][pair].examples),
    }
    counts = {
        kind: {
            key: excluded.count_others(selection.other_rows(rows[kind](key)))
            for key, selection in own.items()
        }
        for kind, own in selections.items()
    }
    fields = {"texts": TEXT, "pairs": PAIR}
    train = {"texts": {}, "pairs": {}}
    for kind, own in sources.items():
        for key, source in own.items():
            if not counts[kind][key]:
                raise ValueError(
                    f"The texts of {source_name(kind, key)} in recipe.data are too "
                    "few, or too much alike, to hold some out. Name more of them, or "
                    "other ones in recipe.held_out."
                )
            others = selections[kind][key].others(source.examples)
            examples = excluded.without(others, fields[kind])
            train[kind][key] = Source(
                examples,
                counts[kind][key],
                source.reports,
                source.count - counts[kind][key],
            )
    return train, held_out_sources(held_out)


def _documents(paths):
    """Yield the key and the lines of every document."""
    for lines in documents(paths):
        yield text_key("\n".join(lines)), lines


def _has_tokens(examples, tokenizer):
    sides = token_ids_of_sides(tokenizer, examples)
    lengths = [ids.row_lengths() for ids in sides]
    return bool(tf.reduce_any(tf.reduce_min(lengths, axis=0) > 0))


def _held_out_source(columns):
    examples = tf.data.Dataset.from_tensor_slices(columns)
    return Source(examples, len(examples))


def _plain_source(paths, language):
    report = plain_text.scan_plain_text(paths)
    dataset = plain_text.read_plain_text(paths, language, report)
    return Source(dataset, report.sentences, (report,))


def _pair_sources(corpora):
    sources = {}
    for entry in corpora.bitext:
        if entry.files:
            report = bitext.scan_bitext(entry.files, *entry.languages)
            dataset = bitext.read_bitext(entry.files, *entry.languages, report)
        else:
            files = (entry.source_file, entry.target_file)
            report = bitext.scan_parallel_text(*files)
            dataset = bitext.read_parallel_text(*files, *entry.languages, report)
        source = Source(dataset, report.sentences, (report,))
        _add(sources, entry.languages, source)
    if corpora.gettext:
        messages = list(
            gettext_catalogues.iterate_messages(
                corpora.gettext, corpora.gettext_languages
            )
        )
        for language in corpora.gettext_languages:
            own = [message for message in messages if message.language == language]
            if not own:
                raise ValueError(
                    f"The catalogues hold no message in {language!r}. "
                    f"Received: {corpora.gettext}."
                )
            dataset = gettext_catalogues.as_dataset(own)
            _add(sources, ("en", language), Source(dataset, len(own)))
    return sources


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
