"""What a search for hyper-parameters varies: fields of a recipe, and when."""

import itertools
import json
import random
from typing import Any

from pydantic import Field

from xlm_tf.training.recipe_fields import RecipePart, Truth

# What Optuna takes as it is.
_SCALARS = (str, int, float, bool, type(None))
# Of a grid: beyond it, the trials are not what anyone wants.
MAX_GRID = 10_000


class Dimension(RecipePart):
    """The values of a field: some, or a range of numbers."""

    choices: list[Any] | None = Field(
        None, min_length=1, description="The values, instead of `low` and `high`."
    )
    low: int | float | None = Field(
        None,
        description="The smallest number. The numbers are whole where both ends are.",
    )
    high: int | float | None = Field(None, description="The largest number.")
    step: int | float | None = Field(
        None, gt=0, description="Between two numbers; null: any, or of whole ones 1."
    )
    log: Truth = Field(
        False, description="Draw evenly by orders of magnitude, not by numbers."
    )
    when: dict[str, Any] = Field(
        {},
        description="Only where another field of the search, or a switch, has this "
        "value, or one of a list of values; elsewhere the field is left as it is.",
    )

    @property
    def is_whole(self):
        """Whether the numbers of a range are whole."""
        return all(isinstance(x, int) for x in (self.low, self.high, self.step or 1))

    def contradictions(self):
        """Yield what does not fit together."""
        ends = (self.low is not None) + (self.high is not None)
        if (self.choices is not None) == (ends > 0) or ends == 1:
            yield "expected either `choices`, or `low` and `high`."
            return
        if self.choices is not None:
            texts = [json.dumps(x) for x in self.choices]
            if len(set(texts)) != len(texts):
                yield f"choices must differ. Received: {', '.join(texts)}."
            if self.step is not None or self.log:
                yield "`step` and `log` are of `low` and `high`."
            return
        if self.low >= self.high:
            yield (f"low must be less than high. Received: {self.low} and {self.high}.")
        if self.log and self.step is not None:
            yield "expected either `log` or `step`."
        if self.log and self.low <= 0:
            yield f"log needs a low above 0. Received: {self.low}."
        if self.step is not None and self.step > self.high - self.low:
            yield (
                "step must not exceed the range. Received: "
                f"{self.step}, from {self.low} to {self.high}."
            )

    def extremes(self):
        """The values that are tried on the recipe's schema: a list."""
        return self.choices or [self.low, self.high]

    def points(self):
        """All values, a list, or None where they are not counted."""
        if self.choices is not None:
            return self.choices
        step = self.step or (1 if self.is_whole and not self.log else None)
        if step is None:
            return None
        count = int((self.high - self.low) / step + 1e-9) + 1
        return [self.low + number * step for number in range(count)]

    def draw(self, generator):
        """A value at random, not by any sampler: for checks."""
        if self.choices is not None:
            return generator.choice(self.choices)
        if self.is_whole:
            return generator.randrange(self.low, self.high + 1, self.step or 1)
        return generator.uniform(self.low, self.high)

    def suggest(self, trial, name):
        """The value of a trial of Optuna."""
        if self.choices is None:
            kind = trial.suggest_int if self.is_whole else trial.suggest_float
            step = {} if self.step is None else {"step": self.step}
            return kind(name, self.low, self.high, log=self.log, **step)
        if all(isinstance(x, _SCALARS) for x in self.choices):
            return trial.suggest_categorical(name, self.choices)
        return json.loads(
            trial.suggest_categorical(name, [json.dumps(x) for x in self.choices])
        )


class SearchSpace:
    """The dimensions of a study, in their order, and the switches before them.

    Args:
        dimensions: dict from paths of fields to `Dimension`.
        switches: dict from names to lists of values.
    """

    def __init__(self, dimensions, switches):
        self.switches = list(switches)
        named = {name: Dimension(choices=own) for name, own in switches.items()}
        self.dimensions = {**named, **dimensions}

    def contradictions(self):
        """Yield what is wrong in conditions."""
        used, before = set(), []
        for name, dimension in self.dimensions.items():
            for parent, values in dimension.when.items():
                where = f"study.search.{name}.when"
                used.add(parent)
                if parent not in before:
                    known = ", ".join(before) or "nothing"
                    yield (
                        f"{where}: {parent} must stand before it, in search or among "
                        f"switches. Before it are: {known}."
                    )
                    continue
                choices = self.dimensions[parent].choices
                if choices is None:
                    yield f"{where}: {parent} must have `choices` to decide by."
                    continue
                for value in _listed(values):
                    if not _is_among(value, choices):
                        yield (
                            f"{where}.{parent} must be of {json.dumps(choices)}. "
                            f"Received: {json.dumps(value)}."
                        )
            before.append(name)
        for name in self.switches:
            if name not in used:
                yield f"study.switches.{name} decides nothing: no `when` names it."

    def values(self, choose):
        """The values of one trial.

        Args:
            choose: function from the name of a dimension and the dimension to a value.

        Returns:
            dict from names, of switches too, to values; of the dimensions that count.
        """
        chosen = {}
        for name, dimension in self.dimensions.items():
            if all(
                parent in chosen and _is_among(chosen[parent], _listed(wanted))
                for parent, wanted in dimension.when.items()
            ):
                chosen[name] = choose(name, dimension)
        return chosen

    def suggest(self, trial):
        """The values of a trial of Optuna, see `values`."""
        return self.values(lambda name, dimension: dimension.suggest(trial, name))

    def parameters(self, values):
        """Values as Optuna knows them, to be given to a trial."""
        return {
            name: value
            if all(isinstance(x, _SCALARS) for x in self.dimensions[name].choices or ())
            else json.dumps(value)
            for name, value in values.items()
        }

    def draw(self, generator, name=None, value=None):
        """Values at random; a dimension may have a value that is given.

        Returns:
            See `values`; without the name where other values exclude it.
        """
        return self.values(
            lambda own, dimension: value if own == name else dimension.draw(generator)
        )

    def grid(self):
        """All combinations, in the order of the file: a list of `values`.

        Raises:
            ValueError: dimensions without steps, or too many combinations.
        """
        points = {name: own.points() for name, own in self.dimensions.items()}
        endless = [name for name, own in points.items() if own is None]
        if endless:
            raise ValueError(
                "study.sampler is grid, which needs `choices` or a `step` in: "
                f"{', '.join(endless)}."
            )
        grid, seen = [], set()
        for combined in itertools.product(*points.values()):
            at = dict(zip(points, combined, strict=True))
            values = self.values(lambda name, _, at=at: at[name])
            key = json.dumps(values)
            if key not in seen:
                seen.add(key)
                grid.append(values)
            if len(grid) > MAX_GRID:
                raise ValueError(
                    f"study.search has more than {MAX_GRID:,} combinations: leave some "
                    "out, or let study.sampler be random or tpe."
                )
        return grid

    def fields(self, values):
        """The values of a recipe's fields among `values`: without the switches."""
        return {x: y for x, y in values.items() if x not in self.switches}

    def examples(self, name, value, count=20):
        """Yield values of trials in which a dimension has a value."""
        generator = random.Random(0)
        for _ in range(100 * count):
            drawn = self.draw(generator, name, value)
            if name in drawn:
                yield drawn
                count -= 1
            if not count:
                return


def _listed(values):
    return values if isinstance(values, list) else [values]


def _is_among(value, values):
    """Whether one is equal, and of the same type: 1 is not true."""
    return json.dumps(value) in map(json.dumps, values)
