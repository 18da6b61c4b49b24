"""Whole runs of a classifier: from tables to scores by language and the commands."""

import itertools
import json
import os

import datasets
import numpy as np
import pytest
import yaml

import xlm_tf
from xlm_tf.cli import main
from xlm_tf.training.classification import ClassificationData
from xlm_tf.training.recipe_loader import RecipeError, load_recipe
from xlm_tf.training.task_finetuning import finetune_task

GOOD = {"en": "good fine nice great", "fr": "bon bien beau super"}
BAD = {"en": "bad poor ugly awful", "fr": "mauvais nul laid affreux"}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """A folder of small tables, some rows of which cannot be used."""
    folder = tmp_path_factory.mktemp("tables")
    random = np.random.default_rng(0)
    for language in GOOD:
        rows = []
        for number in range(120):
            label = ("negative", "positive")[number % 2]
            words = ((BAD, GOOD)[number % 2])[language].split()
            text = " ".join([*random.choice(words, 3), str(number)])
            rows.append({"tweet": text, "class": label, "lang": language})
        for part, own in (("train", rows[:80]), ("val", rows[80:100])):
            lines = [f"{row['class']}\t{row['tweet']}" for row in own]
            text = "\n".join(["class\ttweet", *lines, "positive"])
            (folder / f"{part}.{language}.tsv").write_text(text, encoding="utf-8")
        with (folder / "test.jsonl").open("a", encoding="utf-8") as file:
            for row in rows[100:]:
                print(json.dumps(row), file=file)
    return folder


def write_recipe(folder, name="recipe.yaml", training=(), **changes):
    recipe = {
        "task": "classification",
        "output": "run",
        "initial_model": "xlm_tiny",
        "data": [{"language": "en", "files": ["train.en.tsv"]}],
        "held_out": [{"language": "en", "files": ["val.en.tsv"]}],
        "test": [{"language_column": "lang", "files": ["test.jsonl"]}],
        "text": "tweet",
        "label": "class",
        "training": {
            "steps": 24,
            "batch_size": 16,
            "sequence_length": 32,
            "learning_rate": 2e-3,
            "warmup_steps": 2,
            "evaluate_every": 8,
            "checkpoint_every": 5,
            **dict(training),
        },
        **changes,
    }
    path = folder / name
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(tables, tmp_path_factory):
    """The folder of a finished run, made by the command."""
    folder = tmp_path_factory.mktemp("run")
    recipe = write_recipe(folder)
    arguments = ["finetune", str(recipe), "--data", str(tables), "--quiet"]
    assert main(arguments) == 0
    return folder / "run"


def test_a_dataset_by_name_instead_of_files(tables, tmp_path):
    rows = datasets.load_dataset(
        "csv", data_files=str(tables / "train.fr.tsv"), sep="\t", split="train[:80]"
    )
    rows = rows.class_encode_column("class")
    rows.to_parquet(str(tmp_path / "french" / "train-00000-of-00001.parquet"))
    # It starts where files do, in the folder of the data.
    name = os.path.relpath(tmp_path / "french", tables)
    french = {"name": name, "split": "train[:40]"}
    data = [{"language": "fr", "dataset": french}]
    recipe = load_recipe(write_recipe(tmp_path, data=data), tables)
    read = ClassificationData(recipe)
    assert len(read.train) == 40
    assert read.labels == ["negative", "positive"]
    assert {row["language"] for row in read.train} == {"fr"}
    for wrong, message in (
        ([{**data[0], "files": ["train.fr.tsv"]}], "either `files` or `dataset`"),
        ([{"language": "fr"}], "either `files` or `dataset`"),
        ([{"language": "fr", "files": []}], "must have 1 or more entries"),
        (data * 2, "repeats"),
        ([{"language": "fr", "dataset": {"split": "train"}}], "name"),
        ([{"language": "fr", "dataset": {"name": "french"}}], "there is no folder"),
        ([{"language": "fr", "dataset": {"name": "./x"}}], "the hub is OWNER/NAME"),
    ):
        with pytest.raises(RecipeError, match=message):
            load_recipe(write_recipe(tmp_path, data=wrong), tables)


