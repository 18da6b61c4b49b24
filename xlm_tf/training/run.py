"""What every training run does: count, save, evaluate, stop and continue."""

import contextlib
import json
import math
import os
import shutil
import signal

import keras
import numpy as np
import tensorflow as tf

from xlm_tf.output_files import (
    full_disk_named,
    lock_folder,
    visible_names,
    whole_file,
)
from xlm_tf.tensorflow_errors import plain_message
from xlm_tf.training.checkpoint import TrainingCheckpoint
from xlm_tf.training.input_files import RECORD as INPUTS_FILE
from xlm_tf.training.input_files import Inputs, differences
from xlm_tf.training.optimizer import SCHEDULES_TO_THE_END
from xlm_tf.training.reporting import Reporter
from xlm_tf.training.strategy import (
    distribution_strategy,
    is_chief,
    sum_over_workers,
)

# A vocabulary that was trained for the run.
VOCABULARY_FILE = "vocabulary.spm"
# What a run has as soon as it has been trained.
_TRAINED = ("checkpoints", "metrics.jsonl", "model", "snapshots")
# The metrics that are; of all others lower is better.
HIGHER_IS_BETTER = (
    *("accuracy", "f1", "precision", "recall", "exact"),
    *("forward", "backward", "spearman", "pearson"),
    *("bleu", "chrf", "rouge"),
)


def begin_run(recipe, quiet=False):
    """Take the output folder, and say what a recipe hardly means.

    Args:
        recipe: any recipe.
        quiet: bool, say nothing on the standard output.

    Returns:
        `(strategy, reporter)`: where the model is to be made, and a `Reporter`.

    Raises:
        ValueError: see `claim_output`.
    """
    strategy = distribution_strategy()
    reporter = Reporter(quiet)
    if is_chief():
        claim_output(recipe)
    for notice in recipe.notices():
        reporter.say(notice)
    return strategy, reporter


def run_to_end(run, train_batches, on_evaluation=None):
    """`fit` a run's trainer until the run is over.

    Args:
        run: `TrainingRun`.
        train_batches: function from a step to the endless dataset of the batches from
            there on, the same at every call.
        on_evaluation: function that is called with the run, the dict of its metrics,
            their step and whether they are the best so far, after every evaluation; of
            a run that was resumed first with those that it had before. What it raises
            ends the run.
    """
    training = run.training
    if on_evaluation is not None:
        run.on_evaluation = on_evaluation
        run.tell_recorded()
    with _stop_on_signal(run):
        while not run.is_over:
            # Whole periods in one `fit`; what is left of one after a resume, and a
            # last, shorter one, in a `fit` of their own. Each with a stream of its own:
            # a second pass over one would be shuffled anew.
            period = training.evaluate_every
            begun = run.step // period
            left = min((begun + 1) * period, training.steps) - run.step
            whole = (training.steps - run.step) // period if left == period else 0
            run.trainer.fit(
                train_batches(run.step),
                steps_per_epoch=left,
                initial_epoch=begun,
                epochs=begun + max(whole, 1),
                callbacks=[run, *run.reporter.progress(run)],
                shuffle=False,
                verbose=run.reporter.fit_verbosity,
            )
    run.close()


