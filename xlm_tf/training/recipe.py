"""What every recipe has: where to begin, how to train, where the results go."""

import abc
import typing
from typing import ClassVar, Literal

from pydantic import Field

from xlm_tf.data.word_vectors import check_dimension
from xlm_tf.text.language_codes import parse_language_code
from xlm_tf.training.initial_model import MASKED_MODEL
from xlm_tf.training.input_files import files_in
from xlm_tf.training.recipe_fields import (
    File,
    Language,
    ModelName,
    OutputPath,
    RecipePart,
    Truth,
    VectorFile,
    identity_of,
)
from xlm_tf.training.recipe_parts import BackboneArguments, BPEVocabulary

Schedule = Literal["inverse_square_root", "linear", "cosine", "constant"]
SCHEDULES = typing.get_args(Schedule)
# The share of the texts that is held out where a recipe names none.
HELD_OUT_SHARE = 0.01
_NEEDED_FROM_SCRATCH = ("num_layers", "num_heads", "hidden_dim", "intermediate_dim")
# What an initial model does not fix; whether it has languages is checked by its files.
_FREE_WITH_INITIAL_MODEL = ("attention_dropout", "dropout")
# Of a model with a decoder.
OF_DECODER = ("num_decoder_layers", "share_embeddings")


class TrainingSettings(RecipePart):
    """How to train. A step is one update of the weights on one batch.

    Attributes:
        lengths: the fields that the positions of the model must suffice for.
    """

    lengths: ClassVar[tuple] = ()

    steps: int = Field(ge=1, description="Updates of the weights.")
    learning_rate: float = Field(5e-4, gt=0, description="The highest rate.")
    schedule: Schedule = Field(
        "inverse_square_root",
        description="How the rate falls after the warm-up; linear and cosine end at 0.",
    )
    warmup_steps: int = Field(
        1000, ge=1, description="Steps in which the rate rises from about 0."
    )
    weight_decay: float = Field(
        0.0, ge=0, description="Of AdamW; biases and LayerNorms do not decay."
    )
    beta_1: float = Field(0.9, ge=0, lt=1, description="Of Adam.")
    beta_2: float = Field(0.98, ge=0, lt=1, description="Of Adam.")
    epsilon: float = Field(1e-6, gt=0, description="Of Adam.")
    clip_norm: float | None = Field(
        1.0,
        gt=0,
        description="Largest global norm of a batch's gradient; null: no bound.",
    )
    accumulation_steps: int = Field(
        1,
        ge=1,
        description="Parts of a batch, one after the other: memory for one part, the "
        "update of the whole.",
    )
    gradient_checkpointing: Truth = Field(
        False,
        description="Compute every block again for its gradients: less memory, "
        "more time, the same result.",
    )
    dtype: Literal["float32", "mixed_bfloat16", "mixed_float16"] = Field(
        "float32", description="Policy of the computation."
    )
    seed: int = Field(
        0, ge=0, le=2**32 - 1, description="Of weights, order, masks and dropout."
    )
    evaluate_every: int = Field(
        1000, ge=1, description="Steps between evaluations; there is one at the end."
    )
    checkpoint_every: int = Field(
        200, ge=1, description="Steps between saved states, to resume from."
    )
    early_stopping_patience: int | None = Field(
        None,
        ge=1,
        description="Evaluations without improvement that end the run; null: none do.",
    )

    def contradictions(self):
        """Yield what does not fit together."""
        if self.learning_rate * self.weight_decay >= 1:
            yield (
                "learning_rate times weight_decay must be less than 1: a step would "
                f"take all of the weights. Received: {self.learning_rate} and "
                f"{self.weight_decay}."
            )


class ScoredBy(typing.NamedTuple):
    """What decides what a score is of.

    Attributes:
        fields: tuple of str, of the recipe, by their paths.
        value: plain value, equal where the scores compare.
        otherwise: str, what is so where it differs, and what to do instead.
    """

    fields: tuple
    value: typing.Any
    otherwise: str


class Fold(RecipePart):
    """One fold of a cross-validation, instead of texts that are held out in any case.

    The folds are the same at every run, in whatever order the texts stand. What belongs
    together is in one fold, in all entries of `data`: in a pretraining the lines of a
    document, and the pairs of one source; elsewhere pairs that share a text on either
    side. None of the fold is trained on; of a language or direction 2,000 texts are
    scored, or all if there are fewer, and nothing that says the same is trained on.
    """

    fold: int = Field(ge=1, description="Which of them is held out, counted from 1.")
    folds: int = Field(ge=2, description="How many there are.")

    def contradictions(self):
        """Yield what does not fit together."""
        if self.fold > self.folds:
            yield f"fold must be one of {self.folds} (folds). Received: {self.fold}."


