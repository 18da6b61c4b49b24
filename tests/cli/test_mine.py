"""`xlm-tf mine`, on a small embedder."""

import numpy as np
import pytest

import xlm_tf
from xlm_tf.cli import main
from xlm_tf.search.mining import mine_pairs

A = ["The file was not found.", "Choose a folder.", "Enter a valid URL.", "Good day"]
B = ["Choose a folder!", "Something else", "The file was not found!", "Enter a URL."]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("embedder") / "model"
    xlm_tf.XLMTextEmbedder.from_preset("xlm_tiny").save_to_preset(path)
    return str(path)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("\n".join([*A, "", " Good\tday ", A[0]]))
    (tmp_path / "b.txt").write_text("\r\n".join(B))
    return tmp_path


def one_error(capsys):
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    return line


def test_pairs_by_their_scores(here, model, capsys):
    command = ["mine", "a.txt", "b.txt", "--model", model]
    assert main([*command, "--output", "pairs.tsv", "--neighbours", "2"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "4 pairs of 4 and 4 different sentences." in said.err
    lines = (here / "pairs.tsv").read_text().splitlines()
    rows = [line.split("\t") for line in lines]
    embedder = xlm_tf.load_task(model)
    scores, rows_a, rows_b = mine_pairs(embedder.embed(A), embedder.embed(B), 2)
    assert [row[1:] for row in rows] == [
        [A[a], B[b]] for a, b in zip(rows_a, rows_b, strict=True)
    ]
    np.testing.assert_allclose([float(row[0]) for row in rows], scores, atol=1e-3)
    assert rows[0][1:] in ([A[0], B[2]], [A[1], B[0]])

    threshold = str(float(rows[1][0]) - 1e-4)
    assert main([*command, "--neighbours", "2", "--threshold", threshold]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == lines[:2]
    assert "2 pairs of 4" in said.err

    assert main([*command, "--threshold", "9"]) == 0
    said = capsys.readouterr()
    assert not said.out
    assert "The highest score is" in said.err and "below --threshold 9" in said.err


def test_gold_pairs_are_scored(here, model, capsys):
    (here / "gold.tsv").write_text(f"{A[0]}\t{B[2]}\n\n{A[1]} \t{B[0]}\n")
    command = ["mine", "a.txt", "b.txt", "--model", model, "--gold", "gold.tsv"]
    assert main([*command, "--neighbours", "2", "--threshold", "0"]) == 0
    said = capsys.readouterr().err
    assert "as written: precision 50.0%, recall 100.0%, F1 66.7%" in said
    assert "best: precision" in said
    for content, message in (
        ("one", "gold.tsv, line 1: expected two sentences with a tab between"),
        (f"{A[0]}\tnothing", "line 1: B does not hold 'nothing'"),
        ("\n", "gold.tsv holds no pair"),
    ):
        (here / "gold.tsv").write_text(content)
        assert main(command) == 2
        assert message in one_error(capsys)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.txt", "b.txt"], "There is no file none.txt"),
        (["a.txt", "empty.txt"], "empty.txt holds no text"),
        (["latin.txt", "b.txt"], "latin.txt, line 1: not UTF-8"),
        (["a.txt", "b.txt", "--output", "a.txt"], "another file than what is read"),
        (["a.txt", "b.txt", "--output", "x/y"], "There is no folder x"),
        (["a.txt", "b.txt", "--model", "xlm_tiny"], "holds an XLMMaskedLM"),
        (["a.txt", "b.txt", "--language-b", "fr"], "reads every language alike"),
    ],
)
def test_what_cannot_be_mined(here, model, capsys, arguments, message):
    (here / "empty.txt").write_text(" \n")
    (here / "latin.txt").write_bytes("Hé\n".encode("latin-1"))
    assert main(["mine", "--model", model, *arguments]) == 2
    assert message in one_error(capsys)
    assert (here / "a.txt").read_text().startswith(A[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--neighbours", "0"], "neighbours must be a whole number"),
        (["--threshold", "nan"], "threshold must be a finite number"),
        (["--strategy", "best"], "invalid choice"),
    ],
)
def test_arguments_out_of_range(capsys, arguments, message):
    with pytest.raises(SystemExit, match="2"):
        main(["mine", "a", "b", "--model", "absent", *arguments])
    assert message in one_error(capsys)
