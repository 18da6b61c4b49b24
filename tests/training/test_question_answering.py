"""Question answering from a recipe: SQuAD's files, a run, and the commands after it."""

import json

import numpy as np
import pytest
import yaml

import xlm_tf
from xlm_tf.cli import main
from xlm_tf.training.question_answering import QuestionAnsweringData
from xlm_tf.training.recipe_loader import RecipeError, load_recipe
from xlm_tf.training.task_finetuning import finetune_task

NAMES = ["Ada", "Omar", "Zoé", "Ivan", "Lin"]
PLACES = ["London", "Paris", "Rome", "Cairo"]


def questions():
    """Rows in the form of JSON lines; a third have no answer."""
    rows = []
    for number in range(60):
        name, place = NAMES[number % 5], PLACES[number % 4]
        context = f"Some text é. {name} lives in {place}. " + "More text. " * (
            number % 9
        )
        start = context.index(place)
        answers = [{"text": place, "start": start}]
        if number % 3 == 2:
            context, answers = context.replace(place, "it"), []
        rows.append(
            {
                "id": f"q{number}",
                "title": f"t{number // 6}",
                "question": f"Where does {name} live?",
                "context": context,
                "answers": answers,
            }
        )
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("questions")
    lines = [json.dumps(row) for row in questions()]
    for language in ("en", "fr"):
        (path / f"{language}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    paragraphs = [
        {
            "context": row["context"],
            "qas": [{key: row[key] for key in ("id", "question", "answers")}],
        }
        for row in questions()[:5]
    ]
    for paragraph in paragraphs:
        for answer in paragraph["qas"][0]["answers"]:
            answer["answer_start"] = answer.pop("start")
    squad = {"version": "v2.0", "data": [{"title": "x", "paragraphs": paragraphs}]}
    (path / "squad.json").write_text(json.dumps(squad), encoding="utf-8")
    return path


