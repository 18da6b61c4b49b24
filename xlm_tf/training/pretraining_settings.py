"""How a pretraining is trained."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from xlm_tf.training.recipe import TrainingSettings
from xlm_tf.training.recipe_fields import Distinct, Language, scheduled


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
