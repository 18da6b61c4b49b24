"""The examples of a task's recipe, in memory: trained on, held out and tested."""

import abc
from typing import ClassVar

import numpy as np
import tensorflow as tf

from xlm_tf.data.corpus_report import CorpusReport
from xlm_tf.data.hub_datasets import fetch_dataset
from xlm_tf.data.sampling import sample_rows
from xlm_tf.evaluation.row_languages import name_languages
from xlm_tf.models.length_groups import group_by_length
from xlm_tf.text.language_codes import parse_language_code
from xlm_tf.training.folds import deal_folds
from xlm_tf.training.task_building import build_trainer


class TaskData(abc.ABC):
    """Base of the data of one task; a subclass reads rows, and makes batches of them.

    Attributes:
        nouns: str, what the rows are.
        recipe: a `TaskRecipe`.
        train, held_out, test: lists of dict, rows with `language` and what
            `xlm_tf.evaluation.model_scores` says.
        num_left_out: int, rows of `data` that are held out, or say what those do.
        untrained: list of str, languages of which that leaves nothing to train on.
        metric: str, that tells the best model, its language as in `held_out`.
        reports: list of `CorpusReport`, one per part.
    """

    nouns: ClassVar[str] = "texts"

    def __init__(self, recipe):
        self.recipe = recipe
        self.reports = []
        self._spellings = {
            parse_language_code(name): name for _, name in recipe.named_languages()
        }
        self.train = self._read("data")
        self.read_labels()
        self.test = self._read("test") if recipe.test else []
        if recipe.test_share is not None:
            self._split_groups(recipe.test_share)
        if recipe.held_out is not None:
            held_out = self._read("held_out")
        elif recipe.held_out_fold is not None:
            held_out = self._fold(recipe.held_out_fold)
        else:
            held_out = self._hold_out(recipe.held_out_share)
        languages = {row["language"] for row in self.train}
        seen = {key for row in held_out for key in self.keys(row)}
        count = len(self.train)
        groups = {row["group"] for row in held_out if "group" in row}
        self.train = [
            row
            for row in self.train
            if seen.isdisjoint(self.keys(row)) and row.get("group") not in groups
        ]
        self.num_left_out = count - len(self.train)
        trained = {row["language"] for row in self.train}
        self.untrained = sorted(languages - trained)
        if not self.train or not held_out:
            raise ValueError(
                f"recipe.data has {len(self.train):,} {self.nouns} to train on beside "
                f"{len(held_out):,} that are held out: both need some."
            )
        self.held_out = held_out
        metric, _, language = self.chosen_metric().partition("/")
        languages = sorted({row["language"] for row in held_out})
        if language and self.spelled(language) not in languages:
            raise ValueError(
                f"recipe.training.early_stopping_metric is {metric}/{language}, and "
                f"held out are: {', '.join(languages)}."
            )
        self.metric = f"{metric}/{self.spelled(language)}" if language else metric

    def read_entry(self, entry, report):
        """The rows of an entry of the recipe: list of dict."""
        paths = entry.files or [self._fetched(entry.dataset)]
        return [row for path in paths for row in self.read_file(path, entry, report)]

    @abc.abstractmethod
    def read_file(self, path, entry, report):
        """The rows of a file: list of dict, with `language` where a column says it."""

    def language_of(self, row, entry):
        """str, by which the rows are scored apart."""
        return self.spelled(row.get("language", entry.language))

    @abc.abstractmethod
    def keys(self, row):
        """What two rows that say the same have in common: a set, of which one is."""

    def class_of(self, row):
        """The class that folds have equal shares of, or None where there is none."""
        return None

    @abc.abstractmethod
    def read_labels(self):
        """Find the classes in `train`, where the task has any."""

    def chosen_metric(self):
        """str, that tells the best model."""
        return self.recipe.training.early_stopping_metric

    @abc.abstractmethod
    def describe(self, reporter):
        """Say what there is to train on."""

    @abc.abstractmethod
    def build_model(self):
        """The task as its training begins, not compiled."""

    @abc.abstractmethod
    def train_inputs(self):
        """All that is trained on, as the task's `fit` takes it, without labels."""

    @abc.abstractmethod
    def train_batches(self, model):
        """The endless batches, what the task's `preprocess_samples` takes, the same at
        every call; see `epochs`."""

    def build_trainer(self, model):
        """The trainer of the model, compiled; call under the strategy's scope."""
        return build_trainer(model, self.recipe.training)

    def name_languages(self, preprocessor):
        """Give all rows the model's names of their languages, where it has any."""
        for rows in (self.train, self.held_out, self.test):
            name_languages(rows, preprocessor)

    def epochs(self, lengths, rows, languages=None, chosen=None):
        """Endless batches of rows, every epoch in an order of its own.

        Args:
            lengths: list of int, how long every row is.
            rows: function from int tensor (B,), numbers of rows, to a batch.
            languages: list of str, of every row: they are drawn by
                `training.language_alpha`, see `sample_rows`. Defaults to those of
                `train`.
            chosen: list of int, numbers of the rows to take; None takes all.

        Returns:
            `tf.data.Dataset`; batches go on from one epoch to the next, but those of
            rows of similar length, where an epoch leaves out what fills no batch.
        """
        training = self.recipe.training
        size = training.batch_size
        chosen = range(len(lengths)) if chosen is None else chosen
        languages = languages or [row["language"] for row in self.train]
        languages = [languages[number] for number in chosen]
        of_epoch = sample_rows(chosen, languages, training.language_alpha)
        count = len(of_epoch(tf.zeros(2, "int64")))
        is_grouped = training.group_by_length and count >= size

        def order(epoch):
            seed = tf.stack([tf.constant(training.seed, "int64"), epoch])
            numbers = of_epoch(seed)
            numbers = tf.random.experimental.stateless_shuffle(numbers, seed)
            if is_grouped:
                groups = group_by_length(numbers, lengths, size)
                numbers = tf.random.experimental.stateless_shuffle(groups, seed)
            return tf.data.Dataset.from_tensor_slices(numbers)

        batches = tf.data.Dataset.range(np.iinfo("int64").max).flat_map(order)
        if not is_grouped:
            batches = batches.batch(size, drop_remainder=True)
        return batches.map(rows)

    def _read(self, part):
        report = CorpusReport()
        self.reports.append(report)
        read, sizes = [], []
        for entry in getattr(self.recipe, part):
            rows = self.read_entry(entry, report)
            for row in rows:
                row["language"] = self.language_of(row, entry)
            read += rows
            sizes.append(len(rows))
        fold = self.recipe.held_out_fold
        if part == "data" and fold is not None and fold.by_line:
            self._group_by_line(read, sizes, report)
        return read

    def _group_by_line(self, rows, sizes, report):
        """Make a group of the rows of one number in all entries of `data`."""
        if len(set(sizes)) > 1 or report.broken:
            raise ValueError(
                "recipe.held_out_fold.by_line needs entries of data with as many rows, "
                f"all of which can be read. Received: {', '.join(map(str, sizes))} "
                f"rows, and {report.broken} that cannot be read."
            )
        for number, row in enumerate(rows):
            row["group"] = number % sizes[0]

    def _fetched(self, dataset):
        """The Parquet file of a `HubDataset`."""
        folder = self.recipe.output / "datasets"
        return fetch_dataset(dataset.name, dataset.config, dataset.split, folder)

    def spelled(self, language):
        """A language as it is spelled where it stands first, entries before tables."""
        return self._spellings.setdefault(parse_language_code(language), language)

    def _split_groups(self, share):
        """Leave a share of the groups to the test, and the others to the training."""
        groups = sorted({row["group"] for row in [*self.train, *self.test]})
        tested = _drawn(groups, share, self.recipe.training.seed)
        self.train = [row for row in self.train if row["group"] not in tested]
        self.test = [row for row in self.test if row["group"] in tested]
        if not self.train or not self.test:
            raise ValueError(
                f"recipe.test_share leaves {len(self.train):,} {self.nouns} to train "
                f"on and {len(self.test):,} to test, of {len(groups):,} groups: both "
                "need some."
            )

    def _fold(self, fold):
        """The rows of one fold."""
        rows = self.train
        groups = [row.get("group", ("row", n)) for n, row in enumerate(rows)]
        strata = [(row["language"], self.class_of(row)) for row in rows]
        try:
            folds = deal_folds(groups, strata, fold.folds, fold.stratify)
        except ValueError as error:
            raise ValueError(f"recipe.held_out_fold: {error}") from error
        own = zip(rows, folds, strict=True)
        return [row for row, number in own if number == fold.fold]

    def _hold_out(self, share):
        """A share of every language's rows, or of the groups."""
        seed = self.recipe.training.seed
        if "group" in self.train[0]:
            groups = sorted({row["group"] for row in self.train})
            chosen = _drawn(groups, share, seed)
            return [row for row in self.train if row["group"] in chosen]
        generator = np.random.default_rng(seed)
        held_out, languages = [], {}
        for row in self.train:
            languages.setdefault(row["language"], []).append(row)
        alone = [name for name, rows in languages.items() if len(rows) == 1]
        if alone:
            raise ValueError(
                f"recipe.held_out_share holds {self.nouns} out of every language, and "
                f"of these recipe.data has one alone: {', '.join(sorted(alone))}. "
                "Leave them out, or name held_out instead of the share."
            )
        for rows in languages.values():
            count = max(1, round(share * len(rows)))
            chosen = generator.permutation(len(rows))[:count]
            held_out += [rows[number] for number in sorted(chosen)]
        return held_out


def _drawn(groups, share, seed):
    """A share of some groups, one at least, as a set."""
    count = max(1, round(share * len(groups)))
    chosen = np.random.default_rng(seed).permutation(len(groups))[:count]
    return {groups[number] for number in chosen}


def check_classes(path, found, labels, name):
    """Raise ValueError where a file has classes that are none of the run's.

    Args:
        path: of the file.
        found: set of str.
        labels: list of str, or None where they are not known yet.
        name: str, what they are called, such as "classes".
    """
    unknown = found - set(labels or ())
    if labels is not None and unknown:
        raise ValueError(
            f"{path} has {name} that are none of the run's: "
            f"{', '.join(sorted(unknown)[:10])}. Expected of: {', '.join(labels)}. "
            "recipe.labels names all."
        )