def test_a_run_leaves_its_model_curves_and_report(run):
    lines = (run / "metrics.jsonl").read_text().splitlines()
    metrics = [json.loads(line) for line in lines]
    assert [own["step"] for own in metrics] == [8, 16, 24]
    assert {"accuracy/en", "macro_f1/en", "mean/macro_f1"} <= set(metrics[0])
    scores = json.loads((run / "test_scores.json").read_text())
    assert set(scores) == {
        f"{metric}/{language}"
        for metric in ("accuracy", "macro_f1")
        for language in ("en", "fr")
    }
    assert scores["accuracy/en"] > 0.9
    report = (run / "test" / "report.md").read_text(encoding="utf-8")
    assert "| en | 20 |" in report
    assert "trained on" in report
    model = xlm_tf.XLMTextClassifier.from_preset(run / "model")
    assert model.labels == ["negative", "positive"]
    assert model.classify("great nice good")[0][0][0] == "positive"


def test_started_again_it_is_finished(run, tables):
    before = (run / "model" / "model.weights.h5").stat().st_mtime_ns
    recipe = str(run.parent / "recipe.yaml")
    assert main(["finetune", recipe, "--data", str(tables)]) == 0
    assert (run / "model" / "model.weights.h5").stat().st_mtime_ns == before


def assert_same_weights(*models):
    one, other = (
        xlm_tf.XLMTextClassifier.from_preset(path).get_weights() for path in models
    )
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(b, a, atol=1e-6)


@pytest.mark.slow
def test_an_interrupted_run_ends_with_the_weights_of_a_whole_one(
    run, tables, tmp_path, stop_at
):
    recipe = load_recipe(write_recipe(tmp_path), tables)
    result = stop_at(recipe, 11)
    assert (result.step, result.finished, result.test_scores) == (11, False, None)
    result = finetune_task(recipe, quiet=True)
    assert (result.step, result.finished) == (24, True)
    assert_same_weights(run / "model", result.model)


