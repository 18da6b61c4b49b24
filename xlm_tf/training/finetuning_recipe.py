"""A training to translate or summarise written down: one YAML file, all checked."""

import dataclasses
import typing
from pathlib import Path

from xlm_tf.text.normalization import NORMALIZATIONS
from xlm_tf.training.recipe import (
    DTYPES,
    HELD_OUT_SHARE,
    SCHEDULES,
    BackboneFields,
    Bitext,
    BPEVocabulary,
)
from xlm_tf.training.recipe_checks import METRICS, check_finetuning_recipe
from xlm_tf.training.recipe_fields import EntryName, ModelName, field, read_fields


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationPairs(Bitext):
    """Pairs of texts to write and to score, with a name of their own.

    Examples that follow each other with the same source are one example with several
    references. Of every example one line is written: `test.SOURCE-TARGET.txt` has as
    many lines as the source's file, in its order, also where a side is empty.
    """

    name: EntryName | None = field(
        None,
        help="Distinguishes the scores and the output of several entries of one "
        "direction. Default: where there are several, the name of the first file "
        "without its endings.",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seq2SeqFields(BackboneFields):
    """Arguments of `xlm_tf.XLMBackbone`, and of `xlm_tf.XLMSeq2SeqBackbone`.

    The first four are needed where a run begins from nothing. With an `initial_model`
    all of the encoder are that model's, and only the rates of dropout can be others.
    """

    num_decoder_layers: int | None = field(
        None, minimum=1, help="Decoder blocks; null: as many as encoder blocks."
    )
    share_embeddings: bool = field(
        True, help="One table for the tokens of source and target."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class FinetuningTraining:
    """How to train. A step is one update on a batch of `tokens_per_batch`."""

    steps: int = field(minimum=1, help="Updates of the weights.")
    tokens_per_batch: int = field(
        4096,
        minimum=8,
        help="Tokens of an update's longer side, with padding, over all GPUs and "
        "accumulation steps.",
    )
    source_length: int = field(
        128, minimum=8, help="Longest source in tokens; what is longer is cut."
    )
    target_length: int = field(
        128, minimum=8, help="Longest target in tokens; what is longer is cut."
    )
    learning_rate: float = field(5e-4, above=0, help="The highest rate.")
    schedule: str = field(
        "inverse_square_root",
        choices=SCHEDULES,
        help="How the rate falls after the warm-up; linear and cosine end at 0.",
    )
    warmup_steps: int = field(
        1000, minimum=1, help="Steps in which the rate rises from about 0."
    )
    weight_decay: float = field(
        0.0, minimum=0, help="Of AdamW; biases and LayerNorms do not decay."
    )
    beta_1: float = field(0.9, minimum=0, below=1, help="Of Adam.")
    beta_2: float = field(0.98, minimum=0, below=1, help="Of Adam.")
    epsilon: float = field(1e-6, above=0, help="Of Adam.")
    clip_norm: float | None = field(
        1.0, above=0, help="Largest global norm of a batch's gradient; null: no bound."
    )
    accumulation_steps: int = field(
        1,
        minimum=1,
        help="Parts of a batch, one after the other: memory for one part, the update "
        "of the whole.",
    )
    label_smoothing: float = field(
        0.1,
        minimum=0,
        below=1,
        help="Share of the probability that is spread over all tokens.",
    )
    dtype: str = field("float32", choices=DTYPES, help="Policy of the computation.")
    seed: int = field(
        0, minimum=0, maximum=2**32 - 1, help="Of weights, order and dropout."
    )
    evaluate_every: int = field(
        1000, minimum=1, help="Steps between evaluations; there is one at the end."
    )
    checkpoint_every: int = field(
        200, minimum=1, help="Steps between saved states, to resume from."
    )
    early_stopping_metric: str | None = field(
        None,
        help="Tells the best model: bleu or chrf, rougeL, rouge1 or rouge2; null: the "
        "first of the task's.",
    )
    early_stopping_patience: int | None = field(
        None,
        minimum=1,
        help="Evaluations without improvement that end the run; null: none do.",
    )
    average_last: int = field(
        5,
        minimum=1,
        help="Evaluations whose weights are averaged at the end, and kept where they "
        "score better.",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decoding:
    """How to write: a beam search."""

    evaluation_beams: int = field(1, minimum=1, help="Beams during the training.")
    num_beams: int = field(5, minimum=1, help="Beams for the test.")
    length_penalty: float = field(
        1.0, minimum=-10, maximum=10, help="Scores are divided by length ** it."
    )
    no_repeat_ngram_size: int = field(
        0, minimum=0, help="Runs of so many tokens are written once; 0: no rule."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class FinetuningRecipe:
    """A run that trains an encoder-decoder on pairs of texts, `xlm-tf finetune`."""

    output: Path = field(
        help="Folder of the results, or `--output`; a run that was stopped goes on "
        "from there.",
    )
    data: list[Bitext] = field(
        in_data_folder=True, help="Pairs to train on, one direction an entry."
    )
    held_out: list[EvaluationPairs] | None = field(
        None,
        in_data_folder=True,
        help="Pairs to write during the training; the best model is chosen by them. "
        "Left out, a share of `data` is held out.",
    )
    held_out_share: float | None = field(
        None,
        above=0,
        below=0.5,
        help=f"That share, of the sources of `data`; default {HELD_OUT_SHARE}, of a "
        "direction 2,000 at most. What is held out, or has the same text on a side, is "
        "not trained on.",
    )
    test: list[EvaluationPairs] = field(
        [], in_data_folder=True, help="Pairs that the best model writes at the end."
    )
    task: str = field(
        "translation",
        choices=tuple(METRICS),
        help="Translation is measured by BLEU and chrF, summarization by ROUGE.",
    )
    initial_model: ModelName | None = field(
        None,
        help="A masked language model to begin with, instead of a vocabulary: a "
        "folder, `hf://OWNER/NAME`, or a name of `xlm_tf.PRESETS`. Its tokenizer and "
        "its languages are kept.",
    )
    vocabulary_size: int | None = field(
        None,
        minimum=16,
        help="Tokens of a SentencePiece vocabulary that is trained on `data`.",
    )
    vocabulary_normalization: str | None = field(
        None,
        choices=NORMALIZATIONS,
        help="How text is normalised before that vocabulary: `nmt_nfkc` as in XLM-R, "
        "`keep_joiners` with the zero-width non-joiners of Persian and others, or "
        "`identity`; null chooses one of the first two by the languages.",
    )
    vocabulary: Path | None = field(
        None, help="SentencePiece model, as `xlm-tf vocabulary` writes, instead."
    )
    bpe: BPEVocabulary | None = field(None, help="A vocabulary of XLM's kind instead.")
    model: dict[str, typing.Any] = field(
        {}, given=Seq2SeqFields, help="The architecture."
    )
    training: FinetuningTraining = field(help="How to train.")
    decoding: Decoding = field(Decoding(), help="How to write.")

    @property
    def metric(self):
        """The name of the metric that chooses the best model."""
        return self.training.early_stopping_metric or METRICS[self.task][0]

    @property
    def languages(self):
        """Languages of the training pairs, sorted: the order of the language ids."""
        return sorted({language for entry in self.data for language in entry.languages})


def load_finetuning_recipe(path, data_folder=None, **overrides):
    """Read and check a recipe; its fields are explained in `docs/recipes.md`.

    Args:
        path: str or Path of a YAML file.
        data_folder: str or Path that the files of `data`, `held_out` and `test` lie
            in; defaults to the recipe's folder, where all other paths start.
        **overrides: values for top-level fields, such as `output`.

    Returns:
        `FinetuningRecipe`.

    Raises:
        FileNotFoundError: the recipe, or a file that it names, does not exist.
        ValueError: a field that is unknown, missing, of another type or out of
            range, or fields that contradict each other; names them.
    """
    recipe = read_fields(FinetuningRecipe, path, data_folder, overrides)
    check_finetuning_recipe(recipe)
    return recipe