class TrainingRun(keras.callbacks.Callback):
    """The state of one run: counts, saves, evaluates, decides when it is over.

    Subclasses give `evaluate()`, which returns a dict of float (or str, which is kept
    beside the numbers) by name, with means over languages under "mean/...", and shows
    it.

    Args:
        recipe: has `output`, a path, and `training`, with `steps`, `evaluate_every`,
            `checkpoint_every` and `early_stopping_patience`.
        trainer: compiled model of `fit`, its optimizer built.
        model: KerasHub task that the trainer trains, and that is saved.
        metric: str, the name, with or without "mean/", that tells the best model.
        reporter: `Reporter`.
    """

    def __init__(self, recipe, trainer, model, metric, reporter):
        super().__init__()
        self.training = recipe.training
        self.trainer = trainer
        self.strategy = trainer.distribute_strategy
        self.trained_model = model
        self.metric = metric
        self.reporter = reporter
        self.output = recipe.output
        self.model_dir = recipe.output / "model"
        self.metrics_file = recipe.output / "metrics.jsonl"
        self.curves = recipe.output / "tensorboard"
        variables = [*model.variables, *trainer.optimizer.variables]
        self.checkpoint = TrainingCheckpoint(recipe.output / "checkpoints", variables)
        state = self.checkpoint.restore() or {"step": 0, "best": None, "bad_periods": 0}
        self.streams = state.get("streams")
        self.seen_loss = state.get("loss")
        self.step = state["step"]
        self.best = math.inf if state["best"] is None else state["best"]
        self.bad_periods = state["bad_periods"]
        if self.step:
            reporter.say(f"Continuing at step {self.step} of {self.training.steps}.")
        # All workers come to the same decisions; the first one writes.
        self.is_chief = is_chief()
        self.writer = tf.summary.create_noop_writer()
        if self.is_chief:
            self._drop_later_metrics()
            with self._writing_curves():
                self.writer = tf.summary.create_file_writer(str(self.curves))
        self.stop_signalled = self.stop_requested = False
        self.on_evaluation = lambda run, metrics, step, is_best: None

    @property
    def stopped_early(self):
        patience = self.training.early_stopping_patience
        return patience is not None and self.bad_periods >= patience

    @property
    def is_over(self):
        return (
            self.step >= self.training.steps
            or self.stopped_early
            or self.stop_requested
        )

    def on_epoch_begin(self, epoch, logs=None):
        if self.seen_loss is not None:  # of this period before a resume; Keras reset it
            for variable, value in zip(
                self._loss_variables, self.seen_loss, strict=True
            ):
                variable.assign(value)
            self.seen_loss = None

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        if not math.isfinite(logs["loss"]):
            raise ValueError(
                f"The loss is {logs['loss']} at step {self.step}. Lower the learning "
                "rate, lengthen the warm-up, or train in float32 or mixed_bfloat16. "
                f"The last good state is in {self.checkpoint.directory}."
            )
        # At the end of a period the state is saved after its evaluation.
        self._agree_to_stop()
        if self.stop_requested:
            self.model.stop_training = True
        if not self._ends_period and (
            self.stop_requested or self.step % self.training.checkpoint_every == 0
        ):
            self._save()

    def on_epoch_end(self, epoch, logs=None):
        if not self._ends_period:
            return  # interrupted
        metrics = self.evaluate()
        metrics["train/loss"] = float(logs["loss"])
        metrics["learning_rate"] = float(np.asarray(self._learning_rate()))
        if self.is_chief:
            self.record(metrics)
        self.compare(metrics)
        self._save()
        self._agree_to_stop()

    @property
    def _ends_period(self):
        return (
            self.step % self.training.evaluate_every == 0
            or self.step == self.training.steps
        )

    @property
    def _loss_variables(self):
        """What the mean loss of a period is made of: total and count."""
        return self.trainer.loss_metric.variables

    def _agree_to_stop(self):
        """All workers stop after the same step, whichever of them got a signal."""
        stops = self.stop_requested or self.stop_signalled
        self.stop_requested = bool(sum_over_workers(stops, self.strategy))

    def record(self, metrics):
        with (
            full_disk_named(self.metrics_file),
            self.metrics_file.open("a", encoding="utf-8") as file,
        ):
            file.write(json.dumps({"step": self.step, **metrics}) + "\n")
        with self._writing_curves():
            with self.writer.as_default():
                for name, value in metrics.items():
                    if not isinstance(value, str):
                        tf.summary.scalar(name, value, step=self.step)
            self.writer.flush()

    @contextlib.contextmanager
    def _writing_curves(self):
        """TensorFlow's errors of files are those of the disk, as Python's are.

        A study would take them for errors of a trial.
        """
        try:
            yield
        except tf.errors.OpError as error:
            said = plain_message(error.message)
            raise OSError(f"{self.curves} cannot be written: {said}") from error

    def compare(self, metrics):
        """Save the model if it is the best so far."""
        metric = self.metric
        value = _badness(metrics, metric)
        is_best = value < self.best
        if is_best:
            self.best, self.bad_periods = value, 0
            if self.is_chief:
                _save_preset(self.trained_model, self.model_dir)
        else:
            self.bad_periods += 1
        if self.stopped_early:
            self.reporter.say(
                f"{metric} has not improved for {self.bad_periods} evaluations."
            )
            self.model.stop_training = True
        self.on_evaluation(self, metrics, self.step, is_best)

    def tell_recorded(self):
        """Call `on_evaluation` with what is in `metrics.jsonl`."""
        best = math.inf
        for metrics in _recorded(self.metrics_file):
            value = _badness(metrics, self.metric)
            self.on_evaluation(self, metrics, metrics["step"], value < best)
            best = min(best, value)

    def _learning_rate(self):
        optimizer = self.trainer.optimizer
        return getattr(optimizer, "inner_optimizer", optimizer).learning_rate

    def stream_states(self):
        """Where the training data are at this step, to be saved: plain values.

        None where they are found by the number of the step.
        """
        return None

    def _save(self):
        streams, loss = self.stream_states(), None
        if not self._ends_period:
            loss = [float(np.asarray(x)) for x in self._loss_variables]
        if not self.is_chief:
            return
        self.checkpoint.save(
            {
                "streams": streams,
                "loss": loss,
                "step": self.step,
                "best": self.best if math.isfinite(self.best) else None,
                "bad_periods": self.bad_periods,
            }
        )

    def _drop_later_metrics(self):
        # A run killed after an evaluation, before its checkpoint, evaluates again.
        if not self.metrics_file.exists():
            return
        text = self.metrics_file.read_text(encoding="utf-8", errors="replace")
        lines = text.splitlines()
        kept = [line for line in lines if _step_of(line) <= self.step]
        with whole_file(self.metrics_file) as partial:
            partial.write_text("".join(f"{x}\n" for x in kept), encoding="utf-8")

    def say_where(self):
        """Say where the best model is, if there is one yet."""
        if math.isfinite(self.best):
            self.reporter.say(
                f"The best model is in {self.model_dir}, the curves in "
                f"{self.metrics_file}."
            )

    def close(self):
        """End the run."""
        with self._writing_curves():
            self.writer.close()
        if self.stop_requested:
            self.reporter.say(
                f"Stopped at step {self.step} of {self.training.steps}, saved. Run the "
                "same command to continue."
            )


