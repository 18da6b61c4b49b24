"""The sentence pairs of a recipe: batches to train on, and examples to write."""

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from xlm_tf.data.bucketing import batch_by_tokens
from xlm_tf.data.corpus_report import CorpusReport
from xlm_tf.data.near_duplicates import DisjointGroups
from xlm_tf.data.sampling import sample_datasets
from xlm_tf.text.languages import language_probabilities
from xlm_tf.training.corpus_files import keys_of_sides
from xlm_tf.training.finetuning_recipe import evaluation_names
from xlm_tf.training.held_out import keys_of_fold
from xlm_tf.training.text_sources import (
    PAIR,
    read,
    reports_of,
    source_name,
    sources_of_texts,
    split,
    split_sizes,
    texts_of_pairs,
)

# Pairs in memory to draw from, and pairs that are tokenised together.
_SHUFFLED = 200_000
_TOKENIZED = 256
_MULTIPLE = 4


@dataclasses.dataclass(frozen=True)
class EvaluationSet:
    """Examples to write and to score.

    Attributes:
        name: str, "SOURCE-TARGET", or "SOURCE-TARGET/NAME".
        source_language: str.
        target_language: str.
        sources: list of str, an example each.
        references: list of lists of str; of an example without a target an empty one.
        lines: list of int or None, for every line of the source's file its example;
            None where there is none.
    """

    name: str
    source_language: str
    target_language: str
    sources: list
    references: list
    lines: list

    @classmethod
    def of(cls, name, languages, lines):
        """Put lines that follow each other with the same source into one example.

        Args:
            name: str.
            languages: pair of str.
            lines: iterable of lists of pairs of str, the pairs of a line; of a line
                that cannot be read an empty list.
        """
        sources, references, numbers = [], [], []
        before = None
        for pairs in lines:
            source = pairs[0][0] if pairs else ""
            if source and source != before:
                sources.append(source)
                references.append([])
            if source:
                references[-1] += [target for _, target in pairs if target]
            numbers.append(len(sources) - 1 if source else None)
            before = source
        return cls(name, *languages, sources, references, numbers)


class FinetuningData:
    """Reads what a recipe names, all of it once, and makes its batches.

    Args:
        recipe: `FinetuningRecipe`.
        processes: see `xlm_tf.training.text_sources.read_corpora`.

    Attributes:
        reports: list of `CorpusReport`, of every entry.
        train: dict from the languages of a direction to the `Source` of its pairs.
        held_out: list of `EvaluationSet`.
        test: list of `EvaluationSet`.
        split_sizes: dict from directions to how many pairs are trained on, left out of
            that, and scored; empty where the recipe names its held-out pairs.

    Raises:
        ValueError: files without usable text; names them.
    """

    def __init__(self, recipe, processes=1):
        self.recipe = recipe
        every = texts_of_pairs(recipe.data)
        if recipe.held_out is None:
            is_of_fold = None
            if recipe.held_out_fold is not None:
                is_of_fold = _sources_of_fold(every, recipe.held_out_fold, processes)
            train, held_out = split(every, recipe.held_out_share, is_of_fold, processes)
            self.held_out = [
                EvaluationSet.of(
                    source_name("pairs", key), key, ([pair] for pair in pairs)
                )
                for key, pairs in held_out["pairs"].items()
            ]
        else:
            train = sources_of_texts(every, processes)
        self.train, self.reports = train["pairs"], reports_of(train)
        if recipe.held_out is not None:
            self.held_out = self._evaluation_sets("held_out")
        self.split_sizes = split_sizes(train)
        self.test = self._evaluation_sets("test")

    def texts(self):
        """The training texts by language: dict from language to a list of str."""
        texts = {}
        for languages, source in self.train.items():
            for batch in source.examples.batch(1024).as_numpy_iterator():
                for side, language in zip(PAIR, languages, strict=True):
                    own = texts.setdefault(language, [])
                    own += [text.decode("utf-8") for text in batch[side].tolist()]
        return texts

    def train_batches(self, preprocessor):
        """The endless stream of training batches: a function of recipe and data.

        Directions are drawn by their number of pairs, and `training.language_alpha`.

        Args:
            preprocessor: `XLMSeq2SeqLMPreprocessor`.

        Returns:
            Dataset of `(inputs, targets, weights)`, batches by length.
        """
        training = self.recipe.training
        examples = {key: source.examples for key, source in self.train.items()}
        if training.language_alpha == 1 or len(examples) == 1:
            pairs = functools.reduce(tf.data.Dataset.concatenate, examples.values())
            pairs = pairs.cache().shuffle(_SHUFFLED, seed=training.seed).repeat()
        else:
            counts = {key: source.count for key, source in self.train.items()}
            pairs = sample_datasets(
                {key: own.cache() for key, own in examples.items()},
                language_probabilities(counts, training.language_alpha),
                training.seed,
                _SHUFFLED,
            )
        return _batches(pairs, training, preprocessor)

    def _evaluation_sets(self, part):
        entries = getattr(self.recipe, part)
        sets = []
        for name, texts in zip(
            evaluation_names(entries), texts_of_pairs(entries), strict=True
        ):
            report = CorpusReport()
            sets.append(EvaluationSet.of(name, texts.languages, texts.lines(report)))
            report.check_usable(texts.paths)
            self.reports.append(report)
        return sets


