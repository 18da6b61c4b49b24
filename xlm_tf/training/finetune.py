"""Training an encoder-decoder from a recipe, to the best translations or summaries."""

import dataclasses
import itertools
import json
import os
from pathlib import Path

import keras
import numpy as np
from rich.console import Console
from rich.table import Table
from safetensors.numpy import load_file

from xlm_tf.checkpoints.tensor_files import write_safetensors
from xlm_tf.evaluation.summary_scores import summary_scores
from xlm_tf.evaluation.translation_scores import translation_scores
from xlm_tf.generation.search import BeamSearch
from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.generation_in_order import generate_in_order
from xlm_tf.models.masked_lm import XLMMaskedLM
from xlm_tf.models.seq2seq_backbone import XLMSeq2SeqBackbone
from xlm_tf.models.seq2seq_lm import XLMSeq2SeqLM, XLMSeq2SeqLMPreprocessor
from xlm_tf.text.sentencepiece_tokenizer import XLMSentencePieceTokenizer
from xlm_tf.text.sentences import split_sentences
from xlm_tf.text.vocabulary import train_vocabulary
from xlm_tf.training.finetuning_data import read_pairs, train_batches
from xlm_tf.training.finetuning_recipe import METRICS
from xlm_tf.training.optimizer import build_optimizer
from xlm_tf.training.run import TrainingRun, claim_output, run_to_end
from xlm_tf.training.seq2seq_trainer import Seq2SeqTrainer
from xlm_tf.training.strategy import distribution_strategy, is_chief


@dataclasses.dataclass(frozen=True)
class FinetuningResult:
    """What a run left behind.

    Attributes:
        model: directory of the best model, a preset for `XLMSeq2SeqLM.from_preset`.
        metrics_file: JSON lines, one an evaluation.
        step: int, updates made in all.
        test_scores: dict of float such as "bleu/en-de", None where the run was
            interrupted, or the recipe has no `test`.
        finished: bool, False where the run was interrupted.
    """

    model: Path
    metrics_file: Path
    step: int
    test_scores: dict | None
    finished: bool


def finetune(recipe):
    """Run a recipe to its end, from where it stopped if it was begun before.

    During training the held-out sources are translated or summarised; the model with
    the best score is kept. At the end the weights of the last evaluations are averaged,
    and kept where they score better; then the test pairs are written and scored,
    summaries beside the first sentence of every source.

    The output directory holds what that of `pretrain` does, and `vocabulary.spm`,
    `test_scores.json` and what was written for the test, `test.SOURCE-TARGET.txt`.

    Args:
        recipe: `FinetuningRecipe`, see `load_finetuning_recipe`.

    Returns:
        `FinetuningResult`.

    Raises:
        ValueError: the output directory holds another run or something else, the
            pairs cannot be used, or the loss is not a number.
        ModuleNotFoundError: sacreBLEU or rouge-score is not installed.
    """
    _score(recipe.task, [""], [[""]], "en")  # can it, before hours of training?
    strategy = distribution_strategy()
    if is_chief():
        claim_output(recipe)
    keras.utils.set_random_seed(recipe.training.seed)
    with strategy.scope():
        model = build_seq2seq_lm(recipe)
        trainer = Seq2SeqTrainer(
            model, recipe.training.label_smoothing, recipe.training.clip_norm
        )
        trainer.compile(optimizer=build_optimizer(recipe.training))
        trainer.optimizer.build(trainer.trainable_variables)
    run = _FinetuningRun(recipe, trainer)
    run_to_end(run, lambda: train_batches(recipe, model.preprocessor))
    finished = not run.stop_requested
    scores = None
    if finished and is_chief():
        run.compare_average()
        scores = _test(recipe)
    print(f"The best model is in {run.model_dir}, the curves in {run.metrics_file}.")
    return FinetuningResult(run.model_dir, run.metrics_file, run.step, scores, finished)


