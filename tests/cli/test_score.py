"""`xlm-tf score`: files of translations, against what sacreBLEU itself says of them."""

import gzip
import io
import itertools
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from xlm_tf.cli import main

WORDS = ["ein", "zwei", "Hund", "Hunde", "rennt", "reden", "im", "Schnee", "und", "ist"]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Two references, a good and a bad system; of 60 lines, some of them empty."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    reference = [" ".join(random.choice(WORDS, 9)) + "." for _ in range(60)]
    other = [" ".join(random.permutation(line.split())) for line in reference]

    def broken(share):
        return [
            " ".join(
                random.choice(WORDS) if random.random() < share else word
                for word in line.split()
            )
            for line in reference
        ]

    good, bad = broken(0.1), broken(0.6)
    good[7] = bad[7] = bad[8] = ""
    for name, lines in {"ref": reference, "ref2": other, "a": bad, "b": good}.items():
        (tmp_path / f"{name}.de").write_text("".join(f"{line}\n" for line in lines))
    return tmp_path


def sacrebleu(*arguments):
    """What sacreBLEU's own program prints."""
    process = subprocess.run(
        [sys.executable, "-m", "sacrebleu", *arguments, "-m", "bleu", "chrf"],
        capture_output=True,
        text=True,
        check=True,
    )
    return process.stdout


def test_the_figures_are_those_of_sacrebleus_own_program(files, capsys):
    command = ["score", "--references", "ref.de", "ref2.de", "--language", "de"]
    command += ["--systems", "a.de", "b.de", "--output", "scores.json"]
    assert main(command) == 0
    shown = capsys.readouterr().out
    found = json.loads((files / "scores.json").read_text())
    own = ["ref.de", "ref2.de", "-i", "a.de", "b.de", "--paired-bs"]
    table = sacrebleu(*own, "--format", "text", "--width", "4")
    figures = re.findall(r"([\d.]+) \(([\d.]+) ± ([\d.]+)\)", table)
    assert len(figures) == 4
    places = itertools.product(("a.de", "b.de"), ("bleu", "chrf"))
    for (path, metric), figure in zip(places, figures, strict=True):
        value, mean, half = map(float, figure)
        score = found["systems"][path][metric]
        assert score["value"] == pytest.approx(value, abs=1e-4)
        assert score["low"] == pytest.approx(mean - half, abs=2e-4)
        assert score["high"] == pytest.approx(mean + half, abs=2e-4)
        assert f"{score['value']:.1f} ({score['low']:.1f}-" in shown
    p_values = [float(p) for p in re.findall(r"\(p = ([\d.]+)\)", table)]
    against = found["against"]["systems"]["b.de"]
    assert found["against"]["system"] == "a.de"
    assert [against[x]["p_value"] for x in ("bleu", "chrf")] == pytest.approx(
        p_values, abs=1e-4
    )
    assert max(p_values) < 0.01
    values = [found["systems"][x]["bleu"]["value"] for x in ("a.de", "b.de")]
    assert against["bleu"]["difference"] == pytest.approx(values[1] - values[0])
    assert found["translations"] == 60
    signature = found["signatures"]["bleu"]
    assert signature.startswith("nrefs:2|bs:1000|seed:12345|case:mixed|eff:no|tok:13a")
    assert f"BLEU: {signature}" in shown
    assert "2 references" in shown


def test_a_seed_is_that_of_sacrebleu(files, monkeypatch, capsys):
    command = ["score", "--references", "ref.de", "--language", "de"]
    command += ["--systems", "a.de", "b.de", "--output", "scores.json"]

    def scores(*arguments):
        assert main([*command, *arguments]) == 0
        found = json.loads((files / "scores.json").read_text())
        bleu = found["systems"]["a.de"]["bleu"]
        seed = re.search(r"seed:(\d+)", found["signatures"]["bleu"])[1]
        return seed, bleu["low"], bleu["high"]

    own, other = scores(), scores("--seed", "7")
    assert (own[0], other[0]) == ("12345", "7")
    assert own[1:] != other[1:]
    assert scores() == own  # nothing stays of it
    monkeypatch.setenv("SACREBLEU_SEED", "7")
    assert scores() == other
    with pytest.raises(SystemExit):
        main([*command, "--seed", "-1"])
    assert "--seed" in capsys.readouterr().err


