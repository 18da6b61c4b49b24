"""The trainings of one trial: with every seed, on every fold, one after the other."""

import dataclasses
import gc
import hashlib
import json
import math
import shutil

import numpy as np

from xlm_tf.output_files import whole_file
from xlm_tf.training.finetune import finetune
from xlm_tf.training.pretrain import pretrain
from xlm_tf.training.run import is_higher_better
from xlm_tf.training.task_finetuning import finetune_task
from xlm_tf.training.task_recipe import TaskRecipe


@dataclasses.dataclass(frozen=True)
class RunScore:
    """The result of one training of a trial.

    Attributes:
        name: str, of its folder, such as "seed-0".
        score: float, of the best model on the held-out texts.
        by_language: dict from languages, or directions, to float.
        step: int, of that model.
    """

    name: str
    score: float
    by_language: dict
    step: int


class InterruptedTrial(Exception):
    """A trial was asked to stop; it is saved."""


def trial_folder(study, values):
    """The folder of the trials with some values: equal ones have one."""
    text = json.dumps(values, sort_keys=True)
    return study.output / "trials" / hashlib.sha256(text.encode()).hexdigest()[:12]


def run_trial(study, values, report):
    """Train with some values.

    Args:
        study: `Study`.
        values: see `SearchSpace.values`.
        report: function of a step, counted over all runs of the trial, and the mean of
            the scores until then; what it raises ends the trial.

    Returns:
        List of `RunScore`.

    Raises:
        InterruptedTrial: by Ctrl-C; the same call goes on from there.
        ValueError: the recipe refuses the values, or the loss is not a number; other
            errors as of the training.
    """
    scores, steps = [], 0
    folder = trial_folder(study, values)
    for run in study.runs():
        recipe = study.trial_recipe(values, folder / run.name, run)
        own = _scored_before(folder, run)  # of a trial that was stopped later
        if own is None:
            before = [own.score for own in scores]
            watch = _Watch(study.settings.languages, before, steps, report)
            train_recipe(recipe, watch)
            own = watch.best(run.name)
            with whole_file(_result(folder, run)) as partial:
                partial.write_text(json.dumps(dataclasses.asdict(own)))
        scores.append(own)
        steps += recipe.training.steps
    return scores


def next_run(study, folder):
    """The first `Run` of a trial that did not come to its end, or None.

    Args:
        study: `Study`.
        folder: Path of the trial.
    """
    runs = (run for run in study.runs() if _scored_before(folder, run) is None)
    return next(runs, None)


def _result(folder, run):
    return folder / f"{run.name}.json"


def _scored_before(folder, run):
    """The `RunScore` of a run that came to its end; None of others, and of damage."""
    try:
        text = _result(folder, run).read_text(encoding="utf-8")
        own = RunScore(**json.loads(text))
        return own if math.isfinite(own.score) else None
    except (FileNotFoundError, ValueError, TypeError):
        return None


def clear_trial(folder, models):
    """Remove what an ended trial needs no more.

    Args:
        folder: Path of the trial.
        models: bool, the trained models too.
    """
    names = ["checkpoints", "snapshots", *(["model"] if models else [])]
    for run in folder.glob("*/"):
        for name in names:
            shutil.rmtree(run / name, ignore_errors=True)


class _Watch:
    """Sees the evaluations of a run, and keeps the score of its best model."""

    def __init__(self, languages, before, steps, report):
        self.languages = languages
        self.before = before
        self.steps = steps
        self.report = report
        self.kept = None

    def __call__(self, run, metrics, step, is_best):
        metric = run.metric.removeprefix("mean/")
        of_language = {
            name.removeprefix(f"{metric}/"): value
            for name, value in metrics.items()
            if name.startswith(f"{metric}/")
        }
        score = metrics.get(f"mean/{metric}", metrics.get(metric))
        if self.languages == "worst":
            worst = min if is_higher_better(metric) else max
            score = worst(of_language.values())
        if not math.isfinite(score):
            raise ValueError(
                f"{run.metric} of the held-out texts is {score} at step {step}."
            )
        if is_best or self.kept is None:
            self.kept = (score, of_language, step)
        self.report(self.steps + step, float(np.mean([*self.before, score])))

    def best(self, name):
        score, of_language, step = self.kept
        return RunScore(name, score, of_language, step)


def train_recipe(recipe, on_evaluation):
    """Run a recipe to its end.

    Args:
        recipe: any recipe.
        on_evaluation: function that sees every evaluation, see `run_to_end`.

    Raises:
        InterruptedTrial: by Ctrl-C; other errors as of the training.
    """
    if recipe.command == "pretrain":
        train = pretrain
    else:
        train = finetune_task if isinstance(recipe, TaskRecipe) else finetune
    try:
        if not train(recipe, quiet=True, on_evaluation=on_evaluation).finished:
            raise InterruptedTrial
    finally:
        gc.collect()  # a model refers to itself, and fills memory until it is found