def build_seq2seq_lm(recipe):
    """The `XLMSeq2SeqLM` of a recipe as its training begins."""
    training = recipe.training
    arguments = dict(recipe.model)
    decoder = {
        name: arguments.pop(name)
        for name in ("num_decoder_layers", "share_embeddings")
        if name in arguments
    }
    if recipe.initial_model is not None:
        preset = recipe.initial_model
        masked_lm = XLMMaskedLM.from_preset(
            preset,
            backbone=XLMBackbone.from_preset(preset, dtype=training.dtype, **arguments),
            dtype=training.dtype,
        )
        tokenizer = masked_lm.preprocessor.tokenizer
        languages = masked_lm.preprocessor.languages
    else:
        tokenizer = XLMSentencePieceTokenizer(_vocabulary(recipe).read_bytes())
        languages = (
            recipe.languages if arguments.pop("language_embeddings", False) else None
        )
    sources, targets = (
        {getattr(entry, f"{side}_language") for entry in recipe.data}
        for side in ("source", "target")
    )
    if languages is None and len(targets) > 1:
        raise ValueError(
            "A model of several target languages must be told which to write: set "
            "recipe.model.language_embeddings, or begin with a model that has "
            f"languages. Received: {', '.join(sorted(targets))}."
        )
    preprocessor = XLMSeq2SeqLMPreprocessor(
        tokenizer,
        sequence_length=training.source_length,
        target_length=training.target_length,
        languages=languages,
        language=min(sources) if len(sources) == 1 and languages else None,
        target_language=min(targets) if len(targets) == 1 and languages else None,
        source_languages=sorted(sources),
        target_languages=sorted(targets),
    )
    if recipe.initial_model is not None:
        return XLMSeq2SeqLM.from_masked_lm(
            masked_lm, preprocessor=preprocessor, **decoder
        )
    encoder = XLMBackbone(
        vocabulary_size=tokenizer.vocabulary_size(),
        pad_token_id=tokenizer.pad_token_id,
        num_languages=len(languages or ()),
        dtype=training.dtype,
        **arguments,
    )
    backbone = XLMSeq2SeqBackbone(encoder, **decoder)
    return XLMSeq2SeqLM(backbone, preprocessor)


def write_targets(model, entry, task="translation"):
    """Write the targets of one entry's sources.

    A source that is too long is translated in parts, but summarised as far as training
    reads it.

    Args:
        model: compiled `XLMSeq2SeqLM`.
        entry: `Bitext`.
        task: "translation" or "summarization"; pairs of one source after another are
            one summary of several references.

    Returns:
        `(sources, targets, references)`: two lists of str, and one of lists of str.
    """
    pairs = [
        (pair["source"].decode("utf-8"), pair["target"].decode("utf-8"))
        for pair in read_pairs(entry).as_numpy_iterator()
    ]
    if task == "summarization":
        groups = itertools.groupby(pairs, key=lambda pair: pair[0])
        pairs = [(source, [target for _, target in own]) for source, own in groups]
    else:
        pairs = [(source, [target]) for source, target in pairs]
    sources, references = (list(side) for side in zip(*pairs, strict=True))
    languages = {}
    if model.preprocessor.languages is not None:
        languages = {
            "source_language": entry.source_language,
            "target_language": entry.target_language,
        }
    targets = [
        candidates[0][0]
        for candidates in generate_in_order(
            model, sources, split=task == "translation", **languages
        )
    ]
    return sources, targets, references


