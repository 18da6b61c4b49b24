"""Pretraining from a recipe: interruptible, resumable, results in one place."""

import contextlib
import dataclasses
import json
import math
import os
import shutil
import signal
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

from xlm_tf.evaluation.perplexity import MaskedLMEvaluator
from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.masked_lm import XLMMaskedLM, XLMMaskedLMPreprocessor
from xlm_tf.text.sentencepiece_tokenizer import XLMSentencePieceTokenizer
from xlm_tf.training import schedules
from xlm_tf.training.checkpoint import TrainingCheckpoint
from xlm_tf.training.masked_lm_trainer import MaskedLMTrainer
from xlm_tf.training.pretraining_data import PretrainingData
from xlm_tf.training.recipe import as_dict
from xlm_tf.training.strategy import distribution_strategy, is_chief


@dataclasses.dataclass(frozen=True)
class PretrainingResult:
    """What a run left behind.

    Attributes:
        model: directory of the best model, a preset for `XLMMaskedLM.from_preset`.
        metrics_file: JSON lines, one an evaluation.
        step: int, updates made in all.
        best: float, the best mean of the early-stopping metric.
        finished: bool, False where the run was interrupted.
    """

    model: Path
    metrics_file: Path
    step: int
    best: float
    finished: bool


def pretrain(recipe):
    """Run a recipe to its end, from where it stopped if it was begun before.

    The output directory holds `recipe.json`, `checkpoints/` (the last two states),
    `model/` (the best model so far, a preset), `metrics.jsonl` and `tensorboard/`. An
    interrupted run, killed or not, continues when it is started again, and ends with
    the weights of an uninterrupted one. Ctrl-C saves first.

    Args:
        recipe: `Recipe`, see `load_recipe`.

    Returns:
        `PretrainingResult`.

    Raises:
        ValueError: the output directory holds another run or something else, the
            vocabulary or a corpus cannot be used, or the loss is not a number.
    """
    strategy = distribution_strategy()
    if is_chief():
        _claim_output(recipe)
    training = recipe.training
    tokenizer = XLMSentencePieceTokenizer(recipe.vocabulary.read_bytes())
    data = PretrainingData(recipe, tokenizer)
    for report in data.reports:
        if report.broken:
            print(report.summary())
    keras.utils.set_random_seed(training.seed)
    replicas = strategy.num_replicas_in_sync
    if training.rows_per_batch % (replicas * training.accumulation_steps):
        raise ValueError(
            "recipe.training.rows_per_batch must be divisible by the number of "
            f"replicas times accumulation_steps. Received: {training.rows_per_batch}, "
            f"{replicas} and {training.accumulation_steps}."
        )
    with strategy.scope():
        masked_lm = build_masked_lm(recipe, tokenizer)
        trainer = MaskedLMTrainer(
            masked_lm, training.accumulation_steps, training.clip_norm
        )
        trainer.compile(optimizer=build_optimizer(training))
        trainer.optimizer.build(trainer.trainable_variables)
    run = _Run(recipe, trainer, data)
    with _stop_on_signal(run):
        while not run.is_over:
            # Whole periods in one `fit`; what is left of one after a resume, and a
            # last, shorter one, in a `fit` of their own. Each with a stream of its own:
            # a second pass over one would be shuffled anew.
            period = training.evaluate_every
            begun = run.step // period
            left = min((begun + 1) * period, training.steps) - run.step
            whole = (training.steps - run.step) // period if left == period else 0
            trainer.fit(
                data.train_batches().skip(run.step),
                steps_per_epoch=left,
                initial_epoch=begun,
                epochs=begun + max(whole, 1),
                callbacks=[run],
                shuffle=False,
            )
    run.close()
    print(f"The best model is in {run.model_dir}, the curves in {run.metrics_file}.")
    return PretrainingResult(
        run.model_dir,
        run.metrics_file,
        run.step,
        run.best,
        run.step == training.steps or run.stopped_early,
    )