def test_one_system_packed_from_stdin(files, monkeypatch, capsys):
    (files / "ref.gz").write_bytes(gzip.compress((files / "ref.de").read_bytes()))
    text = (files / "b.de").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    command = ["score", "--references", "ref.gz", "--systems", "-", "--language", "ja"]
    assert main([*command, "--output", "s.json"]) == 0
    found = json.loads((files / "s.json").read_text())
    assert "against" not in found
    assert found["tokenization"] == "char"
    expected = sacrebleu("ref.de", "-i", "b.de", "-tok", "char")
    for own in json.loads(expected):
        metric = {"BLEU": "bleu", "chrF2": "chrf"}[own["name"]]
        value = found["systems"]["-"][metric]["value"]
        assert value == pytest.approx(own["score"], abs=0.051)
    assert "to the first" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"--systems": ["a.de", "short.de"]},
            "short.de has 3 lines, and ref.de",
        ),
        ({"--references": ["ref.de", "short.de"]}, "short.de has 3 lines"),
        ({"--systems": ["a.de", "none.de"]}, "There is no file none.de"),
        ({"--systems": ["a.de", "./a.de"]}, "The same file twice, a.de and ./a.de"),
        ({"--systems": ["ref.de"]}, "The same file twice, ref.de and ref.de"),
        ({"--references": ["empty.de"]}, "empty.de holds no text"),
        ({"--systems": ["latin.de"]}, "latin.de, line 1: not UTF-8"),
        ({"--output": ["a.de"]}, "another file than what is read"),
        ({"--output": ["none/s.json"]}, "no folder none"),
        ({"--language": [" "]}, "The code of a language must be a string"),
        ({"--language": ["chinese"]}, "such as de, zh or pt-BR: it says what"),
        ({"--language": ["not a code"]}, "Received: not a code."),
    ],
)
def test_what_cannot_be_scored(files, capsys, change, message):
    (files / "short.de").write_text("eins\nzwei\ndrei\n")
    (files / "empty.de").write_text("\n" * 60)
    (files / "latin.de").write_bytes("Hündchen\n".encode("latin-1") * 60)
    before = {path.name: path.read_bytes() for path in files.iterdir()}
    arguments = {
        "--references": ["ref.de"],
        "--systems": ["a.de"],
        "--language": ["de"],
        "--output": ["scores.json"],
        **change,
    }
    command = [word for option, own in arguments.items() for word in (option, *own)]
    assert main(["score", *command]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert {path.name: path.read_bytes() for path in files.iterdir()} == before


def test_columns_that_are_scored_as_text_are_named(files, capsys):
    lines = (files / "b.de").read_text().splitlines()
    for name, own in {
        "columns.de": [f"-0.5\t{line}" for line in lines],
        "one.de": [f"tab\t{lines[0]}", *lines[1:]],
        "empty.de": [""] * len(lines),
    }.items():
        (files / name).write_text("".join(f"{line}\n" for line in own))
    command = ["score", "--references", "ref.de", "--language", "de"]
    assert main([*command, "--systems", "columns.de", "one.de", "empty.de"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: every line of columns.de has a tab")


def test_no_difference_is_no_proof_of_one(files):
    (files / "copy.de").write_bytes((files / "a.de").read_bytes())
    command = ["score", "--references", "ref.de", "--language", "de"]
    command += ["--systems", "a.de", "copy.de", "--output", "s.json"]
    assert main(command) == 0
    found = json.loads((files / "s.json").read_text())["against"]["systems"]["copy.de"]
    assert found["bleu"] == found["chrf"] == {"difference": 0.0, "p_value": 1.0}


def test_nothing_is_compared_without_its_references():
    from xlm_tf.evaluation.translation_comparison import compare_translations

    for systems, references, message in (
        ({"a": ["x"], "b": ["x", "y"]}, [["x"]], "1 lists .* a: 1, b: 2"),
        ({"a": ["x"]}, [[]], "every text a reference"),
        ({"a": []}, [], "0 lists of references"),
        ({}, [["x"]], "1 lists of references"),
    ):
        with pytest.raises(ValueError, match=message):
            compare_translations(systems, references, "de")
