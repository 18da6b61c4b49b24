"""A study written down: the recipe that it varies, what it tries, and what decides."""

import copy
import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from xlm_tf.training.input_files import files_in
from xlm_tf.training.prepared_corpora import PreparedCorpora
from xlm_tf.training.recipe_fields import Distinct, OutputPath, RecipePart, Truth
from xlm_tf.training.recipe_loader import check_recipe, kind_of
from xlm_tf.training.recipe_reading import (
    RecipeError,
    check_command,
    lines_of,
    part_of,
)
from xlm_tf.training.recipe_tokenizer import tokens_of
from xlm_tf.training.recipe_yaml import read_yaml
from xlm_tf.training.shipped_recipes import find_recipe
from xlm_tf.tuning.search_space import Dimension, SearchSpace

# What may not differ between trials, and why.
_OTHER_TEXTS = "scores of other texts are not comparable"
_OTHER_ANSWERS = "scores of other answers are not comparable"
_REFUSED = {
    "output": "every trial has a folder of its own",
    "task": _OTHER_TEXTS,
    "data": _OTHER_TEXTS,
    "held_out": _OTHER_TEXTS,
    "held_out_share": _OTHER_TEXTS,
    "held_out_fold": "study.cross_validation trains on all folds",
    "test": "trials read no test texts",
    "test_share": _OTHER_TEXTS,
    "group": _OTHER_TEXTS,
    "label": _OTHER_ANSWERS,
    "tags": _OTHER_ANSWERS,
    "tag_column": _OTHER_ANSWERS,
    "answers": _OTHER_ANSWERS,
    "training.seed": "study.seeds repeats a trial with several",
    "training.seeds": "study.seeds repeats a trial with several",
    "training.early_stopping_metric": "study.metric decides for all",
}


class CrossValidation(RecipePart):
    """Every trial trains a model per fold of `data`, and is scored on that fold."""

    folds: int = Field(ge=2, le=1000, description="How many.")
    stratify: Truth = Field(
        True,
        description="Give every fold the same shares of the classes and languages. Of "
        "tasks that classify, tag, answer questions or embed, as `by_line`.",
    )
    by_line: Truth = Field(
        False,
        description="Rows of the same number, in entries whose lines are parallel, are "
        "in one fold. Those with the same `group` of the recipe are in any case.",
    )