def build_masked_lm(recipe, tokenizer):
    """The untrained `XLMMaskedLM` of a recipe, with its preprocessor."""
    arguments = dict(recipe.model)
    head_transform = arguments.pop("head_transform", True)
    languages = (
        recipe.languages if arguments.pop("language_embeddings", False) else None
    )
    backbone = XLMBackbone(
        vocabulary_size=tokenizer.vocabulary_size(),
        pad_token_id=tokenizer.pad_token_id,
        num_languages=len(languages or ()),
        dtype=recipe.training.dtype,
        **arguments,
    )
    preprocessor = XLMMaskedLMPreprocessor(
        tokenizer, sequence_length=backbone.max_sequence_length, languages=languages
    )
    return XLMMaskedLM(backbone, preprocessor, head_transform, compile=False)


def build_optimizer(training):
    """Adam with decoupled weight decay and the schedule of a recipe's `training`.

    Biases and LayerNorms are not decayed.
    """
    rate, warmup = training.learning_rate, training.warmup_steps
    schedule = {
        "inverse_square_root": lambda: schedules.InverseSquareRoot(rate, warmup),
        "linear": lambda: schedules.linear_decay(rate, warmup, training.steps),
        "cosine": lambda: schedules.cosine_decay(rate, warmup, training.steps),
        "constant": lambda: schedules.constant(rate, warmup),
    }[training.schedule]()
    optimizer = keras.optimizers.AdamW(
        schedule,
        weight_decay=training.weight_decay,
        beta_1=training.beta_1,
        beta_2=training.beta_2,
        epsilon=training.epsilon,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    if training.dtype == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


class _Run(keras.callbacks.Callback):
    """The state of one run: counts, saves, evaluates, decides when it is over."""

    def __init__(self, recipe, trainer, data):
        super().__init__()
        self.training = recipe.training
        self.trainer = trainer
        self.evaluation_batches = data.evaluation_batches()
        self.evaluator = MaskedLMEvaluator(trainer.masked_lm, data.evaluation_groups())
        self.output = recipe.output
        self.model_dir = recipe.output / "model"
        self.metrics_file = recipe.output / "metrics.jsonl"
        variables = [*trainer.masked_lm.variables, *trainer.optimizer.variables]
        self.checkpoint = TrainingCheckpoint(recipe.output / "checkpoints", variables)
        state = self.checkpoint.restore() or {"step": 0, "best": None, "bad_periods": 0}
        self.step = state["step"]
        self.best = math.inf if state["best"] is None else state["best"]
        self.bad_periods = state["bad_periods"]
        if self.step:
            print(f"Continuing at step {self.step} of {self.training.steps}.")
        # All workers come to the same decisions; the first one writes.
        self.is_chief = is_chief()
        self.writer = tf.summary.create_noop_writer()
        if self.is_chief:
            self._drop_later_metrics()
            self.writer = tf.summary.create_file_writer(
                str(recipe.output / "tensorboard")
            )
        self.stop_requested = False

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

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        if not math.isfinite(logs["loss"]):
            raise ValueError(
                f"The loss is {logs['loss']} at step {self.step}. Lower the learning "
                "rate, lengthen the warm-up, or train in float32 or mixed_bfloat16. "
                f"The last good state is in {self.checkpoint.directory}."
            )
        # At the end of a period the state is saved after its evaluation.
        ends_period = (
            self.step % self.training.evaluate_every == 0
            or self.step == self.training.steps
        )
        if self.stop_requested:
            self.model.stop_training = True
        if not ends_period and (
            self.stop_requested or self.step % self.training.checkpoint_every == 0
        ):
            self._save()

    def on_epoch_end(self, epoch, logs=None):
        ends_period = self.step % self.training.evaluate_every == 0
        if not ends_period and self.step != self.training.steps:
            return  # interrupted
        scores = self.evaluator.evaluate(self.evaluation_batches)
        metrics = _metrics(scores)
        metrics["train/loss"] = float(logs["loss"])
        metrics["learning_rate"] = float(np.asarray(self._learning_rate()))
        if self.is_chief:
            _print_scores(scores, self.step)
            self._record(metrics)
        self._compare(metrics)
        self._save()

    def _record(self, metrics):
        with self.metrics_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": self.step, **metrics}) + "\n")
        with self.writer.as_default():
            for name, value in metrics.items():
                tf.summary.scalar(name, value, step=self.step)
        self.writer.flush()

    def _compare(self, metrics):
        metric = self.training.early_stopping_metric
        key = metric if metric in metrics else f"mean/{metric}"
        if key not in metrics:
            raise ValueError(
                "recipe.training.early_stopping_metric must be one of "
                f"{', '.join(sorted(metrics))}. Received: {metric}."
            )
        # Accuracies rise as a model gets better, everything else falls.
        value = -metrics[key] if "accuracy" in key else metrics[key]
        if value < self.best:
            self.best, self.bad_periods = value, 0
            if self.is_chief:
                _save_preset(self.trainer.masked_lm, self.model_dir)
        else:
            self.bad_periods += 1
        if self.stopped_early:
            print(f"{metric} has not improved for {self.bad_periods} evaluations.")
            self.model.stop_training = True

    def _learning_rate(self):
        optimizer = self.trainer.optimizer
        return getattr(optimizer, "inner_optimizer", optimizer).learning_rate

    def _save(self):
        if not self.is_chief:
            return
        self.checkpoint.save(
            {
                "step": self.step,
                "best": self.best if math.isfinite(self.best) else None,
                "bad_periods": self.bad_periods,
            }
        )

    def _drop_later_metrics(self):
        # A run killed after an evaluation, before its checkpoint, evaluates again.
        if not self.metrics_file.exists():
            return
        lines = self.metrics_file.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if _step_of(line) <= self.step]
        self.metrics_file.write_text("".join(f"{x}\n" for x in kept), encoding="utf-8")

    def close(self):
        self.writer.close()
        if self.stop_requested:
            print(
                f"Stopped at step {self.step} of {self.training.steps}, saved. Run the "
                "same command to continue."
            )