def best_metrics(metrics_file, metric):
    """The scores of the best model, those of single languages or directions.

    Args:
        metrics_file: Path, `metrics.jsonl` of a run.
        metric: str, as for `TrainingRun`.

    Returns:
        dict of float, such as "macro_f1/de"; empty where nothing was evaluated.
    """
    recorded = _recorded(metrics_file)
    best = min(recorded, key=lambda x: _badness(x, metric), default={})
    return {
        name: value
        for name, value in best.items()
        if "/" in name and not name.startswith(("mean/", "train/"))
    }


def is_higher_better(metric):
    """Whether a metric, such as "mean/bleu", is better where it is higher: bool."""
    return any(name in metric for name in HIGHER_IS_BETTER)


def _recorded(metrics_file):
    """The evaluations of a file of metrics: list of dict."""
    if not metrics_file.exists():
        return []
    lines = metrics_file.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _badness(metrics, metric):
    """The value of the metric, which is better where it is smaller."""
    key = metric if metric in metrics else f"mean/{metric}"
    return -metrics[key] if is_higher_better(key) else metrics[key]


def _step_of(line):
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):  # half-written by a killed run
        return math.inf


def _save_preset(model, directory):
    """Replace a preset; a crash leaves the old one or the new one, whole."""
    new = directory.with_name(directory.name + ".new")
    old = directory.with_name(directory.name + ".old")
    for path in (new, old):
        shutil.rmtree(path, ignore_errors=True)
    model.save_to_preset(new)
    if directory.exists():
        os.replace(directory, old)
    os.replace(new, directory)
    shutil.rmtree(old, ignore_errors=True)


