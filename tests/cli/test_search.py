"""`xlm-tf index` and `xlm-tf search`, on a small embedder."""

import gzip
import io
import json
import sys

import pytest

import xlm_tf
from xlm_tf.cli import index as index_command
from xlm_tf.cli import main
from xlm_tf.cli.document_files import check_documents, iterate_documents
from xlm_tf.search.index import Index

TEXT = """The file was not found.

Enter a valid URL.
Le mot de passe est trop court.
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    embedder = xlm_tf.XLMTextEmbedder.from_preset("xlm_tiny")
    embedder.preprocessor.sequence_length = 32
    path = tmp_path_factory.mktemp("embedder") / "model"
    embedder.save_to_preset(path)
    return str(path)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text(TEXT)
    return tmp_path


@pytest.fixture
def made(here, model, capsys):
    assert main(["index", "a.txt", "--model", model, "--index", "made"]) == 0
    capsys.readouterr()
    return here / "made"


def one_error(capsys):
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    return line


def rows(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_an_index_is_made_searched_and_added_to(here, model, capsys):
    command = ["index", "a.txt", "--index", "made"]
    assert main([*command, "--model", model]) == 0
    said = capsys.readouterr().out
    assert "3 documents added, 0 replaced, 0 unchanged, 0 removed, 1 without" in said
    assert "made: 3 documents, 3 passages, 0.2 MB, in " in said

    assert main(["search", "Enter a valid URL.", "--index", "made", "--top", "2"]) == 0
    first, second = rows(capsys)
    assert first["id"] == "a.txt:3"
    assert first["score"] == pytest.approx(1, abs=1e-5)
    assert (first["rank"], second["rank"]) == (1, 2)
    assert first["query"] == first["text"] == "Enter a valid URL."

    (here / "a.txt").write_text("The file was not found.\nSomething new\n")
    with gzip.open(here / "b.jsonl.gz", "wt") as file:
        file.write('{"id": "x", "text": "Unknown command", "year": 2019}\n')
        file.write('{"id": 7, "text": ""}\n')
    command.insert(2, "b.jsonl.gz")
    assert main([*command, "--remove", "a.txt:4"]) == 0
    said = capsys.readouterr().out
    assert "2 documents added, 0 replaced, 1 unchanged, 2 removed, 1 without" in said
    assert main(["search", "Unknown command", "--index", "made"]) == 0
    found = rows(capsys)
    assert len(found) == 3
    assert found[0]["fields"] == {"year": 2019}
    assert found[1]["fields"] == {}


def test_one_file_by_several_names(made, capsys):
    assert main(["index", "./a.txt", "--index", "made"]) == 0
    said = capsys.readouterr().out
    assert "0 documents added, 0 replaced, 3 unchanged" in said


def test_queries_from_a_file_and_from_stdin(made, monkeypatch, capsys):
    queries = "Le mot de passe\nvalid URL\n".encode("utf-16")
    (made.parent / "queries.txt").write_bytes(queries)
    command = ["search", "--index", "made", "--top", "1", "--encoding", "utf-16"]
    assert main([*command, "--queries", "queries.txt"]) == 0
    found = rows(capsys)
    assert [row["id"] for row in found] == ["a.txt:4", "a.txt:3"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(queries)))
    assert main([*command, "--queries", "-"]) == 0
    assert rows(capsys) == found


def test_a_table_on_a_terminal(made, monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["search", "[bold] valid URL", "--index", "made"]) == 0
    said = capsys.readouterr().out
    assert "[bold] valid URL" in said
    assert "a.txt:3" in said
    assert main(["search", "valid URL", "--index", "made", "--json"]) == 0
    assert len(rows(capsys)) == 3


def test_a_reranker_orders_the_candidates(made, monkeypatch, capsys, tmp_path):
    reranker = xlm_tf.XLMTextClassifier.from_preset("xlm_tiny", num_classes=1)
    reranker.save_to_preset(tmp_path / "reranker")
    texts = [line for line in TEXT.splitlines() if line]
    query = "the file"
    outputs = reranker.predict({"text": [query] * 3, "text_pair": texts}, verbose=0)
    scores = reranker.probabilities(outputs)[:, 0]
    command = ["search", query, "--index", "made", "--rerank", "reranker"]
    assert main([*command, "--top", "2"]) == 0
    found = rows(capsys)
    expected = sorted(zip(scores.tolist(), texts, strict=True), reverse=True)[:2]
    assert [row["text"] for row in found] == [text for _, text in expected]
    for row, (score, _) in zip(found, expected, strict=True):
        assert row["score"] == pytest.approx(score, abs=1e-5)

    classifier = xlm_tf.XLMTextClassifier.from_preset("xlm_tiny", labels=["a", "b"])
    classifier.save_to_preset(tmp_path / "classes")
    for name, message in (
        ("classes", "classes is a classifier of 2 classes. A reranker has one output"),
        ("xlm_tiny", "xlm_tiny holds an XLMMaskedLM. A reranker is"),
    ):
        assert main([*command[:-1], name]) == 2
        assert message in one_error(capsys)
    assert main([*command, "--candidates", "3"]) == 2
    assert "--candidates 3, --top 10" in one_error(capsys)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Give one query, or a file"),
        (["x", "--queries", "a.txt"], "Give one query, or a file"),
        ([" "], "The query is empty"),
        (["--queries", "a.txt"], "a.txt, line 2: the query is empty"),
        (["--queries", "none.txt"], "There is no file none.txt"),
        (["x", "--candidates", "20"], "--candidates is of --rerank"),
        (["x", "--index", "."], ". is not an index"),
        (["x", "--model", "xlm_tiny"], "xlm_tiny holds an XLMMaskedLM"),
        (["x", "--model", "nowhere"], "nowhere"),
    ],
)
def test_a_search_that_cannot_be_done(made, capsys, arguments, message):
    assert main(["search", "--index", "made", *arguments]) == 2
    assert message in one_error(capsys)


@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_top_must_be_a_number(capsys, value):
    with pytest.raises(SystemExit, match="2"):
        main(["search", "x", "--index", "made", "--top", value])
    assert "top must be a whole number" in one_error(capsys)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"id": "a", "text": "x"}\n{"id": "a", "text": "y"}', "line 2: the id 'a' is"),
        ('{"id": "a", "text": "x"}\n{"text": "y"}', "line 2: there is no 'id'"),
        ('{"id": "a", "text": "x"}\n{"id": "b"}', "line 2: there is no 'text'"),
        ('{"name": "a", "text": "x"}', "has no column 'id'. It has: 'name', 'text'"),
        ('{"id": "a", "text": 7}', "line 1: the 'text': 7 is not a text"),
        ('{"id": ["a"], "text": "x"}', "line 1: the 'id':"),
        ('{"id": "", "text": "x"}', "line 1: the 'id' is empty"),
        ('{"id": "a", "text": "x"', "line 1: not JSON"),
        ('["a", "x"]', "line 1: not a JSON object"),
        ('{"id": "a", "text": " "}', "holds no text"),
        ("", "holds no text"),
    ],
)
def test_json_lines_that_cannot_be_used(here, capsys, content, message):
    (here / "b.jsonl").write_text(content)
    # Before the model, which does not exist, is looked for.
    assert main(["index", "b.jsonl", "--model", "absent", "--index", "made"]) == 2
    assert message in one_error(capsys)
    assert not (here / "made").exists()


def test_files_that_cannot_be_used(here, capsys):
    command = ["index", "--model", "absent", "--index", "made"]
    (here / "latin.txt").write_bytes("Hé\n".encode("latin-1"))
    (here / "c.jsonl").write_text('{"id": "a.txt:1", "text": "x"}')
    (here / "empty.txt").write_text("\n\n")
    for files, message in (
        (["latin.txt"], "latin.txt, line 1: not UTF-8"),
        (["none.txt"], "There is no file none.txt"),
        (["."], ". is a folder"),
        (["a.txt", "./a.txt"], "./a.txt is given twice"),
        (["a.txt", "c.jsonl"], "the id 'a.txt:1' is that of a.txt, line 1"),
        (["empty.txt"], "empty.txt holds no text"),
    ):
        assert main([*command, *files]) == 2
        assert message in one_error(capsys)
    assert main(["index", "a.txt", "--index", "made"]) == 2
    assert "Name a model for a new one by --model" in one_error(capsys)
    assert main([*command, "--remove", "x"]) == 2
    assert "There is no index in made" in one_error(capsys)
    assert main(["index", "a.txt", "--model", "xlm_tiny", "--index", "made"]) == 2
    assert "holds an XLMMaskedLM. Expected an XLMTextEmbedder" in one_error(capsys)
    assert not (here / "made").exists()


def test_an_index_that_cannot_be_added_to(made, capsys, model):
    command = ["index", "a.txt", "--index", "made"]
    assert main([*command, "--model", "xlm_tiny"]) == 2
    assert "XLMMaskedLM" in one_error(capsys)
    assert main([*command, "--remove", "zzz"]) == 2
    assert "no document 'zzz'. Nothing was removed" in one_error(capsys)
    assert main([*command, "--language", "en"]) == 2
    assert "reads every language alike" in one_error(capsys)
    assert main(["index", "a.txt", "--index", "a.txt", "--model", model]) == 2
    assert "a.txt is a file. Name a folder" in one_error(capsys)
    assert main(["search", "x", "--index", "made"]) == 0


def test_an_interrupted_index_is_said_and_finished(made, monkeypatch, capsys):
    (made.parent / "b.txt").write_text("One more\nAnd another\n")

    def interrupted(*arguments):
        yield from list(iterate_documents(*arguments))[:1]
        raise KeyboardInterrupt

    monkeypatch.setattr(index_command, "iterate_documents", interrupted)
    monkeypatch.setattr("xlm_tf.search.index._BATCHES", 1)
    command = ["index", "b.txt", "--index", "made", "--batch-size", "1"]
    assert main(command) == 130
    monkeypatch.undo()
    monkeypatch.chdir(made.parent)
    capsys.readouterr()
    assert main(["search", "x", "--index", "made"]) == 2
    assert "half-written (4 documents are in it)" in one_error(capsys)
    assert main(["index", "--index", "made"]) == 0
    assert "made: 4 documents" in capsys.readouterr().out
    assert main(command) == 0
    assert "1 documents added, 0 replaced, 1 unchanged" in capsys.readouterr().out


def test_paragraphs_and_whole_files(here):
    text = "\n\none\ntwo\n \nthree\n\n\n"
    (here / "p.txt").write_text(text)

    def found(unit):
        return [(x.id, x.text) for _, x in iterate_documents("p.txt", unit)]

    assert found("paragraphs") == [("p.txt:3", "one\ntwo"), ("p.txt:6", "three")]
    assert found("files") == [("p.txt", text.rstrip("\n") + "\n\n")]
    assert [id for id, x in found("lines") if x.strip()] == [
        "p.txt:3",
        "p.txt:4",
        "p.txt:6",
    ]
    assert check_documents(["p.txt"], "paragraphs") == 2


def test_a_long_file_is_found_by_a_part_of_it(here, model, capsys):
    parts = [f"Sentence number {i} speaks of nothing." for i in range(50)]
    parts[30] = "Le mot de passe est trop court."
    (here / "long.txt").write_text("\n".join(parts))
    command = ["index", "a.txt", "long.txt", "--documents", "files"]
    assert main([*command, "--model", model, "--index", "made"]) == 0
    assert "made: 2 documents" in capsys.readouterr().out
    assert main(["search", parts[30], "--index", "made"]) == 0
    by_id = {row["id"]: row for row in rows(capsys)}
    assert set(by_id) == {"a.txt", "long.txt"}
    row = by_id["long.txt"]
    assert "mot de passe" in row["text"]
    text = (here / "long.txt").read_text()
    assert row["text"] == text[row["start"] : row["end"]].strip()
    assert isinstance(Index.open("made").num_passages, int)