class StudyFile(RecipePart):
    """A search for the hyper-parameters of a recipe, `xlm-tf tune`."""

    recipe: str = Field(
        description="The recipe to vary: a file, or a name of `xlm-tf recipes list`."
    )
    data: str | None = Field(
        None,
        min_length=1,
        description="Folder of the corpora, or `--data`; null: where the recipe's "
        "paths start.",
    )
    output: OutputPath = Field(
        description="Folder of the results, or `--output`; a study that was stopped "
        "goes on from there."
    )
    set: dict[str, Any] = Field(
        {},
        description="Fields of the recipe, by their paths, that all trials and the "
        "best recipe have otherwise: `training.steps: 300`.",
    )
    switches: dict[str, Annotated[list[str], Field(min_length=2), Distinct]] = Field(
        {},
        description="Names that are no fields of the recipe, and their values, which "
        "are searched for the sake of `when`.",
    )
    search: dict[str, Dimension] = Field(
        min_length=1,
        description="The fields of the recipe that trials try values of, by their "
        "paths, such as `training.learning_rate`.",
    )
    sampler: Literal["tpe", "random", "grid"] = Field(
        "tpe",
        description="Who chooses the values: tpe by the trials before (Bergstra et al. "
        "2011, NeurIPS 24), random, or grid, every combination.",
    )
    pruner: Literal["none", "median", "asha", "hyperband"] = Field(
        "none",
        description="What ends trials early by their held-out scores: median, those "
        "worse than half of the others at that step; asha (Li et al. 2020, arXiv "
        "1810.05934) and hyperband (Li et al. 2018, arXiv 1603.06560), all but the "
        "best third at every rung.",
    )
    trials: int | None = Field(
        None,
        ge=1,
        description="How many in all; more can be asked for later. null: of a grid "
        "every combination; others need a number.",
    )
    seed: int = Field(0, ge=0, lt=2**31, description="Of the sampler.")
    metric: str | None = Field(
        None,
        description="Tells the best trial, and the best model of each: what "
        "`training.early_stopping_metric` of the recipe may be. null: the recipe's.",
    )
    languages: Literal["mean", "worst"] = Field(
        "mean",
        description="Whether the mean over the languages, or directions, or the worst "
        "of them decides between trials.",
    )
    cross_validation: CrossValidation | None = Field(
        None,
        description="Folds of the recipe's `data`, each held out once, instead of what "
        "it holds out.",
    )
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**32)]], Distinct] | None = (
        Field(
            None,
            min_length=1,
            description="Run every trial with each of them; the mean of the scores "
            "decides. null: with the recipe's seed.",
        )
    )
    storage: str | None = Field(
        None,
        min_length=1,
        description="Address of a database that several machines share, such as "
        "`postgresql://USER:PASSWORD@HOST/NAME`; null: SQLite in `output`.",
    )

    def contradictions(self):
        """Yield what does not fit together."""
        if self.trials is None and self.sampler != "grid":
            yield f"study.trials is missing, which {self.sampler} needs."
        for part in ("set", "search"):
            for name in getattr(self, part):
                reason = next(
                    (
                        why
                        for refused, why in _REFUSED.items()
                        if name == refused or name.startswith(f"{refused}.")
                    ),
                    None,
                )
                is_of_texts = reason in (_OTHER_TEXTS, _OTHER_ANSWERS)
                may_be_set = part == "set" and is_of_texts
                if reason is not None and not may_be_set:
                    yield f"study.{part}.{name} may not be: {reason}."
                hidden = (*self.search, *(self.set if part == "set" else _REFUSED))
                for other in hidden:
                    if other.startswith(f"{name}."):
                        yield (
                            f"study.{part}.{name} would hide {other}. Name its fields "
                            f"instead: `{name}.FIELD`."
                        )
                        break
        for name in self.set:
            if name in self.search:
                yield f"study.set and study.search both have {name}."
        for name in self.switches:
            if name in self.search:
                yield f"study.switches and study.search both have {name}."
        scheme, _, path = (self.storage or "").partition("://")
        path = path.partition("?")[0].removeprefix("/")
        if scheme.startswith("sqlite") and not Path(path).is_absolute():
            yield (
                "study.storage must name a file by its whole path, such as "
                "`sqlite:////home/me/studies.db`: it would be elsewhere for every "
                f"process, or gone with it. Received: {self.storage}."
            )
        space = SearchSpace(self.search, self.switches)
        yield from space.contradictions()
        if self.sampler == "grid":
            try:
                space.grid()
            except ValueError as error:
                yield str(error)


@dataclasses.dataclass(frozen=True)
class Run:
    """One of the trainings of every trial.

    Attributes:
        name: str, of its folder.
        seed: int, or None for the recipe's.
        fold: dict, the `held_out_fold` of the recipe; None where there are no folds.
    """

    name: str
    seed: int | None
    fold: dict | None = None


