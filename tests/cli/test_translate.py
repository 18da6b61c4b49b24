"""`xlm-tf translate` and `summarize` on a model with random weights."""

import argparse
import dataclasses
import gzip
import io
import json
import os
import subprocess
import sys

import pytest

import xlm_tf
from xlm_tf.cli import main
from xlm_tf.cli.search_arguments import add_search_arguments, search_of
from xlm_tf.generation.named_strategies import get_decoding_strategy
from xlm_tf.models.generation_in_order import generate_in_order

TEXTS = ["The page was not found.", "", "Enter a URL.", "A long text. " * 40, "Nein"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    masked_lm = xlm_tf.XLMMaskedLM.from_preset("xlm_tiny")
    model = xlm_tf.XLMSeq2SeqLM.from_masked_lm(masked_lm, num_decoder_layers=1)
    model.preprocessor.sequence_length = 32
    model.preprocessor.source_languages = ["en"]
    model.preprocessor.target_languages = ["de"]
    model.decoding = xlm_tf.BeamSearch(2, length_penalty=0.5)
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


@pytest.mark.slow
def test_files(folder, model, tmp_path, monkeypatch, capsys):
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_bytes("\r\n".join(TEXTS).encode("utf-8-sig") + b"\r\n")
    shared = ["--model", str(folder), "--max-length", "6", "--num-beams", "2"]
    assert main(["translate", *shared, str(source), "--output", str(target)]) == 0
    lines = target.read_text().split("\n")
    assert len(lines) == len(TEXTS) + 1
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


def one_error(capsys):
    """The one line on stderr that a command ends with."""
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--num-beams", "0"], "num_beams must be a whole number, 1 at least"),
        (["--num-beams", "two"], "num_beams must be a whole number"),
        (["--num-beams", "2.0"], "num_beams must be a whole number"),
        (["--max-length", "0"], "max_length must be a whole number"),
        (["--batch-size", "0"], "batch_size must be a whole number"),
        (["--n-best", "-1"], "n_best must be a whole number"),
        (["--no-repeat-ngram-size", "-1"], "no_repeat_ngram_size must be a whole"),
        (["--length-penalty", "nan"], "length_penalty must be a finite number"),
        (["--length-penalty", "inf"], "length_penalty must be a finite number"),
        (["--encoding", "utf-7000"], "there is no text encoding 'utf-7000'"),
        (["--unknown-characters", "keep"], "invalid choice"),
        (["--beams", "2"], "unrecognized arguments"),
    ],
)
def test_arguments_out_of_range_are_said_in_one_line(capsys, arguments, message):
    for command in ("translate", "summarize"):
        with pytest.raises(SystemExit, match="2"):
            main([command, "--model", "absent", *arguments])
        assert message in one_error(capsys)


def test_nothing_is_read_that_cannot_be_written(tmp_path, capsys):
    """Before the model, which does not exist, is looked for."""
    source = tmp_path / "in.txt"
    source.write_text("Hello\n")
    os.link(source, tmp_path / "hard.txt")
    for output in (source, tmp_path / "hard.txt"):
        command = ["translate", "--model", "absent", str(source)]
        assert main([*command, "--output", str(output)]) == 2
        assert "another file than what is read" in one_error(capsys)
    assert source.read_text() == "Hello\n"
    assert main([*command, "--output", str(tmp_path / "none" / "x")]) == 2
    assert "no folder" in one_error(capsys)
    assert main([*command, "--n-best", "3", "--num-beams", "2"]) == 2
    assert "--n-best 3, --num-beams 2" in one_error(capsys)
    source.write_bytes("Hé\n".encode("latin-1"))
    assert main(command) == 2
    assert "in.txt, line 1: not UTF-8" in one_error(capsys)


