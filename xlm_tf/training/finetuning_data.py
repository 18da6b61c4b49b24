"""The sentence pairs of a recipe: batches to train on, and examples to write."""

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from xlm_tf.data import bitext, pair_files
from xlm_tf.data.bucketing import batch_by_tokens
from xlm_tf.data.near_duplicates import DisjointGroups
from xlm_tf.data.sampling import sample_datasets
from xlm_tf.text.languages import language_probabilities
from xlm_tf.training.finetuning_recipe import evaluation_names
from xlm_tf.training.held_out import (
    FoldSelection,
    HeldOutTexts,
    Selection,
    keys_of_fold,
    text_key,
)
from xlm_tf.training.held_out_datasets import (
    iterate_pairs,
    pairs_by_source,
    without_left_out,
    without_texts,
)
from xlm_tf.training.recipe import HELD_OUT_SHARE

# Pairs in memory to draw from, and pairs that are tokenised together.
_SHUFFLED = 200_000
_TOKENIZED = 256
_MULTIPLE = 4
_SIDES = ("source", "target")


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

    Attributes:
        reports: list of `CorpusReport`, of every entry.
        train: list of `(languages, dataset)`, a direction's pairs each.
        held_out: list of `EvaluationSet`.
        test: list of `EvaluationSet`.
        fold_sizes: dict from directions to how many pairs are trained on, left out, and
            scored; empty where no fold is held out.

    Raises:
        ValueError: files without usable text; names them.
    """

    def __init__(self, recipe):
        self.recipe = recipe
        self.reports = []
        self.fold_sizes = {}
        self.train = [(entry.languages, self._pairs(entry)) for entry in recipe.data]
        if recipe.held_out is None:
            self.train, self.held_out, sizes = _split(self.train, recipe)
            self.fold_sizes = sizes if recipe.held_out_fold else {}
        else:
            self.held_out = self._evaluation_sets("held_out")
        self.test = self._evaluation_sets("test")

    def texts(self):
        """The training texts by language: dict from language to a list of str."""
        texts = {}
        for languages, pairs in self.train:
            for batch in pairs.batch(1024).as_numpy_iterator():
                for side, language in zip(_SIDES, languages, strict=True):
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
        directions = _by_direction(self.train)
        training = self.recipe.training
        if training.language_alpha == 1 or len(directions) == 1:
            pairs = None
            for _, own in self.train:
                pairs = own if pairs is None else pairs.concatenate(own)
            pairs = pairs.cache().shuffle(_SHUFFLED, seed=training.seed).repeat()
        else:
            counts = {
                languages: int(own.reduce(0, lambda count, _: count + 1))
                for languages, own in directions.items()
            }
            pairs = sample_datasets(
                {languages: own.cache() for languages, own in directions.items()},
                language_probabilities(counts, training.language_alpha),
                training.seed,
                _SHUFFLED,
            )
        return _batches(pairs, training, preprocessor)

    def _pairs(self, entry):
        """The dataset of an entry, whose report is kept."""
        files = (entry.source_file, entry.target_file)
        if entry.files:
            report = pair_files.scan_bitext(entry.files, *entry.languages)
            pairs = bitext.read_bitext(entry.files, *entry.languages, report)
        else:
            report = pair_files.scan_parallel_text(*files)
            pairs = bitext.read_parallel_text(*files, *entry.languages, report)
        self.reports.append(report)
        return pairs

    def _evaluation_sets(self, part):
        entries = getattr(self.recipe, part)
        names = evaluation_names(entries)
        sets = []
        for name, entry in zip(names, entries, strict=True):
            self._pairs(entry)  # whose report is wanted
            if entry.files:
                lines = pair_files.iterate_bitext(entry.files, *entry.languages)
            else:
                lines = pair_files.iterate_parallel_text(
                    entry.source_file, entry.target_file
                )
            sets.append(EvaluationSet.of(name, entry.languages, lines))
        return sets


def _split(train, recipe):
    """The pairs to train on, those to score, and how many: see `FinetuningData`.

    A share of every direction is held out, or a fold. The pairs of one source come to
    one side, in folds those that share any text, and no text that is scored is on any
    side of a training pair.
    """
    new_selection = functools.partial(
        Selection, recipe.held_out_share or HELD_OUT_SHARE
    )
    if recipe.held_out_fold is not None:
        train = list(_by_direction(train).items())
        is_held_out = _sources_of_fold(train, recipe.held_out_fold)
        new_selection = functools.partial(FoldSelection, is_held_out)
    selections = {}
    for languages, pairs in train:
        selection = selections.setdefault(languages, new_selection())
        for unit in pairs_by_source(pairs):
            selection.add(*unit)
    train = [
        (languages, without_left_out(own, selections[languages].is_left_out))
        for languages, own in train
    ]
    chosen = {languages: own.examples() for languages, own in selections.items()}
    excluded = HeldOutTexts(
        text for own in chosen.values() for pair in own for text in pair
    )
    counts, spellings = dict.fromkeys(selections, 0), set()
    for languages, pairs in train:
        count, found = excluded.count_others(iterate_pairs(pairs))
        counts[languages] += count
        spellings |= found
    for languages, count in counts.items():
        if not count:
            raise ValueError(
                f"The pairs of {'-'.join(languages)} in recipe.data are too few, or "
                "too much alike, to hold some out. Name more of them, or other ones in "
                "recipe.held_out."
            )
    train = [
        (languages, without_texts(pairs, _SIDES, spellings))
        for languages, pairs in train
    ]
    held_out = [
        EvaluationSet.of("-".join(languages), languages, ([pair] for pair in own))
        for languages, own in chosen.items()
    ]
    sizes = {
        "-".join(languages): (
            counts[languages],
            selections[languages].count - counts[languages],
            len(own),
        )
        for languages, own in chosen.items()
    }
    return train, held_out, sizes


def _by_direction(train):
    """The training pairs of every direction as one dataset: dict from languages."""
    directions = {}
    for languages, own in train:
        before = directions.get(languages)
        directions[languages] = own if before is None else before.concatenate(own)
    return directions


def _sources_of_fold(train, fold):
    """Which sources are held out, by their keys: function from int to bool.

    Pairs that share a text on either side, or through others, are in one fold.
    """
    keys = {
        "-".join(languages): np.fromiter(
            (
                key
                for source, [(_, target)] in pairs_by_source(pairs)
                for key in (source, text_key(target))
            ),
            "uint64",
        ).reshape(-1, 2)
        for languages, pairs in train
    }
    texts, numbers = np.unique(np.concatenate([*keys.values()]), return_inverse=True)
    groups = DisjointGroups(len(texts))
    for source, target in numbers.reshape(-1, 2).tolist():
        groups.join(source, target)
    # The smallest key of a group stands for it, in whatever order the pairs are.
    group_keys = texts[[groups.find(number) for number in range(len(texts))]]

    def groups_of(sources):
        return group_keys[np.searchsorted(texts, sources)].tolist()

    is_held_out = keys_of_fold(
        {name: groups_of(own[:, 0]) for name, own in keys.items()}, fold
    )
    return lambda source: is_held_out(groups_of(np.uint64(source)))


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