def claim_output(recipe):
    """Make the output directory this run's, or see that it already is.

    Where nothing has been trained yet, a changed recipe takes the place of the old one;
    where it has, one of a pretraining of more steps may.
    It is this process's alone, see `lock_folder`.

    Args:
        recipe: `PretrainingRecipe` or `FinetuningRecipe`.

    Raises:
        ValueError: the directory holds a run of another recipe or of other files, or
            something else, or cannot be written, or another process trains there.
    """
    output = recipe.output
    record = output / "recipe.json"
    content = recipe.model_dump(mode="json")
    changed, is_begun = [], False
    try:
        inputs = _inputs_of(output)
        if record.exists():
            before = json.loads(record.read_text(encoding="utf-8"))
            both = before, content
            if inputs is not None:
                both = inputs.comparable(before, recipe)
            changed = sorted(differences(*both))
            is_begun = any((output / name).exists() for name in _TRAINED)
            # Seeds may be added to others, and left out.
            if any(output.glob("seed-*")):
                seeds = content["training"].get("seeds")
                is_begun |= not seeds or changed != ["recipe.training.seeds"]
            if changed and is_begun and not _is_longer(recipe, before, changed):
                raise ValueError(
                    f"{output} holds a run of another recipe. Changed since: "
                    f"{', '.join(changed)}. Choose another output, or delete it."
                )
            others = [] if inputs is None else inputs.changed(recipe)
            if others and is_begun:
                raise ValueError(
                    f"{output} holds a run of other files. Their content changed "
                    f"since: {', '.join(others)}. Choose another output, which may "
                    "begin with its model (initial_model), or delete it."
                )
            changed += others
        elif visible_names(output):
            raise ValueError(
                f"{output} exists and is not a training run. Choose another output."
            )
        output.mkdir(parents=True, exist_ok=True)
        lock_folder(output)
        if changed and not is_begun:
            (output / VOCABULARY_FILE).unlink(missing_ok=True)
        with whole_file(record) as partial:
            partial.write_text(json.dumps(content, indent=2), encoding="utf-8")
    except OSError as error:
        raise ValueError(
            f"recipe.output: {output} cannot be written ({error}). Choose another one."
        ) from error
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{record} is damaged: {error}. Choose another output, or delete it."
        ) from error
    if not is_begun or inputs is None:
        Inputs.of(recipe).write(output)


def _inputs_of(output):
    """What a run was begun with; a ValueError where that is damaged."""
    try:
        return Inputs.read(output)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f"{output / INPUTS_FILE} is damaged: {error!r}. Choose another output, or "
            f"delete {output}."
        ) from error


def _is_longer(recipe, before, changed):
    """Whether a pretraining goes on to a later step than it was to end at, and can.

    Raises:
        ValueError: its learning rate would have been another until now.
    """
    if recipe.command != "pretrain" or changed != ["recipe.training.steps"]:
        return False
    training = recipe.training
    if training.schedule in SCHEDULES_TO_THE_END:
        raise ValueError(
            f"{recipe.output} holds a run of {before['training']['steps']} steps, and "
            f"recipe.training.schedule is {training.schedule}, which falls until the "
            "last: with more steps the learning rate would have been another one until "
            "now. Choose another output, or begin with its model (initial_model)."
        )
    return training.steps > before["training"]["steps"]


@contextlib.contextmanager
def _stop_on_signal(run):
    """Ctrl-C and SIGTERM end the run after the step; a second one at once."""

    def request(number, frame):
        if run.stop_signalled:
            raise KeyboardInterrupt
        run.stop_signalled = True
        run.reporter.say("\nStopping after this step; once more to stop at once.")

    handlers = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        # Signals can be handled in the main thread only.
        with contextlib.suppress(ValueError):
            handlers[number] = signal.signal(number, request)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
