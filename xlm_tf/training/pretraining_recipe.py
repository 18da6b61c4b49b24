"""A pretraining run written down, `xlm-tf pretrain`."""

import difflib
import functools
import itertools
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator

from xlm_tf.data.bucketing import length_boundaries
from xlm_tf.objectives.registry import OBJECTIVES
from xlm_tf.training.initial_model import LANGUAGE_MODELS, SEQ2SEQ_TASKS
from xlm_tf.training.prepared_corpora import PreparedCorpora
from xlm_tf.training.recipe import OF_DECODER, Recipe, TrainingSettings
from xlm_tf.training.recipe_fields import (
    CatalogueSource,
    CorpusFile,
    CorpusFolder,
    Distinct,
    Language,
    ModelName,
    RecipePart,
    Truth,
    schedule_schema,
    scheduled,
)
from xlm_tf.training.recipe_parts import (
    BackboneArguments,
    Bitext,
    contradictions_of_initial_decoder,
    contradictions_of_texts,
)

METRICS = ("perplexity", "accuracy")
# Of texts that are written.
WRITTEN_METRICS = ("bleu", "chrf", "round_trip_bleu")
_WRITING_SETTINGS = ("tokens_per_batch", "label_smoothing", "translated_texts")


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
        yield from contradictions_of_texts(self)

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
    num_decoder_layers: int | None = Field(
        None,
        ge=1,
        description="Decoder blocks, where an objective has a decoder; null: as many "
        "as encoder blocks.",
    )
    share_embeddings: Truth = Field(
        True, description="One table for the tokens of encoder and decoder."
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
    input_streams: int | None = Field(
        None,
        ge=1,
        description="Of prepared corpora: how many streams the sentences are dealt to; "
        "a batch has as many rows of each. Several workers read their own streams "
        "alone; their number must divide this one. null: one, which all of them read.",
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
    tokens_per_batch: int | None = Field(
        None,
        ge=8,
        description="Where texts are written (dae, infilling, mt, bt): tokens of an "
        "update's longer side, with padding; null: batch_size * sequence_length.",
    )
    label_smoothing: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Of tokens that are written: share of the probability that is "
        "spread over all.",
    )
    word_shuffle: float = Field(
        3.0, ge=0, description="Of dae: words move by less than so many places."
    )
    word_dropout: float = Field(
        0.1, ge=0, lt=1, description="Of dae: share of the words that is left out."
    )
    word_blank: float = Field(
        0.1, ge=0, lt=1, description="Of dae: share of the words that is masked."
    )
    span_rate: float = Field(
        0.35, gt=0, lt=1, description="Of infilling: share of the words in spans."
    )
    span_length: float = Field(
        3.5, ge=1, description="Of infilling: mean words of a span."
    )
    directions: Annotated[list[str], Distinct] | None = Field(
        None,
        description="What mt and bt learn to translate, such as en-fr; of bt, source "
        "is what the model writes, target the real text. null: both ways of every "
        "pair (mt), and between all languages of the texts (bt).",
    )
    sampling_temperature: float | None = Field(
        None,
        gt=0,
        description="Of bt: what the model translates is sampled, from its "
        "probabilities at this temperature; 1 is as they are. null: always the most "
        "probable token.",
    )
    translated_texts: int = Field(
        500,
        ge=1,
        description="Held-out texts of every direction that are translated at an "
        "evaluation.",
    )
    early_stopping_metric: str = Field(
        "perplexity",
        description="Tells the best model: perplexity or accuracy, the mean of all, or "
        "of one language or pair, such as perplexity/tlm/en-fr. Where texts are "
        "translated also bleu, chrf, or bleu/en-fr; with bt, round_trip_bleu, which "
        "needs no pairs: of texts that were translated there and back.",
    )

    @property
    def tokens_of_batch(self):
        """int, `tokens_per_batch` or what it stands for."""
        return self.tokens_per_batch or self.batch_size * self.sequence_length

    @property
    def num_input_streams(self):
        """int, `input_streams` or what it stands for."""
        return self.input_streams or 1

    def contradictions(self):
        """Yield what does not fit together."""
        yield from super().contradictions()
        if self.batch_size % self.accumulation_steps:
            yield (
                "batch_size must be divisible by accumulation_steps. Received: "
                f"{self.batch_size} and {self.accumulation_steps}."
            )
        if self.batch_size % self.num_input_streams:
            yield (
                "batch_size must be divisible by input_streams: a batch has as many "
                f"rows of each. Received: {self.batch_size} and {self.input_streams}."
            )


class PretrainingRecipe(Recipe):
    """A pretraining run, `xlm-tf pretrain`."""

    command: ClassVar[str] = "pretrain"
    names_all: ClassVar[bool] = True

    initial_decoder: ModelName | None = Field(
        None,
        description="Where an objective has a decoder: a model as `initial_model`, of "
        "the same form, vocabulary and languages, which the decoder and its embeddings "
        "begin with.",
    )

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

    @property
    def has_decoder(self):
        """bool, whether an objective writes texts."""
        return any(OBJECTIVES[name].has_decoder for name in self.objectives)

    @property
    def initial_tasks(self):
        """Names of the tasks that `initial_model` may be a model of."""
        return SEQ2SEQ_TASKS if self.has_decoder else LANGUAGE_MODELS

    @property
    def directions(self):
        """What is learnt to translate: a list of pairs of str, source and target."""
        own = [
            direction
            for name in self.objectives
            if "directions" in OBJECTIVES[name].settings
            for direction in self.directions_of(name)
        ]
        return list(dict.fromkeys(own))

    def directions_of(self, name):
        """What an objective, mt or bt, learns to translate: a list of pairs of str."""
        if name == "mt":
            possible = [own for pair in self.data.pairs for own in (pair, pair[::-1])]
        else:
            possible = list(itertools.permutations(self.data.languages, 2))
        wanted = self.training.directions
        return [
            own
            for own in dict.fromkeys(possible)
            if wanted is None or "-".join(own) in wanted
        ]

    def settings_of(self, name):
        """The arguments of an objective that this recipe has fields for: a dict."""
        objective, training = OBJECTIVES[name], self.training
        if not objective.has_decoder:
            return {"selection_rate": training.selection_rate}
        settings = {own: getattr(training, own) for own in objective.settings}
        if "directions" in settings:
            settings["directions"] = self.directions_of(name)
        return settings

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
                elif part == "held_out" and name == "mt" and not self.scored(name):
                    yield "recipe.held_out holds no pairs that mt learns to translate."
        if self.model.language_embeddings:
            for language in (self.held_out or self.data).languages:
                if language not in self.languages:
                    yield (
                        f"recipe.held_out has {language}, for which recipe.data holds "
                        "no text: the model would have no embedding of that language."
                    )
        yield from self._contradictions_of_objectives()
        yield from self._contradictions_of_decoder()
        yield from self._contradictions_of_weights()
        yield from self._contradictions_of_starts()
        yield from self._contradictions_of_streams()
        if self.data.prepared is not None:
            yield from self._contradictions_of_prepared()
        metric, known = self.training.early_stopping_metric, self._metrics()
        if not known and list(self.objectives) == ["bt"] and self.directions:
            yield (
                "recipe.held_out (or recipe.data, of which a share is held out) has "
                "nothing to score a model by: bt is scored by pairs of its "
                "directions, or there and back, where both ways are learnt."
            )
        elif known and metric not in known:
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
        if self.held_out_fold is not None:
            yield (
                "recipe.held_out_fold, and folds of a study, are of texts: what is "
                f"held out of {self.data.prepared} was chosen where it was prepared. "
                "Name the texts, or prepare them for every fold apart, of a recipe "
                "with held_out_fold, and leave it out here."
            )
        elif self.held_out is None and not self.data.has_held_out:
            yield (
                "recipe.held_out is missing: nothing was held out where "
                f"{self.data.prepared} was prepared."
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

    def _contradictions_of_streams(self):
        if self.training.num_input_streams == 1:
            return
        if self.data.prepared is None:
            yield (
                "recipe.training.input_streams is for recipe.data.prepared: texts are "
                "read by all workers. Prepare them, or leave it out."
            )
        writing = [name for name in self.objectives if OBJECTIVES[name].has_decoder]
        if writing:
            yield (
                "recipe.training.input_streams must be left out with "
                f"{', '.join(writing)}, whose batches are of sentences of similar "
                "length, not of rows."
            )

    def starts(self, name):
        """What an objective reads, and the step from which it does: dict of int."""
        own = self.training.language_starts
        return {
            "-".join(languages): max(own.get(language, 0) for language in languages)
            for languages in self._read_by(name, self.data)
        }

    def scored(self, name):
        """What an objective reads of the held-out texts: a list of str."""
        return [
            "-".join(own) for own in self._read_by(name, self.held_out or self.data)
        ]

    def _read_by(self, name, corpora):
        """The languages, or pairs of them, that an objective reads: tuples of str."""
        objective = OBJECTIVES[name]
        of_pairs = objective.reads == "pairs"
        own = corpora.pairs if of_pairs else [(x,) for x in corpora.languages]
        if "directions" not in objective.settings:
            return own
        learnt = self.directions_of(name)
        if of_pairs:
            wanted = {*learnt, *(direction[::-1] for direction in learnt)}
        else:
            wanted = {(target,) for _, target in learnt}
        return [x for x in own if x in wanted]

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
            objective.reads == "texts" and not objective.has_decoder
            for objective in own
        ):
            yield (
                "recipe.training.rows has no effect: none of the objectives "
                f"({', '.join(self.objectives)}) reads running text."
            )

    def _contradictions_of_decoder(self):
        if self.has_decoder:
            if self.initial_model is None and not self.model.language_embeddings:
                yield (
                    "recipe.model.language_embeddings must be true: a decoder is told "
                    "by them which language to write."
                )
            yield from self._contradictions_of_directions()
            training = self.training
            longest = length_boundaries(training.sequence_length)[-1]
            if training.tokens_of_batch < longest * training.accumulation_steps:
                yield (
                    "recipe.training.tokens_per_batch must have room for the longest "
                    f"text, {longest} tokens with its padding, in each of "
                    "accumulation_steps parts. Received: "
                    f"{training.tokens_of_batch} and {training.accumulation_steps}."
                )
        yield from contradictions_of_initial_decoder(self)
        if not self.objectives:
            return
        objectives = [OBJECTIVES[name] for name in self.objectives]
        fields = {name for own in objectives for name in own.settings}
        if self.has_decoder:
            fields |= {*_WRITING_SETTINGS, *OF_DECODER}
            fields.add("initial_decoder")
        every = {name for own in OBJECTIVES.values() for name in own.settings}
        for part, names in (
            ("training.", {*every, *_WRITING_SETTINGS}),
            ("model.", {*OF_DECODER}),
            ("", {"initial_decoder"}),
        ):
            given = {"training.": self.training, "model.": self.model}.get(part, self)
            for name in sorted(names & given.model_fields_set - fields):
                if getattr(given, name) is not None:
                    yield (
                        f"recipe.{part}{name} has no effect: none of the objectives "
                        f"({', '.join(self.objectives)}) uses it."
                    )

    def _contradictions_of_directions(self):
        wanted = self.training.directions or ()
        if self.training.directions == []:
            yield "recipe.training.directions names none: leave it out for all."
        known = {"-".join(own) for own in self.directions}
        for direction in wanted:
            if direction not in known:
                yield (
                    f"recipe.training.directions: {direction} cannot be learnt: mt "
                    "needs pairs of its languages in recipe.data, bt texts of both. "
                    f"Expected of {', '.join(sorted(self._possible())) or 'none'}."
                )
        for name in self.objectives:
            if "directions" in OBJECTIVES[name].settings:
                if wanted and known.issuperset(wanted) and not self.directions_of(name):
                    yield f"recipe.training.directions has none that {name} can learn."
                elif name == "bt" and len(self.data.languages) < 2:
                    yield "recipe.data has texts of one language: bt needs two."

    def _possible(self):
        free = self.model_copy(
            update={"training": self.training.model_copy(update={"directions": None})}
        )
        return ["-".join(own) for own in free.directions]

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
        groups = [
            f"{name}/{group}"
            for name in self.objectives
            if OBJECTIVES[name].has_perplexity
            for group in self.scored(name)
        ]
        metrics = METRICS if groups else ()
        return [
            *metrics,
            *(f"mean/{metric}" for metric in metrics),
            *(f"{metric}/{group}" for metric in metrics for group in groups),
            *self._written_metrics(self.held_out or self.data),
        ]

    def _written_metrics(self, held_out):
        of_pairs = [
            direction
            for direction in self.directions
            if direction in held_out.pairs or direction[::-1] in held_out.pairs
        ]
        of_texts = [
            direction
            for direction in self.round_trips
            if direction[0] in held_out.languages
        ]
        for metric in WRITTEN_METRICS:
            names = of_texts if metric == "round_trip_bleu" else of_pairs
            if names:
                yield from (metric, f"mean/{metric}")
                yield from (f"{metric}/{'-'.join(own)}" for own in names)

    @property
    def round_trips(self):
        """The directions of which bt learns the way back as well: pairs of str."""
        own = self.directions_of("bt") if "bt" in self.objectives else []
        return [direction for direction in own if direction[::-1] in own]