@pytest.mark.slow
def test_seeds_are_runs_of_their_own_that_resume(tables, tmp_path, stop_at):
    training = {
        "steps": 6,
        "evaluate_every": 6,
        "accumulation_steps": 2,
        "layer_decay": 0.5,
        "head_learning_rate": 4e-3,
        "label_smoothing": 0.1,
        "freeze_embeddings": True,
        "dtype": "mixed_bfloat16",
    }
    alone = write_recipe(tmp_path, training={**training, "seed": 7}, output="alone")
    expected = finetune_task(load_recipe(alone, tables), quiet=True)
    path = write_recipe(tmp_path, training={**training, "seeds": [3, 7]})
    recipe = load_recipe(path, tables)
    result = stop_at(recipe, 6 + 4)  # in the second run
    assert [own.step for own in result.runs] == [6, 4]
    assert (result.finished, result.scores) == (False, None)
    assert not (tmp_path / "run" / "seeds.json").exists()
    result = finetune_task(recipe, quiet=True)
    assert result.finished
    assert_same_weights(expected.model, tmp_path / "run" / "seed-7" / "model")
    own = result.scores["accuracy/fr"]
    values = [x.test_scores["accuracy/fr"] for x in result.runs]
    assert own["values"] == values
    assert values[1] == expected.test_scores["accuracy/fr"]
    assert own["mean"] == pytest.approx(np.mean(values))
    assert own["deviation"] == pytest.approx(np.std(values, ddof=1))
    assert json.loads((tmp_path / "run" / "seeds.json").read_text()) == {
        "seeds": [3, 7],
        "scores": result.scores,
    }
    table = (tmp_path / "run" / "seeds.md").read_text(encoding="utf-8")
    assert f"| fr | {100 * own['mean']:.1f} ± {100 * own['deviation']:.1f} |" in table
    assert "| mean |" in table

    # Other seeds go on; another training is another run.
    path = write_recipe(tmp_path, training={**training, "seeds": [7, 3]})
    again = finetune_task(load_recipe(path, tables), quiet=True)
    assert again.scores["accuracy/fr"]["values"] == values[::-1]
    for changed in ({"seeds": [3, 7], "layer_decay": 0.4}, {"seed": 3}):
        path = write_recipe(tmp_path, training={**training, **changed})
        with pytest.raises(ValueError, match="holds a run of another recipe"):
            finetune_task(load_recipe(path, tables), quiet=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "training",
    [
        {"freeze_layers": 1, "class_weight": "balanced"},
        {"lora_rank": 2, "dtype": "mixed_bfloat16"},
    ],
    ids=["frozen", "lora"],
)
def test_parts_that_are_not_trained(tables, tmp_path, training):
    path = write_recipe(tmp_path, training={"steps": 8, **training}, test=[])
    result = finetune_task(load_recipe(path, tables), quiet=True)
    assert result.test_scores is None
    trained = xlm_tf.XLMTextClassifier.from_preset(result.model).backbone
    initial = xlm_tf.XLMBackbone.from_preset("xlm_tiny")
    pairs = {
        "embeddings": (trained.embeddings, initial.embeddings),
        "first": (trained.encoder_blocks[0], initial.encoder_blocks[0]),
        "last": (trained.encoder_blocks[-1], initial.encoder_blocks[-1]),
    }
    changed = {
        name: any(
            not np.array_equal(one, other)
            for one, other in zip(a.get_weights(), b.get_weights(), strict=True)
        )
        for name, (a, b) in pairs.items()
    }
    lora = "lora_rank" in training
    assert changed == {"embeddings": False, "first": lora, "last": True}


@pytest.mark.slow
def test_embeddings_of_the_data_are_trained_as_all_would_be(tables, tmp_path):
    models = []
    for used in (False, True):
        training = {"steps": 8, "weight_decay": 0.0, "train_used_embeddings": used}
        folder = tmp_path / str(used)
        folder.mkdir()
        path = write_recipe(folder, training=training, test=[])
        result = finetune_task(load_recipe(path, tables), quiet=True)
        models.append(xlm_tf.XLMTextClassifier.from_preset(result.model))
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_batches_are_every_text_once_in_an_order_of_each_epoch(tables, tmp_path):
    path = write_recipe(tmp_path, held_out=None, held_out_share=0.25)
    data = ClassificationData(load_recipe(path, tables))
    assert (len(data.train), len(data.held_out)) == (60, 20)
    held_out = {row["text"] for row in data.held_out}
    assert not held_out & {row["text"] for row in data.train}

    def epochs(skipped=0):
        batches = data.train_batches(None).skip(skipped).take(30 - skipped)
        return [text for x, _, _ in batches for text in x["text"].numpy().tolist()]

    texts = epochs()
    assert sorted(texts[:60]) == sorted(texts[60:120])
    assert texts[:60] != texts[60:120]
    assert len(set(texts[:60])) == 60
    assert epochs(7) == texts[7 * 16 :]
    settings = {"group_by_length": True, "batch_size": 16}
    path = write_recipe(tmp_path, held_out=None, held_out_share=0.25, training=settings)
    data = ClassificationData(load_recipe(path, tables))
    texts = epochs()
    for begin in (0, 48):  # 3 batches an epoch, 12 of the 60 texts are left out
        epoch = texts[begin : begin + 48]
        assert len(set(epoch)) == 48
        batches = [[len(x) for x in epoch[i : i + 16]] for i in (0, 16, 32)]
        for shorter, longer in itertools.pairwise(sorted(batches)):
            assert max(shorter) <= min(longer)
    assert texts[:48] != texts[48:96]
    assert epochs(7) == texts[7 * 16 :]


