"""A pretraining run written down, `xlm-tf pretrain`."""

import difflib
import functools
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator

from xlm_tf.objectives.registry import OBJECTIVES
from xlm_tf.training.prepared_corpora import PreparedCorpora
from xlm_tf.training.recipe import Recipe, TrainingSettings
from xlm_tf.training.recipe_fields import (
    CatalogueSource,
    CorpusFile,
    CorpusFolder,
    Distinct,
    Language,
    RecipePart,
    Truth,
    schedule_schema,
    scheduled,
)
from xlm_tf.training.recipe_parts import BackboneArguments, Bitext, repeated_files

METRICS = ("perplexity", "accuracy")


def _check_objectives(weights):
    for name in weights if isinstance(weights, dict) else ():
        if name not in OBJECTIVES:
            close = difflib.get_close_matches(str(name), OBJECTIVES, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            if ":" in str(name):
                hint = " A schedule needs quotation marks."
            raise ValueError(
                f"there is no objective {name}.{hint} Expected of "
                f"{', '.join(OBJECTIVES)}, one at least."
            )
    return weights


def _has_weight(weight, last):
    """Whether a weight is above 0 at a step up to the last."""
    return any(weight.value(step) for step in [*weight.steps, last] if step <= last)


Weights = Annotated[
    dict[str, scheduled(ge=0)],
    BeforeValidator(_check_objectives),
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": False,
            "minProperties": 1,
            "properties": {
                name: {
                    **schedule_schema(ge=0),
                    "description": objective.description,
                }
                for name, objective in OBJECTIVES.items()
            },
        }
    ),
]


class Corpora(RecipePart):
    """Texts of several languages.

    A language without plain text of its own is learnt from its sides of the pairs.
    """

    monolingual: dict[Language, Annotated[list[CorpusFile], Distinct]] = Field(
        {},
        description="Plain text by language, one sentence per line, plain or `.gz`. "
        "Empty lines separate documents.",
    )
    bitext: Annotated[list[Bitext], Distinct] = Field([], description="Pairs of texts.")
    gettext: Annotated[list[CatalogueSource], Distinct] = Field(
        [],
        description="Message catalogues (`LANGUAGE/LC_MESSAGES/*.mo`) as pairs with "
        "English: folders, wheels, or names of installed packages.",
    )
    gettext_languages: Annotated[list[Language], Distinct] | None = Field(
        None, description="The languages to read from the catalogues."
    )

    @property
    def pairs(self):
        """The pairs of languages, in their order."""
        pairs = [entry.languages for entry in self.bitext]
        if self.gettext:
            pairs += [("en", language) for language in self.gettext_languages or ()]
        return list(dict.fromkeys(pairs))

    @property
    def languages(self):
        """The languages: those of plain text first, then those of pairs alone."""
        of_pairs = (language for pair in self.pairs for language in pair)
        return list(dict.fromkeys([*self.monolingual, *of_pairs]))

    def contradictions(self):
        """Yield what does not fit together."""
        if self.gettext and not self.gettext_languages:
            yield (
                "gettext_languages is missing: the languages to read from the "
                "catalogues."
            )
        if self.gettext_languages and not self.gettext:
            yield "gettext is missing: the catalogues to read."
        if "en" in (self.gettext_languages or ()):
            yield (
                "gettext_languages must not hold en, which the messages of the "
                "catalogues are translated from."
            )
        owners = {}
        for language, paths in self.monolingual.items():
            if not paths:
                yield f"monolingual.{language} names no file."
            for path in paths:
                owner = owners.setdefault(path, language)
                if owner != language:
                    yield (
                        f"monolingual.{language} has the same file as "
                        f"monolingual.{owner}: {path}. A text has one language."
                    )
        for repeated in repeated_files(self.bitext):
            yield f"bitext{repeated}"

    def named_languages(self):
        """Yield the places that name a language, and the language."""
        yield from (("monolingual", language) for language in self.monolingual)
        for number, entry in enumerate(self.bitext):
            yield from ((f"bitext[{number}]", own) for own in entry.languages)
        if self.gettext:
            for language in ("en", *self.gettext_languages):
                yield "gettext_languages", language


