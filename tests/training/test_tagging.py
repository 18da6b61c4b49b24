"""Tagging from a recipe: files of words, a run, and the commands after it."""

import json

import pytest
import yaml

import xlm_tf
from xlm_tf.cli import main
from xlm_tf.training.recipe_loader import RecipeError, load_recipe
from xlm_tf.training.tagging import TaggingData
from xlm_tf.training.task_finetuning import finetune_task

NAMES = ["Ada Byron", "Omar", "Zoé Martin", "Ivan", "Lin Wei"]
PLACES = ["London", "Paris", "Rome", "New York"]


def sentences():
    """Words and tags: list of pairs."""
    found = []
    for name in NAMES:
        for place in PLACES:
            for verb in ("lives in", "was in"):
                words, tags = [], []
                for text, kind in ((name, "PER"), (verb, None), (place, "LOC")):
                    for number, word in enumerate(text.split()):
                        words.append(word)
                        tags.append(f"{'I' if number else 'B'}-{kind}" if kind else "O")
                found.append((words, tags))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Sentences as CoNLL and as JSON lines."""
    path = tmp_path_factory.mktemp("tagged")
    blocks, lines = [], []
    for words, tags in sentences():
        blocks.append("".join(f"{w}\t{t}\n" for w, t in zip(words, tags, strict=True)))
        lines.append(json.dumps({"tokens": words, "tags": tags}))
    (path / "train.conll").write_text("\n".join(blocks), encoding="utf-8")
    (path / "test.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return path


def write_recipe(path, training=(), **changes):
    recipe = {
        "task": "tagging",
        "output": "run",
        "initial_model": "xlm_tiny",
        "data": [{"language": "en", "files": ["train.conll"]}],
        "held_out_share": 0.2,
        "test": [{"language": "fr", "files": ["test.jsonl"]}],
        "training": {
            "steps": 30,
            "batch_size": 16,
            "sequence_length": 32,
            "learning_rate": 0.002,
            "warmup_steps": 2,
            "evaluate_every": 15,
            "checkpoint_every": 5,
            **dict(training),
        },
        **changes,
    }
    (path / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return path / "recipe.yaml"


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    recipe = write_recipe(path)
    assert main(["finetune", str(recipe), "--data", str(folder), "--quiet"]) == 0
    return path / "run"


def test_a_run_leaves_a_tagger_and_its_scores(run):
    tagger = xlm_tf.load_task(run / "model")
    assert tagger.labels == ["O", "B-LOC", "B-PER", "I-LOC", "I-PER"]
    scores = json.loads((run / "test_scores.json").read_text())
    assert set(scores) == {"precision/fr", "recall/fr", "f1/fr"}
    assert scores["f1/fr"] > 0.9
    metrics = (run / "metrics.jsonl").read_text().splitlines()
    assert json.loads(metrics[-1])["mean/f1"] == json.loads(metrics[-1])["f1/en"]
    found = tagger.tag("Ada Byron lives in New York.")[0]
    assert [(x["type"], x["text"]) for x in found] == [
        ("PER", "Ada Byron"),
        ("LOC", "New York"),
    ]


def test_words_and_texts_are_predicted(run, folder, tmp_path, capsys):
    model = str(run / "model")
    output = tmp_path / "out.conll"
    assert (
        main(["predict", model, str(folder / "train.conll"), "--output", str(output)])
        == 0
    )
    assert output.read_text(encoding="utf-8").count("\n\n") == 40
    first = output.read_text(encoding="utf-8").splitlines()[:5]
    assert first == ["Ada\tB-PER", "Byron\tI-PER", "lives\tO", "in\tO", "London\tB-LOC"]
    (tmp_path / "lines.txt").write_text("Omar was in Rome\n\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["predict", model, str(tmp_path / "lines.txt")]) == 0
    one, two = map(json.loads, capsys.readouterr().out.splitlines())
    assert [x["text"] for x in one["entities"]] == ["Omar", "Rome"]
    assert two == {"entities": []}
    for arguments, message in [
        (["--words", "tags", "--text", "x"], "--text is not for"),
        (["--top-k", "2"], "--top-k is not for"),
        (["--format", "tsv"], "expected jsonl"),
    ]:
        assert main(["predict", model, str(folder / "test.jsonl"), *arguments]) == 2
        assert message in capsys.readouterr().err
    assert (
        main(["predict", model, str(folder / "test.jsonl"), "--words", "tokens"]) == 0
    )
    assert json.loads(capsys.readouterr().out.splitlines()[0])["tags"][0] == "B-PER"


def test_a_tagger_is_evaluated(run, folder, capsys):
    arguments = ["evaluate", str(run / "model"), "--data", f"fr={folder}/test.jsonl"]
    assert main(arguments) == 0
    assert "F1" in capsys.readouterr().out


@pytest.mark.slow
def test_a_stopped_run_goes_on_as_if_it_had_not(folder, tmp_path, stop_at):
    paths = {name: tmp_path / name for name in ("whole", "stopped")}
    for path in paths.values():
        path.mkdir()
    settings = {"training": {"steps": 6, "evaluate_every": 6}, "test": []}
    recipes = {
        name: load_recipe(write_recipe(path, **settings), folder)
        for name, path in paths.items()
    }
    expected = finetune_task(recipes["whole"], quiet=True)
    assert not stop_at(recipes["stopped"], 2).finished
    result = finetune_task(recipes["stopped"], quiet=True)
    assert result.finished
    assert result.held_out_scores == pytest.approx(expected.held_out_scores, abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"words": "tags"}, "different columns"),
        ({"group": "id"}, "recipe.group is of texts"),
        ({"training": {"early_stopping_metric": "bleu"}}, "must be one of f1"),
        ({"data": [{"language": "en", "files": ["a.csv"]}]}, "a file of"),
        ({"tags": "labels"}, r"recipe\.test\[0\]\.files: .*no column 'labels'"),
    ],
)
def test_wrong_recipes(folder, tmp_path, changes, message):
    (folder / "a.csv").write_text("x")
    path = write_recipe(tmp_path, **changes)
    with pytest.raises(RecipeError, match=message):
        load_recipe(path, folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ["O", "B-PER"]}, "tags that are none of the run's: B-LOC, I-LOC"),
        (
            {"training": {"early_stopping_metric": "accuracy"}},
            "must be one of f1, precision, recall for these tags",
        ),
    ],
)
def test_wrong_data(folder, tmp_path, changes, message):
    recipe = load_recipe(write_recipe(tmp_path, **changes), folder)
    with pytest.raises(ValueError, match=message):
        TaggingData(recipe)
