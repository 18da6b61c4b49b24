"""What a search for hyper-parameters varies: fields of a recipe, and when."""

import itertools
import json
import random
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field, WrapValidator

from xlm_tf.training.recipe_fields import RecipePart, Truth

# What Optuna takes as it is.
_SCALARS = (str, int, float, bool, type(None))
# Of a grid: beyond it, the trials are not what anyone wants.
MAX_GRID = 10_000


def _keep_whole(value, check):
    return value if type(value) is int else check(value)


# Whole numbers stay whole.
_Number = Annotated[float, WrapValidator(_keep_whole)]


class Dimension(RecipePart):
    """The values of a field: some, or a range of numbers."""

    choices: list[Any] | None = Field(
        None, min_length=1, description="The values, instead of `low` and `high`."
    )
    low: _Number | None = Field(
        None,
        description="The smallest number. The numbers are whole where both ends are.",
    )
    high: _Number | None = Field(None, description="The largest number.")
    step: _Number | None = Field(
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
        for value in [*(self.choices or ()), *self.when.values()]:
            if not _is_plain(value):
                yield (
                    "values must be text, numbers, true, false, null, or lists and "
                    f"fields of them. Received: {value!r}, a {type(value).__name__}."
                )
                return
        if self.choices is not None:
            # To Optuna 1, 1.0 and true are one.
            if any(x in self.choices[:n] for n, x in enumerate(self.choices)):
                texts = ", ".join(map(json.dumps, self.choices))
                yield f"choices must differ. Received: {texts}."
            if self.step is not None or self.log:
                yield "`step` and `log` are of `low` and `high`."
            return
        if self.low >= self.high:
            yield f"low must be less than high. Received: {self.low} and {self.high}."
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
        if self.choices is not None:
            return self.choices
        count = self.count()
        ends = [self.low, self.high if count is None else self.point(count - 1)]
        return ends if self.is_whole else [float(x) for x in ends]

    def count(self):
        """How many values there are: int, or None where they are not counted."""
        if self.choices is not None:
            return len(self.choices)
        step = self.step or (1 if self.is_whole and not self.log else None)
        if step is None:
            return None
        return int((_exactly(self.high) - _exactly(self.low)) / _exactly(step)) + 1

    def point(self, number):
        """The value of a number below `count`."""
        if self.choices is not None:
            return self.choices[number]
        kind = int if self.is_whole else float
        return kind(_exactly(self.low) + number * _exactly(self.step or 1))

    def draw(self, generator):
        """A value at random, not by any sampler: for checks."""
        if self.choices is not None:
            return generator.choice(self.choices)
        count = self.count()
        if count is not None:
            return self.point(generator.randrange(count))
        if self.is_whole:
            return generator.randint(self.low, self.high)
        return generator.uniform(self.low, self.high)

    def suggest(self, trial, name):
        """The value of a trial of Optuna."""
        if self.choices is None:
            kind = trial.suggest_int if self.is_whole else trial.suggest_float
            step = {} if self.step is None else {"step": self.step}
            value = kind(name, *self.extremes(), log=self.log, **step)
            if self.step is None:
                return value
            return self.point(round((value - self.low) / self.step))  # 0.3, not 0.30…04
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
        problems = list(self._wrong_parents())
        yield from problems
        used = {x for own in self.dimensions.values() for x in own.when}
        for name in self.switches:
            if name not in used:
                yield f"study.switches.{name} decides nothing: no `when` names it."
        if problems:
            return
        for name, dimension in self.dimensions.items():
            never = [x for x, own in self._needs(dimension).items() if not own]
            if never:
                yield (
                    f"study.search.{name}.when never holds: no value of {never[0]} "
                    "is all that it, and what it hangs on, asks for."
                )

    def _wrong_parents(self):
        before = []
        for name, dimension in self.dimensions.items():
            for parent, values in dimension.when.items():
                where = f"study.search.{name}.when"
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

    def _needs(self, dimension):
        """The values, as JSON, that others must have for a dimension to count: dict."""
        needs = {}
        for parent, wanted in dimension.when.items():
            own = {parent: set(map(json.dumps, _listed(wanted)))}
            for part in (own, self._needs(self.dimensions[parent])):
                for name, values in part.items():
                    needs[name] = needs.get(name, values) & values
        return needs

    def values(self, choose):
        """The values of one trial.

        Args:
            choose: function from the name of a dimension and the dimension to a value.

        Returns:
            dict from names, of switches too, to values; of the dimensions that count.
        """
        chosen = {}
        for name, dimension in self.dimensions.items():
            if _counts(dimension, chosen):
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
        endless = [x for x, own in self.dimensions.items() if own.count() is None]
        if endless:
            raise ValueError(
                "study.sampler is grid, which needs `choices` or a `step` in: "
                f"{', '.join(endless)}."
            )
        combined = self._combined(list(self.dimensions.items()), {})
        grid = list(itertools.islice(combined, MAX_GRID + 1))
        if len(grid) > MAX_GRID:
            raise ValueError(
                f"study.search has more than {MAX_GRID:,} combinations: leave some "
                "out, or let study.sampler be random or tpe."
            )
        return grid

    def _combined(self, left, chosen):
        if not left:
            yield chosen
            return
        (name, dimension), *left = left
        if not _counts(dimension, chosen):
            yield from self._combined(left, chosen)
            return
        for number in range(dimension.count()):
            value = {name: dimension.point(number)}
            yield from self._combined(left, chosen | value)

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


def _counts(dimension, chosen):
    """Whether what was chosen before fulfils the conditions of a dimension."""
    return all(
        parent in chosen and _is_among(chosen[parent], _listed(wanted))
        for parent, wanted in dimension.when.items()
    )


def _exactly(number):
    """A number as it was written: 0.1, of which three are 0.3."""
    return Decimal(str(number))


def _is_plain(value):
    """Whether a value is the same in JSON, which keeps it."""
    try:
        return json.loads(json.dumps(value)) == value
    except (TypeError, ValueError):
        return False


def _listed(values):
    return values if isinstance(values, list) else [values]


def _is_among(value, values):
    """Whether one is equal, and of the same type: 1 is not true."""
    return json.dumps(value) in map(json.dumps, values)
