"""A training of a text classifier written down, `xlm-tf finetune`."""

from typing import Annotated, Literal

from pydantic import Field

from xlm_tf.data.tables import check_table, table_format
from xlm_tf.evaluation.class_scores import METRICS
from xlm_tf.training.recipe_fields import Distinct
from xlm_tf.training.task_recipe import TaskFiles, TaskRecipe, metric_problem
from xlm_tf.training.task_training_settings import TaskTrainingSettings


class LabelledTexts(TaskFiles):
    """Tables of texts and their classes.

    `.csv` and `.tsv` files name their columns in the first row; a row of `.jsonl` is an
    object; all may be `.gz`. Parquet needs pyarrow.
    """

    check_format = staticmethod(table_format)


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
        problem = metric_problem(self.early_stopping_metric, METRICS)
        if problem is not None:
            yield problem


class ClassificationRecipe(TaskRecipe):
    """A run that trains a classifier of texts or pairs, `xlm-tf finetune`."""

    task: Literal["classification"] = Field(
        description="`classification`: sentiment, topics; of pairs, inference."
    )
    data: Annotated[list[LabelledTexts], Distinct] = Field(
        min_length=1, description="Texts to train on."
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

    def columns_of(self, entry):
        """What `read_table` is to read of an entry's files: dict of str."""
        columns = {"text": self.text, "label": self.label}
        if self.text_pair is not None:
            columns["text_pair"] = self.text_pair
        if entry.language_column is not None:
            columns["language"] = entry.language_column
        group = self.group_of(entry)
        if group is not None:
            columns["group"] = group
        return columns

    def check_file(self, path, entry):
        """See `TaskRecipe`."""
        check_table(path, self.columns_of(entry))

    def contradictions(self):
        """Yield what does not fit together."""
        yield from super().contradictions()
        if self.labels and len(set(self.labels)) != len(self.labels):
            yield f"recipe.labels must differ. Received: {', '.join(self.labels)}."
        columns = [self.text, self.label, *filter(None, [self.text_pair])]
        if len(set(columns)) != len(columns):
            yield (
                "recipe.text, text_pair and label must be different columns. "
                f"Received: {', '.join(columns)}."
            )
