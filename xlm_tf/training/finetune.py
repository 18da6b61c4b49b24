"""Training an encoder-decoder from a recipe, to the best translations or summaries."""

import dataclasses
import json
import os
from pathlib import Path

import keras
import numpy as np
from safetensors.numpy import load_file

from xlm_tf.checkpoints.tensor_files import write_safetensors
from xlm_tf.evaluation.summary_scores import summary_scores
from xlm_tf.evaluation.translation_scores import translation_scores
from xlm_tf.generation.beam_search import BeamSearch
from xlm_tf.models.generation_in_order import generate_in_order
from xlm_tf.models.seq2seq_lm import XLMSeq2SeqLM
from xlm_tf.models.seq2seq_lm_preprocessor import XLMSeq2SeqLMPreprocessor
from xlm_tf.output_files import folders_unlocked
from xlm_tf.text.language_codes import match_language
from xlm_tf.text.sentencepiece_tokenizer import XLMSentencePieceTokenizer
from xlm_tf.text.sentences import split_sentences
from xlm_tf.text.vocabulary import train_vocabulary
from xlm_tf.training.finetuning_data import FinetuningData
from xlm_tf.training.finetuning_recipe import METRICS, evaluation_names
from xlm_tf.training.initial_seq2seq import begin_seq2seq
from xlm_tf.training.optimizer import build_optimizer
from xlm_tf.training.recipe_tokenizer import read_tokenizer
from xlm_tf.training.run import (
    VOCABULARY_FILE,
    TrainingRun,
    begin_run,
    run_to_end,
)
from xlm_tf.training.seq2seq_trainer import Seq2SeqTrainer
from xlm_tf.training.strategy import is_chief
from xlm_tf.training.token_vectors import set_initial_embeddings

# Begins the name of what a score of that name was counted with.
_SIGNATURE = "signature/"


