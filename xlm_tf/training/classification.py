"""Fine-tuning of a text classifier from a recipe: interruptible, scored by language."""

import collections
import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from xlm_tf.data.corpus_report import CorpusReport
from xlm_tf.data.tables import read_table
from xlm_tf.evaluation.class_scores import METRICS, columns_of
from xlm_tf.evaluation.model_scores import score_languages
from xlm_tf.evaluation.row_languages import name_languages
from xlm_tf.evaluation.score_report import write_report
from xlm_tf.models.text_classifier import XLMTextClassifier
from xlm_tf.models.text_classifier_preprocessor import XLMTextClassifierPreprocessor
from xlm_tf.text.language_codes import parse_language_code
from xlm_tf.training.held_out import text_key
from xlm_tf.training.run import TrainingRun, begin_run, best_metrics, run_to_end
from xlm_tf.training.seeds import finetune_seeds
from xlm_tf.training.strategy import is_chief
from xlm_tf.training.task_building import build_encoder, build_trainer


@dataclasses.dataclass(frozen=True)
class ClassificationResult:
    """What a run left behind.

    Attributes:
        model: directory of the best model, for `XLMTextClassifier.from_preset`.
        metrics_file: JSON lines, one per evaluation.
        step: int, updates made in all.
        held_out_scores: dict of float, such as "macro_f1/de", of the best model; empty
            before the first evaluation.
        test_scores: dict of float by metric and language, such as "macro_f1/de"; None
            where the run was interrupted or there is no test.
        finished: bool, False where the run was interrupted.
    """

    model: Path
    metrics_file: Path
    step: int
    held_out_scores: dict
    test_scores: dict | None
    finished: bool


def finetune_classifier(recipe, quiet=False):
    """Run a recipe to its end, from where it stopped if it was begun before.

    The output directory holds what that of `pretrain` does; where there is a test, also
    `test_scores.json`, and in `test/` the report of `xlm-tf evaluate`.

    Args:
        recipe: `ClassificationRecipe`, see `load_recipe`.
        quiet: bool, say nothing on the standard output.

    Returns:
        `ClassificationResult`; of `training.seeds` a `SeedsResult`.

    Raises:
        ValueError: the output directory holds another run or something else, the texts
            cannot be used, or the loss is not a number.
    """
    if recipe.training.seeds:
        return finetune_seeds(recipe, finetune_classifier, quiet)
    strategy, reporter = begin_run(recipe, quiet)
    data = ClassificationData(recipe)
    reporter.say_broken(data.reports)
    counts = collections.Counter(row["label"] for row in data.train)
    reporter.say(
        "Classes: " + ", ".join(f"{x} ({counts[x]:,} texts)" for x in data.labels) + "."
    )
    if data.num_left_out:
        reporter.say(
            f"{data.num_left_out:,} texts of data are held out, or say what those do: "
            f"{len(data.train):,} are trained on."
        )
    if data.untrained:
        reporter.say(
            "Of these languages that leaves nothing to train on: "
            f"{', '.join(data.untrained)}."
        )
    training = recipe.training
    keras.utils.set_random_seed(training.seed)
    with strategy.scope():
        model = build_classifier(recipe, data.labels)
        trainer = build_trainer(model, training)
    for rows in (data.train, data.held_out, data.test):
        name_languages(rows, model.preprocessor)
    run = _ClassificationRun(recipe, trainer, data, reporter)
    run_to_end(run, data.train_batches)
    finished = not run.stop_requested
    scores = _test(recipe, data, reporter) if finished and is_chief() else None
    reporter.say(
        f"The best model is in {run.model_dir}, the curves in {run.metrics_file}."
    )
    return ClassificationResult(
        run.model_dir,
        run.metrics_file,
        run.step,
        best_metrics(run.metrics_file, data.metric) if is_chief() else {},
        scores,
        finished,
    )


def build_classifier(recipe, labels):
    """The `XLMTextClassifier` of a recipe as its training begins, not compiled.

    Args:
        recipe: `ClassificationRecipe`.
        labels: list of str, the classes.
    """
    backbone, preprocessor = build_encoder(recipe, XLMTextClassifierPreprocessor)
    return XLMTextClassifier(
        backbone, preprocessor=preprocessor, labels=labels, compile=False
    )