def _step_of(line):
    try:
        return json.loads(line)["step"]
    except (json.JSONDecodeError, KeyError):  # half-written by a killed run
        return math.inf


def _metrics(scores):
    """Flat names: "perplexity/mlm/fr", "mean/perplexity"..."""
    metrics = {}
    for name, score in scores.items():
        metrics[f"perplexity/{name}"] = score.perplexity
        metrics[f"accuracy/{name}"] = score.accuracy
    for metric in ("perplexity", "accuracy"):
        values = [
            value for name, value in metrics.items() if name.startswith(f"{metric}/")
        ]
        metrics[f"mean/{metric}"] = float(np.mean(values))
    return metrics


def _print_scores(scores, step):
    table = Table(title=f"Held-out text after {step} steps")
    for column in ("", "perplexity", "accuracy", "targets"):
        table.add_column(column, justify="left" if not column else "right")
    for name, score in scores.items():
        table.add_row(
            name,
            f"{score.perplexity:.1f}",
            f"{score.accuracy:.1%}",
            f"{score.num_targets:,}",
        )
    Console().print(table)


def _save_preset(masked_lm, directory):
    """Replace a preset; a crash leaves the old one or the new one, whole."""
    new = directory.with_name(directory.name + ".new")
    old = directory.with_name(directory.name + ".old")
    for path in (new, old):
        shutil.rmtree(path, ignore_errors=True)
    masked_lm.save_to_preset(new)
    if directory.exists():
        os.replace(directory, old)
    os.replace(new, directory)
    shutil.rmtree(old, ignore_errors=True)


def _claim_output(recipe):
    """Make the output directory this run's, or see that it already is."""
    record = recipe.output / "recipe.json"
    content = json.loads(json.dumps(as_dict(recipe)))
    if record.exists():
        before = json.loads(record.read_text(encoding="utf-8"))
        changed = sorted(_differences(before, content, "recipe"))
        if changed:
            raise ValueError(
                f"{recipe.output} holds a run of another recipe. Changed since: "
                f"{', '.join(changed)}. Choose another output, or delete it."
            )
        return
    if recipe.output.exists() and any(recipe.output.iterdir()):
        raise ValueError(
            f"{recipe.output} exists and is not a pretraining run. Choose another "
            "output."
        )
    recipe.output.mkdir(parents=True, exist_ok=True)
    temporary = record.with_suffix(".new")
    temporary.write_text(json.dumps(content, indent=2), encoding="utf-8")
    os.replace(temporary, record)


def _differences(before, after, where):
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {*before, *after}:
            yield from _differences(before.get(key), after.get(key), f"{where}.{key}")
    elif before != after:
        yield where


@contextlib.contextmanager
def _stop_on_signal(run):
    """Ctrl-C and SIGTERM end the run after the step; a second one at once."""

    def request(number, frame):
        if run.stop_requested:
            raise KeyboardInterrupt
        run.stop_requested = True
        print("\nStopping after this step; once more to stop at once.")

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