def test_languages_are_drawn_alike(tables, tmp_path):
    training = {"language_alpha": 0.0, "batch_size": 10}
    data = [
        {"language": "en", "files": ["train.en.tsv"]},
        {"language": "xx", "files": [str(tmp_path / "few.tsv")]},
    ]
    few = "tweet\tclass\n" + "".join(f"few {i}\tgood\n" for i in range(4))
    (tmp_path / "few.tsv").write_text(few, encoding="utf-8")
    path = write_recipe(tmp_path, data=data, training=training)
    data = ClassificationData(load_recipe(path, tables))
    assert sum(row["language"] == "xx" for row in data.train) == 4
    size = len(data.train) // 10 * 10
    batches = data.train_batches(None).take(size // 10)
    texts = [text for x, _, _ in batches for text in x["text"].numpy().tolist()]
    share = sum(text.startswith(b"few ") for text in texts) / len(texts)
    assert share == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"held_out": None}, "held_out, rows that choose the best model"),
        ({"labels": ["a"]}, "recipe.labels"),
        ({"text": "class"}, "different columns"),
        ({"data": [{"files": ["train.en.tsv"]}]}, "`language` or `language_column`"),
        ({"data": [{"language": "en", "files": ["recipe.yaml"]}]}, "a file of"),
        ({"training": {"accumulation_steps": 17}}, "a text for each of accumulation"),
        ({"training": {"early_stopping_metric": "bleu"}}, "early_stopping_metric"),
        ({"training": {"lora_rank": 2, "freeze_layers": 1}}, "lora_rank"),
        ({"training": {"label_smooth": 0.1}}, "label_smooth is unknown"),
        ({"task": "classify"}, r"recipe\.task must be.*Did you mean classification\?"),
        ({"task": None}, r"recipe\.task must be one of.*Received: None"),
        (
            {"text": "text"},
            r"recipe\.data\[0\]\.files: .*train\.en\.tsv has no column 'text'.*'tweet'",
        ),
        (
            {"test": [{"language_column": "language", "files": ["test.jsonl"]}]},
            r"recipe\.test\[0\]\.files: .*test\.jsonl has no column 'language'",
        ),
        (
            {"test": [{"language": "en", "files": ["val.fr.tsv", "./val.fr.tsv"]}]},
            r"recipe\.test\[0\] repeats a file of \[0\]: it would count twice",
        ),
        (
            {"held_out": [{"language": x, "files": ["val.fr.tsv"]} for x in GOOD]},
            r"recipe\.held_out\[1\] repeats a file of \[0\]",
        ),
    ],
)
def test_wrong_recipes(tables, tmp_path, changes, message):
    (tables / "recipe.yaml").write_text("x")
    path = write_recipe(tmp_path, **changes)
    with pytest.raises(RecipeError, match=message):
        load_recipe(path, tables)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ["x", "y"]}, "classes that are none of the run's: negative"),
        ({"training": {"early_stopping_metric": "accuracy/de"}}, "held out are: en"),
    ],
)
def test_wrong_data(tables, tmp_path, changes, message):
    recipe = load_recipe(write_recipe(tmp_path, **changes), tables)
    with pytest.raises(ValueError, match=message):
        ClassificationData(recipe)


def write_languages(path, languages):
    lines = [f"{language}\tx\ttext {n}" for n, language in enumerate(languages)]
    path.write_text("\n".join(["lang\tclass\ttweet", *lines]), encoding="utf-8")


