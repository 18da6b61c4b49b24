"""`xlm-tf evaluate`: every task, what it refuses, and when."""

import json

import pytest

import xlm_tf
from xlm_tf.cli import main

TASKS = {
    "classes": ("TextClassifier", {"labels": ["no", "yes"]}),
    "sets": (
        "TextClassifier",
        {"labels": ["a", "b"], "problem_type": "multi_label_classification"},
    ),
    "number": ("TextClassifier", {"num_classes": 1, "problem_type": "regression"}),
    "tags": ("TokenClassifier", {"labels": ["O", "B-PER", "I-PER"]}),
    "answers": ("QuestionAnswering", {}),
    "vectors": ("TextEmbedder", {}),
    "fills": ("MaskedLM", {}),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder of untrained models, by the names of `TASKS`."""
    folder = tmp_path_factory.mktemp("models")
    masked_lm = xlm_tf.XLMMaskedLM.from_preset("xlm_tiny")
    for name, (task, arguments) in TASKS.items():
        preprocessor = getattr(xlm_tf, f"XLM{task}Preprocessor")(
            masked_lm.preprocessor.tokenizer, sequence_length=32
        )
        model = getattr(xlm_tf, f"XLM{task}")(
            masked_lm.backbone, preprocessor=preprocessor, **arguments
        )
        model.save_to_preset(folder / name)
    return folder


@pytest.fixture
def no_loading(monkeypatch):
    """No model may be loaded any more."""

    def load(*args, **kwargs):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("xlm_tf.models.loading.load_task", load)


def write(path, lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def rows(*objects):
    return [json.dumps(own) for own in objects]


def refuse(capsys, arguments, message):
    assert main(["evaluate", *map(str, arguments)]) == 2
    assert message in capsys.readouterr().err


def report_of(folder):
    return json.loads((folder / "scores.json").read_text(encoding="utf-8"))


def test_classes_against_another_model(models, tmp_path, capsys):
    lines = ["label\ttext", "yes\tOne text", "no\tOther text", "yes\tThird"]
    english = write(tmp_path / "a.tsv", lines)
    more = write(tmp_path / "b.tsv", lines)
    column = write(
        tmp_path / "c.jsonl",
        rows(
            {"text": "x", "label": "no", "l": "En"},
            {"text": "y", "label": "no", "l": "de"},
        ),
    )
    data = [f"--data=en={english}", f"--data=EN={more}", f"--data={column}"]
    arguments = [models / "classes", *data, "--language-column=l", "--trained-on=eN"]
    output = [f"--output={tmp_path / 'r'}", f"--against={models / 'classes'}"]
    assert main(["evaluate", *map(str, arguments), *output]) == 0
    printed = capsys.readouterr().out
    assert "trained on" in printed
    assert "1.000" in printed
    report = report_of(tmp_path / "r")
    # One language, however it is spelled.
    assert {x: y["examples"] for x, y in report["languages"].items()} == {
        "en": 7,
        "de": 1,
    }
    assert report["training_languages"] == ["en"]
    against = report["against"]["languages"]["de"]
    assert against == {"difference": 0.0, "p_value": 1.0}


def test_sets_of_labels(models, tmp_path, capsys):
    data = write(tmp_path / "a.tsv", ["label\ttext", "a; b\tOne", "\tTwo", "b\tThree"])
    arguments = [models / "sets", f"--data=en={data}", f"--output={tmp_path / 'r'}"]
    assert main(["evaluate", *map(str, arguments), "--label-separator=;"]) == 0
    assert set(report_of(tmp_path / "r")["mean"]) == {"micro_f1", "macro_f1"}
    assert report_of(tmp_path / "r")["languages"]["en"]["examples"] == 3
    capsys.readouterr()
    refuse(capsys, arguments, "between the labels of a text by --label-separator")
    arguments.append("--label-separator=,")
    refuse(capsys, arguments, "labels that the model does not have: a; b")
    refuse(capsys, [models / "classes", *arguments[1:]], "is of models whose classes")


def test_numbers(models, tmp_path, capsys):
    data = write(tmp_path / "a.tsv", ["label\ttext", "1.5\tOne", "-2\tTwo", "3\tThree"])
    arguments = [models / "number", f"--data=en={data}", f"--output={tmp_path / 'r'}"]
    assert main(["evaluate", *map(str, arguments)]) == 0
    assert set(report_of(tmp_path / "r")["mean"]) == {"pearson", "spearman", "mse"}
    capsys.readouterr()
    data = write(tmp_path / "b.tsv", ["label\ttext", "1\tOne", "nan\tTwo"])
    refuse(capsys, [models / "number", f"--data=en={data}"], "must hold numbers")


def test_pairs(models, tmp_path, capsys):
    english = ["One file", "Two users", "", "A folder"]
    german = ["Eine Datei", "Zwei Benutzer", "Leer", "Ein Ordner"]
    files = [write(tmp_path / "a.en", english), write(tmp_path / "a.de", german)]
    same = write(tmp_path / "b.tsv", ["q\ta", *(f"{x}\t{x}" for x in german)])
    table = ["q\ta\tn", "One file\tEine Datei\tKeine Datei", "A user\tBenutzer\tx"]
    data = [f"--data=en-de={','.join(files)}", f"--data=de={same}"]
    data.append(f"--data=de-en={files[1]},{files[0]}")
    arguments = [models / "vectors", *data, "--source=q", "--target=a"]
    output = [f"--output={tmp_path / 'r'}", f"--against={models / 'vectors'}"]
    assert main(["evaluate", *map(str, arguments), *output]) == 0
    report = report_of(tmp_path / "r")
    assert set(report["mean"]) == {"accuracy", "forward", "backward"}
    assert {x: y["examples"] for x, y in report["languages"].items()} == {
        "en-de": 3,
        "de": 4,
        "de-en": 3,
    }
    # A text is nearest to itself.
    assert report["languages"]["de"]["accuracy"]["value"] == 1
    assert report["against"]["languages"]["en-de"]["difference"] == 0
    negatives = f"--data=en-de={write(tmp_path / 'c.tsv', table)}"
    arguments = [models / "vectors", negatives, "--source=q", "--target=a"]
    assert main(["evaluate", *map(str, arguments), "--negatives", "n"]) == 0
    capsys.readouterr()
    scored = ["source\ttarget\tnear", "a\ta\t5", "a\tFile 7\t1", "b\tc\thigh"]
    scored = f"--data=en={write(tmp_path / 'd.tsv', scored)}"
    arguments = [models / "vectors", scored, "--score=near"]
    assert main(["evaluate", *map(str, arguments), f"--output={tmp_path / 's'}"]) == 0
    captured = capsys.readouterr()
    assert "d.tsv:4: the column 'near' holds 'high', not a number" in captured.err
    report = report_of(tmp_path / "s")
    assert report["mean"] == {"spearman": 1.0, "pearson": pytest.approx(1.0)}


def test_pairs_that_cannot_be_read(models, tmp_path, capsys):
    one = write(tmp_path / "a.en", ["One"])
    two = write(tmp_path / "a.de", ["Eins", "Zwei"])
    table = write(tmp_path / "a.tsv", ["source\ttarget", "a\tb"])
    model = models / "vectors"
    for data, more, message in (
        (f"{one},{two}", [], "as many lines as each other"),
        (f"{one},{two}x", [], "a.dex does not exist"),
        (f"{one},{two},{table}", [], "two files of plain text"),
        (f"{one},{two}", ["--score=x"], "two files of plain text"),
        (table, ["--score=x"], "no column 'x'"),
        (table, ["--negatives", "x"], "no column 'x'"),
        (table, ["--negatives", "x", "--score=y"], "leave --negatives out"),
        (table, ["--target=source"], "must be different columns"),
        (table, ["--language=de"], "neither the model nor its tokenizer"),
        (table, ["--text=x"], "--text is of XLMTextClassifier"),
    ):
        refuse(capsys, [model, f"--data=en-de={data}", *more], message)
    refuse(
        capsys,
        [models / "classes", f"--data=en={one},{one}"],
        "has the same file twice",
    )
    refuse(
        capsys,
        [models / "classes", f"--data=en={one},{two}"],
        "Two files whose lines belong together are of XLMTextEmbedder",
    )
    refuse(capsys, [models / "tags", f"--data=en={one}", "--score=x"], "--score is of")


def test_tags(models, tmp_path, capsys, monkeypatch):
    def tag_words(self, sentences, language=None, batch_size=32):
        return [["B-PER" if x[0].isupper() else "O" for x in own] for own in sentences]

    monkeypatch.setattr(
        xlm_tf.XLMTokenClassifier, "tag_words", tag_words, raising=False
    )
    lines = ["Angela B-PER", "Merkel I-PER", "", "Anna B-PER", "lacht O"]
    english = write(tmp_path / "a.conll", lines)
    german = write(
        tmp_path / "b.jsonl", rows({"w": ["Ja", "Anna"], "t": ["O", "B-PER"]})
    )
    data = [f"--data=en={english}", f"--data=de={german}", "--words=w", "--tags=t"]
    output = f"--output={tmp_path / 'r'}"
    assert main(["evaluate", str(models / "tags"), *data, output]) == 0
    report = report_of(tmp_path / "r")
    # Right: Anna. Predicted: Angela, Merkel, Anna. To be found: Angela Merkel, Anna.
    assert report["languages"]["en"]["f1"]["value"] == pytest.approx(2 / 5)
    assert report["languages"]["de"]["precision"]["value"] == 0.5
    page = (tmp_path / "r" / "report.md").read_text(encoding="utf-8")
    wrong = "PER: Angela Merkel | PER: Angela; PER: Merkel | 3 |"
    assert f"| en | Angela Merkel | {wrong}" in page
    capsys.readouterr()
    data = f"--data=en={english}"
    refuse(capsys, [models / "tags", data, "--words=w"], "--words is of .jsonl")
    refuse(
        capsys, [models / "tags", data, "--text=w"], "--text is of XLMTextClassifier"
    )
    refuse(capsys, [models / "tags", data, "--tag-column=1"], "column 1 holds the word")
    data = f"--data=de={german}"
    refuse(capsys, [models / "tags", data, "--tag-column=2"], "is of CoNLL files")
    data = write(tmp_path / "c.conll", ["Berlin B-LOC"])
    refuse(capsys, [models / "tags", f"--data=de={data}"], "does not have: B-LOC")


def test_answers(models, tmp_path, capsys, monkeypatch):
    given = {}

    def answer(
        self,
        questions,
        contexts,
        top_k=None,
        no_answer_threshold=None,
        language=None,
        batch_size=32,
    ):
        given.update(threshold=no_answer_threshold, batch_size=batch_size)
        return [
            {"answer": own.split()[0] if "?" in question else "", "score": 1.0}
            for question, own in zip(questions, contexts, strict=True)
        ]

    monkeypatch.setattr(xlm_tf.XLMQuestionAnswering, "answer", answer)
    questions = [
        {"question": "Who?", "answers": [{"text": "Anna", "start": 0}]},
        {"question": "When?", "answers": [{"text": "now", "start": 11}]},
        {"question": "none", "answers": []},
        {"question": "Who?", "answers": [{"text": "Anna", "start": 1}]},
    ]
    own = [{**question, "context": "Anna sings now."} for question in questions]
    data = write(tmp_path / "a.jsonl", rows(*own))
    arguments = [str(models / "answers"), f"--data=en={data}", "--batch-size=7"]
    arguments += [f"--output={tmp_path / 'r'}", "--no-answer-threshold=-1.5"]
    assert main(["evaluate", *arguments]) == 0
    assert given == {"threshold": -1.5, "batch_size": 7}
    captured = capsys.readouterr()
    assert "a.jsonl:4: question 4: the answer 'Anna' is not at character 1" in " ".join(
        captured.err.split()
    )
    report = report_of(tmp_path / "r")
    assert report["labels"] is None
    english = report["languages"]["en"]
    assert english["exact"]["value"] == pytest.approx(2 / 3)
    assert english["baseline"] == {"exact": 1 / 3, "f1": 1 / 3}
    page = (tmp_path / "r" / "report.md").read_text(encoding="utf-8")
    assert "| en | When? | now | Anna | 0.00 | 1.00 |" in page
    refuse(capsys, [*arguments, "--label=x"], "--label is of XLMTextClassifier")
    names = {"question": "q", "context": "c", "answers": "a"}
    renamed = [{names[key]: row[key] for key in names} for row in own]
    data = write(tmp_path / "b.jsonl", rows(*renamed))
    arguments = [
        str(models / "answers"),
        f"--data=en={data}",
        f"--output={tmp_path / 's'}",
    ]
    columns = [f"--{name}={column}" for name, column in names.items()]
    assert main(["evaluate", *arguments, *columns]) == 0
    english = report_of(tmp_path / "s")["languages"]["en"]
    assert english["exact"]["value"] == pytest.approx(2 / 3)
    refuse(capsys, [*arguments, *columns[:2]], "answers")
    refuse(
        capsys, [*arguments, *columns[:2], "--answers=q"], "must be different columns"
    )


def test_what_is_wrong_is_said_before_a_model_is_loaded(
    models, tmp_path, capsys, no_loading
):
    data = write(tmp_path / "a.tsv", ["label\ttext", "yes\tOne", "no\tTwo"])
    model, english = models / "classes", f"--data=en={data}"
    (tmp_path / "link.tsv").symlink_to(data)
    for arguments, message in (
        ([english, english], "the same file twice"),
        ([english, f"--data=de={tmp_path / 'link.tsv'}"], "the same file twice"),
        ([f"--data=en={tmp_path / 'none.tsv'}"], "does not exist"),
        ([f"--data=en={tmp_path}"], "is a folder"),
        ([f"--data=={data}"], "has no language before"),
        ([f"--data={data}"], "names no language"),
        ([english, "--language-column=l"], "every --data names one"),
        ([english, "--text=tweet"], "no column 'tweet'"),
        ([english, "--text=label"], "must be different columns"),
        ([english, "--trained-on", "de"], "there are no such examples"),
        ([english, "--words=w"], "--words is of XLMTokenClassifier"),
        ([english, "--no-answer-threshold=1"], "is of XLMQuestionAnswering"),
        ([english, f"--against={models / 'tags'}"], "models of one task"),
        ([english, f"--output={data}"], "is a file"),
        ([english, f"--output={model}"], "is the folder of the model"),
    ):
        refuse(capsys, [model, *arguments], message)
    refuse(capsys, [models / "fills", english], "holds a XLMMaskedLM. Evaluated are")
    refuse(capsys, [models / "answers", english], "expected a file of .json")


def test_models_that_cannot_be_compared(models, tmp_path, capsys):
    data = write(tmp_path / "a.tsv", ["label\ttext", "yes\tOne", "no\tTwo"])
    arguments = [models / "classes", f"--data=en={data}"]
    against = f"--against={models / 'sets'}"
    refuse(capsys, [*arguments, against], "classifiers of different kinds")
    refuse(capsys, [*arguments, "--language=en"], "has languages")