@dataclasses.dataclass(frozen=True)
class FinetuningResult:
    """What a run left behind.

    Attributes:
        model: directory of the best model, a preset for `XLMSeq2SeqLM.from_preset`.
        metrics_file: JSON lines, one per evaluation.
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


@folders_unlocked()
def finetune(recipe, quiet=False, on_evaluation=None, processes=1):
    """Run a recipe to its end, from where it stopped if it was begun before.

    During training the held-out sources are translated or summarised; the model with
    the best score is kept. At the end the weights of the last evaluations are averaged,
    and kept where they score better; then the test pairs are generated and scored,
    summaries beside the first sentence of every source.

    The output directory holds what that of `pretrain` does, and `vocabulary.spm`,
    `test_scores.json` and what was generated for the test, `test.SOURCE-TARGET.txt` or,
    of several entries of one direction, `test.SOURCE-TARGET.NAME.txt`: a line for every
    line of the sources' file.

    Args:
        recipe: `FinetuningRecipe`, see `load_recipe`.
        quiet: bool, say nothing on the standard output.
        on_evaluation: function that sees every evaluation, see `run_to_end`.
        processes: see `xlm_tf.training.text_sources.read_corpora`.

    Returns:
        `FinetuningResult`.

    Raises:
        ValueError: the output directory holds another run or something else, the
            pairs cannot be used, or the loss is not a number.
        ModuleNotFoundError: sacreBLEU or rouge-score is not installed.
    """
    _score(recipe.task, [""], [[""]], "en")  # can it, before hours of training?
    strategy, reporter = begin_run(recipe, quiet)
    data = FinetuningData(recipe, processes)
    reporter.say_broken(data.reports)
    reporter.say_split(recipe.held_out_fold, data.split_sizes)
    training = recipe.training
    keras.utils.set_random_seed(training.seed)
    with strategy.scope():
        model = build_seq2seq_lm(recipe, data)
        set_initial_embeddings(recipe, model, reporter)
        model.backbone.gradient_checkpointing = recipe.training.gradient_checkpointing
        trainer = Seq2SeqTrainer(
            model,
            training.label_smoothing,
            training.clip_norm,
            training.accumulation_steps,
            training.r_drop,
        )
        trainer.compile(optimizer=build_optimizer(training))
        trainer.optimizer.build(trainer.trainable_variables)
    run = _FinetuningRun(recipe, trainer, data, reporter)
    run_to_end(
        run,
        lambda step: data.train_batches(model.preprocessor).skip(step),
        on_evaluation,
    )
    finished = not run.stop_requested
    scores = None
    if finished and is_chief():
        run.compare_average()
        scores = _test(recipe, data, reporter)
    run.say_where()
    return FinetuningResult(run.model_dir, run.metrics_file, run.step, scores, finished)


def build_seq2seq_lm(recipe, data=None):
    """The `XLMSeq2SeqLM` of a recipe as its training begins.

    Args:
        recipe: `FinetuningRecipe`.
        data: `FinetuningData`, for a vocabulary that is trained on it.
    """
    training = recipe.training

    def tokenizer():
        if recipe.vocabulary_size is None:
            return read_tokenizer(recipe)
        return XLMSentencePieceTokenizer(_train_vocabulary(recipe, data).read_bytes())

    model = begin_seq2seq(recipe, tokenizer)
    begun = model.preprocessor
    sources, targets = (
        {getattr(entry, f"{side}_language") for entry in recipe.data}
        for side in ("source", "target")
    )
    model.preprocessor = XLMSeq2SeqLMPreprocessor(
        begun.tokenizer,
        sequence_length=training.source_length,
        target_length=training.target_length,
        languages=begun.languages,
        language=_only(sources, begun.languages),
        target_language=_only(targets, begun.language_tokens or begun.languages),
        source_languages=sorted(sources),
        target_languages=sorted(targets),
        language_tokens=begun.language_tokens,
        unknown_characters=begun.unknown_characters,
    )
    return model


def _only(languages, names):
    """The name that a model has for the only language of a side, or None."""
    if len(languages) > 1 or names is None:
        return None
    return match_language(*languages, names)


def generate_targets(model, examples, task="translation"):
    """Generate the targets of the sources of one entry.

    A source that is too long is translated in parts, but summarised as far as training
    reads it.

    Args:
        model: compiled `XLMSeq2SeqLM`.
        examples: `EvaluationSet`.
        task: "translation" or "summarization".

    Returns:
        List of str, one per source.
    """
    languages = {}
    if model.preprocessor.languages is not None:
        languages = {
            "source_language": examples.source_language,
            "target_language": examples.target_language,
        }
    return [
        candidates[0][0]
        for candidates in generate_in_order(
            model,
            examples.sources,
            long_texts="split" if task == "translation" else "truncate",
            **languages,
        )
    ]


class _FinetuningRun(TrainingRun):
    """Evaluates by generating the held-out pairs' targets."""

    def __init__(self, recipe, trainer, data, reporter):
        model = trainer.seq2seq_lm
        super().__init__(recipe, trainer, model, recipe.metric, reporter)
        self.recipe = recipe
        self.held_out = data.held_out
        self.snapshots = recipe.output / "snapshots"
        self.trained_model.compile(
            sampler=_search(recipe.decoding, recipe.decoding.evaluation_beams)
        )
        # What the model is saved with, and generates with at the end.
        self.trained_model.decoding = _search(
            recipe.decoding, recipe.decoding.num_beams
        )

    def evaluate(self):
        self._keep_snapshot()
        return self._scores(f"after {self.step} steps")

    def _scores(self, when):
        metrics = {}
        for examples in self.held_out:
            targets = generate_targets(self.trained_model, examples, self.recipe.task)
            metrics |= _scores_of(self.recipe.task, examples, targets)
        title = f"Held-out pairs {when}"
        _say_scores(self.reporter, metrics, title, _zero_shot(self.recipe, "held_out"))
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


