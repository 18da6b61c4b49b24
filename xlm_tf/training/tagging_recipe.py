"""A training of a tagger written down, `xlm-tf finetune`."""

from typing import Annotated, Literal

from pydantic import Field

from xlm_tf.data.tagged_words import iterate_tagged_words, tagged_words_format
from xlm_tf.training.recipe_fields import Distinct
from xlm_tf.training.task_recipe import TaskFiles, TaskRecipe, metric_problem
from xlm_tf.training.task_training_settings import TaskTrainingSettings

# Of tags that mark entities, and of others.
METRICS = ("f1", "precision", "recall", "accuracy", "macro_f1")


class TaggedSentences(TaskFiles):
    """Files of sentences, each a list of words with a tag each.

    CoNLL files (`.conll`, `.bio`, `.iob`, `.iob2`, `.txt`), CoNLL-U (`.conllu`), and
    `.jsonl` and `.parquet` with columns of lists; all but Parquet may be `.gz`.
    """

    check_format = staticmethod(tagged_words_format)


class TaggingSettings(TaskTrainingSettings):
    """How to train. A step is one update on a batch of `batch_size` sentences."""

    early_stopping_metric: str | None = Field(
        None,
        description="Tells the best model: f1, precision or recall of entities, "
        "accuracy or macro_f1 of other tags, the mean over the languages; of one "
        "language f1/LANGUAGE. null: f1 or accuracy.",
    )

    def contradictions(self):
        """Yield what does not fit together."""
        yield from super().contradictions()
        if self.early_stopping_metric is not None:
            problem = metric_problem(self.early_stopping_metric, METRICS)
            if problem is not None:
                yield problem


class TaggingRecipe(TaskRecipe):
    """A run that trains a tagger of words, `xlm-tf finetune`."""

    task: Literal["tagging"] = Field(
        description="`tagging`: named entities, parts of speech."
    )
    data: Annotated[list[TaggedSentences], Distinct] = Field(
        min_length=1, description="Sentences to train on."
    )
    held_out: Annotated[list[TaggedSentences], Distinct] | None = Field(
        None,
        description="Sentences that are tagged during the training; the best model is "
        "chosen by them. Or `held_out_share`.",
    )
    test: Annotated[list[TaggedSentences], Distinct] = Field(
        [], description="Sentences that the best model tags at the end."
    )
    words: str = Field(
        "tokens", description="Column of the words in `.jsonl` and `.parquet`."
    )
    tags: str = Field(
        "tags", description="Column of the tags in `.jsonl` and `.parquet`."
    )
    tag_column: int | str | None = Field(
        None,
        description="Column of the tags in CoNLL files: its number, from 1, or last; "
        "of CoNLL-U also its name. null: last, or upos.",
    )
    labels: list[str] | None = Field(
        None,
        min_length=2,
        description="The tags in their order; null: those of `data`, sorted, O first. "
        "Other tags are an error.",
    )
    training: TaggingSettings = Field(description="How to train.")

    def reading(self, path, entry):
        """What `read_tagged_words` is told of a file: dict."""
        is_rows = tagged_words_format(path) in (".jsonl", ".parquet")
        return {
            "words": self.words,
            "tags": self.tags,
            "tag_column": None if is_rows else self.tag_column,
            "language": entry.language_column,
        }

    def check_file(self, path, entry):
        """See `TaskRecipe`."""
        next(iterate_tagged_words(path, **self.reading(path, entry)), None)

    def contradictions(self):
        """Yield what does not fit together."""
        yield from super().contradictions()
        if self.labels and len(set(self.labels)) != len(self.labels):
            yield f"recipe.labels must differ. Received: {', '.join(self.labels)}."
        if self.group is not None:
            yield "recipe.group is of texts and of questions: leave it out."
        if self.words == self.tags:
            yield (
                "recipe.words and tags must be different columns. "
                f"Received: {self.words}."
            )
