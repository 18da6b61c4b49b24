"""A training of question answering written down, `xlm-tf finetune`."""

from typing import Annotated, Literal

from pydantic import Field

from xlm_tf.data.questions import COLUMNS, iterate_questions, questions_format
from xlm_tf.evaluation.answer_scores import METRICS
from xlm_tf.training.recipe_fields import Distinct
from xlm_tf.training.task_recipe import TaskFiles, TaskRecipe, metric_problem
from xlm_tf.training.task_training_settings import TaskTrainingSettings


class Questions(TaskFiles):
    """Files of questions, their contexts and the answers in them.

    SQuAD's `.json`, or rows in `.jsonl` or `.parquet`; all but Parquet may be `.gz`.
    """

    check_format = staticmethod(questions_format)


class QuestionAnsweringSettings(TaskTrainingSettings):
    """How to train. A step is one update on a batch of `batch_size` windows."""

    sequence_length: int = Field(
        384,
        ge=16,
        description="Tokens of a window: the question, and a part of its context.",
    )
    max_question_length: int = Field(
        64, ge=1, description="Tokens of a question; what is longer is cut."
    )
    overlap: int = Field(
        128, ge=0, description="Tokens of the context that neighbouring windows share."
    )
    early_stopping_metric: str = Field(
        "f1",
        description="Tells the best model: f1 or exact, the mean over the languages; "
        "of one language f1/LANGUAGE.",
    )

    def contradictions(self):
        """Yield what does not fit together."""
        yield from super().contradictions()
        if self.label_smoothing:
            yield (
                "label_smoothing must be 0: the classes of a span are the tokens, "
                f"padding too. Received: {self.label_smoothing}."
            )
        problem = metric_problem(self.early_stopping_metric, METRICS)
        if problem is not None:
            yield problem


class QuestionAnsweringRecipe(TaskRecipe):
    """A run that trains a model to find answers in texts, `xlm-tf finetune`."""

    task: Literal["question_answering"] = Field(
        description="`question_answering`: answers are words of a context."
    )
    data: Annotated[list[Questions], Distinct] = Field(
        min_length=1, description="Questions to train on."
    )
    held_out: Annotated[list[Questions], Distinct] | None = Field(
        None,
        description="Questions that are answered during the training; the best model "
        "is chosen by them. Or `held_out_share`.",
    )
    test: Annotated[list[Questions], Distinct] = Field(
        [], description="Questions that the best model answers at the end."
    )
    question: str = Field(
        "question", description="Column of the questions, but in SQuAD's `.json`."
    )
    context: str = Field(
        "context", description="Column of the contexts, but in SQuAD's `.json`."
    )
    answers: str = Field(
        "answers", description="Column of the answers, but in SQuAD's `.json`."
    )
    no_answer_threshold: float | None = Field(
        None,
        description="How much better no answer must be than the best span, in logits, "
        "to be given; null: every question is answered.",
    )
    training: QuestionAnsweringSettings = Field(description="How to train.")

    def reading(self, entry):
        """What `read_questions` is told of an entry's files: dict."""
        return {
            "language": entry.language_column,
            "group": self.group_of(entry),
            "columns": {name: getattr(self, name) for name in COLUMNS},
        }

    def check_file(self, path, entry):
        """See `TaskRecipe`."""
        next(iterate_questions(path, **self.reading(entry)), None)

    def contradictions(self):
        """Yield what does not fit together."""
        yield from super().contradictions()
        columns = [getattr(self, name) for name in COLUMNS]
        if len(set(columns)) != len(columns):
            yield (
                "recipe.question, context and answers must be different columns. "
                f"Received: {', '.join(columns)}."
            )