class TrainingCorpora(Corpora):
    """Texts to train on: of several languages, or prepared."""

    prepared: CorpusFolder | None = Field(
        None,
        description="A folder that `xlm-tf prepare` wrote, instead of all others: its "
        "texts are tokenised already, and shuffled as a whole.",
    )

    @functools.cached_property
    def _index(self):
        return PreparedCorpora(self.prepared)

    @property
    def pairs(self):
        """The pairs of languages, in their order."""
        return super().pairs if self.prepared is None else self._index.pairs

    @property
    def languages(self):
        """The languages: those of plain text first, then those of pairs alone."""
        return super().languages if self.prepared is None else self._index.languages

    @property
    def has_held_out(self):
        """Whether they are prepared, with texts held out."""
        return self.prepared is not None and self._index.has_held_out

    def contradictions(self):
        """Yield what does not fit together."""
        others = sorted(self.model_fields_set - {"prepared"})
        if self.prepared is None:
            yield from super().contradictions()
        elif others:
            yield (
                f"expected either `prepared`, or texts. Received: {', '.join(others)} "
                "beside it."
            )
        else:
            self._index  # noqa: B018  raises where it is none

    def named_languages(self):
        """Yield the places that name a language, and the language."""
        if self.prepared is None:
            yield from super().named_languages()
        else:
            yield from (("prepared", language) for language in self.languages)


class MaskedLMArguments(BackboneArguments):
    """Arguments of `xlm_tf.XLMBackbone`, and of the head of `xlm_tf.XLMMaskedLM`.

    The first four are needed where a run begins from scratch. With an `initial_model`
    all are that model's, and only the rates of dropout can be others.
    """

    causal: Truth = Field(
        False,
        description="Every token sees the past only, which clm needs, and the other "
        "objectives exclude.",
    )
    head_transform: Truth = Field(
        True,
        description="XLM-R's prediction head (a dense layer more); false for XLM's.",
    )

    @field_validator("causal")
    @classmethod
    def _check_causal(cls, causal):
        return causal  # the objectives decide


class PretrainingSettings(TrainingSettings):
    """How to train. A step is one update of the weights on one batch."""

    renamed: ClassVar[dict] = {"rows_per_batch": "batch_size"}
    lengths: ClassVar[tuple] = ("sequence_length",)

    batch_size: int = Field(
        32,
        ge=1,
        description="Packed sequences of an update, over all GPUs and accumulation "
        "steps.",
    )
    sequence_length: int = Field(
        128,
        ge=8,
        description="Tokens of a packed sequence, which holds several sentences.",
    )
    weight_decay: float = Field(
        0.01, ge=0, description="Of AdamW; biases and LayerNorms do not decay."
    )
    rows: Literal["packed", "stream"] = Field(
        "packed",
        description="What a row of texts is: whole sentences, each on its own; or "
        "running text of one language, as in XLM, across the ends of sentences. Pairs "
        "are always packed.",
    )
    objective_weights: Literal["frequency", "loss"] = Field(
        "frequency",
        description="What the weights of `objectives` say: how often a batch is of "
        "each; or, where objectives take turns, what the loss of each is multiplied "
        "by. One whose weight is 0 has no turn.",
    )
    language_alpha: scheduled(ge=0) = Field(
        0.7,
        validate_default=True,
        description="Languages, and pairs, are drawn by (n / N) ** alpha: 1 by their "
        "size, 0 all alike. What is drawn are sentences; with a schedule, or "
        "`language_starts`, rows of one language.",
    )
    language_starts: dict[Language, Annotated[int, Field(ge=0)]] = Field(
        {},
        description="The step from which a language is drawn, of those that join "
        "later; a pair, when both are.",
    )
    selection_rate: scheduled(gt=0, lt=1) = Field(
        0.15,
        validate_default=True,
        description="Share of the tokens to predict. With a schedule, held-out text "
        "is scored at 15 %.",
    )
    selection_alpha: float = Field(
        0.0,
        ge=0,
        description="Rare tokens are selected more often, by count ** -alpha (XLM's "
        "`sample_alpha`; 0.5 in its paper); 0 selects all alike.",
    )
    early_stopping_metric: str = Field(
        "perplexity",
        description="Tells the best model: perplexity or accuracy, the mean of all, or "
        "of one language or pair, such as perplexity/tlm/en-fr.",
    )

    def contradictions(self):
        """Yield what does not fit together."""
        yield from super().contradictions()
        if self.batch_size % self.accumulation_steps:
            yield (
                "batch_size must be divisible by accumulation_steps. Received: "
                f"{self.batch_size} and {self.accumulation_steps}."
            )


