"""Folds: balanced, whole groups in one, too small classes refused."""

import collections

import pytest
import yaml

from xlm_tf.training.classification import ClassificationData
from xlm_tf.training.folds import KeyFolds, deal_folds
from xlm_tf.training.held_out import text_key
from xlm_tf.training.recipe_loader import RecipeError, load_recipe


def test_every_fold_has_its_share_of_every_class():
    strata = [("en", "a")] * 30 + [("en", "b")] * 9 + [("de", "a")] * 12
    folds = deal_folds(range(51), strata, 3, stratify=True)
    counts = collections.Counter(zip(strata, folds, strict=True))
    assert all(counts["en", "a", fold] == 0 for fold in (1, 2, 3))
    assert [counts[("en", "a"), fold] for fold in (1, 2, 3)] == [10, 10, 10]
    assert [counts[("en", "b"), fold] for fold in (1, 2, 3)] == [3, 3, 3]
    assert [counts[("de", "a"), fold] for fold in (1, 2, 3)] == [4, 4, 4]
    assert folds == deal_folds(range(51), strata, 3, stratify=True)
    assert folds != sorted(folds)


def test_small_classes_are_spread_too():
    # 5 classes of 4 in 3 folds: no fold has all the rests.
    strata = [("en", label) for label in "abcde" for _ in range(4)]
    sizes = collections.Counter(deal_folds(range(20), strata, 3, stratify=True))
    assert sorted(sizes.values()) == [6, 7, 7]


def test_what_belongs_together_is_in_one_fold():
    groups = [number % 10 for number in range(30)]
    strata = [(language, "a") for language in ("de", "en", "fr") for _ in range(10)]
    folds = deal_folds(groups, strata, 5, stratify=True)
    assert len(set(zip(groups, folds, strict=True))) == 10
    assert set(collections.Counter(folds).values()) == {6}


def test_more_folds_than_rows_are_refused():
    strata = [("en", "a")] * 5 + [("en", "b")] * 2
    with pytest.raises(ValueError, match="of 'b' in en there are 2: take fewer folds"):
        deal_folds(range(7), strata, 3, stratify=True)
    assert set(deal_folds(range(7), strata, 3, stratify=False)) == {1, 2, 3}
    with pytest.raises(ValueError, match="8 folds need as many rows"):
        deal_folds(range(7), strata, 8, stratify=False)


def keys_of(name, count):
    return [text_key(f"{name} {number}") for number in range(count)]


def test_keys_are_dealt_alike_in_every_language():
    keys = {"en": keys_of("en", 1000), "sw": keys_of("sw", 12)}
    # Half of the pairs are of English texts.
    keys["en-de"] = [*keys["en"][:200], *keys_of("de", 200)]
    folds = KeyFolds(keys, 4)
    for own, expected in zip(keys.values(), (250, 3, 100), strict=True):
        sizes = collections.Counter(map(folds.fold_of, own))
        assert set(sizes) == {1, 2, 3, 4}
        assert all(abs(x - expected) <= 1 + 0.05 * expected for x in sizes.values())
    # Whatever the order, and how often they stand.
    others = {name: 2 * own[::-1] for name, own in reversed(keys.items())}
    again = KeyFolds(others, 4)
    for key in (key for own in keys.values() for key in own):
        assert again.fold_of(key) == folds.fold_of(key)


def test_keys_that_do_not_fill_the_folds_are_refused():
    keys = {"en": keys_of("en", 50), "sw": 9 * keys_of("sw", 4)}
    assert {KeyFolds(keys, 4).fold_of(key) for key in keys["sw"]} == {1, 2, 3, 4}
    with pytest.raises(ValueError, match=r"5 folds need .* those of sw fill 4"):
        KeyFolds(keys, 5)


@pytest.fixture
def make_recipe(tmp_path):
    """Function that loads a recipe of parallel tables of 12 rows."""
    for language in ("en", "de"):
        rows = [f"{language} {i}\t{'ab'[i % 2]}\t{i // 2}" for i in range(12)]
        text = "\n".join(["text\tlabel\titem", *rows]) + "\n"
        (tmp_path / f"{language}.tsv").write_text(text)

    def make(**changes):
        recipe = {
            "task": "classification",
            "output": "run",
            "initial_model": "xlm_tiny",
            "data": [
                {"language": language, "files": [f"{language}.tsv"]}
                for language in ("en", "de")
            ],
            "training": {"steps": 2},
            **changes,
        }
        (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
        return load_recipe(tmp_path / "recipe.yaml")

    return make


@pytest.mark.parametrize("kind", ["rows", "by_line", "group"])
def test_every_row_is_held_out_once(make_recipe, kind):
    more = {"by_line": True} if kind == "by_line" else {}
    group = {"group": "item"} if kind == "group" else {}
    seen = []
    for fold in (1, 2, 3):
        chosen = {"fold": fold, "folds": 3, **more}
        data = ClassificationData(make_recipe(held_out_fold=chosen, **group))
        assert len(data.train) + len(data.held_out) == 24
        held_out = [row["text"] for row in data.held_out]
        numbers = [{x.split()[1] for x in held_out if x[:2] == y} for y in ("en", "de")]
        if kind == "by_line":
            assert numbers[0] == numbers[1]
        if kind == "group":
            items = {int(number) // 2 for own in numbers for number in own}
            assert len(held_out) == 4 * len(items)
        seen += held_out
    assert sorted(seen) == sorted({*seen})
    assert len(seen) == 24


def test_tables_that_are_tested_as_a_whole_need_no_groups(make_recipe, tmp_path):
    (tmp_path / "test.tsv").write_text("text\tlabel\nde 99\ta\n", encoding="utf-8")
    test = [{"language": "de", "files": ["test.tsv"]}]
    fold = {"fold": 1, "folds": 3}
    read = ClassificationData(
        make_recipe(held_out_fold=fold, group="item", test=test, labels=["a", "b"])
    )
    assert [row["text"] for row in read.test] == ["de 99"]
    for part in ({"test": test, "test_share": 0.5}, {"data": test}):
        with pytest.raises(RecipeError, match=r"test\.tsv.*item"):
            make_recipe(held_out_fold=fold, group="item", **part)


def test_lines_that_are_not_parallel_are_refused(make_recipe, tmp_path):
    chosen = {"fold": 1, "folds": 3, "by_line": True}
    recipe = make_recipe(held_out_fold=chosen)
    with (tmp_path / "en.tsv").open("a") as file:
        file.write("en 13\ta\t6\n")
    with pytest.raises(ValueError, match="as many rows, all of which can be read"):
        ClassificationData(recipe)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"held_out_fold": {"fold": 4, "folds": 3}}, "fold must be one of 3"),
        (
            {"held_out_fold": {"fold": 1, "folds": 3}, "held_out_share": 0.1},
            "held_out_fold is a part of data",
        ),
        (
            {
                "held_out_fold": {"fold": 1, "folds": 3, "by_line": True},
                "group": "item",
            },
            "leave one out",
        ),
    ],
)
def test_contradictions(make_recipe, changes, said):
    with pytest.raises(RecipeError, match=said):
        make_recipe(**changes)
