"""`xlm-tf summarize`: by a model that writes, and by one that chooses sentences."""

import pytest

import xlm_tf
from xlm_tf.cli import main

LONG = "The page was not found. Enter a URL. Please select a date. " * 6
TEXTS = [
    "The file is open. Enter a URL! Delete this image?",
    "",
    "Nein",
    LONG,
    "一。二。",
]


@pytest.fixture(scope="module")
def embedder(tmp_path_factory):
    path = tmp_path_factory.mktemp("embedder")
    xlm_tf.XLMTextEmbedder.from_preset("xlm_tiny").save_to_preset(path)
    return path


@pytest.fixture(scope="module")
def writer(tmp_path_factory):
    model = xlm_tf.XLMSeq2SeqLM.from_masked_lm("xlm_tiny", num_decoder_layers=1)
    model.preprocessor.sequence_length = 32
    model.preprocessor.source_languages = ["en"]
    model.preprocessor.target_languages = ["de"]
    path = tmp_path_factory.mktemp("writer")
    model.save_to_preset(path)
    return path


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.txt"
    path.write_text("".join(f"{text}\n" for text in TEXTS), encoding="utf-8")
    return path


def one_error(capsys):
    """The one line on stderr that a command ends with."""
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    return line


def test_an_embedder_chooses_sentences(embedder, source, tmp_path):
    target = tmp_path / "out.txt"
    command = ["summarize", "--model", str(embedder), str(source)]
    command += ["--output", str(target), "--batch-size", "2"]
    assert main(command) == 0
    model = xlm_tf.XLMTextEmbedder.from_preset(str(embedder))
    expected = [" ".join(x["text"] for x in own) for own in model.summarize(TEXTS)]
    assert target.read_text("utf-8").splitlines() == expected
    assert expected[1:3] == ["", "Nein"]
    command += ["--sentences", "2", "--position-weight", "1", "--diversity", "0"]
    assert main(command) == 0
    lines = target.read_text("utf-8").splitlines()
    assert lines[0] == "The file is open. Enter a URL!"
    assert lines[-1] == "一。二。"


def test_several_files_go_to_a_folder(embedder, source, tmp_path, capsys):
    other, folder = tmp_path / "other.txt", tmp_path / "summaries"
    other.write_text("Nein. Ja.\n")
    command = ["summarize", "--model", str(embedder), str(source), str(other)]
    command += ["--output-dir", str(folder), "--sentences", "3"]
    assert main(command) == 0
    assert (folder / "other.txt").read_text() == "Nein. Ja.\n"
    lines = (folder / "in.txt").read_text("utf-8").splitlines()
    assert lines[:3] == TEXTS[:3]
    (folder / "other.txt").write_text("mine\n")
    assert main(command) == 0
    assert (folder / "other.txt").read_text() == "mine\n"
    assert capsys.readouterr().err.count("is there, and not written again") == 2


@pytest.mark.slow
def test_long_texts_are_cut_or_chosen_from(writer, embedder, source, tmp_path, capsys):
    target = tmp_path / "out.txt"
    command = ["summarize", "--model", str(writer), str(source)]
    command += ["--output", str(target), "--max-length", "3", "--num-beams", "1"]
    results = []
    for more, said in (
        ([], "1 of 5 texts are longer than the 30 tokens that the model reads: their "),
        (["--long-texts", "truncate"], "ends were cut off (--long-texts extract"),
        (
            ["--long-texts", "extract", "--embedder", str(embedder)],
            "sentences that say most were read.",
        ),
    ):
        assert main([*command, *more]) == 0
        (line,) = (
            line for line in capsys.readouterr().err.splitlines() if "longer" in line
        )
        assert said in line
        results.append(target.read_text("utf-8").splitlines())
    assert results[0] == results[1]
    assert all(len(lines) == len(TEXTS) and not lines[1] for lines in results)
    model = xlm_tf.XLMSeq2SeqLM.from_preset(str(writer))
    model.compile(sampler="greedy")
    (expected,) = model.generate([LONG], max_length=3)
    assert results[0][3] == " ".join(expected.split())
    source.write_text("Nein\n")
    assert main([*command, "--from", "en", "--to", "de"]) == 0
    assert "longer" not in capsys.readouterr().err


def test_what_belongs_to_the_other_kind_of_model_is_refused(
    writer, embedder, source, capsys
):
    of_writers = [
        ["--to", "de"],
        ["--num-beams", "2"],
        ["--length-penalty", "1"],
        ["--no-repeat-ngram-size", "3"],
        ["--n-best", "2", "--num-beams", "2"],
        ["--scores"],
        ["--unknown-characters", "omit"],
        ["--max-length", "9"],
        ["--long-texts", "truncate"],
        ["--long-texts", "extract", "--embedder", str(embedder)],
    ]
    of_embedders = [
        ["--sentences", "1"],
        ["--diversity", "0.5"],
        ["--position-weight", "0.1"],
    ]
    for model, arguments, own in (
        (embedder, of_writers, "XLMSeq2SeqLM"),
        (writer, of_embedders, "XLMTextEmbedder"),
    ):
        for given in arguments:
            assert main(["summarize", "--model", str(model), str(source), *given]) == 2
            assert f"is for an {own}, and {model} is an XLM" in one_error(capsys)


def test_other_mistakes(writer, embedder, source, capsys):
    command = ["summarize", "--model", str(writer), str(source)]
    assert main([*command, "--long-texts", "extract"]) == 2
    assert "--embedder go together" in one_error(capsys)
    assert main([*command, "--embedder", str(embedder)]) == 2
    assert "--embedder go together" in one_error(capsys)
    extract = ["--long-texts", "extract", "--embedder", str(writer)]
    assert main([*command, *extract]) == 2
    assert "holds a XLMSeq2SeqLM. Expected an XLMTextEmbedder" in one_error(capsys)
    assert main(["summarize", "--model", "xlm_tiny", str(source)]) == 2
    assert "Expected an XLMSeq2SeqLM or an XLMTextEmbedder" in one_error(capsys)
    command = ["summarize", "--model", str(embedder), str(source)]
    assert main([*command, "--from", "en"]) == 2
    assert "reads every language alike" in one_error(capsys)
    for wrong, message in (
        (["--sentences", "0"], "sentences must be a whole number"),
        (["--diversity", "2"], "diversity must be a finite number"),
        (["--position-weight", "nan"], "position_weight must be a finite number"),
        (["--long-texts", "split"], "invalid choice"),
    ):
        with pytest.raises(SystemExit, match="2"):
            main([*command, *wrong])
        assert message in one_error(capsys)