def write_recipe(path, training=(), **changes):
    recipe = {
        "task": "question_answering",
        "output": "run",
        "initial_model": "xlm_tiny",
        "data": [{"language": "en", "files": ["en.jsonl"]}],
        "held_out_share": 0.2,
        "test": [{"language": x, "files": [f"{x}.jsonl"]} for x in ("en", "fr")],
        "group": "title",
        "test_share": 0.3,
        "no_answer_threshold": 0.0,
        "training": {
            "steps": 10,
            "batch_size": 16,
            "sequence_length": 48,
            "overlap": 8,
            "learning_rate": 0.001,
            "warmup_steps": 2,
            "evaluate_every": 10,
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


def test_groups_are_on_one_side(folder, tmp_path):
    data = QuestionAnsweringData(load_recipe(write_recipe(tmp_path), folder))
    groups = {
        part: {row["group"] for row in getattr(data, part)}
        for part in ("train", "held_out", "test")
    }
    assert [len(own) for own in groups.values()] == [6, 1, 3]
    assert len(set.union(*groups.values())) == 10
    assert {row["language"] for row in data.test} == {"en", "fr"}
    assert len(data.test) == 2 * 18


def test_windows_have_the_answers_of_their_questions(folder, tmp_path):
    data = QuestionAnsweringData(load_recipe(write_recipe(tmp_path), folder))
    model = data.build_model()
    windows = data._windows(model.preprocessor)
    assert len(windows["positions"]) > len(data.train)
    tokenizer = model.preprocessor.tokenizer
    found = {
        tokenizer.decode(ids[first : last + 1])
        for ids, (first, last) in zip(
            windows["token_ids"], windows["positions"], strict=True
        )
        if first
    }
    assert found == set(PLACES)
    batches = list(data.train_batches(model).take(3))
    for inputs, positions, weights in batches:
        assert inputs["token_ids"].shape == inputs["padding_mask"].shape
        assert positions.shape == (16, 2)
        assert weights.numpy().tolist() == [1.0] * 16
        assert np.asarray(inputs["padding_mask"]).any(0)[-16:].any()


def test_a_run_leaves_a_model_and_its_scores(run):
    model = xlm_tf.load_task(run / "model")
    assert model.no_answer_threshold == 0.0
    scores = json.loads((run / "test_scores.json").read_text())
    assert set(scores) == {f"{m}/{x}" for m in ("exact", "f1") for x in ("en", "fr")}
    assert scores["f1/en"] == scores["f1/fr"]
    assert "no answer at all" in (run / "test" / "report.md").read_text()
    metrics = (run / "metrics.jsonl").read_text().splitlines()
    assert 0 <= json.loads(metrics[-1])["mean/f1"] <= 1


def test_questions_are_answered_and_evaluated(run, folder, tmp_path, capsys):
    model = str(run / "model")
    output = tmp_path / "answers.json"
    squad = str(folder / "squad.json")
    assert main(["predict", model, squad, "--output", str(output)]) == 0
    assert set(json.loads(output.read_text())) == {f"q{n}" for n in range(5)}
    capsys.readouterr()
    assert main(["predict", model, str(folder / "en.jsonl"), "--top-k", "2"]) == 0
    lines = list(map(json.loads, capsys.readouterr().out.splitlines()))
    assert [own["id"] for own in lines] == [f"q{n}" for n in range(60)]
    for own, row in zip(lines, questions(), strict=True):
        for answer in own["answers"]:
            place = row["context"][answer["start"] : answer["end"]]
            assert place == answer["answer"]
    table = "question,context\nWho?,Omar lives here.\n,x\n"
    (tmp_path / "a.csv").write_text(table)
    arguments = ["predict", model, str(tmp_path / "a.csv"), "--format", "tsv"]
    assert main(arguments) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    named = "id,question,context\na,Who?,Omar.\n,Who?,Ada.\na,Who?,Bo.\n"
    (tmp_path / "b.csv").write_text(named)
    assert main(["predict", model, str(tmp_path / "b.csv")]) == 0
    lines = list(map(json.loads, capsys.readouterr().out.splitlines()))
    assert [own.get("id") for own in lines[:2]] == ["a", "3"]
    assert "the id is that of line 2" in lines[2]["error"]
    columns = ["--question", "q", "--context", "text"]
    (tmp_path / "c.tsv").write_text("q\ttext\nWho?\tOmar.\n")
    (tmp_path / "c.jsonl").write_text('{"q": "Who?", "text": "Omar."}\n')
    for name in ("c.tsv", "c.jsonl"):
        assert main(["predict", model, str(tmp_path / name), *columns]) == 0
        assert "answer" in json.loads(capsys.readouterr().out)
    for arguments, message in [
        ([], "name a file of SQuAD's"),
        ([str(folder / "en.jsonl"), "--text", "x"], "--text is not for"),
        ([str(folder / "en.jsonl"), "--context", "x"], "x"),
        ([str(folder / "en.jsonl"), "--format", "conll"], "expected jsonl or tsv"),
    ]:
        assert main(["predict", model, *arguments]) == 2
        assert message in capsys.readouterr().err
    assert main(["evaluate", model, "--data", f"en={folder}/en.jsonl"]) == 0
    assert "exact match" in capsys.readouterr().out


@pytest.mark.slow
def test_parts_of_a_batch_make_the_update_of_the_whole(folder, tmp_path):
    weights = []
    for parts in (1, 3):
        path = tmp_path / str(parts)
        path.mkdir()
        training = {"steps": 2, "accumulation_steps": parts}
        model = {"dropout": 0.0, "attention_dropout": 0.0}
        recipe = write_recipe(
            path, training=training, model=model, test=[], test_share=None
        )
        result = finetune_task(load_recipe(recipe, folder), quiet=True)
        loaded = xlm_tf.load_task(result.model)
        weights.append(loaded.span_dense.get_weights()[0])
    np.testing.assert_allclose(weights[0], weights[1], atol=2e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"group": None}, "test_share is a share of groups"),
        ({"group": "nothing"}, r"recipe\.data\[0\]\.files: .*nothing"),
        ({"training": {"label_smoothing": 0.1}}, "label_smoothing must be 0"),
        ({"training": {"early_stopping_metric": "accuracy"}}, "must be one of exact"),
    ],
)
def test_wrong_recipes(folder, tmp_path, changes, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe(write_recipe(tmp_path, **changes), folder)
