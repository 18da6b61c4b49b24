"""What recipes of tasks with a head have in common: examples, in files by language."""

import abc
from typing import ClassVar

from pydantic import Field, field_validator

from xlm_tf.training.recipe import Fold, Recipe
from xlm_tf.training.recipe_fields import (
    CorpusFile,
    DatasetName,
    Language,
    RecipePart,
    Truth,
)
from xlm_tf.training.recipe_parts import repeated_tables

_PARTS = ("data", "held_out", "test")


class HubDataset(RecipePart):
    """A dataset of Hugging Face; needs the extra `datasets`.

    It is fetched when the training begins, and kept in the output directory.
    """

    name: DatasetName = Field(
        description="`OWNER/NAME`, or a local folder; it starts where files do."
    )
    config: str | None = Field(
        None, description="Its configuration, such as a language, where it has several."
    )
    split: str = Field("train", description="Such as `train`, or `train[:1000]`.")


class TaskFiles(RecipePart):
    """Files of examples, and their language."""

    files: list[CorpusFile] = Field(
        [], min_length=1, description="Files, read in this order."
    )
    dataset: HubDataset | None = Field(
        None, description="Instead of `files`: a dataset by name."
    )
    language: Language | None = Field(
        None, description="Of all rows; scores are apart by language."
    )
    language_column: str | None = Field(
        None, description="Column that names the language of every row, instead."
    )

    @property
    def names_languages(self):
        """Whether the entry, and not a column, says the language."""
        return self.language is not None

    @staticmethod
    @abc.abstractmethod
    def check_format(path):
        """Raise ValueError where a file's name has none of the endings."""

    @field_validator("files")
    @classmethod
    def _check_files(cls, paths):
        for path in paths:
            cls.check_format(path)
        return paths

    def contradictions(self):
        """Yield what does not fit together."""
        if bool(self.files) == (self.dataset is not None):
            yield "expected either `files` or `dataset`."
        if (self.language is None) == (self.language_column is None):
            yield "expected either `language` or `language_column`."


class HeldOutFold(Fold):
    """One fold of a cross-validation, instead of texts that are held out in any case.

    The folds are the same at every run. Rows with the same `group` are in one fold.
    """

    stratify: Truth = Field(
        True,
        description="Give every fold the same shares of the classes and languages.",
    )
    by_line: Truth = Field(
        False,
        description="Rows of the same number belong together, in all entries of "
        "`data`, which have as many: files whose lines are parallel.",
    )


class TaskRecipe(Recipe):
    """A run that trains a model with a head, `xlm-tf finetune`.

    Subclasses add `task`, `data`, `held_out`, `test` and `training`, a
    `TaskTrainingSettings`.
    """

    command: ClassVar[str] = "finetune"
    # Whether rows belong together where no column says it.
    has_groups: ClassVar[bool] = False

    held_out_share: float | None = Field(
        None,
        gt=0,
        lt=0.5,
        description="The share of each language's rows of `data` that is held out; or "
        "`held_out`. What is held out, or says the same, is not trained on.",
    )

    held_out_fold: HeldOutFold | None = Field(
        None,
        description="One fold of `data` is held out instead. `xlm-tf tune` trains on "
        "all of them in turn.",
    )
    group: str | None = Field(
        None,
        description="Column that says what belongs together, such as the number of an "
        "item that stands in several languages: its rows are on one side. Tables "
        "of `test` need it where `test_share` divides them.",
    )
    test_share: float | None = Field(
        None,
        gt=0,
        lt=0.9,
        description="The share of the groups of `data` and `test` that is tested, and "
        "not trained on; the other rows of `test` are left out. null: all of `test`.",
    )

    @abc.abstractmethod
    def check_file(self, path, entry):
        """Raise ValueError where a file is not what its entry says, by its beginning.

        Args:
            path: Path.
            entry: `TaskFiles`.
        """

    def repeated(self, entries):
        """Yield what stands twice in some entries, see `repeated_tables`."""
        yield from repeated_tables(entries)

    def entries(self):
        """Yield the places of entries and the entries: `("data[0]", entry)`."""
        for part in _PARTS:
            for number, entry in enumerate(getattr(self, part) or []):
                yield f"{part}[{number}]", entry

    @property
    def languages(self):
        """Languages that entries name, sorted."""
        return sorted({language for _, language in self.named_languages()})

    def named_languages(self):
        """Yield the places that name a language, and the language."""
        for place, entry in self.entries():
            if entry.language is not None:
                yield place, entry.language

    def group_of(self, entry):
        """The column of the groups of an entry, or None: test rows are not divided.

        But where `test_share` says which of them are tested.
        """
        is_tested = any(entry is own for own in self.test or [])
        return None if is_tested and self.test_share is None else self.group

    def unreadable_files(self):
        """What is wrong in files that are there, by their beginnings: list of str."""
        problems = super().unreadable_files()
        for place, entry in self.entries():
            for path in entry.files:
                try:
                    self.check_file(path, entry)
                except ValueError as error:
                    problems.append(f"recipe.{place}.files: {error}")
        return problems

    def contradictions(self):
        """Yield what does not fit together."""
        yield from super().contradictions()
        others = self.held_out is not None or self.held_out_share is not None
        if self.held_out_fold is not None:
            if self.held_out_fold.by_line and self.group is not None:
                yield "recipe.held_out_fold.by_line and recipe.group: leave one out."
        elif not others:
            yield (
                "recipe must have held_out, rows that choose the best model, or "
                "held_out_share, such as 0.1 of data."
            )
        if self.held_out == []:
            yield "recipe.held_out names no files."
        for part in _PARTS:
            for repeated in self.repeated(getattr(self, part) or []):
                yield f"recipe.{part}{repeated}"
        has_groups = self.group or self.has_groups
        if self.test_share is not None and not (has_groups and self.test):
            yield (
                "recipe.test_share is a share of groups: it needs "
                f"{'' if has_groups else 'group, a column, and '}test."
            )
        languages = self.model.language_embeddings and self.initial_model is None
        if languages and not all(entry.names_languages for entry in self.data):
            yield (
                "recipe.model.language_embeddings needs the languages of data by name: "
                "`language` of every entry, not a column."
            )


def metric_problem(given, metrics):
    """What is wrong with a `early_stopping_metric`, str or None.

    Args:
        given: str, such as "f1" or "f1/de".
        metrics: list of str.
    """
    metric, slash, language = given.partition("/")
    if metric in metrics and bool(slash) == bool(language):
        return None
    return (
        f"early_stopping_metric must be one of {', '.join(metrics)}, or one of them "
        f"with /LANGUAGE. Received: {given}."
    )
