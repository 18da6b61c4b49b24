"""A search for hyper-parameters: trial after trial, from where it stopped."""

import dataclasses
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

from xlm_tf.training.reporting import Reporter
from xlm_tf.tuning.file_locks import locked
from xlm_tf.tuning.shared_errors import SharedErrors
from xlm_tf.tuning.study_report import write_report
from xlm_tf.tuning.study_results import (
    deviation_of,
    say_trials,
    shown_values,
    write_best,
    write_trials,
)
from xlm_tf.tuning.trial_runs import (
    InterruptedTrial,
    clear_trial,
    run_trial,
    trial_folder,
)
from xlm_tf.tuning.trial_store import (
    SECONDS,
    State,
    StorageError,
    TrialStore,
    optuna,
)

# What ends a trial, but not the study: values that do not go together, a loss that is
# not a number, no memory.
_FAILURES = (ValueError, ArithmeticError, MemoryError, tf.errors.OpError)


@dataclasses.dataclass(frozen=True)
class StudyResult:
    """What a study left behind.

    Attributes:
        best: dict from names of dimensions to the values of the best trial; None where
            none was finished.
        score: float, of the best trial, the mean over its runs; or None.
        recipe: Path of the best recipe, or None.
        trials: Path of the table of all trials, CSV.
        finished: bool, False where the study was interrupted, or another process still
            works on it.
        interrupted: bool, whether a signal stopped it here.
    """

    best: dict | None
    score: float | None
    recipe: Path | None
    trials: Path
    finished: bool
    interrupted: bool


def tune(study, quiet=False):
    """Run a study to its end, from where it stopped if it was begun before.

    Several processes may do so at once. The output directory holds `study.json`, the
    trials (`study.db`, unless another storage is named, and their runs in `trials/`),
    after every trial `trials.csv` and `best.yaml`, and at the end, or when it is
    stopped, `report.html` and its pictures.

    Args:
        study: `Study`, see `load_study`.
        quiet: bool, say nothing on the standard output.

    Returns:
        `StudyResult`.

    Raises:
        ValueError: the output directory holds another study or something else, the
            storage cannot be used, the recipe fails whatever the values, or every
            trial failed. What failed is tried again by the next call.
        KeyboardInterrupt: by Ctrl-C between two trainings, or by the second one.
    """
    reporter = Reporter(quiet)
    store = TrialStore(study)
    shared_errors = SharedErrors(study)
    interrupted = False
    with store.working():
        try:
            while (begun := store.begin()) is not None:
                interrupted = not _run(store, *begun, shared_errors, reporter)
                if interrupted:
                    break
        except KeyboardInterrupt:
            reporter.say(_HOW_TO_CONTINUE)
            raise
    if interrupted:
        reporter.say(_HOW_TO_CONTINUE)
    return _finish(store, reporter, interrupted)


_HOW_TO_CONTINUE = "The study was stopped. Run the same command to continue."


def _run(store, trial, values, shared_errors, reporter):
    """Run a trial; False where it was interrupted."""
    study = store.study
    folder = trial_folder(study, values)
    folder.mkdir(parents=True, exist_ok=True)
    number = sum(own.number <= trial.number for own in store.trials())
    reporter.say(
        f"Trial {trial.number} ({number} of {store.count}): {shown_values(values)}"
    )
    with locked(folder / "lock"):
        clock = _Clock(store, trial)
        twin = _twin(store, trial, values)
        if twin is not None:
            for name, value in twin.user_attrs.items():
                if name in ("runs", "reason"):
                    store.note(trial, name, value)
            value = twin.value if twin.state == State.COMPLETE else None
            said = f"the same as trial {twin.number}"
            state = twin.state
        else:
            state, value, said = _train(
                store, trial, values, shared_errors, reporter, clock
            )
        clock.note()
        if state is None:
            store.release(trial)
            return False
        with store.alone():
            store.end(trial, state, value)
            _write(store)
    reporter.say(f"  {said} ({clock.seconds():.0f} s)")
    return True