class Study:
    """A checked study: its file, its space, and the recipe of every trial.

    Attributes:
        settings: `StudyFile`.
        space: `SearchSpace`.
        output: Path.
        base: dict, the fields of the recipe, with those that are `set`.
        recipe: the recipe without what the search varies, checked.
        data_folder: Path or None.
        searched_files: dict from names, such as "study.search.vocabulary[0]", to Path:
            the files among the values of the search.
    """

    def __init__(self, settings, base, recipe_path, recipe_folder, data_folder):
        self.settings = settings
        self.space = SearchSpace(settings.search, settings.switches)
        self.output = settings.output
        self.base = base
        self._recipe_path = recipe_path
        self._recipe_folder = recipe_folder
        self.data_folder = data_folder
        self.searched_files = {}
        self.recipe = self.recipe_with({}, output=str(self.output.absolute()))

    def recipe_with(self, fields, **others):
        """The recipe with some fields by their paths, checked.

        Args:
            fields: dict from paths to values.
            **others: values for top-level fields, such as `output`.

        Raises:
            RecipeError: the recipe refuses them.
        """
        content = copy.deepcopy(self.base)
        for name, value in fields.items():
            _put(content, name, value)
        content |= others
        path = self._recipe_path
        try:
            return check_recipe(content, path, self._recipe_folder, self.data_folder)
        except RecipeError as error:
            lines = [line.removeprefix(f"{path}: ") for line in error.lines]
            raise RecipeError(lines) from error

    def runs(self):
        """The trainings of every trial: a list of `Run`."""
        seeds = self.settings.seeds or [None]
        runs = [Run("run" if x is None else f"seed-{x}", x) for x in seeds]
        folds = self.settings.cross_validation
        if folds is None:
            return runs
        return [
            Run(
                f"fold-{number}" if run.seed is None else f"fold-{number}-{run.name}",
                run.seed,
                {"fold": number, **folds.given()},
            )
            for run in runs
            for number in range(1, folds.folds + 1)
        ]

    def trial_recipe(self, values, output, run):
        """The recipe of one run of a trial: no test, and a folder of its own.

        Args:
            values: see `SearchSpace.values`.
            output: Path.
            run: `Run`.
        """
        fields = self.space.fields(values)
        if run.seed is not None:
            fields["training.seed"] = run.seed
        # A share of groups is left to the test: not to be trained on.
        without = {} if self.base.get("test_share") else {"test": []}
        if "test" not in self.base:
            without = {}
        if run.fold is not None:
            fold = {"held_out_fold": run.fold}
            without |= {"held_out": None, "held_out_share": None, **fold}
        return self.recipe_with(fields, output=str(output.absolute()), **without)

    @property
    def metric(self):
        """str, or None where the recipe leaves it to its data."""
        recipe = self.recipe
        return getattr(recipe, "metric", recipe.training.early_stopping_metric)

    def definition(self):
        """What may not change while a study goes on: a dict."""
        settings = self.settings.model_dump(mode="json")
        for name in ("trials", "storage", "output", "data", "recipe", "set"):
            settings.pop(name)
        recipe = self.recipe.model_dump(mode="json")
        recipe.pop("output")
        definition = {"study": settings, "recipe": recipe}
        prepared = getattr(self.recipe.data, "prepared", None)
        if prepared is not None:
            content = PreparedCorpora(prepared).content_fingerprint()
            definition["recipe.data.prepared"] = content
        return definition


