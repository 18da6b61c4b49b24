"""A training of a text embedder written down, `xlm-tf finetune`."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, field_validator

from xlm_tf.data.pairs import pair_columns
from xlm_tf.data.tables import check_table, table_format
from xlm_tf.evaluation.pair_scores import NUMBER_PAIR_METRICS, RETRIEVAL_METRICS
from xlm_tf.layers.pooling import POOLINGS
from xlm_tf.training.contrastive_losses import check_matryoshka_dims
from xlm_tf.training.encoder_training_settings import EncoderTrainingSettings
from xlm_tf.training.recipe_fields import (
    CorpusFile,
    Distinct,
    Language,
    ModelName,
    RecipePart,
    Truth,
    identity_of,
)
from xlm_tf.training.recipe_parts import check_pair_file, repeated_pairs
from xlm_tf.training.task_recipe import HubDataset, TaskRecipe, metric_problem

_COLUMNS = ("source", "target", "negatives", "score")


def _check_dims(dims):
    check_matryoshka_dims(dims)
    return dims


class TextPairs(RecipePart):
    """Pairs of texts that belong together, such as translations, or questions and
    answers; with hard negatives, or with a number that says how near they are.

    Tables with named columns, as of classification; pairs as of translation; or two
    files whose lines belong together.
    """

    source_language: Language = Field(description='Such as "en" or "pt-BR".')
    target_language: Language = Field(
        description="As `source_language`; the same where both are of one language."
    )
    files: list[CorpusFile] = Field(
        [],
        min_length=1,
        description="Tables, `.csv`, `.tsv`, `.jsonl` or `.parquet`, with the columns "
        "below.",
    )
    dataset: HubDataset | None = Field(
        None, description="Instead of `files`: a dataset by name."
    )
    bitext: list[CorpusFile] = Field(
        [],
        min_length=1,
        description="Instead: `.tsv` with a source and a target on every line and no "
        "names of columns, or `.jsonl` with the two languages as keys.",
    )
    source_file: CorpusFile | None = Field(
        None, description="Plain text, one text per line; instead of `files`."
    )
    target_file: CorpusFile | None = Field(
        None, description="Plain text with as many lines as `source_file`."
    )
    source: str = Field("source", description="Column of the sources, of tables.")
    target: str = Field("target", description="Column of the targets, of tables.")
    negatives: Annotated[list[str], Distinct] = Field(
        [],
        description="Columns of hard negatives, of tables: texts that are like the "
        "target and are none. A row has one at least.",
    )
    score: str | None = Field(
        None,
        description="Column of numbers, of tables: the higher, the nearer the two "
        "texts. Their order alone counts.",
    )

    @property
    def languages(self):
        """The pair of languages."""
        return self.source_language, self.target_language

    @property
    def name(self):
        """What the pairs are scored as: "en-de", or "en" of one language."""
        return "-".join(dict.fromkeys(self.languages))

    @property
    def names_languages(self):
        """See `TaskFiles`."""
        return True

    @field_validator("files")
    @classmethod
    def _check_tables(cls, paths):
        for path in paths:
            table_format(path)
        return paths

    @field_validator("bitext")
    @classmethod
    def _check_bitext(cls, paths):
        for path in paths:
            check_pair_file(path)
        return paths

    def contradictions(self):
        """Yield what does not fit together."""
        two = (self.source_file is not None) + (self.target_file is not None)
        kinds = [self.files, self.dataset, self.bitext, two]
        if two == 1 or sum(map(bool, kinds)) != 1:
            yield (
                "expected one of `files`, `dataset`, `bitext`, or both `source_file` "
                "and `target_file`."
            )
        elif two and identity_of(self.source_file) == identity_of(self.target_file):
            yield f"source_file and target_file are the same file, {self.source_file}."
        given = [name for name in _COLUMNS if name in self.model_fields_set]
        if given and not (self.files or self.dataset):
            yield (
                f"{', '.join(given)} are columns of `files` or a `dataset`: leave "
                f"{'it' if len(given) == 1 else 'them'} out."
            )
        columns = [self.source, self.target, *self.negatives]
        columns += filter(None, [self.score])
        if len(set(columns)) != len(columns):
            yield (
                "source, target, negatives and score must be different columns. "
                f"Received: {', '.join(columns)}."
            )
        if self.negatives and self.score is not None:
            yield "expected either negatives, or score, a number for every pair."


class EmbeddingSettings(EncoderTrainingSettings):
    """How to train. A step is one update on a batch of `batch_size` pairs.

    A source must be nearer to its target than to the targets and the hard negatives of
    all other pairs of the batch, over all GPUs (van den Oord et al. 2018, arXiv
    1807.03748; Henderson et al. 2017, arXiv 1705.00652). Texts that are a target of the
    same source in another pair of the batch are no negatives. Pairs with a number are
    ranked: the cosine of a pair must be higher than that of every pair with a lower
    number (CoSENT, Huang et al. 2024, IEEE/ACM TASLP 32).

    A batch is of one pair of languages. `accumulation_steps` computes it in parts by
    gradient caching (Gao et al. 2021, arXiv 2101.06983), so that the texts of all parts
    are negatives of each other.
    """

    batch_size: int = Field(
        32,
        ge=2,
        description="Pairs of an update, over all GPUs and accumulation steps: the "
        "more, the more negatives.",
    )
    sequence_length: int = Field(
        128, ge=8, description="Longest text in tokens; what is longer is cut."
    )
    temperature: float = Field(
        0.05, gt=0, description="Cosines are divided by it; 1 / scale of others."
    )
    margin: float = Field(
        0.0,
        ge=0,
        lt=2,
        description="Subtracted from the cosine of the pair itself (additive margin, "
        "Yang et al. 2019, arXiv 1902.08564).",
    )
    symmetric: Truth = Field(
        True, description="Targets must find their sources, too; false: sources alone."
    )
    matryoshka_dims: Annotated[list[int], AfterValidator(_check_dims)] | None = Field(
        None,
        min_length=1,
        description="Lengths that vectors may be cut to afterwards, from long to "
        "short, such as `[256, 64]`; whole ones are trained in any case (Kusupati et "
        "al. 2022, arXiv 2205.13147).",
    )
    language_alpha: float = Field(
        0.7,
        ge=0,
        description="Pairs of languages are drawn by (n / N) ** alpha: 1 by their "
        "size, 0 all alike.",
    )
    early_stopping_metric: str | None = Field(
        None,
        description="Tells the best model: accuracy, forward or backward; of pairs "
        "with a score spearman or pearson; the mean over the languages, or of one such "
        "as accuracy/en-de. null: accuracy or spearman.",
    )


class EmbeddingRecipe(TaskRecipe):
    """A run that trains an embedder of texts on pairs, `xlm-tf finetune`."""

    initial_tasks: ClassVar[tuple] = ("XLMMaskedLM", "XLMTextEmbedder")
    has_groups: ClassVar[bool] = True

    initial_model: ModelName | None = Field(
        None,
        description="A masked language model to begin with, or an embedder to train "
        "further, instead of a vocabulary: a folder, `hf://OWNER/NAME`, or a name of "
        "`xlm_tf.PRESETS`. Its tokenizer and its languages are kept.",
    )
    held_out_share: float | None = Field(
        None,
        gt=0,
        lt=0.5,
        description="The share of the sources of `data` that is held out with their "
        "targets; or `held_out`. What is held out, or says the same, is not trained "
        "on.",
    )
    task: Literal["embedding"] = Field(
        description="`embedding`: texts that belong together get vectors that are near."
    )
    data: Annotated[list[TextPairs], Distinct] = Field(
        min_length=1, description="Pairs to train on."
    )
    held_out: Annotated[list[TextPairs], Distinct] | None = Field(
        None,
        description="Pairs by which the best model is chosen. Or `held_out_share`.",
    )
    test: Annotated[list[TextPairs], Distinct] = Field(
        [], description="Pairs that the best model is scored on at the end."
    )
    group: str | None = Field(
        None,
        description="Column that says what belongs together, of tables: its rows are "
        "on one side. null: rows with the same source are.",
    )
    pooling: Literal[POOLINGS] | None = Field(
        None,
        description="How the states of a text become its vector; null: as the initial "
        "model does, or mean.",
    )
    training: EmbeddingSettings = Field(description="How to train.")

    @property
    def is_scored(self):
        """Whether pairs have a number."""
        return self.data[0].score is not None

    @property
    def metrics(self):
        """Names of the metrics, the one that chooses the best model first."""
        return list(NUMBER_PAIR_METRICS if self.is_scored else RETRIEVAL_METRICS)

    def named_languages(self):
        """Yield the places that name a language, and the language."""
        for place, entry in self.entries():
            yield from ((place, language) for language in entry.languages)

    def check_file(self, path, entry):
        """See `TaskRecipe`."""
        columns = pair_columns(
            entry.source,
            entry.target,
            entry.negatives,
            score=entry.score,
            group=self.group_of(entry),
        )
        check_table(path, columns)

    def repeated(self, entries):
        """See `TaskRecipe`."""
        yield from repeated_pairs(entries)

    def contradictions(self):
        """Yield what does not fit together."""
        yield from super().contradictions()
        for place, entry in self.entries():
            if (entry.score is not None) != self.is_scored:
                yield (
                    f"recipe.{place}: either all pairs have a score, or none. The "
                    f"first of data has {'one' if self.is_scored else 'none'}."
                )
            has_columns = entry.files or entry.dataset
            if self.group_of(entry) is not None and not has_columns:
                yield (
                    "recipe.group is a column of tables, and recipe."
                    f"{place} has no columns: leave it out."
                )
        settings, width = self.training, self.model.hidden_dim
        dims = settings.matryoshka_dims
        if dims and width and dims[0] > width:
            yield (
                "recipe.training.matryoshka_dims must not exceed recipe.model."
                f"hidden_dim. Received: {dims} and {width}."
            )
        for name in ("margin", "symmetric"):
            if self.is_scored and name in settings.model_fields_set:
                yield (
                    f"recipe.training.{name} is of pairs without a score: leave it out."
                )
        if settings.early_stopping_metric is not None:
            problem = metric_problem(settings.early_stopping_metric, self.metrics)
            if problem is not None:
                yield f"recipe.training.{problem}"