class _Clock:
    """The time of a trial, in all processes that it was run by.

    Of one that was killed, up to its last evaluation.
    """

    def __init__(self, store, trial):
        self._store = store
        self._trial = trial
        self._before = trial.user_attrs.get(SECONDS, 0)
        self._begun = time.monotonic()

    def seconds(self):
        return self._before + time.monotonic() - self._begun

    def note(self):
        """Keep the time until now with the trial."""
        self._store.note(self._trial, SECONDS, round(self.seconds(), 1))


def _twin(store, trial, values):
    """An ended trial of the same values, or None: it would end alike."""
    for other in store.trials():
        same = other.user_attrs.get("values") == values
        if same and other.number != trial.number and other.state.is_finished():
            return other
    return None


def _train(store, trial, values, shared_errors, reporter, clock):
    """The state of a trial (None: interrupted), its score, and what to say of it.

    Raises:
        ValueError: no trial of the study can be trained.
    """
    study, reported = store.study, set()

    def report(step, score):
        if step in reported:  # of the average of the last weights
            return
        reported.add(step)
        is_bad = store.report(trial, step, score)
        clock.note()
        reporter.say(f"  step {step}: {score:.4f}")
        if is_bad:
            raise optuna.TrialPruned

    try:
        runs = run_trial(study, values, report)
    except InterruptedTrial:
        return None, None, ""
    except optuna.TrialPruned:
        store.note(trial, "reason", f"pruned at step {max(reported)}")
        return State.PRUNED, None, f"pruned at step {max(reported)}"
    except StorageError:
        raise
    except _FAILURES as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        try:
            is_shared = store.best() is None and shared_errors.has(values, error)
        except InterruptedTrial:
            return None, None, ""
        if is_shared:
            store.release(trial)
            raise ValueError(
                "Every trial would fail, as the recipe does without the values of the "
                f"search: {reason.rstrip('.')}. Mend it, and run the same command: no "
                "trial is lost."
            ) from error
        store.note(trial, "reason", reason[:1000])
        return State.FAIL, None, f"failed: {reason}"
    store.note(trial, "runs", [dataclasses.asdict(run) for run in runs])
    score = float(np.mean([run.score for run in runs]))
    deviation = deviation_of([run.score for run in runs])
    shown = "" if deviation is None else f" ± {deviation:.4f}"
    return State.COMPLETE, score, f"score {score:.4f}{shown}"


def _write(store):
    """What is kept after every trial: the table, the best recipe, the best model."""
    write_trials(store)
    best = store.best()
    if best is not None:
        write_best(store, best)
    kept = None if best is None else best.user_attrs["values"]
    for trial in store.trials():
        if trial.state.is_finished():
            values = trial.user_attrs["values"]
            folder = trial_folder(store.study, values)
            clear_trial(folder, models=values != kept)


def _finish(store, reporter, interrupted):
    with store.alone():
        _write(store)
        write_report(store)
    trials = store.trials()
    say_trials(store, reporter)
    best = store.best()
    finished = store.is_complete() and not interrupted
    failed = [trial for trial in trials if trial.state == State.FAIL]
    if finished and best is None:
        reasons = [x.user_attrs.get("reason") for x in failed] or ["all were pruned"]
        raise ValueError(
            f"No trial of the study in {store.output} came to its end. The first: "
            f"{reasons[0]}"
        )
    running = sum(trial.state == State.RUNNING for trial in trials)
    if running and not interrupted:
        reporter.say(f"Trials that other processes still run: {running}.")
    table = store.output / "trials.csv"
    if best is None:
        return StudyResult(None, None, None, table, finished, interrupted)
    recipe = store.output / "best.yaml"
    values = best.user_attrs["values"]
    command = store.study.recipe.command
    reporter.say(
        f"The best, trial {best.number}, has {best.value:.4f}: {shown_values(values)}\n"
        f"Run it: xlm-tf {command} {recipe}"
    )
    return StudyResult(values, best.value, recipe, table, finished, interrupted)