def test_a_language_that_the_model_was_not_trained_on(folder, tmp_path, capsys):
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_text("Hello\n")
    command = ["translate", "--model", str(folder), str(source)]
    command += ["--output", str(target), "--max-length", "3"]
    assert main([*command, "--from", "en", "--to", "fr"]) == 2
    message = one_error(capsys)
    assert "--target-language: A language must be" in message
    assert "this model writes: de. Received: 'fr'" in message
    assert main([*command, "--from", "yy"]) == 2
    assert "this model reads: en. Received: 'yy'" in one_error(capsys)
    assert not target.exists()
    assert main([*command, "--from", "en_GB", "--to", "de"]) == 0
    assert len(target.read_text().splitlines()) == 1
    assert sorted(x.name for x in tmp_path.iterdir()) == ["in.txt", "out.txt"]


def test_the_search_is_the_models_own(folder, model, tmp_path):
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_text("The page was not found.\n")
    command = ["translate", "--model", str(folder), str(source), "--scores"]
    assert main([*command, "--output", str(target), "--max-length", "3"]) == 0
    model.compile(sampler=xlm_tf.BeamSearch(2, length_penalty=0.5))
    _, score = model.generate("The page was not found.", max_length=3, with_scores=True)
    assert float(target.read_text().split("\t")[0]) == pytest.approx(score, abs=2e-4)


OWN = xlm_tf.BeamSearch(5, 0.5, min_length=2, num_return=3)


@pytest.mark.parametrize(
    ("arguments", "own", "expected"),
    [
        ([], OWN, xlm_tf.BeamSearch(5, 0.5, min_length=2)),
        (["--num-beams", "3"], OWN, xlm_tf.BeamSearch(3, 0.5, min_length=2)),
        (["--num-beams", "1"], OWN, xlm_tf.BeamSearch(1, 0.5, True, min_length=2)),
        (["--length-penalty", "2"], OWN, xlm_tf.BeamSearch(5, 2.0, min_length=2)),
        (["--num-beams", "4"], get_decoding_strategy("greedy"), xlm_tf.BeamSearch(4)),
        (["--num-beams", "2"], get_decoding_strategy("top_k"), xlm_tf.BeamSearch(2)),
    ],
)
def test_arguments_change_what_they_name(arguments, own, expected):
    parser = argparse.ArgumentParser()
    add_search_arguments(parser)
    assert search_of(parser.parse_args(arguments), own) == expected


def test_a_model_that_samples_goes_on_to():
    parser = argparse.ArgumentParser()
    add_search_arguments(parser)
    own = get_decoding_strategy("random")
    assert search_of(parser.parse_args([]), own) is own
    own = dataclasses.replace(own, stop_token_ids=[2, 5])
    found = search_of(parser.parse_args([]), own, num_return=3)
    assert found == xlm_tf.BeamSearch(4, num_return=3, stop_token_ids=[2, 5])
    with pytest.raises(ValueError, match="num_return=6, num_beams=5"):
        search_of(parser.parse_args([]), OWN, num_return=6)


def test_a_translation_that_stops_leaves_what_was_there(folder, tmp_path, monkeypatch):
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_text("Hello\n")
    target.write_text("before\n")

    def stop(*args, **kwargs):
        yield [("half", 0.0)]
        raise KeyboardInterrupt

    monkeypatch.setattr("xlm_tf.models.generation_in_order.generate_in_order", stop)
    command = ["translate", "--model", str(folder), str(source)]
    assert main([*command, "--output", str(target)]) == 130
    assert target.read_text() == "before\n"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.fixture
def of_three(make_backbone, tokenizer, tmp_path):
    """A folder with a model of three languages, which writes two of them."""
    model = xlm_tf.XLMSeq2SeqLM(
        xlm_tf.XLMSeq2SeqBackbone(make_backbone(num_languages=3, num_layers=1)),
        xlm_tf.XLMSeq2SeqLMPreprocessor(
            tokenizer,
            sequence_length=40,
            languages=["de", "en", "fr"],
            target_languages=["de", "en"],
        ),
    )
    model.save_to_preset(tmp_path / "of_three")
    return str(tmp_path / "of_three")


