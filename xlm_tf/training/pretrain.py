"""Pretraining from a recipe: interruptible, resumable, results in one place."""

import dataclasses
import functools
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from xlm_tf.evaluation.perplexity import MaskedLMEvaluator
from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.causal_lm import XLMCausalLM
from xlm_tf.models.masked_lm import XLMMaskedLM
from xlm_tf.models.masked_lm_preprocessor import XLMMaskedLMPreprocessor
from xlm_tf.output_files import folders_unlocked
from xlm_tf.training.initial_model import facts_of, load_initial_model
from xlm_tf.training.initial_model_checks import check_initial_model
from xlm_tf.training.masked_lm_trainer import MaskedLMTrainer
from xlm_tf.training.multitask_trainer import MultitaskTrainer
from xlm_tf.training.optimizer import build_optimizer
from xlm_tf.training.pretraining_data import PretrainingData
from xlm_tf.training.recipe_tokenizer import read_tokenizer
from xlm_tf.training.run import TrainingRun, begin_run, run_to_end
from xlm_tf.training.seq2seq_pretraining import (
    TranslationEvaluator,
    build_pretraining_seq2seq,
)
from xlm_tf.training.strategy import place_of_worker, sum_over_workers
from xlm_tf.training.token_vectors import set_initial_embeddings


@dataclasses.dataclass(frozen=True)
class PretrainingResult:
    """What a run left behind.

    Attributes:
        model: directory of the best model, a preset for `XLMMaskedLM.from_preset`, or
            `XLMSeq2SeqLM.from_preset` where an objective has a decoder.
        metrics_file: JSON lines, one per evaluation.
        step: int, updates made in all.
        best: float, the best mean of the early-stopping metric.
        finished: bool, False where the run was interrupted.
    """

    model: Path
    metrics_file: Path
    step: int
    best: float
    finished: bool


@folders_unlocked()
def pretrain(recipe, quiet=False, on_evaluation=None, processes=1):
    """Run a recipe to its end, from where it stopped if it was begun before.

    The output directory holds `recipe.json`, `checkpoints/` (the last two states),
    `model/` (the best model so far, a preset), `metrics.jsonl` and `tensorboard/`. An
    interrupted run, killed or not, continues when it is started again, and ends with
    the weights of an uninterrupted one. Ctrl-C saves first.

    Args:
        recipe: `PretrainingRecipe`, see `load_recipe`.
        quiet: bool, say nothing on the standard output.
        on_evaluation: function that sees every evaluation, see `run_to_end`.
        processes: see `xlm_tf.training.text_sources.read_corpora`.

    Returns:
        `PretrainingResult`.

    Raises:
        ValueError: the output directory holds another run or something else, the
            vocabulary or a corpus cannot be used, or the loss is not a number.
    """
    training = recipe.training
    _, num_workers = place_of_worker()
    if training.num_input_streams > 1 and training.input_streams % num_workers:
        raise ValueError(
            "recipe.training.input_streams must be divisible by the number of workers. "
            f"Received: {training.input_streams} and {num_workers}."
        )
    strategy, reporter = begin_run(recipe, quiet)
    replicas = strategy.num_replicas_in_sync
    if training.batch_size % (replicas * training.accumulation_steps):
        raise ValueError(
            "recipe.training.batch_size must be divisible by the number of "
            f"replicas times accumulation_steps. Received: {training.batch_size}, "
            f"{replicas} and {training.accumulation_steps}."
        )
    keras.utils.set_random_seed(training.seed)
    with strategy.scope():
        build = build_pretraining_seq2seq if recipe.has_decoder else build_masked_lm
        model = build(recipe)
        set_initial_embeddings(recipe, model, reporter)
        model.backbone.gradient_checkpointing = training.gradient_checkpointing
    preprocessor = model.preprocessor
    data = PretrainingData(
        recipe, preprocessor.tokenizer, preprocessor.languages, processes
    )
    reporter.say_broken(data.reports)
    reporter.say_split(recipe.held_out_fold, data.split_sizes)
    with strategy.scope():
        how = {
            "accumulation_steps": training.accumulation_steps,
            "clip_norm": training.clip_norm,
        }
        if recipe.has_decoder:
            how["sampling_temperature"] = training.sampling_temperature
            trainer = MultitaskTrainer(model, training.label_smoothing, **how)
        else:
            trainer = MaskedLMTrainer(model, **how)
        trainer.compile(optimizer=build_optimizer(training))
        trainer.optimizer.build(trainer.trainable_variables)
    run = _PretrainingRun(recipe, trainer, model, data, reporter)
    run_to_end(run, run.train_batches, on_evaluation)
    run.say_where()
    return PretrainingResult(
        run.model_dir,
        run.metrics_file,
        run.step,
        run.best,
        run.step == training.steps or run.stopped_early,
    )