class _FinetuningRun(TrainingRun):
    """Evaluates by writing the held-out pairs' targets."""

    def __init__(self, recipe, trainer):
        super().__init__(recipe, trainer, trainer.seq2seq_lm, recipe.metric)
        self.recipe = recipe
        self.snapshots = recipe.output / "snapshots"
        self.trained_model.compile(
            sampler=_search(recipe.decoding, recipe.decoding.evaluation_beams)
        )
        # What the model is saved with, and writes with at the end.
        self.trained_model.decoding = _search(
            recipe.decoding, recipe.decoding.num_beams
        )

    def evaluate(self):
        self._keep_snapshot()
        return self._scores(f"after {self.step} steps")

    def _scores(self, when):
        metrics = {}
        for entry in self.recipe.held_out:
            _, targets, references = write_targets(
                self.trained_model, entry, self.recipe.task
            )
            metrics |= _scores_of(self.recipe, entry, targets, references)
        if self.is_chief:
            _print_scores(metrics, f"Held-out pairs {when}")
        for metric in METRICS[self.recipe.task]:
            own = [x for name, x in metrics.items() if name.startswith(f"{metric}/")]
            metrics[f"mean/{metric}"] = float(np.mean(own))
        return metrics

    def compare_average(self):
        """Average the weights of the last evaluations; keep them where better."""
        paths = sorted(self.snapshots.glob("*.safetensors"))
        if len(paths) < 2:
            return
        states = [load_file(path) for path in paths]
        for number, variable in enumerate(self.trained_model.variables):
            key = f"{number:04d}"
            if np.issubdtype(states[0][key].dtype, np.floating):
                variable.assign(np.mean([state[key] for state in states], axis=0))
        metrics = self._scores(f"with the average of {len(paths)} evaluations")
        self.compare(metrics)

    def _keep_snapshot(self):
        if not self.is_chief:
            return
        self.snapshots.mkdir(exist_ok=True)
        path = self.snapshots / f"{self.step:09d}.safetensors"
        state = {
            f"{number:04d}": np.asarray(variable)
            for number, variable in enumerate(self.trained_model.variables)
        }
        write_safetensors(state, path.with_suffix(".new"))
        os.replace(path.with_suffix(".new"), path)
        paths = sorted(self.snapshots.glob("*.safetensors"))
        for old in paths[: -self.training.average_last]:
            old.unlink()


def _test(recipe):
    """Write the test pairs' targets with the best model, and score them."""
    if not recipe.test:
        return None
    model = XLMSeq2SeqLM.from_preset(str(recipe.output / "model"))
    model.compile(sampler=_search(recipe.decoding, recipe.decoding.num_beams))
    metrics, lead = {}, {}
    for entry in recipe.test:
        sources, targets, references = write_targets(model, entry, recipe.task)
        direction = f"{entry.source_language}-{entry.target_language}"
        (recipe.output / f"test.{direction}.txt").write_text(
            "".join(f"{text}\n" for text in targets), encoding="utf-8"
        )
        metrics |= _scores_of(recipe, entry, targets, references)
        if recipe.task == "summarization":
            first = [split_sentences(source)[0] for source in sources]
            lead |= _scores_of(recipe, entry, first, references)
    _print_scores(metrics, "Test pairs")
    if lead:
        _print_scores(lead, "Test pairs: the first sentence of every source")
        metrics |= {f"first_sentence/{name}": value for name, value in lead.items()}
    (recipe.output / "test_scores.json").write_text(
        json.dumps(metrics, indent=2), encoding="utf-8"
    )
    return metrics


def _search(decoding, num_beams):
    return BeamSearch(
        num_beams,
        length_penalty=decoding.length_penalty,
        no_repeat_ngram_size=decoding.no_repeat_ngram_size,
    )


def _scores_of(recipe, entry, targets, references):
    """dict of float by name and direction, such as "bleu/en-de"."""
    direction = f"{entry.source_language}-{entry.target_language}"
    scores = _score(recipe.task, targets, references, entry.target_language)
    return {
        f"{metric}/{direction}": getattr(scores, metric)
        for metric in METRICS[recipe.task]
    }


def _score(task, targets, references, language):
    if task == "summarization":
        return summary_scores(targets, references, language)
    return translation_scores(targets, references, language)


def _vocabulary(recipe):
    """The vocabulary of the training pairs, trained once a run."""
    path = recipe.output / "vocabulary.spm"
    if not path.exists():
        texts = {}
        for entry in recipe.data:
            pairs = list(read_pairs(entry).as_numpy_iterator())
            for side in ("source", "target"):
                language = getattr(entry, f"{side}_language")
                texts.setdefault(language, []).extend(
                    pair[side].decode("utf-8") for pair in pairs
                )
        corpora = {name: lambda own=own: iter(own) for name, own in texts.items()}
        train_vocabulary(corpora, recipe.vocabulary_size, path)
    return path


def _print_scores(metrics, title):
    names = {"bleu": "BLEU", "chrf": "chrF"}
    rows = {}
    for name, value in metrics.items():
        metric, _, direction = name.partition("/")
        rows.setdefault(direction, {})[names.get(metric, metric)] = value
    table = Table(title=title)
    table.add_column("")
    for metric in next(iter(rows.values())):
        table.add_column(metric, justify="right")
    for direction, row in rows.items():
        table.add_row(direction, *(f"{value:.2f}" for value in row.values()))
    Console().print(table)
