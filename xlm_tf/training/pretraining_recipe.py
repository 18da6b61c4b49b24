"""A pretraining run written down, `xlm-tf pretrain`."""

import difflib
import itertools
from typing import Annotated, ClassVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    WithJsonSchema,
    field_validator,
)

from xlm_tf.data.bucketing import length_boundaries
from xlm_tf.objectives.packed_sequences import EVALUATION_RATE
from xlm_tf.objectives.registry import OBJECTIVES
from xlm_tf.training.initial_model import (
    LANGUAGE_MODELS,
    MASKED_MODEL,
    SEQ2SEQ_MODEL,
)
from xlm_tf.training.pretraining_corpora import Corpora, TrainingCorpora
from xlm_tf.training.pretraining_settings import PretrainingSettings
from xlm_tf.training.recipe import OF_DECODER, Recipe, ScoredBy
from xlm_tf.training.recipe_fields import ModelName, Truth, schedule_schema, scheduled
from xlm_tf.training.recipe_parts import (
    BackboneArguments,
    contradictions_of_initial_decoder,
)

METRICS = ("perplexity", "accuracy")
# Of texts that are written.
WRITTEN_METRICS = ("bleu", "chrf", "round_trip_bleu")
# The weights of objectives that are not 0: what floats add up, and computers do not
# take for 0.
_SMALLEST_WEIGHT, _LARGEST_WEIGHT = 1e-6, 1_000_000
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


def _check_weight(weight):
    for value in weight.values:
        if 0 < value < _SMALLEST_WEIGHT:
            raise ValueError(
                f"must be 0, or {_SMALLEST_WEIGHT} at least. Received: {value!r}."
            )
    return weight


def _has_weight(weight, last):
    """Whether a weight is above 0 at a step up to the last."""
    return any(weight.value(step) for step in [*weight.steps, last] if step <= last)


Weights = Annotated[
    dict[
        str,
        Annotated[scheduled(ge=0, le=_LARGEST_WEIGHT), AfterValidator(_check_weight)],
    ],
    BeforeValidator(_check_objectives),
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": False,
            "minProperties": 1,
            "properties": {
                name: {
                    **schedule_schema(ge=0, le=_LARGEST_WEIGHT),
                    "description": objective.description,
                }
                for name, objective in OBJECTIVES.items()
            },
        }
    ),
]


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
        if self.has_decoder:
            return MASKED_MODEL, SEQ2SEQ_MODEL
        is_causal = any(OBJECTIVES[name].causal for name in self.objectives)
        return LANGUAGE_MODELS if is_causal else (MASKED_MODEL,)

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

    @property
    def written_languages(self):
        """Languages that a decoder learns to write, sorted: a list of str."""
        written = set()
        for name in self.objectives:
            if name == "bt":  # which writes its sources itself
                written.update(*self.directions_of(name))
            elif name == "mt":
                written.update(target for _, target in self.directions_of(name))
            elif OBJECTIVES[name].has_decoder:
                written.update(self.data.languages)
        return sorted(written)

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

    def scored_by(self):
        """What recipes have in common whose scores compare: a list of `ScoredBy`.

        The value of `vocabularies` is that of the fields: files may be others of the
        same content.
        """
        training = self.training
        metric = training.early_stopping_metric.removeprefix("mean/")
        kind, slash, _ = metric.partition("/")
        names = [x for x in self._metrics() if x.startswith(f"{kind}/")]
        names = [metric] if slash else names
        conditions = [
            ScoredBy(
                ("objectives", "training.directions"),
                names,
                f"{kind} is the mean of other objectives or directions; choose a "
                "metric of one",
            )
        ]
        if kind in WRITTEN_METRICS:
            number = training.translated_texts
            why = "other texts are translated"
            return [*conditions, ScoredBy(("training.translated_texts",), number, why)]
        vocabulary = [getattr(self, name) for name in self.vocabularies]
        why = "the same text has other tokens, of which one may be easier to guess"
        conditions.append(ScoredBy(self.vocabularies, vocabulary, why))
        scored = [OBJECTIVES[own.split("/")[1]] for own in names]
        rate = training.selection_rate
        if any(own.masks for own in scored):
            rate = rate.value(0) if rate.is_constant else EVALUATION_RATE
            why = (
                "another share of the held-out tokens is hidden; where all values are "
                f"schedules, it is {EVALUATION_RATE}"
            )
            conditions.append(ScoredBy(("training.selection_rate",), rate, why))
        for field in sorted({field for own in scored for field in own.settings}):
            if field != "directions":
                value = getattr(training, field)
                why = "the held-out texts are read with other noise"
                conditions.append(ScoredBy((f"training.{field}",), value, why))
        if any(own.reads == "pairs" or own.has_decoder for own in scored):
            length = training.sequence_length
            why = "the held-out texts are cut at other places"
            conditions.append(ScoredBy(("training.sequence_length",), length, why))
        return conditions

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