@pytest.fixture
def calls(monkeypatch):
    """The languages and texts of every batch, of a model that turns texts round."""
    calls = []

    def generate(self, texts, source_language, target_language, **others):
        calls.append((source_language, target_language, *texts))
        if "stop" in texts:
            raise KeyboardInterrupt
        return [text[::-1] for text in texts], [-1.0] * len(texts)

    monkeypatch.setattr(xlm_tf.XLMSeq2SeqLM, "generate", generate)
    return calls


@pytest.mark.slow
def test_the_language_to_write_is_forced(of_three, tmp_path):
    """By real decoding, to another language than the first."""
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_text("dog\n")
    command = ["translate", "--model", of_three, str(source), "--num-beams", "1"]
    command += ["--source-language", "fr", "--target-language", "en"]
    assert main([*command, "--max-length", "4", "--output", str(target)]) == 0
    model = xlm_tf.XLMSeq2SeqLM.from_preset(of_three)
    model.compile(sampler="greedy", run_eagerly=True)
    languages = {"source_language": "fr", "target_language": "en"}
    (expected,) = model.generate(["dog"], max_length=4, **languages)
    assert target.read_text().rstrip("\n") == " ".join(expected.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "fr"], "this model writes: de, en. Received: 'fr'"),
        (["--to", "yy"], "this model writes: de, en. Received: 'yy'"),
        (
            ["--from", "yy", "--to", "de"],
            "this model reads: de, en, fr. Received: 'yy'",
        ),
        (
            ["--from", "en"],
            "languages: pass --target-language, one of de, en.",
        ),
        (["--to", "de"], "languages: pass --source-language, one of de, en, fr."),
    ],
)
def test_nothing_is_translated_into_no_language(
    of_three, calls, tmp_path, capsys, arguments, message
):
    source = tmp_path / "in.txt"
    source.write_text("dog\n")
    for more in (
        ["--output", str(tmp_path / "out")],
        ["--output-dir", str(tmp_path / "o")],
    ):
        command = ["translate", "--model", of_three, str(source), *arguments, *more]
        assert main(command) == 2
        assert message in one_error(capsys)
    assert not calls
    assert {path.name for path in tmp_path.iterdir()} == {"in.txt", "of_three"}


def test_several_files_go_to_a_folder_and_go_on_where_they_stopped(
    of_three, calls, tmp_path, capsys
):
    texts = {"a.txt": ["dog", "", "fox"], "b.txt.gz": ["stop"], "c.txt": ["cat"]}
    for name, lines in texts.items():
        opened = gzip.open if name.endswith(".gz") else open
        with opened(tmp_path / name, "wt") as file:
            file.write("".join(f"{line}\n" for line in lines))
    folder = tmp_path / "of" / "translations"
    inputs = [str(tmp_path / name) for name in texts]
    command = ["translate", "--model", of_three, *inputs, "--output-dir", str(folder)]
    command += ["--source-language", "en", "--target-language", "de"]
    assert main(command) == 130
    assert [path.name for path in folder.iterdir()] == ["a.txt"]
    assert (folder / "a.txt").read_text() == "god\n\nxof\n"
    with gzip.open(tmp_path / "b.txt.gz", "wt") as file:
        file.write("go\n")
    calls.clear()
    capsys.readouterr()
    assert main(command) == 0
    assert [texts for _, _, *texts in calls] == [["go"], ["cat"]]
    assert f"{folder / 'a.txt'} is there, and not" in capsys.readouterr().err
    assert gzip.decompress((folder / "b.txt.gz").read_bytes()) == b"og\n"
    assert sorted(path.name for path in folder.iterdir()) == sorted(texts)
    # All is there: not even the model is needed.
    command[2] = "absent"
    assert main(command) == 0
    assert capsys.readouterr().err.count("is there, and not written again") == 3
    (tmp_path / "c.txt").write_text("cat\ndog\n")
    assert main(command) == 2
    assert "c.txt is there, with 1 lines, and of" in one_error(capsys)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.txt", "b.txt"], "name it by --output-dir. Received: a.txt, b.txt"),
        (["a.txt", "b.txt", "--output", "c"], "name it by --output-dir"),
        (["a.txt", "--output", "c", "--output-dir", "o"], "name one of them"),
        (["--output-dir", "o"], "stdin has no name"),
        (["a.txt", "o/a.txt", "--output-dir", "x"], "would both be written to x/a.txt"),
        (["a.txt", "a.txt", "--output-dir", "x"], "would both be written to x/a.txt"),
        (["a.txt", "--output-dir", "b.txt"], "b.txt is a file. Name a folder"),
        (["a.txt", "--output-dir", "."], "another file than what is read"),
        (["a.txt", "none.txt", "--output-dir", "x"], "There is no file none.txt"),
        (["a.txt", "--round-trip"], "and back: name both"),
        (["a.txt", "--round-trip", "--n-best", "2"], "leave --n-best out"),
    ],
)
def test_files_that_do_not_go_together(
    tmp_path, monkeypatch, capsys, arguments, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "o").mkdir()
    for name in ("a.txt", "b.txt", "o/a.txt"):
        (tmp_path / name).write_text("dog\n")
    assert main(["translate", "--model", "absent", *arguments]) == 2
    assert message in one_error(capsys)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "b.txt", "o"]


