import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import xlm_tf
from xlm_tf.cli import main, make_parser
from xlm_tf.cli.corpus_arguments import corpus_files
from xlm_tf.text.normalization import NORMALIZATIONS


def test_help_comes_without_tensorflow():
    program = (
        "import sys; from xlm_tf.cli import main\n"
        "try: main(['--help'])\n"
        "finally: assert 'tensorflow' not in sys.modules"
    )
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    for command in ("quickstart", "vocabulary", "pretrain", "export", "serve"):
        assert command in process.stdout


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert xlm_tf.__version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "option", "given"),
    [
        ("evaluate m --data en=x", "--trained-on", ["en", "de"]),
        ("evaluate m --data en=x", "--negatives", ["a", "b"]),
        ("export tflite m m.tflite", "--lengths", [16, 32]),
        ("export saved-model m 1", "--labels", ["no", "yes"]),
        ("index --index i", "--remove", ["1", "2"]),
        ("score --language en --systems x", "--references", ["a", "b"]),
        ("score --language en --references x", "--systems", ["a", "b"]),
        ("trim m out", "--languages", ["en", "de"]),
    ],
)
def test_an_option_of_several_values_may_be_repeated(command, option, given):
    name = option.removeprefix("--").replace("-", "_")
    first, second = map(str, given)
    for arguments in ([option, first, second], [option, first, option, second]):
        args = make_parser().parse_args([*command.split(), *arguments])
        assert list(getattr(args, name)) == given


@pytest.mark.slow
def test_commands_start_quietly(tmp_path):
    """No banner of TensorFlow before the error, and no traceback."""
    process = subprocess.run(
        [sys.executable, "-m", "xlm_tf.cli", "pretrain", str(tmp_path / "no.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 2
    (line,) = process.stderr.splitlines()
    assert line.startswith("error: ")
    assert "no.yaml" in line


def test_vocabulary(tmp_path, capsys, sentences):
    for language, texts in (("en", sentences[:2]), ("de", sentences[2:4])):
        (tmp_path / f"{language}.txt").write_text("\n".join(texts * 30))
    output = tmp_path / "vocabulary.model"
    command = ["vocabulary", "--size", "60", "--output", str(output)]
    for language in ("en", "de"):
        command += ["--corpus", f"{language}={tmp_path / language}.txt"]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "en" in said
    assert xlm_tf.XLMSentencePieceTokenizer(str(output)).vocabulary_size() == 60
    assert main(command) == 2
    assert "exists" in capsys.readouterr().err
    capsys.readouterr()
    assert main([*command, "--overwrite", "--quiet"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("corpus", "message"),
    [("en", "LANGUAGE=FILE"), ("en=missing.txt", "missing.txt")],
)
def test_corpora_that_cannot_be_read(tmp_path, capsys, corpus, message):
    output = tmp_path / "v.model"
    command = ["vocabulary", "--size", "80", "--output", str(output)]
    try:
        code = main([*command, "--corpus", corpus])
    except SystemExit as error:  # argparse's own way
        code = error.code
    assert code == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_vocabulary_by_a_rule_with_a_symbol_of_two_words(tmp_path, sentences):
    (tmp_path / "en.txt").write_text("\n".join(sentences[:2] * 30))
    output = tmp_path / "vocabulary.model"
    command = ["vocabulary", "--size", "38", "--output", str(output), "--quiet"]
    command += ["--corpus", f"en={tmp_path}/en.txt"]
    command += ["--user-defined-symbol", "New York"]
    for normalization in NORMALIZATIONS:
        assert main([*command, "--normalization", normalization, "--overwrite"]) == 0
        tokenizer = xlm_tf.XLMSentencePieceTokenizer(str(output))
        assert tokenizer.token_to_id("New\u2581York") in tokenizer.encode("A New York")
        report = json.loads((tmp_path / "vocabulary.model.json").read_text())
        assert report["normalization"] == normalization


def test_two_spellings_are_one_language():
    for twice in (["en=a", "en=./a"], ["en=a", "fr=b", "fr=b/../a"], ["en=a", "en=a"]):
        with pytest.raises(ValueError, match=f"{twice[-1]} are the same file"):
            corpus_files(twice)
    assert corpus_files(["en=~/a"]) == {"en": [str(Path.home() / "a")]}
    files = corpus_files(["zh_CN=a", "en=b", "zh-Hans-CN=c", "pt=d", "pt-BR=e"])
    assert files == {"zh_CN": ["a", "c"], "en": ["b"], "pt": ["d"], "pt-BR": ["e"]}


def test_a_corpus_in_another_encoding_is_named(tmp_path, capsys):
    path = tmp_path / "ru.txt"
    path.write_text("Быстрая лиса\n" * 50, encoding="cp1251")
    output = tmp_path / "v.model"
    command = ["vocabulary", "--size", "80", "--output", str(output)]
    assert main([*command, "--corpus", f"ru={path}"]) == 2
    said = capsys.readouterr().err
    assert "UTF-8" in said
    assert "ru.txt" in said
    assert not output.exists()


@pytest.mark.parametrize("output", ["de", "de/v.model", "de/a/b"])
def test_a_vocabulary_in_a_file_is_refused(tmp_path, monkeypatch, capsys, output):
    monkeypatch.chdir(tmp_path)
    Path("de").write_text("Ein Text.\n")
    command = ["vocabulary", "--size", "80", "--output", output, "--corpus", "de=de"]
    assert main(command) == 2
    captured = capsys.readouterr()
    assert not captured.out  # nothing was counted yet
    assert "de is a file. Expected a folder, or a file that ends" in captured.err


@pytest.mark.parametrize(("finished", "code"), [(True, 0), (False, 130)])
@pytest.mark.parametrize("command", ["pretrain", "finetune"])
def test_a_training_that_was_stopped_is_no_success(
    monkeypatch, command, finished, code
):
    def train(recipe, quiet, processes=1):
        return SimpleNamespace(finished=finished)

    monkeypatch.setattr(f"xlm_tf.training.{command}.{command}", train)
    own = importlib.import_module(f"xlm_tf.cli.{command}")
    monkeypatch.setattr(own, "load_recipe_of", lambda args, command: None)
    assert main([command, "recipe.yaml"]) == code


def test_trim_and_extend(tmp_path, capsys):
    corpus = tmp_path / "en.txt"
    corpus.write_text("The page was not found.\nEnter a valid URL.\n")
    trimmed, extended = tmp_path / "trimmed", tmp_path / "extended"
    arguments = ["trim", "xlm_tiny", str(trimmed), "--corpus", f"en={corpus}"]
    assert main(arguments) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "hidden states of 2 texts are bit-exactly the same" in printed
    assert "4,000 tokens ->" in printed
    assert main(arguments) == 2
    assert "exists. Choose another folder" in capsys.readouterr().err
    assert main(["extend", str(trimmed), str(extended), "--token", "COVID-19"]) == 0
    assert main(["trim", "xlm_tiny", str(tmp_path / "x")]) == 2
    assert "Say what the vocabulary is for" in capsys.readouterr().err
    task = xlm_tf.XLMMaskedLM.from_preset(extended)
    assert "COVID-19" in task.preprocessor.tokenizer.get_vocabulary()
