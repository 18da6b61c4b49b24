"""Pretraining from a recipe: interruptible, resumable, results in one place."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

from xlm_tf.evaluation.perplexity import MaskedLMEvaluator
from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.masked_lm import XLMMaskedLM, XLMMaskedLMPreprocessor
from xlm_tf.text.sentencepiece_tokenizer import XLMSentencePieceTokenizer
from xlm_tf.training.masked_lm_trainer import MaskedLMTrainer
from xlm_tf.training.optimizer import build_optimizer
from xlm_tf.training.pretraining_data import PretrainingData
from xlm_tf.training.run import TrainingRun, claim_output, run_to_end
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
        claim_output(recipe)
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
    run = _PretrainingRun(recipe, trainer, data)
    run_to_end(run, data.train_batches)
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


class _PretrainingRun(TrainingRun):
    """Evaluates by perplexity and accuracy of every objective and language."""

    def __init__(self, recipe, trainer, data):
        metric = recipe.training.early_stopping_metric
        super().__init__(recipe, trainer, trainer.masked_lm, metric)
        self.evaluation_batches = data.evaluation_batches()
        self.evaluator = MaskedLMEvaluator(trainer.masked_lm, data.evaluation_groups())

    def evaluate(self):
        scores = self.evaluator.evaluate(self.evaluation_batches)
        if self.is_chief:
            _print_scores(scores, self.step)
        return _metrics(scores)


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