def test_there_and_back(of_three, calls, tmp_path, capsys):
    source, target = tmp_path / "in.txt", tmp_path / "out.tsv"
    source.write_text("dog\n\nsmall texts\n")
    command = ["translate", "--model", of_three, str(source), "--round-trip"]
    command += ["--from", "en", "--to", "de", "--output", str(target)]
    assert main(command) == 0
    assert [languages for *languages, _ in (call[:3] for call in calls)] == [
        ["en", "de"],
        ["de", "en"],
    ]
    rows = [line.split("\t") for line in target.read_text().splitlines()]
    assert rows == [
        ["100.00", "100.00", "god", "dog"],
        ["", "", "", ""],
        ["100.00", "100.00", "stxet llams", "small texts"],
    ]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{source}: of 2 texts, there and back: BLEU ")
    assert "chrF 100.00; mean chrF of a text 100.00" in line
    assert "tok:13a" in line
    assert main([*command, "--scores"]) == 0
    assert target.read_text().splitlines()[0].split("\t")[2:4] == ["-1.0000", "god"]
    command[command.index("de")] = "fr"
    calls.clear()
    capsys.readouterr()
    assert main(command) == 2
    assert "both directions, en-fr and fr-en" in one_error(capsys)
    assert not calls


def test_every_row_of_a_table_has_its_languages(of_three, calls, tmp_path):
    rows = [
        ("fr", "de", "dog"),
        ("en", "EN", "fox"),
        ("fr", "de", ""),
        ("de", "de", "a b"),
    ]
    table, lines = tmp_path / "in.tsv", tmp_path / "in.jsonl"
    table.write_text("from\tto\tbody\n" + "".join("\t".join(x) + "\n" for x in rows))
    keys = ("lang", "goal", "text")
    objects = [dict(zip(keys, own, strict=True)) for own in rows]
    lines.write_text("".join(f"{json.dumps(own)}\n" for own in objects))
    output = tmp_path / "out.txt"
    command = ["translate", "--model", of_three, "--output", str(output)]
    columns = ["--source-language-column", "from", "--target-language-column", "to"]
    assert main([*command, str(table), *columns, "--text", "body"]) == 0
    assert output.read_text() == "god\nxof\n\nb a\n"
    assert sorted(calls) == [
        ("de", "de", "a b"),
        ("en", "EN", "fox"),
        ("fr", "de", "dog"),
    ]
    calls.clear()
    columns = ["--target-language-column", "goal", "--from", "fr"]
    assert main([*command, str(lines), *columns, "--scores"]) == 0
    assert output.read_text().splitlines()[1] == "-1.0000\txof"
    assert sorted(calls) == [("fr", "EN", "fox"), ("fr", "de", "dog", "a b")]
    # Finished, as many lines as rows.
    lines.rename(tmp_path / "In.JSONL")
    with gzip.open(tmp_path / "own.jsonl.gz", "wt") as file:
        file.write(f"{json.dumps(objects[1])}\n")
    inputs = [str(tmp_path / name) for name in ("In.JSONL", "own.jsonl.gz")]
    folder = ["--output-dir", str(tmp_path / "o")]
    command = ["translate", "--model", of_three, *inputs, *columns, *folder]
    assert main(command) == 0
    names = sorted(path.name for path in (tmp_path / "o").iterdir())
    assert names == ["In.txt", "own.txt.gz"]
    assert gzip.decompress((tmp_path / "o" / "own.txt.gz").read_bytes()) == b"xof\n"
    calls.clear()
    assert main(command) == 0
    assert not calls