def test_spellings_of_a_language_are_one(tables, tmp_path):
    write_languages(tmp_path / "a.tsv", ["eng", "FR", "fr_FR", "fr"])
    entry = {"language_column": "lang", "files": [str(tmp_path / "a.tsv")]}
    metric = {"early_stopping_metric": "accuracy/EN"}
    english = {"language": "en", "files": ["train.en.tsv"]}
    path = write_recipe(
        tmp_path,
        data=[entry, english],
        labels=["x", "negative", "positive"],
        training=metric,
        test=[],
    )
    data = ClassificationData(load_recipe(path, tables))
    assert [row["language"] for row in data.train[:4]] == ["en", "FR", "fr_FR", "FR"]
    assert data.metric == "accuracy/en"


def test_a_language_of_one_text(tables, tmp_path):
    write_languages(tmp_path / "a.tsv", ["en"] * 9 + ["sw"])
    entry = {"language_column": "lang", "files": [str(tmp_path / "a.tsv")]}
    changes = {"data": [entry], "test": [], "labels": ["x", "y"]}
    share = {"held_out": None, "held_out_share": 0.2}
    path = write_recipe(tmp_path, **changes, **share)
    with pytest.raises(ValueError, match="has one alone: sw"):
        ClassificationData(load_recipe(path, tables))
    write_languages(tmp_path / "b.tsv", ["en"] * 9 + ["sw"])
    lines = (tmp_path / "b.tsv").read_text().splitlines()
    (tmp_path / "b.tsv").write_text("\n".join([lines[0], *lines[-2:]]))
    held_out = [{**entry, "files": [str(tmp_path / "b.tsv")]}]
    path = write_recipe(tmp_path, **changes, held_out=held_out)
    data = ClassificationData(load_recipe(path, tables))
    assert (len(data.train), data.untrained) == (8, ["sw"])


def test_predict_refuses_before_it_loads(run, tables, tmp_path, capsys, monkeypatch):
    def load(name):
        raise AssertionError("the weights are read")

    monkeypatch.setattr("xlm_tf.models.loading.load_task", load)
    (tmp_path / "latin.txt").write_bytes(b"\xe7a\n")
    table = str(tables / "val.en.tsv")
    for arguments, message in (
        (["missing.csv"], "missing.csv"),
        (["missing.txt"], "no file missing.txt"),
        ([str(tmp_path / "latin.txt")], "line 1: not UTF-8"),
        ([table], "no column 'text'"),
        ([table, "--text", "tweet", "--encoding", "latin-1"], "--encoding is of lines"),
        ([str(tmp_path / "latin.txt"), "--text", "x"], "--text is a column of a table"),
        (["--text-pair", "x"], "--text-pair is a column of a table"),
    ):
        assert main(["predict", str(run / "model"), *arguments]) == 2
        assert message in capsys.readouterr().err


def test_predict_answers_rows_without_a_text_and_refuses_languages(
    run, tmp_path, capsys
):
    path = tmp_path / "a.jsonl"
    rows = [{"text": "great"}, {"other": "nice"}, {"text": None}, {"text": ""}]
    path.write_text("\n".join(map(json.dumps, rows)))
    arguments = ["predict", str(run / "model"), str(path)]
    assert main(arguments) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert ["error" in answer for answer in answers] == [False, True, True, False]
    assert answers[1]["error"] == "line 2: no 'text'"
    assert main([*arguments, "--language", "en"]) == 2
    assert "reads every language alike" in capsys.readouterr().err