def _sources_of_fold(every, fold, processes):
    """Which sources are held out, by their keys: function from int to bool.

    Pairs that share a text on either side, or through others, are in one fold.
    """
    keys = {}
    for texts, _, parts in read(every, keys_of_sides, processes):
        own = keys.setdefault(source_name("pairs", texts.languages), [])
        own += [np.asarray(sides).reshape(-1, 2) for _, sides in parts]
    keys = {name: np.concatenate(own) for name, own in keys.items()}
    texts, numbers = np.unique(np.concatenate([*keys.values()]), return_inverse=True)
    groups = DisjointGroups(len(texts))
    for source, target in numbers.reshape(-1, 2).tolist():
        groups.join(source, target)
    # The smallest key of a group stands for it, in whatever order the pairs are.
    group_keys = texts[[groups.find(number) for number in range(len(texts))]]
    sources = {
        name: group_keys[np.searchsorted(texts, own[:, 0])].tolist()
        for name, own in keys.items()
    }
    is_of_fold = keys_of_fold(sources, fold)
    return functools.partial(_is_held_out, is_of_fold, texts, group_keys)


def _is_held_out(is_of_fold, texts, group_keys, source):
    """Whether the group of a source, both by their keys, is of a fold: bool."""
    place = np.searchsorted(texts, np.uint64(source))
    return is_of_fold(int(group_keys[place]))


def _batches(pairs, training, preprocessor):
    languages = {}
    if preprocessor.languages is not None:
        languages = {name: name for name in ("source_language", "target_language")}
    fields = {"text": "source", "target_text": "target", **languages}

    def tokenized(pair):
        inputs, targets, weights = preprocessor.call(
            {name: pair[key] for name, key in fields.items()}
        )
        return {**inputs, "targets": targets, "weights": weights}

    def without_padding(example):
        return {
            name: value[: _side_length(example, name)]
            for name, value in example.items()
        }

    examples = pairs.batch(_TOKENIZED).map(tokenized).unbatch().map(without_padding)
    pad = tf.constant(preprocessor.tokenizer.pad_token_id)
    padding_values = {
        name: pad
        if name.endswith("token_ids") or name == "targets"
        else tf.zeros((), spec.dtype)
        for name, spec in examples.element_spec.items()
    }
    batches = batch_by_tokens(
        examples,
        lambda example: tf.maximum(
            tf.size(example["encoder_token_ids"]), tf.size(example["targets"])
        ),
        training.tokens_per_batch,
        max(training.source_length, training.target_length),
        padding_values,
    )

    def trimmed(batch):
        batch = {
            name: value[:, : _side_length(batch, name)] for name, value in batch.items()
        }
        targets, weights = batch.pop("targets"), batch.pop("weights")
        return batch, targets, weights

    options = tf.data.Options()
    # Several workers share every batch; by default each would read other files.
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.DATA
    )
    return batches.map(trimmed).prefetch(4).with_options(options)


def _side_length(example, name):
    """The longest real text on the side that a feature belongs to.

    Of a batch in whole fours, so that a graph meets few shapes: its two sides differ
    in length.
    """
    side = "encoder" if name.startswith("encoder") else "decoder"
    mask = tf.cast(example[f"{side}_padding_mask"], "int32")
    length = tf.reduce_max(tf.reduce_sum(mask, axis=-1))
    if mask.shape.rank == 2:
        length += (-length) % _MULTIPLE
    return length
