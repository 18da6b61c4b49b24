"""What a study may say, and what is said of it before the first trial."""

import shutil
from pathlib import Path

import pytest

import xlm_tf
from xlm_tf.cli import main
from xlm_tf.text.vocabulary import train_vocabulary
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
            {"search": {"training.beta_1": {"choices": [b"bytes"]}}},
            "study.search.training.beta_1: values must be text, numbers, true",
        ),
        ({"trials": None}, "study.trials is missing, which random needs."),
        (
            {"search": {"training.beta_1": {"low": -(10**400), "high": 0.9}}},
            "study.search.training.beta_1.low: must be at least -2,147,483,647.",
        ),
        ({"output": "a\0b"}, "study.output: must be a path. Received: 'a\\x00b'."),
        ({"sampler": "grid"}, "study.sampler is grid, which needs `choices`"),
        ({"metric": "bleu"}, "early_stopping_metric must be one of"),
        ({"metric": "macro_f1/en", "languages": "worst"}, "study.languages is worst"),
        ({"set": {"training.stepz": 3}}, "recipe.training.stepz is unknown"),
        (
            {"set": {"training.learning_rate": 0.1}},
            "study.set and study.search both have training.learning_rate",
        ),
        ({"pruner": "best"}, "study.pruner must be"),
        ({"storage": "sqlite://"}, "study.storage must name a file by its whole path"),
        ({"storage": "sqlite:///x.db"}, "or gone with it. Received: sqlite:///x.db."),
        ({"storage": "sqlite:///:memory:"}, "study.storage must name a file by its"),
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


@pytest.mark.parametrize("training", [3, "x", [{}], True])
@pytest.mark.parametrize("changes", [{}, {"metric": "accuracy"}])
def test_a_recipe_whose_parts_are_none(write_study, training, changes):
    path = write_study({"training": training}, **changes)
    with pytest.raises(
        RecipeError, match=r"study\.yaml: .*recipe\.training "
    ) as raised:
        load_study(path)
    assert all(line.startswith(f"{path}: ") for line in raised.value.lines)


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


OF_TEXTS = {
    "task": None,
    "initial_model": None,
    "test": None,
    "vocabulary": "one.spm",
    "model": {
        "num_layers": 1,
        "num_heads": 2,
        "hidden_dim": 8,
        "intermediate_dim": 8,
        "language_embeddings": True,
    },
    "objectives": {"mlm": 1},
    "held_out": None,
    "training": {"steps": 4, "sequence_length": 16},
}


@pytest.fixture
def of_texts(tmp_path):
    """Changes of a recipe that make it a pretraining, of three vocabularies."""
    for language in ("en", "fr"):
        lines = [f"{language} word {number}" for number in range(300)]
        (tmp_path / f"{language}.txt").write_text("\n".join(lines))
    lines = [f"word {number}\tmot {number}" for number in range(300)]
    (tmp_path / "pairs.tsv").write_text("\n".join(lines))
    corpora = {"en": lambda: (f"en word {number}" for number in range(300))}
    train_vocabulary(corpora, 40, tmp_path / "one.spm")
    train_vocabulary(corpora, 35, tmp_path / "other.spm")
    shutil.copy(tmp_path / "one.spm", tmp_path / "copy.spm")
    pairs = {"source_language": "en", "target_language": "fr", "files": ["pairs.tsv"]}
    texts = {"en": ["en.txt"], "fr": ["fr.txt"]}
    return OF_TEXTS | {"data": {"monolingual": texts, "bitext": [pairs]}}


def choices(name, *values, **more):
    return {"search": {name: {"choices": list(values), **more}}}


@pytest.mark.parametrize(
    ("recipe", "changes", "said"),
    [
        ({}, choices("vocabulary", "one.spm", "other.spm"), "vocabulary: .* other tok"),
        ({}, choices("vocabulary", "one.spm", "copy.spm"), None),
        (
            {},
            choices("vocabulary", "one.spm", "other.spm") | {"metric": "accuracy"},
            "vocabulary: trials could not be compared by accuracy",
        ),
        (
            {},
            {"switches": {"size": ["small", "large"]}}
            | choices("vocabulary", "other.spm", when={"size": "small"}),
            "study.search.vocabulary: ",
        ),
        (
            {"objectives": {"mt": 1}},
            choices("vocabulary", "one.spm", "other.spm") | {"metric": "bleu"},
            None,
        ),
        (
            {"objectives": {"mt": 1}},
            choices("training.translated_texts", 10, 20) | {"metric": "chrf"},
            "translated_texts: .* other texts are translated",
        ),
        (
            {},
            choices("objectives", {"mlm": 1}, {"mlm": 1, "tlm": 1}),
            "objectives: .* mean of other objectives",
        ),
        (
            {},
            choices("objectives", {"mlm": 1}, {"mlm": 1, "tlm": 1})
            | {"metric": "perplexity/mlm/en"},
            None,
        ),
        ({"objectives": {"mlm": 1, "tlm": 1}}, choices("objectives.tlm", 0.5, 2), None),
        ({}, choices("training.selection_rate", 0.15, 0.3), "another share"),
        ({}, choices("training.selection_rate", 0.15, "0:0.3,2:0.1"), None),
        ({}, choices("training.sequence_length", 16, 32), None),
        (
            {"objectives": {"tlm": 1}},
            choices("training.sequence_length", 16, 32),
            "sequence_length: .* cut at other places",
        ),
        (
            {"objectives": {"dae": 1}},
            {"search": {"training.word_dropout": {"low": 0.1, "high": 0.5}}},
            "word_dropout: .* other noise",
        ),
        (
            {"vocabulary": None, "initial_model": "xlm_tiny", "model": {}},
            {
                "switches": {"begin": ["here", "there"]},
                "search": {
                    "initial_model": {"choices": [None], "when": {"begin": "there"}},
                    "vocabulary": {"choices": ["one.spm"], "when": {"begin": "there"}},
                    **{
                        f"model.{name}": {"choices": [8], "when": {"begin": "there"}}
                        for name in ("hidden_dim", "intermediate_dim")
                    },
                    "model.num_layers": {"choices": [1], "when": {"begin": "there"}},
                    "model.num_heads": {"choices": [1], "when": {"begin": "there"}},
                },
            },
            "study.search.initial_model and study.search.vocabulary: ",
        ),
    ],
)
def test_scores_that_do_not_compare(make_study, of_texts, recipe, changes, said):
    if said is None:
        make_study(of_texts | recipe, **changes)
        return
    with pytest.raises(RecipeError, match=said):
        make_study(of_texts | recipe, **changes)


def test_models_that_have_the_same_tokens_compare(make_study, of_texts, tmp_path):
    xlm_tf.XLMMaskedLM.from_preset("xlm_tiny").save_to_preset(tmp_path / "again")
    own = of_texts | {"vocabulary": None, "initial_model": "xlm_tiny", "model": {}}
    make_study(own, **choices("initial_model", "xlm_tiny", "again"))
    vocabulary = tmp_path / "again" / "assets" / "tokenizer" / "vocabulary.spm"
    shutil.copy(tmp_path / "one.spm", vocabulary)
    with pytest.raises(RecipeError, match=r"study\.search\.initial_model: .* tokens"):
        make_study(own, **choices("initial_model", "xlm_tiny", "again"))


@pytest.mark.parametrize("name", ["label", "tags", "tag_column", "answers"])
def test_other_answers_are_not_searched(write_study, name):
    with pytest.raises(RecipeError, match=f"{name} may not be: scores of other ans"):
        load_study(write_study(**choices(name, "a", "b")))
