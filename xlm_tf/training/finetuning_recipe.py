"""A training to translate or summarise written down, `xlm-tf finetune`."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from xlm_tf.data.bucketing import length_boundaries
from xlm_tf.text.normalization import NORMALIZATIONS
from xlm_tf.training.initial_model import SEQ2SEQ_TASKS
from xlm_tf.training.recipe import Recipe, TrainingSettings
from xlm_tf.training.recipe_fields import (
    Distinct,
    EntryName,
    ModelName,
    RecipePart,
    Truth,
)
from xlm_tf.training.recipe_parts import (
    BackboneArguments,
    Bitext,
    contradictions_of_initial_decoder,
    repeated_files,
)

# The metrics of each task, the one that chooses the best model first.
METRICS = {
    "translation": ("bleu", "chrf"),
    "summarization": ("rougeL", "rouge1", "rouge2"),
}
# Why R-Drop is refused.
NO_DROPOUT = (
    "recipe.training.r_drop compares what dropout makes different: it needs a dropout "
    "or attention_dropout above 0."
)


class EvaluationPairs(Bitext):
    """Pairs of texts to generate and to score, with a name of their own.

    Examples that follow each other with the same source are one example with several
    references. Of every example one line is generated: `test.SOURCE-TARGET.txt` has as
    many lines as the source's file, in its order, also where a side is empty.

    A model with language embeddings may be scored zero-shot, in a direction that no
    entry of `data` has, where it learns to read the one language and to write the
    other.
    """

    name: EntryName | None = Field(
        None,
        description="Distinguishes the scores and the output of several entries of one "
        "direction. Default: where there are several, the name of the first file "
        "without its endings.",
    )


class Seq2SeqArguments(BackboneArguments):
    """Arguments of `xlm_tf.XLMBackbone`, and of `xlm_tf.XLMSeq2SeqBackbone`.

    The first four are needed where a run begins from scratch. With an `initial_model`
    all of the encoder are that model's, and only the rates of dropout can be others;
    if it is an encoder-decoder, those of the decoder too.
    """

    num_decoder_layers: int | None = Field(
        None, ge=1, description="Decoder blocks; null: as many as encoder blocks."
    )
    share_embeddings: Truth = Field(
        True,
        description="One table for the tokens of source and target; with an "
        "`initial_decoder` there are two.",
    )


class FinetuningSettings(TrainingSettings):
    """How to train. A step is one update on a batch of `tokens_per_batch`."""

    lengths: ClassVar[tuple] = ("source_length", "target_length")

    tokens_per_batch: int = Field(
        4096,
        ge=8,
        description="Tokens of an update's longer side, with padding, over all GPUs "
        "and accumulation steps.",
    )
    source_length: int = Field(
        128, ge=8, description="Longest source in tokens; what is longer is cut."
    )
    target_length: int = Field(
        128, ge=8, description="Longest target in tokens; what is longer is cut."
    )
    label_smoothing: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="Share of the probability that is spread over all tokens.",
    )
    early_stopping_metric: str | None = Field(
        None,
        description="Tells the best model: bleu or chrf, rougeL, rouge1 or rouge2; "
        "null: the first of the task's.",
    )
    r_drop: float = Field(
        0.0,
        ge=0,
        description="Weight of R-Drop (Liang et al. 2021, arXiv 2106.14448; theirs is "
        "5): every batch is computed twice, and what dropout makes different in the "
        "probabilities counts as loss. Takes twice the time, and more memory.",
    )
    language_alpha: float = Field(
        1.0,
        ge=0,
        description="Directions are drawn by (n / N) ** alpha: 1 by their number of "
        "pairs, 0 all alike.",
    )
    average_last: int = Field(
        5,
        ge=1,
        description="Evaluations whose weights are averaged at the end, and kept where "
        "they score better.",
    )

    def contradictions(self):
        """Yield what does not fit together."""
        yield from super().contradictions()
        longest = length_boundaries(max(self.source_length, self.target_length))[-1]
        if self.tokens_per_batch < longest * self.accumulation_steps:
            yield (
                "tokens_per_batch must have room for the longest example, "
                f"{longest} tokens with its padding, in each of accumulation_steps "
                "parts: raise it, or lower source_length and target_length. Received: "
                f"{self.tokens_per_batch} and {self.accumulation_steps}."
            )


class Decoding(RecipePart):
    """How to generate: a beam search."""

    evaluation_beams: int = Field(1, ge=1, description="Beams during the training.")
    num_beams: int = Field(5, ge=1, description="Beams for the test.")
    length_penalty: float = Field(
        1.0, ge=-10, le=10, description="Scores are divided by length ** it."
    )
    no_repeat_ngram_size: int = Field(
        0, ge=0, description="N-grams of so many tokens occur once; 0: no rule."
    )


class FinetuningRecipe(Recipe):
    """A run that trains an encoder-decoder on pairs of texts, `xlm-tf finetune`."""

    command: ClassVar[str] = "finetune"
    names_all: ClassVar[bool] = True
    initial_tasks: ClassVar[tuple] = SEQ2SEQ_TASKS
    has_decoder: ClassVar[bool] = True
    vocabularies: ClassVar[tuple] = (
        "initial_model",
        "vocabulary_size",
        "vocabulary",
        "bpe",
    )

    initial_model: ModelName | None = Field(
        None,
        description="A masked language model that encoder and decoder begin with, or "
        "an encoder-decoder to train further, instead of a vocabulary: a folder, "
        "`hf://OWNER/NAME`, a name of `xlm_tf.PRESETS`, or XLM's own `.pth`. Its "
        "tokenizer and its languages are kept.",
    )
    initial_decoder: ModelName | None = Field(
        None,
        description="A model as `initial_model`, of the same form, vocabulary and "
        "languages: what the decoder and its embeddings begin with, while "
        "`initial_model` gives the encoder.",
    )
    task: Literal[tuple(METRICS)] = Field(
        "translation",
        description="Translation is measured by BLEU and chrF, summarization by ROUGE. "
        "Of `classification` the fields are others, see there.",
    )
    data: Annotated[list[Bitext], Distinct] = Field(
        description="Pairs to train on, one direction per entry."
    )
    held_out: Annotated[list[EvaluationPairs], Distinct] | None = Field(
        None,
        description="Pairs to generate during the training; the best model is chosen "
        "by them. Left out, a share of `data` is held out.",
    )
    test: Annotated[list[EvaluationPairs], Distinct] = Field(
        [], description="Pairs that the best model generates at the end."
    )
    vocabulary_size: int | None = Field(
        None,
        ge=16,
        description="Tokens of a SentencePiece vocabulary that is trained on `data`.",
    )
    vocabulary_normalization: Literal[NORMALIZATIONS] | None = Field(
        None,
        description="How text is normalised before that vocabulary: `nmt_nfkc` as in "
        "XLM-R, `keep_joiners` with the zero-width non-joiners of Persian and others, "
        "or `identity`; null chooses one of the first two by the languages.",
    )
    model: Seq2SeqArguments = Field(
        default_factory=Seq2SeqArguments, description="The architecture."
    )
    training: FinetuningSettings = Field(description="How to train.")
    decoding: Decoding = Field(default_factory=Decoding, description="How to generate.")

    @property
    def metric(self):
        """The name of the metric that chooses the best model."""
        return self.training.early_stopping_metric or METRICS[self.task][0]

    @property
    def languages(self):
        """Languages of the training pairs, sorted: the order of the language ids."""
        return sorted({language for entry in self.data for language in entry.languages})

    @property
    def directions(self):
        """The pairs of languages that are trained, a set."""
        return {entry.languages for entry in self.data}

    def named_languages(self):
        """Yield the places that name a language, and the language."""
        for part in ("data", "held_out", "test"):
            for number, entry in enumerate(getattr(self, part) or []):
                yield from ((f"{part}[{number}]", own) for own in entry.languages)

    def contradictions(self):
        """Yield what does not fit together."""
        yield from super().contradictions()
        for part in ("data", "held_out"):
            if getattr(self, part) == []:
                yield f"recipe.{part} names no pairs of texts."
        for repeated in repeated_files(self.data):
            yield f"recipe.data{repeated}"
        for part in ("held_out", "test"):
            yield from _repeated_names(getattr(self, part) or [], f"recipe.{part}")
        yield from self._untrained_directions()
        if self.metric not in METRICS[self.task]:
            yield (
                "recipe.training.early_stopping_metric must be one of "
                f"{', '.join(METRICS[self.task])}. Received: {self.metric}."
            )
        if self.vocabulary_normalization and self.vocabulary_size is None:
            yield (
                "recipe.vocabulary_normalization is of a vocabulary that is trained "
                "here: it needs recipe.vocabulary_size. "
                f"Received: {self.vocabulary_normalization}."
            )
        yield from contradictions_of_initial_decoder(self)
        has_dropout = self.initial_model or self.model.dropout
        if self.training.r_drop and not (has_dropout or self.model.attention_dropout):
            yield NO_DROPOUT
        if self.initial_model is None and not self.model.language_embeddings:
            yield from several_targets(self)

    def _untrained_directions(self):
        """Yield the evaluated directions that are neither trained nor zero-shot.

        Zero-shot is what reads a language that other pairs train to read, and writes
        one that they train to write. There are several to write then, for which the
        model has language embeddings: see `several_targets`.
        """
        trained = self.directions
        sources, targets = ({own[side] for own in trained} for side in (0, 1))
        names = ", ".join("-".join(own) for own in sorted(trained))
        for part in ("held_out", "test"):
            asked = {entry.languages for entry in getattr(self, part) or []}
            for source, target in sorted(asked - trained):
                if source in sources and target in targets and source != target:
                    continue
                yield (
                    f"recipe.data does not train {source}-{target}, which "
                    f"recipe.{part} evaluates. Trained: {names}. Zero-shot is a "
                    f"direction where other pairs train to read {source} and to write "
                    f"{target}."
                )


def several_targets(recipe):
    """Yield what is missing where a model without languages has several targets.

    Args:
        recipe: `FinetuningRecipe`.

    Yields:
        str.
    """
    targets = sorted({entry.target_language for entry in recipe.data})
    if len(targets) > 1:
        how = "set recipe.model.language_embeddings"
        if recipe.initial_model is not None:
            how = f"begin with a model that has languages, as {recipe.initial_model} "
            how += "has not, or from scratch"
        yield (
            "A model of several target languages must be told which to generate: "
            f"{how}. Received: {', '.join(targets)}."
        )


def evaluation_names(entries):
    """The name of every entry that is scored.

    Args:
        entries: list of `EvaluationPairs`.

    Returns:
        List of str: "SOURCE-TARGET", or "SOURCE-TARGET/NAME" where the entry has a
        name, or its direction has several entries.
    """
    directions = ["-".join(entry.languages) for entry in entries]
    names = []
    for entry, direction in zip(entries, directions, strict=True):
        own = entry.name
        if own is None and directions.count(direction) > 1:
            own = entry.paths[0].name.removesuffix(".gz").rpartition(".")[0]
            own = own or entry.paths[0].name
        names.append(f"{direction}/{own}" if own else direction)
    return names


def _repeated_names(entries, where):
    names = evaluation_names(entries)
    for number, name in enumerate(names):
        first = names.index(name)
        if first != number:
            yield (
                f"{where}[{number}] and {where}[{first}] would both be scored as "
                f"{name}: give each a `name`."
            )