@pytest.mark.slow
def test_evaluate(run, tables, tmp_path, capsys):
    arguments = ["evaluate", str(run / "model"), "--text", "tweet", "--label", "class"]
    data = ["--data", str(tables / "test.jsonl"), "--language-column", "lang"]
    output = ["--trained-on", "en", "--output", str(tmp_path / "report")]
    against = ["--against", str(run / "model")]
    assert main([*arguments, *data, *output, *against]) == 0
    printed = capsys.readouterr().out
    assert "trained on" in printed
    assert "1.000" in printed  # a model against itself
    scores = json.loads((tmp_path / "report" / "scores.json").read_text())
    expected = json.loads((run / "test_scores.json").read_text())
    for language, own in scores["languages"].items():
        assert own["accuracy"]["value"] == expected[f"accuracy/{language}"]
    entry = f"fr={tables / 'val.fr.tsv'}"
    assert main([*arguments, "--data", entry]) == 0
    captured = capsys.readouterr()
    assert "1 broken lines" in captured.err
    for wrong, message in (
        (["--data", str(tables / "test.jsonl")], "names no language"),
        (["--data", entry, "--trained-on", "de"], "no such examples"),
        (["--data", entry, "--label", "tweet"], "different columns"),
        (["--data", entry, "--text", "class", "--label", "tweet"], "does not have"),
        (["--data", entry, "--output", str(tables / "val.fr.tsv")], "is a file"),
        (["--data", entry, "--output", str(run / "model")], "folder of the model"),
    ):
        assert main([*arguments, *wrong]) == 2
        assert message in capsys.readouterr().err


@pytest.mark.slow
def test_predict(run, tables, tmp_path, capsys):
    model = str(run / "model")
    classifier = xlm_tf.XLMTextClassifier.from_preset(model)
    lines = ["great nice", "", "awful " * 20, "ça"]
    (tmp_path / "texts.txt").write_text("\n".join(lines), encoding="utf-8")
    assert main(["predict", model, str(tmp_path / "texts.txt")]) == 0
    answers = [json.loads(x) for x in capsys.readouterr().out.splitlines()]
    expected = classifier.classify(lines)
    for answer, own in zip(answers, expected, strict=True):
        assert answer["label"] == own[0][0]
        assert answer["probabilities"] == pytest.approx(dict(own), abs=1e-5)

    table = tables / "val.en.tsv"  # its last row is broken
    output = tmp_path / "answers.tsv"
    arguments = ["predict", model, str(table), "--text", "tweet", "--output"]
    assert main([*arguments, str(output)]) == 0
    rows = [x.split("\t") for x in output.read_text().split("\n")[:-1]]
    assert len(rows) == 21
    assert rows[0][0] == "negative"
    assert rows[-1] == ["", ""]
    output = tmp_path / "answers.jsonl"
    assert main([*arguments, str(output), "--top-k", "1", "--batch-size", "3"]) == 0
    last = json.loads(output.read_text().splitlines()[-1])
    assert "line 22: 1 columns" in last["error"]

    for wrong, message in (
        (["--text-pair", "x"], "no column 'x'"),
        (["--text", "x"], "no column 'x'"),
        (["--top-k", "3"], "top_k"),
        (["--top-k", "0"], "top_k"),
    ):
        try:
            code = main([*arguments, str(output), *wrong])
        except SystemExit as error:  # of the parser
            code = error.code
        assert code == 2
        assert message in capsys.readouterr().err
    assert json.loads(output.read_text().splitlines()[-1]) == last


@pytest.mark.parametrize("kind", ["tagger", "embedder", "masked_lm", "translator"])
def test_predict_with_other_tasks(tmp_path, capsys, kind):
    masked_lm = xlm_tf.XLMMaskedLM.from_preset("xlm_tiny")
    backbone, tokenizer = masked_lm.backbone, masked_lm.preprocessor.tokenizer
    model = {
        "tagger": lambda: xlm_tf.XLMTokenClassifier(
            backbone,
            preprocessor=xlm_tf.XLMTokenClassifierPreprocessor(tokenizer, 32),
            labels=["O", "B"],
        ),
        "embedder": lambda: xlm_tf.XLMTextEmbedder(
            backbone, xlm_tf.XLMTextEmbedderPreprocessor(tokenizer, 32)
        ),
        "masked_lm": lambda: masked_lm,
        "translator": lambda: xlm_tf.XLMSeq2SeqLM.from_masked_lm(
            masked_lm, num_decoder_layers=1
        ),
    }[kind]()
    model.save_to_preset(tmp_path / "model")
    (tmp_path / "texts.txt").write_text("One <mask>.\nThe other, long <mask> text\n")
    arguments = ["predict", str(tmp_path / "model"), str(tmp_path / "texts.txt")]
    if kind == "translator":
        assert main(arguments) == 2
        assert "xlm-tf translate" in capsys.readouterr().err
        return
    assert main(arguments) == 0
    answers = [json.loads(x) for x in capsys.readouterr().out.splitlines()]
    assert len(answers) == 2
    if kind == "tagger":
        for entity in answers[1]["entities"]:
            text = "The other, long <mask> text"[entity["start"] : entity["end"]]
            assert entity["text"] == text
    elif kind == "embedder":
        expected = model.embed(["One <mask>."])[0]
        np.testing.assert_allclose(answers[0]["embedding"], expected, atol=1e-5)
    else:
        assert answers[0]["tokens"][0] == masked_lm.fill_mask("One <mask>.")[0][0][0]
    assert main([*arguments, "--format", "tsv"]) == 2
    assert "--format tsv is not for" in capsys.readouterr().err