class PretrainingRecipe(Recipe):
    """A pretraining run, `xlm-tf pretrain`."""

    command: ClassVar[str] = "pretrain"

    model: MaskedLMArguments = Field(
        default_factory=MaskedLMArguments, description="The architecture."
    )
    data: TrainingCorpora = Field(description="Texts to train on.")
    held_out: Corpora | None = Field(
        None,
        description="Texts to score, apart by language and pair. Left out, a share of "
        "`data` is held out.",
    )
    objectives: Weights = Field(
        {"mlm": 1.0},
        validate_default=True,
        description="The weight of each objective, one at least, see "
        "`training.objective_weights`. "
        + " ".join(f"`{name}`: {own.description}" for name, own in OBJECTIVES.items()),
    )
    training: PretrainingSettings = Field(description="How to train.")

    @property
    def languages(self):
        """Languages of the training texts, sorted: the order of the language ids."""
        return sorted(self.data.languages)

    def named_languages(self):
        """Yield the places that name a language, and the language."""
        for part, corpora in self._corpora().items():
            for where, language in corpora.named_languages():
                yield f"{part}.{where}", language

    def contradictions(self):
        """Yield what does not fit together."""
        yield from super().contradictions()
        if not self.objectives:
            yield f"recipe.objectives must name one of {', '.join(OBJECTIVES)}."
        for part, corpora in self._corpora().items():
            for name in self.objectives:
                if OBJECTIVES[name].reads == "pairs" and not corpora.pairs:
                    yield (
                        f"recipe.{part} holds neither bitext nor gettext, which {name} "
                        "needs."
                    )
                elif not corpora.languages:
                    yield f"recipe.{part} holds no text, which {name} needs."
        if self.model.language_embeddings:
            for language in (self.held_out or self.data).languages:
                if language not in self.languages:
                    yield (
                        f"recipe.held_out has {language}, for which recipe.data holds "
                        "no text: the model would have no embedding of that language."
                    )
        yield from self._contradictions_of_objectives()
        yield from self._contradictions_of_weights()
        yield from self._contradictions_of_starts()
        if self.data.prepared is not None:
            yield from self._contradictions_of_prepared()
        metric, known = self.training.early_stopping_metric, self._metrics()
        if metric not in known:
            yield (
                "recipe.training.early_stopping_metric must be one of "
                f"{', '.join(known)}. Received: {metric}."
            )

    def _contradictions_of_prepared(self):
        """What cannot be said of texts that are prepared."""
        if self.held_out_share is not None:
            yield (
                "recipe.held_out_share is for texts: of recipe.data.prepared some were "
                "held out, or none, where they were prepared."
            )
        if self.held_out is None and not self.data.has_held_out:
            yield (
                "recipe.held_out is missing: nothing was held out where "
                f"{self.data.prepared} was prepared."
            )
        if "pc" in self.objectives:
            yield (
                "recipe.objectives.pc is for texts: it compares the targets of pairs, "
                "which recipe.data.prepared holds as tokens."
            )
        if self.training.rows != "packed":
            yield (
                "recipe.training.rows must be packed: recipe.data.prepared is shuffled "
                f"by sentences. Received: {self.training.rows}."
            )
        if not self.training.language_alpha.is_constant or any(
            self.training.language_starts.values()
        ):
            yield (
                "recipe.training.language_starts and a schedule of language_alpha are "
                "for texts: recipe.data.prepared is drawn by the same shares at every "
                "step."
            )

    def starts(self, name):
        """What an objective reads, and the step from which it does: dict of int."""
        own = self.training.language_starts
        if OBJECTIVES[name].reads == "pairs":
            return {
                "-".join(pair): max(own.get(language, 0) for language in pair)
                for pair in self.data.pairs
            }
        return {language: own.get(language, 0) for language in self.data.languages}

    def contradictions_of_causal(self, causal, where):
        """Yield what objectives do not do with a causal model, or with another.

        Args:
            causal: bool, whether the tokens of the model see the past only.
            where: str, what says so.
        """
        for name in self.objectives:
            wanted = OBJECTIVES[name].causal
            if wanted and not causal:
                yield (
                    f"{where} must be causal for {name}: tokens that see the next one "
                    "have nothing to predict."
                )
            elif causal and not wanted:
                yield (
                    f"{where} must not be causal for {name}, which reads both sides of "
                    "a token, and a causal model sees the past only."
                )

    def _contradictions_of_objectives(self):
        if self.initial_model is None:
            where = "recipe.model (its field causal)"
            yield from self.contradictions_of_causal(self.model.causal, where)
        own = [OBJECTIVES[name] for name in self.objectives]
        if own and not any(objective.masks for objective in own):
            for name in ("selection_rate", "selection_alpha"):
                if name in self.training.model_fields_set:
                    yield (
                        f"recipe.training.{name} has no effect: none of the objectives "
                        f"({', '.join(self.objectives)}) masks tokens."
                    )
        if self.training.rows == "stream" and not any(
            objective.reads == "texts" for objective in own
        ):
            yield (
                "recipe.training.rows has no effect: none of the objectives "
                f"({', '.join(self.objectives)}) reads running text."
            )

    def _contradictions_of_weights(self):
        last = self.training.steps - 1
        without = [
            name
            for name, weight in self.objectives.items()
            if not _has_weight(weight, last)
        ]
        for name in without:
            yield f"recipe.objectives.{name} must be above 0 at a step of the training."
        steps = {step for weight in self.objectives.values() for step in weight.steps}
        # Where all are 0 between two of these steps, they are at these steps.
        for step in sorted({*(step for step in steps if step < last), last}):
            weights = [weight.value(step) for weight in self.objectives.values()]
            if weights and not without and not any(weights):
                yield (
                    f"recipe.objectives has no weight above 0 at step {step}: there "
                    "would be nothing to train."
                )
                return

    def _contradictions_of_starts(self):
        steps = self.training.steps
        for language, start in self.training.language_starts.items():
            where = f"recipe.training.language_starts.{language}"
            if language not in self.languages:
                yield f"{where}: recipe.data has no text in {language}."
            elif start >= steps:
                yield f"{where} must be below the {steps} steps. Received: {start}."
        for name, weight in self.objectives.items():
            first = min(self.starts(name).values(), default=0)
            if first and _has_weight(weight, min(first, steps) - 1):
                yield (
                    f"recipe.training.language_starts leaves nothing to read for "
                    f"{name} before step {first}, where it has a weight."
                )

    def _corpora(self):
        held_out = {} if self.held_out is None else {"held_out": self.held_out}
        return {"data": self.data, **held_out}

    def _metrics(self):
        """What can tell the best model: means, and what is scored apart."""
        held_out = self.data if self.held_out is None else self.held_out
        groups = {
            "texts": held_out.languages,
            "pairs": ["-".join(pair) for pair in held_out.pairs],
        }
        return [
            *METRICS,
            *(f"mean/{metric}" for metric in METRICS),
            *(
                f"{metric}/{name}/{group}"
                for metric in METRICS
                for name in self.objectives
                for group in groups[OBJECTIVES[name].reads]
            ),
        ]