class Recipe(RecipePart, abc.ABC):
    """A training: what all kinds have. Subclasses add `data`, `held_out`, `training`.

    Attributes:
        command: str, the command that runs it.
        vocabularies: the fields of which one, and one alone, gives the vocabulary.
        initial_tasks: names of the tasks that `initial_model` may be a model of.
        has_decoder: bool, whether the model is an encoder-decoder.
        names_all: bool, whether its data name the languages of all texts.
    """

    command: ClassVar[str]
    initial_tasks: ClassVar[tuple] = (MASKED_MODEL,)
    vocabularies: ClassVar[tuple] = ("vocabulary", "bpe", "initial_model")
    has_decoder: ClassVar[bool] = False
    names_all: ClassVar[bool] = False

    output: OutputPath = Field(
        description="Folder of the results, or `--output`; a run that was stopped goes "
        "on from there."
    )
    vocabulary: File | None = Field(
        None, description="SentencePiece model, as `xlm-tf vocabulary` writes."
    )
    bpe: BPEVocabulary | None = Field(
        None, description="A vocabulary of XLM's kind instead."
    )
    initial_model: ModelName | None = Field(
        None,
        description="A masked language model to begin with, instead of a vocabulary: "
        "a folder, `hf://OWNER/NAME`, or a name of `xlm_tf.PRESETS`. Its tokenizer and "
        "its languages are kept.",
    )
    initial_embeddings: dict[Language, VectorFile] | None = Field(
        None,
        min_length=1,
        description="Of a run from scratch: files of word vectors by language, which "
        "the token embedding begins with: fastText's `.vec`, or MUSE's, plain or .gz, "
        "of the dimension `hidden_dim`, and aligned where they are several.",
    )
    model: BackboneArguments = Field(
        default_factory=BackboneArguments, description="The architecture."
    )
    held_out_share: float | None = Field(
        None,
        gt=0,
        lt=0.5,
        description="The share of `data` that is held out where `held_out` names "
        f"nothing; default {HELD_OUT_SHARE}, of a language or direction 2,000 at most. "
        "What is held out, or says the same, is not trained on.",
    )
    held_out_fold: Fold | None = Field(
        None,
        description="One fold of `data` is held out instead. `xlm-tf tune` trains on "
        "all of them in turn.",
    )

    @abc.abstractmethod
    def named_languages(self):
        """Yield the places that name a language, and the language as it is spelled.

        Yields:
            Pairs of str, such as ("data.bitext[0]", "en").
        """

    def contradictions(self):
        """Yield what does not fit together."""
        given = [name for name in self.vocabularies if getattr(self, name) is not None]
        if len(given) != 1:
            yield (
                "recipe must have one of these, for its vocabulary: "
                f"{', '.join(self.vocabularies)}; an initial model has its own. "
                f"Received: {' and '.join(given) or 'none'}."
            )
        if self.held_out is not None and self.held_out_share is not None:
            yield (
                "recipe must have either held_out, or held_out_share, a share of data."
            )
        others = self.held_out is not None or self.held_out_share is not None
        if self.held_out_fold is not None and others:
            yield (
                "recipe.held_out_fold is a part of data: leave held_out and "
                "held_out_share out."
            )
        if self.initial_model is None:
            yield from self._contradictions_from_scratch()
        else:
            free = [
                *_FREE_WITH_INITIAL_MODEL,
                *(OF_DECODER if self.has_decoder else ()),
            ]
            allowed = {*free, *OF_DECODER, "language_embeddings"}
            fixed = sorted(self.model.model_fields_set - allowed)
            if fixed:
                yield (
                    f"recipe.model may only have {', '.join(free)} where an initial "
                    f"model decides the rest. Received: {', '.join(fixed)}."
                )
            if self.initial_embeddings is not None:
                yield (
                    "recipe.initial_embeddings are of a run from scratch: leave them, "
                    "or initial_model, out."
                )
        named = list(self.named_languages())
        yield from _spelled_in_two_ways(named)
        known = {parse_language_code(language) for _, language in named}
        for language in self.initial_embeddings or ():
            if self.names_all and parse_language_code(language) not in known:
                yield (
                    f"recipe.initial_embeddings.{language}: there is no text in "
                    f"{language}."
                )

    def _contradictions_from_scratch(self):
        for name in _NEEDED_FROM_SCRATCH:
            if getattr(self.model, name) is None:
                yield f"recipe.model.{name} is missing."
        positions = self.model.max_sequence_length
        for name in self.training.lengths:
            length = getattr(self.training, name)
            if length > positions:
                yield (
                    f"recipe.training.{name} must not exceed the model's positions "
                    f"(recipe.model.max_sequence_length). Received: {length} and "
                    f"{positions}."
                )

    def scored_by(self):
        """What recipes have in common whose scores compare: a list of `ScoredBy`."""
        return []

    def unreadable_files(self):
        """What is wrong in files that are there, by their beginnings: list of str."""
        problems = []
        for language, path in (self.initial_embeddings or {}).items():
            try:
                check_dimension(path, self.model.hidden_dim)
            except ValueError as error:
                problems.append(f"recipe.initial_embeddings.{language}: {error}")
        return problems

    def notices(self):
        """What is allowed, and hardly what was meant: a list of str."""
        training, said = self.training, []
        if training.warmup_steps >= training.steps > 1:
            said.append(
                f"The warm-up of {training.warmup_steps} steps is not over in a "
                f"training of {training.steps}: the learning rate stays below its "
                "highest. Lower recipe.training.warmup_steps."
            )
        patience, period = training.early_stopping_patience, training.evaluate_every
        if patience is not None and patience * period >= training.steps:
            said.append(
                f"Early stopping after {patience} evaluations, one in {period} steps, "
                f"ends no training of {training.steps}."
            )
        return [*said, *self._scored_in_training()]

    def _scored_in_training(self):
        """Yield what is scored, and trained on as well."""
        if getattr(self, "test_share", None) is not None:
            return  # which is for one file
        content = self.model_dump()
        trained = {
            identity_of(path): field
            for field, path in files_in("data", content["data"])
        }
        for part in ("held_out", "test"):
            for field, path in files_in(part, content.get(part)):
                own = trained.pop(identity_of(path), None)
                if own is not None:
                    yield (
                        f"recipe.{field} is {path}, and so is recipe.{own}: scores of "
                        "what was trained on say little."
                    )


def _spelled_in_two_ways(named):
    """Two spellings would be two languages."""
    spelled = {}
    for where, language in named:
        first_where, first = spelled.setdefault(
            parse_language_code(language), (where, language)
        )
        if first != language:
            yield (
                f"{first} (recipe.{first_where}) and {language} (recipe.{where}) are "
                "one language: spell it one way."
            )
