"""What a study may say, and what is said of it before the first trial."""

from pathlib import Path

import pytest

from xlm_tf.cli import main
from xlm_tf.training.recipe_loader import RecipeError
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
    if changes.get("search", {}).get("training.batch_size", {}).get("low"):
        text = path.read_text().replace("low: 1.0", "low: 1.5")
        path.write_text(text)
    assert main(["tune", str(path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert said in lines[0]
    assert not (path.parent / "study").exists()


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