def _test(recipe, data, reporter):
    """Generate the test pairs' targets with the best model, and score them."""
    if not data.test:
        return None
    model = XLMSeq2SeqLM.from_preset(str(recipe.output / "model"))
    model.compile(sampler=_search(recipe.decoding, recipe.decoding.num_beams))
    metrics, lead = {}, {}
    for examples in data.test:
        targets = generate_targets(model, examples, recipe.task)
        lines = ["" if i is None else targets[i] for i in examples.lines]
        name = examples.name.replace("/", ".")
        (recipe.output / f"test.{name}.txt").write_text(
            "".join(f"{' '.join(line.splitlines())}\n" for line in lines),
            encoding="utf-8",
        )
        metrics |= _scores_of(recipe.task, examples, targets)
        if recipe.task == "summarization":
            first = [split_sentences(source)[0] for source in examples.sources]
            lead |= _scores_of(recipe.task, examples, first)
    zero_shot = _zero_shot(recipe, "test")
    _say_scores(reporter, metrics, "Test pairs", zero_shot)
    if lead:
        title = "Test pairs: the first sentence of every source"
        _say_scores(reporter, lead, title, zero_shot)
        metrics |= {
            f"first_sentence/{name}": value for name, value in _numbers(lead).items()
        }
    (recipe.output / "test_scores.json").write_text(
        json.dumps(metrics, indent=2), encoding="utf-8"
    )
    return _numbers(metrics)


def _search(decoding, num_beams):
    return BeamSearch(
        num_beams,
        length_penalty=decoding.length_penalty,
        no_repeat_ngram_size=decoding.no_repeat_ngram_size,
    )


def _scores_of(task, examples, targets):
    """dict of float by metric and name, such as "bleu/en-de", and their signatures.

    A signature is a str, such as "signature/bleu/en-de". Examples without a reference
    are not scored.
    """
    scored = [
        (target, references)
        for target, references in zip(targets, examples.references, strict=True)
        if references
    ]
    targets, references = (list(side) for side in zip(*scored, strict=True))
    scores = _score(task, targets, references, examples.target_language)
    metrics = {
        f"{metric}/{examples.name}": getattr(scores, metric) for metric in METRICS[task]
    }
    return metrics | {
        f"{_SIGNATURE}{metric}/{examples.name}": signature
        for metric, signature in scores.signatures.items()
    }


def _score(task, targets, references, language):
    score = summary_scores if task == "summarization" else translation_scores
    return score(targets, references, language)


def _train_vocabulary(recipe, data):
    """The vocabulary of the training pairs, trained once a run."""
    path = recipe.output / VOCABULARY_FILE
    if not path.exists():
        corpora = {
            name: lambda own=own: iter(own) for name, own in data.texts().items()
        }
        train_vocabulary(
            corpora,
            recipe.vocabulary_size,
            path,
            normalization=recipe.vocabulary_normalization,
        )
    return path


def _numbers(metrics):
    """The scores without their signatures."""
    return {x: y for x, y in metrics.items() if not x.startswith(_SIGNATURE)}


def _zero_shot(recipe, part):
    """The names of evaluated entries whose direction is not trained, a set."""
    entries = getattr(recipe, part) or []
    named = zip(evaluation_names(entries), entries, strict=True)
    return {name for name, own in named if own.languages not in recipe.directions}


def _say_scores(reporter, metrics, title, zero_shot):
    names = {"bleu": "BLEU", "chrf": "chrF"}
    rows, columns = {}, []
    for name, value in _numbers(metrics).items():
        metric, _, of = name.partition("/")
        row = f"{of} (zero-shot)" if of in zero_shot else of
        rows.setdefault(row, []).append(f"{value:.2f}")
        columns.append(names.get(metric, metric))
    reporter.table(title, list(dict.fromkeys(columns)), rows)
