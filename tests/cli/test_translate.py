"""`xlm-tf translate` and `summarize` on a model with random weights."""

import io
import sys

import pytest

import xlm_tf
from xlm_tf.cli import main
from xlm_tf.models.generation_in_order import generate_in_order

TEXTS = ["The page was not found.", "", "Enter a URL.", "A long text. " * 40, "Nein"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    masked_lm = xlm_tf.XLMMaskedLM.from_preset("xlm_tiny")
    model = xlm_tf.XLMSeq2SeqLM.from_masked_lm(masked_lm, num_decoder_layers=1)
    model.preprocessor.sequence_length = 32
    path = tmp_path_factory.mktemp("model")
    model.save_to_preset(path)
    return path


@pytest.fixture(scope="module")
def model(folder):
    return xlm_tf.XLMSeq2SeqLM.from_preset(folder)


def test_the_order_is_kept(model):
    model.compile(sampler=xlm_tf.BeamSearch(2))
    results = list(generate_in_order(model, TEXTS, batch_size=2, max_length=6))
    assert len(results) == len(TEXTS)
    assert results[1] == [("", 0.0)]
    for i in (0, 2, 4):
        text, score = model.generate(TEXTS[i], max_length=6, with_scores=True)
        assert results[i][0][0] == text
        assert results[i][0][1] == pytest.approx(score, abs=1e-5)
    # Split at the ends of its sentences, and joined.
    assert len(results[3]) == 1
    assert len(results[3][0][0]) > len(results[0][0][0])


def test_files(folder, model, tmp_path, monkeypatch, capsys):
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_bytes("\n".join(TEXTS).encode() + b"\n\xff\xfe\n")
    shared = ["--model", str(folder), "--max-length", "6", "--num-beams", "2"]
    assert main(["translate", *shared, str(source), "--output", str(target)]) == 0
    lines = target.read_text().split("\n")
    assert len(lines) == len(TEXTS) + 2
    model.compile(sampler=xlm_tf.BeamSearch(2))
    expected = " ".join(model.generate(TEXTS[0], max_length=6).split())
    assert lines[0] == expected
    assert lines[1] == ""

    capsys.readouterr()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"Hello\n")))
    assert main(["summarize", *shared, "--n-best", "2"]) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [row[:2] for row in rows] == [["0", "0"], ["0", "1"]]
    assert float(rows[0][2]) >= float(rows[1][2])

    assert main(["translate", *shared, str(tmp_path / "none")]) == 2
    assert "There is no file" in capsys.readouterr().err
    assert main(["translate", "--model", "xlm_tiny", str(source)]) == 2
    assert "holds a XLMMaskedLM. Expected an XLMSeq2SeqLM" in capsys.readouterr().err