def test_pairs_whose_items_are_in_several_languages(tmp_path, capsys):
    """As XNLI: split by item, read from two columns."""
    classes = ["entailment", "neutral", "contradiction"]
    for language, words in GOOD.items():
        lines = ["id\tpremise\thypothesis\tlabel"]
        for number in range(60):
            word = words.split()[number % 4]
            other = (word, "?", f"not {word}")[number % 3]
            lines.append(f"{number}\t{word} {number}\t{other}\t{classes[number % 3]}")
        text = "\n".join(lines) + "\n"
        (tmp_path / f"nli.{language}.tsv").write_text(text, encoding="utf-8")
    recipe = write_recipe(
        tmp_path,
        data=[{"language": "en", "files": ["nli.en.tsv"]}],
        held_out=None,
        held_out_share=0.2,
        test=[{"language": x, "files": [f"nli.{x}.tsv"]} for x in GOOD],
        text="premise",
        text_pair="hypothesis",
        label="label",
        labels=classes,
        group="id",
        test_share=0.5,
        training={"steps": 4, "evaluate_every": 4, "checkpoint_every": 4},
    )
    read = ClassificationData(load_recipe(recipe, tmp_path))
    parts = {
        name: {row["group"] for row in rows}
        for name, rows in (
            ("train", read.train),
            ("held_out", read.held_out),
            ("test", read.test),
        )
    }
    assert len(set().union(*parts.values())) == sum(map(len, parts.values())) == 60
    assert len(read.test) == 2 * len(parts["test"]) == 60

    assert main(["finetune", str(recipe), "--data", str(tmp_path), "--quiet"]) == 0
    model = str(tmp_path / "run" / "model")
    classifier = xlm_tf.XLMTextClassifier.from_preset(model)
    premises, hypotheses = ["great 1", "great 1"], ["great", "not great"]
    logits = classifier.predict({"text": premises, "text_pair": hypotheses})
    assert not np.allclose(logits[0], logits[1])
    expected = classifier.classify({"text": premises, "text_pair": hypotheses})
    table = tmp_path / "pairs.csv"
    pairs = [f"{x},{y}" for x, y in zip(premises, hypotheses, strict=True)]
    table.write_text("\n".join(["premise,hypothesis", *pairs]), encoding="utf-8")
    columns = ["--text", "premise", "--text-pair", "hypothesis"]
    capsys.readouterr()
    assert main(["predict", model, str(table), *columns]) == 0
    answers = [json.loads(x) for x in capsys.readouterr().out.splitlines()]
    for answer, own in zip(answers, expected, strict=True):
        assert answer["probabilities"] == pytest.approx(dict(own), abs=1e-5)
    data = ["--data", f"fr={tmp_path / 'nli.fr.tsv'}", "--label", "label"]
    assert main(["evaluate", model, *data, *columns]) == 0
    assert "60" in capsys.readouterr().out
