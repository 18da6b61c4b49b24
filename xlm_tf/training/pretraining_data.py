"""The corpora of a recipe as datasets of training and evaluation batches."""

import dataclasses

import tensorflow as tf

from xlm_tf.data import bitext, gettext_catalogues, plain_text
from xlm_tf.data.sampling import sample_datasets
from xlm_tf.objectives.mixing import mix
from xlm_tf.objectives.mlm import MaskedLanguageModelling
from xlm_tf.objectives.tlm import TranslationLanguageModelling
from xlm_tf.text.languages import language_probabilities


@dataclasses.dataclass(frozen=True)
class Source:
    """One language or one pair of languages: its examples and how many there are."""

    examples: tf.data.Dataset
    count: int
    reports: tuple = ()


class PretrainingData:
    """Reads what a recipe names, and makes its batches.

    Args:
        recipe: `Recipe`.
        tokenizer: a tokenizer of `xlm_tf.text`.

    Attributes:
        reports: list of `CorpusReport`, of every corpus file read.

    Raises:
        ValueError: a corpus without usable text; names it.
    """

    def __init__(self, recipe, tokenizer):
        self.recipe = recipe
        training = recipe.training
        arguments = {
            "tokenizer": tokenizer,
            "sequence_length": training.sequence_length,
            "languages": recipe.languages
            if recipe.model.get("language_embeddings")
            else None,
            "selection_rate": training.selection_rate,
        }
        self.objectives = {
            name: objective(**arguments)
            for name, objective in (
                ("mlm", MaskedLanguageModelling),
                ("tlm", TranslationLanguageModelling),
            )
            if name in recipe.objectives
        }
        self.train_sources = _sources(recipe.data, self.objectives)
        self.held_out_sources = _sources(recipe.held_out, self.objectives)
        self.reports = [
            report
            for sources in self.train_sources.values()
            for source in sources.values()
            for report in source.reports
        ]

    def train_batches(self):
        """The endless stream of training batches: a function of recipe and data."""
        training = self.recipe.training
        streams = {}
        for number, (name, objective) in enumerate(self.objectives.items()):
            sources = self.train_sources[name]
            seed = training.seed + 1000 * number
            counts = {key: source.count for key, source in sources.items()}
            examples = sample_datasets(
                {key: source.examples for key, source in sources.items()},
                language_probabilities(counts, training.language_alpha),
                seed,
            )
            streams[name] = objective.train_batches(
                examples, training.rows_per_batch, seed
            )
        batches = mix(streams, self.recipe.objectives, training.seed)
        # Several workers share every batch; by default each would read other files.
        options = tf.data.Options()
        options.experimental_distribute.auto_shard_policy = (
            tf.data.experimental.AutoShardPolicy.DATA
        )
        return batches.with_options(options)

    def evaluation_groups(self):
        """What is scored apart: "mlm/fr", "tlm/en-fr"..., in the batches' order."""
        return [
            f"{name}/{key}"
            for name in self.objectives
            for key in self.held_out_sources[name]
        ]

    def evaluation_batches(self):
        """The held-out batches of every objective; their rows tell the group."""
        batches = None
        num_groups = 0
        for name, objective in self.objectives.items():
            sources = self.held_out_sources[name]
            own = objective.evaluation_batches(
                {key: source.examples for key, source in sources.items()},
                self.recipe.training.rows_per_batch,
            )
            first = num_groups

            def number_on(inputs, targets, weights, group, first=first):
                return inputs, targets, weights, group + first

            own = own.map(number_on)
            batches = own if batches is None else batches.concatenate(own)
            num_groups += len(sources)
        return batches


def _sources(corpora, objectives):
    """{"mlm": {language: Source}, "tlm": {pair: Source}} of the named objectives."""
    pairs = _pair_sources(corpora)
    sources = {}
    if "tlm" in objectives:
        sources["tlm"] = pairs
    if "mlm" in objectives:
        monolingual = {
            language: _plain_source(paths, language)
            for language, paths in corpora.monolingual.items()
        }
        # Where a language has no text of its own, the sides of its pairs serve.
        sources["mlm"] = monolingual or _sides(pairs)
    return sources


def _plain_source(paths, language):
    report = plain_text.scan_plain_text(paths)
    dataset = plain_text.read_plain_text(paths, language, report)
    return Source(dataset, report.sentences, (report,))


def _pair_sources(corpora):
    sources = {}
    for entry in corpora.bitext:
        languages = (entry.source_language, entry.target_language)
        if entry.files:
            report = bitext.scan_bitext(entry.files, *languages)
            dataset = bitext.read_bitext(entry.files, *languages)
        else:
            files = (entry.source_file, entry.target_file)
            report = bitext.scan_parallel_text(*files)
            dataset = bitext.read_parallel_text(*files, *languages)
        _add(sources, "-".join(languages), Source(dataset, report.sentences, (report,)))
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
            _add(sources, f"en-{language}", Source(dataset, len(own)))
    return sources


def _sides(pairs):
    """The two sides of sentence pairs, as text of their languages."""
    sources = {}
    for key, source in pairs.items():
        for side, language in zip(("source", "target"), key.split("-"), strict=True):
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
