"""Folds of a cross-validation: what belongs together comes into one of them."""

import collections
import random

# Every run must see the same folds, whatever its seed.
_SEED = 0
# Keys are dealt by their remainders: memory does not grow with the texts.
REMAINDERS = 1 << 14


def deal_folds(groups, strata, folds, stratify):
    """The fold of every row.

    Args:
        groups: list of values, equal ones of rows that belong together.
        strata: list of pairs of str or None, a row's language and class.
        folds: int, how many there are.
        stratify: bool, whether every fold is to have the same shares of them.

    Returns:
        List of int, from 1 to `folds`.

    Raises:
        ValueError: there are fewer groups than folds, or, where they are stratified,
            of a class in a language.
    """
    of_group = collections.defaultdict(list)
    for group, stratum in zip(groups, strata, strict=True):
        of_group[group].append(stratum)
    if len(of_group) < folds:
        raise ValueError(
            f"{folds} folds need as many rows, or groups of them. Received: "
            f"{len(of_group)}."
        )
    by_kind = collections.defaultdict(list)
    for group, own in of_group.items():
        # Groups that hold the same, such as an item in the same languages.
        kind = tuple(sorted(own, key=str)) if stratify else ()
        by_kind[kind].append(group)
    if stratify:
        _check_strata(of_group, folds)
    generator = random.Random(_SEED)
    fold_of, dealt = {}, 0
    for kind in sorted(by_kind, key=str):
        own = sorted(by_kind[kind], key=str)
        generator.shuffle(own)
        for group in own:
            # From where the last kind ended: the folds are of one size.
            fold_of[group] = dealt % folds + 1
            dealt += 1
    return [fold_of[group] for group in groups]


def _check_strata(of_group, folds):
    counts = collections.Counter(x for own in of_group.values() for x in set(own))
    for (language, label), count in sorted(counts.items(), key=str):
        if count < folds:
            what = language if label is None else f"{label!r} in {language}"
            raise ValueError(
                f"{folds} folds need {folds} rows, or groups, of every class and "
                f"language, and of {what} there are {count}: take fewer folds, or "
                "leave `stratify` out by `false`."
            )


class KeyFolds:
    """Folds of texts that need not be in memory: a function of their keys.

    Equal keys are in one fold, in all languages, and every fold has about as many of
    each language.

    Args:
        keys: dict from names of languages, or of pairs of them, to iterables of int,
            of what belongs together one each.
        folds: int, how many there are.

    Raises:
        ValueError: of a language there are too few for every fold to have one.
    """

    def __init__(self, keys, folds):
        found = {name: {key % REMAINDERS for key in own} for name, own in keys.items()}
        _check_filled({name: len(own) for name, own in found.items()}, folds)
        # Numbers of one kind are dealt in turn: of the rarest language that has them.
        kinds = {}
        for name in sorted(found, key=lambda name: (-len(found[name]), name)):
            kinds |= dict.fromkeys(found[name], name)
        order = sorted(kinds, key=lambda number: (kinds[number], number))
        self._fold_of = {
            number: place % folds + 1 for place, number in enumerate(order)
        }
        filled = {
            name: len({self._fold_of[number] for number in own})
            for name, own in found.items()
        }
        _check_filled(filled, folds)

    def fold_of(self, key):
        """The fold, from 1, of a key that was among them: int."""
        return self._fold_of[key % REMAINDERS]

    def is_in(self, fold, key):
        """Whether a key that was among them is of a fold: bool."""
        return self.fold_of(key) == fold


def _check_filled(filled, folds):
    """Raise ValueError where texts of a language do not come into every fold."""
    for name, count in filled.items():
        if count < folds:
            raise ValueError(
                f"{folds} folds need texts of every language or pair in each, and "
                f"those of {name} fill {count}: a document, or pairs that share a "
                "text, are in one. Take fewer folds, or name more texts."
            )
