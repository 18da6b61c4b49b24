"""What a study may say, and what is said of it before the first trial."""

import datetime
from pathlib import Path

import pytest

from xlm_tf.cli import main
from xlm_tf.training.recipe_reading import RecipeError
from xlm_tf.tuning.search_space import Dimension
from xlm_tf.tuning.study_file import StudyFile, load_study


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"search": {"training.learning_rat": {"low": 0.1, "high": 0.2}}},
            "study.search.training.learning_rat: 0.1: recipe.training.learning_rat is "
            "unknown. Did you mean learning_rate?",
        ),
        (
            {"search": {"training.batch_size": {"low": 1.0, "high": 8.0}}},
            "study.search.training.batch_size: 1.5: recipe.training.batch_size",
        ),
        (
            {"search": {"training.batch_size": {"choices": [4, "many"]}}},
            'study.search.training.batch_size: "many": recipe.training.batch_size must',
        ),
        (
            {"search": {"training.dtype": {"choices": ["float32", "int8"]}}},
            'study.search.training.dtype: "int8": recipe.training.dtype must',
        ),
        (
            {"search": {"training.beta_1": {"low": 0.5, "high": 1.0}}},
            "study.search.training.beta_1: 1.0: recipe.training.beta_1 must be less",
        ),
        (
            {"search": {"training.beta_1": {"lo": 0.5, "high": 0.9}}},
            "study.search.training.beta_1.lo is unknown. Did you mean low?",
        ),
        (
            {"search": {"training.beta_1": {"low": 0.5}}},
            "study.search.training.beta_1: expected either `choices`, or `low` and",
        ),
        (
            {"search": {"training.seed": {"choices": [1, 2]}}},
            "study.search.training.seed may not be: study.seeds repeats",
        ),
        (
            {"search": {"data": {"choices": [1, 2]}}},
            "study.search.data may not be: scores of other texts",
        ),
        (
            {"search": {"training.steps.more": {"choices": [1, 2]}}},
            "recipe.training.steps has no fields",
        ),
        (
            {
                "search": {
                    "training.lora_rank": {
                        "choices": [2, 4],
                        "when": {"method": "lora"},
                    }
                }
            },
            "study.search.training.lora_rank.when: method must stand before it",
        ),
        (
            {
                "switches": {"method": ["full", "lora"]},
                "search": {
                    "training.lora_rank": {"choices": [2], "when": {"method": "lorra"}}
                },
            },
            'method must be of ["full", "lora"]. Received: "lorra".',
        ),
        (
            {"switches": {"method": ["full", "lora"]}},
            "study.switches.method decides nothing",
        ),
        (
            {
                "switches": {"training.dtype": ["float32", "mixed_bfloat16"]},
                "search": {
                    "training.beta_1": {
                        "choices": [0.8, 0.9],
                        "when": {"training.dtype": "float32"},
                    }
                },
            },
            "study.switches.training.dtype is a field of the recipe",
        ),
        (
            {
                "switches": {"method": ["full", "lora"]},
                "search": {
                    "training.beta_1": {"choices": [0.8], "when": {"method": "full"}},
                    "training.lora_rank": {
                        "choices": [2],
                        "when": {"training.beta_1": 0.8, "method": "lora"},
                    },
                },
            },
            "study.search.training.lora_rank.when never holds: no value of method",
        ),
        (
            {"search": {"training": {"choices": [{"steps": 4}, {"steps": 6}]}}},
            "study.search.training would hide training.seed. Name its fields",
        ),
        (
            {"set": {"model": {}}, "search": {"model.dropout": {"choices": [0.1]}}},
            "study.set.model would hide model.dropout.",
        ),
        (
            {"search": {"training.batch_size": {"low": 2, "high": 8, "step": 0.5}}},
            "study.search.training.batch_size: 2.0: recipe.training.batch_size must",
        ),
        (
            {"search": {"training.beta_1": {"low": "a", "high": 1}}},
            "study.search.training.beta_1.low must be a valid number. Received: 'a'.",
        ),
        (
            {"search": {"training.beta_1": {"choices": [datetime.date(2020, 1, 1)]}}},
            "study.search.training.beta_1: values must be text, numbers, true",
        ),
        ({"trials": None}, "study.trials is missing, which random needs."),
        ({"sampler": "grid"}, "study.sampler is grid, which needs `choices`"),
        ({"metric": "bleu"}, "early_stopping_metric must be one of"),
        ({"metric": "macro_f1/en", "languages": "worst"}, "study.languages is worst"),
        ({"set": {"training.stepz": 3}}, "recipe.training.stepz is unknown"),
        (
            {"set": {"training.learning_rate": 0.1}},
            "study.set and study.search both have training.learning_rate",
        ),
        ({"pruner": "best"}, "study.pruner must be"),
        ({"seeds": [1, 1]}, "repeats"),
        ({"recipe": "recip.yaml"}, "There is no recipe recip.yaml"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(write_study, capsys, changes, said):
    path = write_study(**changes)
    if "1.5" in said:
        text = path.read_text().replace("low: 1.0", "low: 1.5")
        path.write_text(text)
    assert main(["tune", str(path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert said in lines[0]
    assert not (path.parent / "study").exists()


@pytest.mark.parametrize("metric", ["accuracy/en", "mean/perplexity"])
def test_the_worst_language_of_a_metric(make_study, tmp_path, metric):
    recipe = {"training": {"steps": 4, "early_stopping_metric": metric}}
    if metric.startswith("mean/"):
        (tmp_path / "en.txt").write_text("A line.\n")
        (tmp_path / "fr.txt").write_text("Une ligne.\n")
        texts = {"monolingual": {"en": ["en.txt"], "fr": ["fr.txt"]}}
        recipe |= {"task": None, "data": texts, "held_out": texts, "test": None}
        recipe |= {"objectives": {"mlm": 1}}
        assert make_study(recipe, languages="worst").metric == metric
        return
    # Of one language, as the recipe has it.
    with pytest.raises(RecipeError, match="languages is worst, and the metric is of"):
        make_study(recipe, languages="worst")


def test_a_value_that_only_some_others_allow_is_no_error(make_study):
    study = make_study(
        search={
            "training.freeze_embeddings": {"choices": [False, True]},
            "training.lora_rank": {
                "choices": [None, 2],
                "when": {"training.freeze_embeddings": False},
            },
        }
    )
    assert study.space.grid() == [
        {"training.freeze_embeddings": False, "training.lora_rank": None},
        {"training.freeze_embeddings": False, "training.lora_rank": 2},
        {"training.freeze_embeddings": True},
    ]


def test_a_value_that_none_allows_is_one(write_study):
    path = write_study(
        set={"training.freeze_embeddings": True},
        search={"training.lora_rank": {"choices": [None, 2]}},
    )
    with pytest.raises(RecipeError, match=r"lora_rank: 2: .*leave freeze_embeddings"):
        load_study(path)


def test_a_recipe_of_the_package_and_seeds_of_its_own(write_study):
    path = write_study({"training": {"steps": 4, "seeds": [1, 2]}})
    with pytest.raises(RecipeError, match=r"study\.seeds has them"):
        load_study(path)


def test_arguments_stand_in_place_of_the_file(write_study, tmp_path):
    path = write_study()
    study = load_study(path, output=tmp_path / "other", trials=7)
    assert study.output == tmp_path / "other"
    assert study.settings.trials == 7
    with pytest.raises(FileNotFoundError, match="There is no data folder at"):
        load_study(path, data_folder=tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="There is no study at"):
        load_study(tmp_path / "none.yaml")


def test_every_field_is_in_the_guide():
    guide = Path(__file__).parents[2] / "docs" / "tuning.md"
    text = guide.read_text(encoding="utf-8")
    for name in [*StudyFile.model_fields, *Dimension.model_fields]:
        assert f"`{name}`" in text, name


def test_folds_beyond_all_use_are_refused_at_once(write_study):
    """A run of every fold is listed, which took all of the memory."""
    for folds in (1, 1001, 10**9):
        with pytest.raises(RecipeError, match=r"cross_validation\.folds must be"):
            load_study(write_study(cross_validation={"folds": folds}))
