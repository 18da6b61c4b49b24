"""Fine-tuning of a task from a recipe: interruptible, scored by language."""

import dataclasses
import functools
import json
from pathlib import Path

import keras
import numpy as np

from xlm_tf.evaluation.model_scores import score_languages
from xlm_tf.evaluation.score_report import score_columns, write_report
from xlm_tf.models.loading import load_task
from xlm_tf.output_files import folders_unlocked, whole_file
from xlm_tf.training.classification import ClassificationData
from xlm_tf.training.embedding import EmbeddingData
from xlm_tf.training.question_answering import QuestionAnsweringData
from xlm_tf.training.run import TrainingRun, begin_run, best_metrics, run_to_end
from xlm_tf.training.seeds import finetune_seeds
from xlm_tf.training.strategy import is_chief
from xlm_tf.training.tagging import TaggingData
from xlm_tf.training.token_vectors import set_initial_embeddings

# From a recipe's `task` to its data and model.
DATA = {
    "classification": ClassificationData,
    "tagging": TaggingData,
    "question_answering": QuestionAnsweringData,
    "embedding": EmbeddingData,
}


@dataclasses.dataclass(frozen=True)
class TaskResult:
    """What a run left behind.

    Attributes:
        model: directory of the best model, for `xlm_tf.load_task`.
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


@folders_unlocked()
def finetune_task(recipe, quiet=False, on_evaluation=None):
    """Run a recipe to its end, from where it stopped if it was begun before.

    The output directory holds what that of `pretrain` does; where there is a test, also
    `test_scores.json`, and in `test/` the report of `xlm-tf evaluate`.

    Args:
        recipe: a `TaskRecipe`, see `load_recipe`.
        quiet: bool, say nothing on the standard output.
        on_evaluation: function that sees every evaluation, see `run_to_end`.

    Returns:
        `TaskResult`; of `training.seeds` a `SeedsResult`.

    Raises:
        ValueError: the output directory holds another run or something else, the data
            cannot be used, or the loss is not a number.
    """
    if recipe.training.seeds:
        of_seed = functools.partial(finetune_task, on_evaluation=on_evaluation)
        return finetune_seeds(recipe, of_seed, quiet)
    strategy, reporter = begin_run(recipe, quiet)
    data = DATA[recipe.task](recipe)
    reporter.say_broken(data.reports)
    data.describe(reporter)
    if data.num_left_out:
        reporter.say(
            f"Of data {len(data.train):,} {data.nouns} are trained on; the other "
            f"{data.num_left_out:,} are held out, or repeat what is."
        )
    if data.untrained:
        reporter.say(
            "Of these languages that leaves nothing to train on: "
            f"{', '.join(data.untrained)}."
        )
    keras.utils.set_random_seed(recipe.training.seed)
    with strategy.scope():
        model = data.build_model()
        set_initial_embeddings(recipe, model, reporter)
        data.name_languages(model.preprocessor)
        if recipe.training.train_used_embeddings:
            model.train_embeddings_of(data.train_inputs())
        trainer = data.build_trainer(model)
    run = _TaskRun(recipe, trainer, model, data, reporter)
    run_to_end(run, lambda step: data.train_batches(model).skip(step), on_evaluation)
    finished = not run.stop_requested
    scores = _test(recipe, data, reporter) if finished and is_chief() else None
    run.say_where()
    return TaskResult(
        run.model_dir,
        run.metrics_file,
        run.step,
        best_metrics(run.metrics_file, data.metric) if is_chief() else {},
        scores,
        finished,
    )


class _TaskRun(TrainingRun):
    """Evaluates by the scores of every language."""

    def __init__(self, recipe, trainer, model, data, reporter):
        super().__init__(recipe, trainer, model, data.metric, reporter)
        self.data = data

    def evaluate(self):
        scores, _ = score_languages(
            self.trained_model, self.data.held_out, intervals=False
        )
        _say(self.reporter, scores, f"Held-out {self.data.nouns} at step {self.step}")
        metrics = _numbers(scores)
        for metric in scores[0].scores:
            own = [x for name, x in metrics.items() if name.startswith(f"{metric}/")]
            metrics[f"mean/{metric}"] = float(np.mean(own))
        return metrics


def _test(recipe, data, reporter):
    """Score the best model on the test, and write the report."""
    if not data.test:
        return None
    model = load_task(recipe.output / "model")
    scores, errors = score_languages(model, data.test)
    trained = sorted({row["language"] for row in data.train})
    _say(reporter, scores, f"Test {data.nouns}", trained)
    folder = recipe.output / "test"
    labels = getattr(model, "labels", None)
    write_report(folder, scores, labels, errors, trained)
    reporter.say(f"The table and the errors are in {folder}.")
    numbers = _numbers(scores)
    with whole_file(recipe.output / "test_scores.json") as partial:
        partial.write_text(json.dumps(numbers, indent=2), encoding="utf-8")
    return numbers


def _numbers(scores):
    return {
        f"{metric}/{own.language}": score.value
        for own in scores
        for metric, score in own.scores.items()
    }


def _say(reporter, scores, title, trained_on=()):
    names, rows = score_columns(scores, trained_on)
    reporter.table(title, names[1:], {row[0]: row[1:] for row in rows})
