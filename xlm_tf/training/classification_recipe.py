"""A training of a text classifier written down, `xlm-tf finetune`."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from xlm_tf.data.tables import check_table, table_format
from xlm_tf.evaluation.class_scores import METRICS
from xlm_tf.training.recipe import Recipe
from xlm_tf.training.recipe_fields import CorpusFile, Distinct, Language, RecipePart
from xlm_tf.training.recipe_parts import repeated_tables
from xlm_tf.training.task_training_settings import TaskTrainingSettings


class LabelledTexts(RecipePart):
    """Tables of texts and their classes.

    `.csv` and `.tsv` files name their columns in the first row; a row of `.jsonl` is an
    object; all may be `.gz`. Parquet needs pyarrow.
    """

    files: list[CorpusFile] = Field(
        min_length=1, description="`.csv`, `.tsv`, `.jsonl` or `.parquet` files."
    )
    language: Language | None = Field(
        None, description="Of all rows; scores are apart by language."
    )
    language_column: str | None = Field(
        None, description="Column that names the language of every row, instead."
    )

    @field_validator("files")
    @classmethod
    def _check_files(cls, paths):
        for path in paths:
            table_format(path)
        return paths

    def contradictions(self):
        """Yield what does not fit together."""
        if (self.language is None) == (self.language_column is None):
            yield "expected either `language` or `language_column`."


class ClassificationSettings(TaskTrainingSettings):
    """How to train. A step is one update on a batch of `batch_size` texts."""

    class_weight: Literal["balanced"] | None = Field(
        None,
        description="balanced: every class counts as much as another, however rare.",
    )
    early_stopping_metric: str = Field(
        "macro_f1",
        description="Tells the best model: macro_f1 or accuracy, the mean over the "
        "languages; of one language macro_f1/LANGUAGE.",
    )

    def contradictions(self):
        """Yield what does not fit together."""
        yield from super().contradictions()
        metric, slash, language = self.early_stopping_metric.partition("/")
        if metric not in METRICS or bool(slash) != bool(language):
            yield (
                f"early_stopping_metric must be one of {', '.join(METRICS)}, or one of "
                f"them with /LANGUAGE. Received: {self.early_stopping_metric}."
            )


class ClassificationRecipe(Recipe):
    """A run that trains a classifier of texts or pairs, `xlm-tf finetune`."""

    command: ClassVar[str] = "finetune"

    task: Literal["classification"] = Field(
        description="`classification`: sentiment, topics; of pairs, inference."
    )
    data: Annotated[list[LabelledTexts], Distinct] = Field(
        min_length=1, description="Texts to train on."
    )
    held_out_share: float | None = Field(
        None,
        gt=0,
        lt=0.5,
        description="The share of each language's texts of `data` that is held out; or "
        "`held_out`. What is held out, or says the same, is not trained on.",
    )
    held_out: Annotated[list[LabelledTexts], Distinct] | None = Field(
        None,
        description="Texts that are classified during the training; the best model is "
        "chosen by them. Or `held_out_share`.",
    )
    test: Annotated[list[LabelledTexts], Distinct] = Field(
        [], description="Texts that the best model classifies at the end."
    )
    text: str = Field("text", description="Column of the texts.")
    text_pair: str | None = Field(
        None, description="Column of the second texts, where pairs are classified."
    )
    label: str = Field("label", description="Column of the classes.")
    labels: list[str] | None = Field(
        None,
        min_length=2,
        description="The classes in their order; null: those of `data`, sorted. Texts "
        "of other classes are an error.",
    )
    training: ClassificationSettings = Field(description="How to train.")

    @property
    def languages(self):
        """Languages that entries name, sorted."""
        return sorted({language for _, language in self.named_languages()})

    def named_languages(self):
        """Yield the places that name a language, and the language."""
        for part in ("data", "held_out", "test"):
            for number, entry in enumerate(getattr(self, part) or []):
                if entry.language is not None:
                    yield f"{part}[{number}]", entry.language

    def columns_of(self, entry):
        """What `read_table` is to read of an entry's files: dict of str."""
        columns = {"text": self.text, "label": self.label}
        if self.text_pair is not None:
            columns["text_pair"] = self.text_pair
        if entry.language_column is not None:
            columns["language"] = entry.language_column
        return columns

    def unreadable_files(self):
        """What is wrong in files that are there, by their beginnings: list of str."""
        problems = []
        for part in ("data", "held_out", "test"):
            for number, entry in enumerate(getattr(self, part) or []):
                for path in entry.files:
                    try:
                        check_table(path, self.columns_of(entry))
                    except ValueError as error:
                        problems.append(f"recipe.{part}[{number}].files: {error}")
        return problems

    def contradictions(self):
        """Yield what does not fit together."""
        yield from super().contradictions()
        if self.held_out is None and self.held_out_share is None:
            yield (
                "recipe must have held_out, texts that choose the best model, or "
                "held_out_share, such as 0.1 of data."
            )
        if self.held_out == []:
            yield "recipe.held_out names no texts."
        if self.labels and len(set(self.labels)) != len(self.labels):
            yield f"recipe.labels must differ. Received: {', '.join(self.labels)}."
        columns = [self.text, self.label, *filter(None, [self.text_pair])]
        if len(set(columns)) != len(columns):
            yield (
                "recipe.text, text_pair and label must be different columns. "
                f"Received: {', '.join(columns)}."
            )
        for part in ("data", "held_out", "test"):
            for repeated in repeated_tables(getattr(self, part) or []):
                yield f"recipe.{part}{repeated}"
        languages = self.model.language_embeddings and self.initial_model is None
        if languages and any(entry.language is None for entry in self.data):
            yield (
                "recipe.model.language_embeddings needs the languages of data by name: "
                "`language` of every entry, not a column."
            )