class ClassificationData:
    """The texts of a recipe, in memory.

    Attributes:
        labels: list of str, the classes in their order.
        train: list of dict with `text`, `text_pair` of pairs, `label`, `language`.
        held_out, test: such lists.
        num_left_out: int, texts of `data` that are held out, or say what those do.
        untrained: list of str, languages of which that leaves nothing to train on.
        metric: str, that tells the best model, its language as in `held_out`.
        reports: list of `CorpusReport`, one per part.
    """

    def __init__(self, recipe):
        self.recipe = recipe
        self.reports = []
        self._spellings = {
            parse_language_code(name): name for _, name in recipe.named_languages()
        }
        self.labels = recipe.labels
        self.train = self._read("data")
        if self.labels is None:
            self.labels = sorted({row["label"] for row in self.train})
            if len(self.labels) < 2:
                raise ValueError(
                    "recipe.data must have two classes or more in the column "
                    f"{recipe.label!r}. Received: {', '.join(self.labels)}."
                )
        if recipe.held_out is not None:
            held_out = self._read("held_out")
        else:
            held_out = self._hold_out(recipe.held_out_share)
        languages = {row["language"] for row in self.train}
        seen, count = {_key(row) for row in held_out}, len(self.train)
        self.train = [row for row in self.train if _key(row) not in seen]
        self.num_left_out = count - len(self.train)
        trained = {row["language"] for row in self.train}
        self.untrained = sorted(languages - trained)
        if not self.train or not held_out:
            raise ValueError(
                f"recipe.data has {len(self.train):,} texts to train on beside "
                f"{len(held_out):,} that are held out: both need some."
            )
        self.held_out = held_out
        self.test = self._read("test") if recipe.test else []
        metric, _, language = recipe.training.early_stopping_metric.partition("/")
        languages = sorted({row["language"] for row in held_out})
        if language and self._spelled(language) not in languages:
            raise ValueError(
                f"recipe.training.early_stopping_metric is {metric}/{language}, and "
                f"held out are: {', '.join(languages)}."
            )
        self.metric = f"{metric}/{self._spelled(language)}" if language else metric

    def _read(self, part):
        report = CorpusReport()
        self.reports.append(report)
        read = []
        for entry in getattr(self.recipe, part):
            for path in entry.files:
                rows, _ = read_table(path, self.recipe.columns_of(entry), report=report)
                unknown = {row["label"] for row in rows} - set(self.labels or ())
                if self.labels is not None and unknown:
                    raise ValueError(
                        f"{path} has classes that are none of the run's: "
                        f"{', '.join(sorted(unknown)[:10])}. Expected of: "
                        f"{', '.join(self.labels)}. recipe.labels names all."
                    )
                for row in rows:
                    row["language"] = self._spelled(row.get("language", entry.language))
                read += rows
        return read

    def _spelled(self, language):
        """A language as it is spelled where it stands first, entries before tables."""
        return self._spellings.setdefault(parse_language_code(language), language)

    def _hold_out(self, share):
        """A share of every language's texts; one text is never on both sides."""
        generator = np.random.default_rng(self.recipe.training.seed)
        held_out, languages = [], {}
        for row in self.train:
            languages.setdefault(row["language"], []).append(row)
        alone = [name for name, rows in languages.items() if len(rows) == 1]
        if alone:
            raise ValueError(
                "recipe.held_out_share holds texts out of every language, and of these "
                f"recipe.data has one text alone: {', '.join(sorted(alone))}. Leave "
                "them out, or name held_out instead of the share."
            )
        for rows in languages.values():
            count = max(1, round(share * len(rows)))
            chosen = generator.permutation(len(rows))[:count]
            held_out += [rows[number] for number in sorted(chosen)]
        return held_out

    def train_batches(self):
        """The endless batches `(texts, labels[, weights])`, the same at every call.

        Every epoch is in an order of its own; batches go on from one to the next.
        """
        training = self.recipe.training
        count = len(self.train)
        fields = {name: tf.constant(x) for name, x in columns_of(self.train).items()}
        numbers = np.array([self.labels.index(row["label"]) for row in self.train])
        weights = np.ones(count, "float32")
        if training.class_weight == "balanced":
            sizes = np.bincount(numbers, minlength=len(self.labels))
            present = np.count_nonzero(sizes)
            weights = (count / (present * np.maximum(sizes, 1)))[numbers]
        labels = tf.constant(numbers, "int32")
        weights = tf.constant(weights, "float32")

        def order(epoch):
            seed = tf.stack([tf.constant(training.seed, "int64"), epoch])
            shuffled = tf.random.experimental.stateless_shuffle(tf.range(count), seed)
            return tf.data.Dataset.from_tensor_slices(shuffled)

        def rows(chosen):
            texts = {name: tf.gather(column, chosen) for name, column in fields.items()}
            return texts, tf.gather(labels, chosen), tf.gather(weights, chosen)

        epochs = tf.data.Dataset.range(np.iinfo("int64").max)
        batches = epochs.flat_map(order).batch(training.batch_size, drop_remainder=True)
        return batches.map(rows)


class _ClassificationRun(TrainingRun):
    """Evaluates by accuracy and macro-F1 of every language."""

    def __init__(self, recipe, trainer, data, reporter):
        super().__init__(recipe, trainer, trainer.task, data.metric, reporter)
        self.held_out = data.held_out

    def evaluate(self):
        scores, _ = score_languages(self.trained_model, self.held_out, intervals=False)
        _say_scores(self.reporter, scores, f"Held-out texts after {self.step} steps")
        metrics = _numbers(scores)
        for metric in METRICS:
            own = [x for name, x in metrics.items() if name.startswith(f"{metric}/")]
            metrics[f"mean/{metric}"] = float(np.mean(own))
        return metrics


def _test(recipe, data, reporter):
    """Classify the test texts with the best model, and write the report."""
    if not data.test:
        return None
    model = XLMTextClassifier.from_preset(str(recipe.output / "model"))
    scores, errors = score_languages(model, data.test)
    trained = sorted({row["language"] for row in data.train})
    _say_scores(reporter, scores, "Test texts")
    write_report(recipe.output / "test", scores, model.labels, errors, trained)
    reporter.say(f"The table, confusions and errors are in {recipe.output / 'test'}.")
    numbers = _numbers(scores)
    (recipe.output / "test_scores.json").write_text(
        json.dumps(numbers, indent=2), encoding="utf-8"
    )
    return numbers


def _numbers(scores):
    return {
        f"{metric}/{own.language}": own.scores[metric].value
        for own in scores
        for metric in METRICS
    }


def _say_scores(reporter, scores, title):
    reporter.say(f"{title}:")
    for own in scores:
        accuracy, macro_f1 = (100 * own.scores[name].value for name in METRICS)
        reporter.say(
            f"  {own.language}: accuracy {accuracy:.1f}%, macro-F1 {macro_f1:.1f}%, "
            f"{own.num_examples:,} texts (majority class "
            f"{100 * own.baseline['accuracy']:.1f}%)"
        )


def _key(row):
    return text_key(row["text"]), text_key(row.get("text_pair") or "")