def build_masked_lm(recipe, tokenizer=None):
    """The `XLMMaskedLM` of a recipe as its training begins, with its preprocessor.

    Args:
        recipe: `PretrainingRecipe`.
        tokenizer: a tokenizer of `xlm_tf.text`, if the caller has the recipe's.
    """
    arguments = recipe.model.given()
    wants_languages = arguments.pop("language_embeddings", False)
    if recipe.initial_model is not None:
        masked_lm = load_initial_model(
            recipe.initial_model,
            recipe.training.dtype,
            recipe.initial_tasks,
            **arguments,
        )
        check_initial_model(recipe, facts_of(masked_lm))
        if isinstance(masked_lm, XLMCausalLM):
            masked_lm = _with_positions(masked_lm)
        return masked_lm
    head_transform = arguments.pop("head_transform", True)
    tokenizer = tokenizer or read_tokenizer(recipe)
    languages = recipe.languages if wants_languages else None
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


def _with_positions(causal_lm):
    """The `XLMMaskedLM` that an `XLMCausalLM` is: it predicts at given positions."""
    old = causal_lm.preprocessor
    preprocessor = XLMMaskedLMPreprocessor(old.tokenizer, **old.packing_config())
    masked_lm = XLMMaskedLM(
        causal_lm.backbone,
        preprocessor,
        causal_lm.head_transform,
        causal_lm.tied,
        compile=False,
    )
    masked_lm.prediction_head.set_weights(causal_lm.prediction_head.get_weights())
    return masked_lm


class _PretrainingRun(TrainingRun):
    """Evaluates by perplexity and accuracy of every objective and language.

    Where texts are written, by BLEU too.
    """

    def __init__(self, recipe, trainer, model, data, reporter):
        metric = recipe.training.early_stopping_metric
        super().__init__(recipe, trainer, model, metric, reporter)
        self.recipe = recipe
        self.data = data
        data.begin(self.step, self.streams, *place_of_worker())
        predict = trainer.call if recipe.has_decoder else model
        self.evaluator = MaskedLMEvaluator(
            predict,
            data.evaluation_groups(),
            model.backbone.vocabulary_size,
            recipe.training.accumulation_steps,
        )
        self.translations = None
        if recipe.has_decoder:
            self.translations = TranslationEvaluator(model, recipe, data)

    def train_batches(self, step):
        """The batches from a step on, of the rows that the worker has to make."""
        if self.training.num_input_streams == 1:
            return self.data.train_batches(step)

        def of_replicas(context):
            size = context.get_per_replica_batch_size(self.training.batch_size)
            batches = self.data.train_batches(step).rebatch(size, drop_remainder=True)
            # Then shapes stay static, and workers need not ask whether each has one.
            endless = tf.data.INFINITE_CARDINALITY
            return batches.apply(tf.data.experimental.assert_cardinality(endless))

        return self.strategy.distribute_datasets_from_function(of_replicas)

    def stream_states(self):
        if self.training.num_input_streams == 1:
            return self.data.stream_states(self.step)
        total = functools.partial(sum_over_workers, strategy=self.strategy)
        return self.data.stream_states(self.step, total)

    @functools.cached_property
    def evaluation_batches(self):
        """In memory: the next evaluations need not read the texts again."""
        return list(self.data.evaluation_batches() or ())

    def evaluate(self):
        scores = self.evaluator.evaluate(self.evaluation_batches)
        rows = {
            name: [
                f"{score.perplexity:.1f}",
                f"{score.accuracy:.1%}",
                f"{score.num_targets:,}",
            ]
            for name, score in scores.items()
        }
        if rows:
            title = f"Held-out text after {self.step} steps"
            columns = ["perplexity", "accuracy", "targets"]
            self.reporter.table(title, columns, rows)
        metrics = _metrics(scores)
        if self.translations is not None:
            metrics |= self.translations.evaluate(self.reporter, self.step)
        return metrics | self._scheduled()

    def _scheduled(self):
        """What schedules say at the step: "train/selection_rate", ..."""
        schedules = {
            f"objectives/{name}": weight
            for name, weight in self.recipe.objectives.items()
        }
        for name in ("selection_rate", "language_alpha"):
            schedules[name] = getattr(self.training, name)
        return {
            f"train/{name}": schedule.value(self.step)
            for name, schedule in schedules.items()
            if not schedule.is_constant
        }


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
        if values:
            metrics[f"mean/{metric}"] = float(np.mean(values))
    return metrics