def load_study(path, data_folder=None, output=None, trials=None):
    """Read and check a study; its fields are explained in `docs/tuning.md`.

    Args:
        path: str or Path of a YAML file; relative paths in it start at its folder.
        data_folder: str or Path, the folder of the corpora instead of the file's.
        output: str or Path, instead of the file's.
        trials: int, instead of the file's.

    Returns:
        `Study`.

    Raises:
        FileNotFoundError: there is no such file, recipe or data folder.
        RecipeError: fields that are unknown, missing, of another type or out of range;
            fields and values of the search that the recipe refuses.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no study at {path}.")
    content = read_yaml(path)
    check_command(path, content, "search")
    if output is not None:
        content["output"] = str(Path(output).absolute())
    if trials is not None:
        content["trials"] = trials
    context = {"folder": path.parent, "data_folder": path.parent, "check_files": True}
    try:
        settings = StudyFile.model_validate(content, context=context)
    except ValidationError as error:
        raise RecipeError(
            [
                f"{path}: {line}"
                for own in error.errors(include_url=False)
                for line in lines_of(StudyFile, own, "study")
            ]
        ) from error
    source = settings.recipe
    if (path.parent / source).is_file():
        source = path.parent / source
    recipe_path, folder = find_recipe(source)
    if data_folder is None and settings.data is not None:
        data_folder = path.parent / settings.data
    base = read_yaml(recipe_path)
    problems = []
    for name in settings.switches:
        if name.partition(".")[0] in kind_of(base).model_fields:
            problems.append(
                f"study.switches.{name} is a field of the recipe, which a switch does "
                "not set: name it in search, or choose another name."
            )
    base["output"] = "run"  # every trial has its own
    try:
        for name, value in settings.set.items():
            _put(base, name, value)
        if settings.metric is not None:
            _put(base, "training.early_stopping_metric", settings.metric)
        training = base.get("training")
        if isinstance(training, dict) and training.get("seeds"):
            problems.append(
                "recipe.training.seeds must be left out: study.seeds has them."
            )
        study = Study(settings, base, recipe_path, folder, data_folder)
        metric = (study.metric or "").removeprefix("mean/")
        if settings.languages == "worst" and "/" in metric:
            problems.append(
                "study.languages is worst, and the metric is of one language: "
                f"{metric}. Leave study.languages out, or choose study.metric."
            )
        if settings.cross_validation is not None:
            _check_folds(study)
            study.trial_recipe({}, settings.output, study.runs()[0])
        problems += _refused_values(study)
    except RecipeError as error:
        problems += [f"study.recipe ({recipe_path}): {line}" for line in error.lines]
    if problems:
        raise RecipeError([f"{path}: {line}" for line in problems])
    return study


def _check_folds(study):
    """Raise RecipeError where folds are asked for that the recipe does not have."""
    fold = part_of(type(study.recipe).model_fields["held_out_fold"].annotation)
    given = study.settings.cross_validation.model_fields_set
    unknown = sorted(given - fold.model_fields.keys())
    if unknown:
        raise RecipeError(
            [
                f"study.cross_validation.{name} is of tasks that classify, tag, answer "
                "questions or embed: leave it out."
                for name in unknown
            ]
        )


def _refused_values(study):
    """What no combination makes of the recipe a right one: a list of str.

    And what is right, and has scores that do not compare. Finds the `searched_files` of
    the study.
    """
    problems, recipes = [], []
    for name, dimension in study.space.dimensions.items():
        for number, value in enumerate(dimension.extremes()):
            refused = None
            for values in study.space.examples(name, value):
                try:
                    recipe = study.recipe_with(study.space.fields(values))
                except RecipeError as error:
                    refused = refused or error
                    continue
                refused = None
                recipes.append(recipe)
                if name in study.space.switches:
                    break
                where = f"study.search.{name}[{number}]"
                found = files_in(where, _value_in(recipe.model_dump(), name))
                study.searched_files |= dict(found)
                break
            if refused is not None and name not in study.space.switches:
                own = [line for line in refused.lines if _last(name) in line]
                said = (own or refused.lines)[0]
                problems.append(f"study.search.{name}: {json.dumps(value)}: {said}")
                break
    return problems or list(_incomparable(study, recipes))


def _incomparable(study, recipes):
    """Yield which fields of a search make scores that do not compare.

    Args:
        study: `Study`.
        recipes: some of its trials, which have all values.
    """
    scored_by = [recipe.scored_by() for recipe in recipes]
    for conditions in zip(*scored_by, strict=False):
        if all(own.value == conditions[0].value for own in conditions):
            continue
        fields = conditions[0].fields
        if fields == recipes[0].vocabularies and _have_same_tokens(recipes):
            continue
        names = [
            name
            for name in study.space.fields(study.space.dimensions)
            if any(_is_within(name, own) or _is_within(own, name) for own in fields)
        ]
        yield (
            f"study.search.{' and study.search.'.join(names)}: trials could not be "
            f"compared by {study.metric}: {conditions[0].otherwise}. Leave it to a "
            "study of its own for every value."
        )
        return


def _have_same_tokens(recipes):
    """Whether recipes of other vocabularies have the same one: bool."""
    by_fields = {}
    for recipe in recipes:
        fields = str([getattr(recipe, name) for name in recipe.vocabularies])
        by_fields.setdefault(fields, recipe)
    return len({tokens_of(recipe) for recipe in by_fields.values()}) == 1


def _is_within(name, other):
    """Whether a path of a recipe is another one's, or of a field in it."""
    return name == other or name.startswith(f"{other}.")


def _last(name):
    return name.rpartition(".")[2]


def _value_in(content, name):
    """The value of a field of a recipe, by its path."""
    for part in name.split("."):
        content = content[part]
    return content


def _put(content, name, value):
    """Give a field of a recipe, by its path, a value."""
    *parts, last = name.split(".")
    for number, part in enumerate(parts):
        inner = content.get(part)
        inner = {} if inner is None else inner
        if not isinstance(inner, dict):
            raise RecipeError(
                [
                    f"recipe.{'.'.join(parts[: number + 1])} has no fields, as {name} "
                    "needs."
                ]
            )
        content[part] = dict(inner)
        content = content[part]
    content[last] = value