def test_a_table_that_is_read_line_by_line_is_named(of_three, calls, tmp_path, capsys):
    command = ["translate", "--model", of_three, "--from", "en", "--to", "de"]
    for name in ("in.tsv", "IN.JSONL", "in.csv"):
        table = tmp_path / name
        table.write_text("text\ndog\n")
        assert main([*command, str(table), "--output", str(tmp_path / "out")]) == 0
        assert (tmp_path / "out").read_text() == "txet\ngod\n"
        assert f"{table} is read line by line" in capsys.readouterr().err
    table = str(tmp_path / "in.tsv")
    output = ["--output", str(tmp_path / "out")]
    assert main([*command, table, "--text", "text", *output]) == 0
    (tmp_path / "in.tsv.txt").write_text("dog\n")
    assert main([*command, f"{table}.txt", *output]) == 0
    assert "line by line" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--target-language-column", "to"],
            "in.tsv:3: target_language: A language mus",
        ),
        (["--target-language-column", "none"], "has no column 'none'"),
        (["--target-language-column", "gap"], "in.tsv:2: nothing in the column 'gap'"),
        (["--text", "to", "--target-language-column", "to"], "columns of their own"),
        (["--target-language-column", "to", "--to", "de"], "name one of them"),
        (["--text", "text", "--encoding", "latin-1"], "tables are UTF-8"),
        (
            ["--text", "text", "--round-trip", "--to", "de"],
            "leave the columns of tables",
        ),
        (["--text", "text"], "in.tsv:2: This model writes several languages"),
    ],
)
def test_tables_that_cannot_be_translated(
    of_three, calls, tmp_path, monkeypatch, capsys, arguments, message
):
    (tmp_path / "in.tsv").write_text("text\tto\tgap\ndog\tde\t\nfox\tfr\tde\n")
    monkeypatch.chdir(tmp_path)
    command = ["translate", "--model", of_three, "in.tsv", "--from", "en", *arguments]
    assert main([*command, "--output", "out"]) == 2
    assert message in one_error(capsys)
    assert not calls
    assert not (tmp_path / "out").exists()
    stdin = ["translate", "--model", "absent", "--text", "text"]
    assert main(stdin) == 2
    assert "stdin is lines of text" in one_error(capsys)


@pytest.mark.slow
def test_streams_that_are_not_utf_8(folder, tmp_path):
    """Translations in other scripts, to a pipe of an ASCII process."""
    program = (
        "import sys\n"
        "from xlm_tf.cli import main\n"
        "import xlm_tf.models.generation_in_order as module\n"
        "module.generate_in_order = lambda *a, **k: iter([[('été 狐', 0.0)]])\n"
        "code = main(sys.argv[1:])\n"
        "print('狐')\n"
        "sys.exit(code)\n"
    )
    command = ["translate", "--model", str(folder), "--to", "de"]
    process = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", program, *command],
        input=b"Hello\n",
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert process.returncode == 0, process.stderr.decode()
    assert process.stdout.decode("utf-8").splitlines() == ["été 狐", "狐"]
