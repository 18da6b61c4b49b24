"""Whole runs on real, small text."""

import json
from pathlib import Path

import numpy as np
import pytest
import sacrebleu
import yaml
from safetensors.numpy import load_file
from sentencepiece import sentencepiece_model_pb2

from tests.training.test_pretrain import PAIRS
from xlm_tf import (
    XLMMaskedLM,
    XLMMaskedLMPreprocessor,
    XLMSentencePieceTokenizer,
    XLMSeq2SeqLM,
    XLMTextEmbedder,
)
from xlm_tf.cli import main
from xlm_tf.training import finetune as finetuning
from xlm_tf.training.initial_model import load_initial_model
from xlm_tf.training.initial_seq2seq import load_initial_seq2seq
from xlm_tf.training.recipe_loader import load_recipe

EN_FR = {"source_language": "en", "target_language": "fr"}
FR_EN = {"source_language": "fr", "target_language": "en"}


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    """A folder of pairs: en-fr, fr-en, and summaries with several references."""
    folder = tmp_path_factory.mktemp("pairs")
    for name, pairs in (
        ("en_fr.tsv", PAIRS),
        ("fr_en.tsv", [(target, source) for source, target in PAIRS]),
    ):
        lines = "".join(f"{source}\t{target}\n" for source, target in pairs)
        (folder / name).write_text(lines, encoding="utf-8")
    (folder / "more").mkdir()
    (folder / "more" / "en_fr.tsv").write_text("Good.\tBon.\n", encoding="utf-8")
    lines = [
        {"source": f"{source} {other}", "en": [source, other], "fr": [target]}
        for (source, target), (other, _) in zip(PAIRS, reversed(PAIRS), strict=True)
    ]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (folder / "summaries.jsonl").write_text(text, encoding="utf-8")
    return folder


def write_recipe(folder, **changes):
    pairs = [{**EN_FR, "files": ["en_fr.tsv"]}]
    recipe = {
        "output": "run",
        "vocabulary_size": 90,
        "model": {
            "num_layers": 1,
            "num_heads": 2,
            "hidden_dim": 16,
            "intermediate_dim": 32,
            "max_sequence_length": 64,
        },
        "data": pairs,
        "held_out": pairs,
        "test": pairs,
        "training": {
            "steps": 14,
            "tokens_per_batch": 128,
            "source_length": 64,
            "target_length": 64,
            "learning_rate": 1e-2,
            "warmup_steps": 5,
            "evaluate_every": 6,
            "checkpoint_every": 2,
            "average_last": 2,
        },
        "decoding": {"num_beams": 2},
    }
    for name, value in changes.items():
        if value is None:
            recipe.pop(name, None)
        elif isinstance(value, dict):
            recipe[name] = {**recipe.get(name, {}), **value}
        else:
            recipe[name] = value
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return path


def last_state(folder):
    paths = sorted((folder / "checkpoints").glob("**/*.safetensors"))
    return load_file(paths[-1])


def metrics_of(folder):
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def finished(corpora, tmp_path_factory):
    """The output of a run to its end, by the command."""
    folder = tmp_path_factory.mktemp("finished")
    path = write_recipe(folder)
    command = ["finetune", str(path), "--data", str(corpora)]
    assert main([*command, "--output", str(folder / "run")]) == 0
    return folder / "run"


def test_a_run_leaves_model_curves_translations_and_their_scores(finished):
    metrics = metrics_of(finished)
    assert [line["step"] for line in metrics] == [6, 12, 14]
    assert metrics[-1]["train/loss"] < metrics[0]["train/loss"]

    translations = (finished / "test.en-fr.txt").read_text(encoding="utf-8")
    model = XLMSeq2SeqLM.from_preset(str(finished / "model"))
    model.compile(sampler=finetuning.BeamSearch(2))
    expected = model.generate([source for source, _ in PAIRS])
    assert translations == "".join(f"{text}\n" for text in expected)

    scores = json.loads((finished / "test_scores.json").read_text(encoding="utf-8"))
    references = [[target for _, target in PAIRS]]
    assert scores == {
        "bleu/en-fr": pytest.approx(sacrebleu.corpus_bleu(expected, references).score),
        "chrf/en-fr": pytest.approx(sacrebleu.corpus_chrf(expected, references).score),
        "signature/bleu/en-fr": metrics[-1]["signature/bleu/en-fr"],
        "signature/chrf/en-fr": metrics[-1]["signature/chrf/en-fr"],
    }
    assert "tok:13a" in scores["signature/bleu/en-fr"]


@pytest.mark.slow
def test_a_resumed_run_equals_an_uninterrupted_one(
    finished, corpora, tmp_path, monkeypatch
):
    recipe = load_recipe(write_recipe(tmp_path), corpora, output=tmp_path / "run")
    after_batch = finetuning._FinetuningRun.on_train_batch_end

    def stop_at_9(run, batch, logs=None):
        run.stop_requested = run.step + 1 == 9
        after_batch(run, batch, logs)

    with monkeypatch.context() as patch:
        patch.setattr(finetuning._FinetuningRun, "on_train_batch_end", stop_at_9)
        stopped = finetuning.finetune(recipe)
    assert (stopped.step, stopped.finished, stopped.test_scores) == (9, False, None)
    result = finetuning.finetune(recipe)
    assert (result.step, result.finished) == (14, True)

    expected, actual = last_state(finished), last_state(tmp_path / "run")
    assert set(actual) == set(expected)
    for name, tensor in expected.items():
        np.testing.assert_allclose(actual[name], tensor, atol=1e-4, err_msg=name)
    assert [line["step"] for line in metrics_of(tmp_path / "run")] == [6, 12, 14]


@pytest.mark.slow
@pytest.mark.parametrize("average_is_better", [True, False])
def test_the_average_is_kept_where_it_is_better(
    corpora, tmp_path, monkeypatch, average_is_better
):
    training = {"steps": 3, "evaluate_every": 1}
    recipe = load_recipe(write_recipe(tmp_path, training=training, test=[]), corpora)
    scores_of_average = {"mean/bleu": 5.0 if average_is_better else 1.0}
    monkeypatch.setattr(
        finetuning._FinetuningRun,
        "_scores",
        lambda run, when: (
            dict(scores_of_average)
            if "average" in when
            else {"mean/bleu": float(run.step)}
        ),
    )
    result = finetuning.finetune(recipe)
    paths = sorted((recipe.output / "snapshots").glob("*.safetensors"))
    assert [path.stem for path in paths] == ["000000002", "000000003"]
    states = [load_file(path) for path in paths]
    model = XLMSeq2SeqLM.from_preset(str(result.model))
    for number, variable in enumerate(model.variables):
        last = states[1][f"{number:04d}"]
        expected = (states[0][f"{number:04d}"] + last) / 2
        if not average_is_better:
            expected = last
        if np.issubdtype(last.dtype, np.floating):
            np.testing.assert_allclose(np.asarray(variable), expected, atol=1e-6)


@pytest.mark.slow
def test_one_model_of_several_directions(corpora, tmp_path):
    pairs = [{**EN_FR, "files": ["en_fr.tsv"]}, {**FR_EN, "files": ["fr_en.tsv"]}]
    directions = {"data": pairs, "held_out": pairs, "test": pairs}
    path = write_recipe(
        tmp_path,
        **directions,
        model={"language_embeddings": True},
        training={"steps": 2, "evaluate_every": 2},
    )
    result = finetuning.finetune(load_recipe(path, corpora))
    assert {"bleu/en-fr", "chrf/en-fr", "bleu/fr-en"} < set(result.test_scores)
    model = XLMSeq2SeqLM.from_preset(str(result.model))
    model.generate("The page", source_language="en", target_language="fr")

    path = write_recipe(tmp_path, output="other", **directions)
    with pytest.raises(ValueError, match=r"set recipe\.model\.language_embeddings"):
        finetuning.finetune(load_recipe(path, corpora))


EN_DE = {"source_language": "en", "target_language": "de"}
DE_FR = {"source_language": "de", "target_language": "fr"}
# Read and written: en and de; fr and en. The files are of no account.
TWO = [
    {"source_language": "de", "target_language": "en", "files": ["fr_en.tsv"]},
    {**EN_FR, "files": ["en_fr.tsv"]},
]


@pytest.mark.slow
def test_a_direction_without_training_pairs_is_scored(corpora, tmp_path, capsys):
    path = write_recipe(
        tmp_path,
        data=TWO,
        held_out=TWO,
        test=[*TWO, {**DE_FR, "files": ["en_fr.tsv"]}],
        model={"language_embeddings": True},
        training={"steps": 2, "evaluate_every": 2},
    )
    result = finetuning.finetune(load_recipe(path, corpora))
    assert {"bleu/de-fr", "chrf/de-fr", "bleu/en-fr"} < set(result.test_scores)
    shown = capsys.readouterr().out
    assert shown.count("(zero-shot)") == 1
    assert "  de-fr (zero-shot): BLEU " in shown
    model = XLMSeq2SeqLM.from_preset(str(result.model))
    model.compile(sampler=finetuning.BeamSearch(2))
    languages = {"source_language": "de", "target_language": "fr"}
    expected = model.generate([source for source, _ in PAIRS], **languages)
    lines = (path.parent / "run" / "test.de-fr.txt").read_text("utf-8").splitlines()
    assert lines == expected


@pytest.mark.parametrize("part", ["held_out", "test"])
def test_only_what_a_model_can_be_told_is_zero_shot(corpora, tmp_path, part):
    """Without a run: the languages are learnt on the side where they are asked for."""

    def load(direction, **changes):
        changes = {"model": {"language_embeddings": True}, **changes}
        path = write_recipe(
            tmp_path,
            data=TWO,
            **{part: [{**direction, "files": ["en_fr.tsv"]}]},
            **changes,
        )
        return load_recipe(path, corpora)

    recipe = load(DE_FR)
    assert finetuning._zero_shot(recipe, part) == {"de-fr"}
    assert all("trained on say little" in notice for notice in recipe.notices())
    # Nothing trains to write de, or to read fr.
    trained = rf"which recipe\.{part} evaluates\. Trained: de-en, en-fr\. Zero-shot is"
    for direction, name in ((EN_DE, "en-de"), (FR_EN, "fr-en")):
        with pytest.raises(ValueError, match=rf"does not train {name}, {trained}"):
            load(direction)
    with pytest.raises(ValueError, match=r"set recipe\.model\.language_embeddings"):
        load(DE_FR, model={"language_embeddings": False})
    same = {"source_language": "en", "target_language": "en"}
    with pytest.raises(ValueError, match=rf"does not train en-en, {trained}"):
        load(same)


def test_a_run_begins_with_a_pretrained_model(corpora, tmp_path):
    path = write_recipe(
        tmp_path, vocabulary_size=None, initial_model="xlm_tiny", model=None
    )
    assert load_recipe(path, corpora).initial_model == "xlm_tiny"
    path = write_recipe(
        tmp_path,
        vocabulary_size=None,
        initial_model="masked_lm",
        model=None,
    )
    XLMMaskedLM.from_preset("xlm_tiny").save_to_preset(tmp_path / "masked_lm")
    with path.open("a", encoding="utf-8") as file:
        file.write("model: {num_decoder_layers: 1, dropout: 0.3}\n")
    recipe = load_recipe(path, corpora)
    model = finetuning.build_seq2seq_lm(recipe)
    masked_lm = XLMMaskedLM.from_preset("xlm_tiny")
    assert model.backbone.num_decoder_layers == 1
    assert model.backbone.encoder.dropout == 0.3
    expected = masked_lm.backbone.weights
    for variable, other in zip(expected, model.backbone.encoder.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(other), np.asarray(variable))
    assert model.preprocessor.languages == masked_lm.preprocessor.languages


@pytest.fixture(scope="module")
def two_models(tmp_path_factory):
    """Presets with one vocabulary: a masked LM, and an encoder-decoder of its form."""
    folder = tmp_path_factory.mktemp("models")
    masked_lm = XLMMaskedLM.from_preset("xlm_tiny")
    rng = np.random.default_rng(0)
    masked_lm.set_weights(
        [rng.normal(size=x.shape, scale=0.1) for x in masked_lm.get_weights()]
    )
    masked_lm.save_to_preset(folder / "masked_lm")
    model = XLMSeq2SeqLM.from_masked_lm("xlm_tiny", 1, share_embeddings=False)
    model.save_to_preset(folder / "translator")
    return folder


def build(corpora, tmp_path, **changes):
    path = write_recipe(tmp_path, vocabulary_size=None, model=None, **changes)
    return finetuning.build_seq2seq_lm(load_recipe(path, corpora))


def assert_equal_weights(one, other):
    for own, expected in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(own), np.asarray(expected))


def test_a_run_goes_on_with_an_encoder_decoder(corpora, tmp_path, two_models):
    name = str(two_models / "translator")
    model = build(corpora, tmp_path, initial_model=name)
    expected = XLMSeq2SeqLM.from_preset(name)
    assert_equal_weights(model, expected)
    assert not model.backbone.share_embeddings
    assert model.preprocessor.target_languages == ["fr"]
    assert model.preprocessor.target_length == 64
    path = write_recipe(tmp_path, vocabulary_size=None, initial_model=name, model=None)
    with path.open("a", encoding="utf-8") as file:
        file.write("model: {num_decoder_layers: 1, dropout: 0.3}\n")
    model = finetuning.build_seq2seq_lm(load_recipe(path, corpora))
    assert model.backbone.encoder.dropout == 0.3
    assert model.backbone.decoder_blocks[0].dropout == 0.3
    assert_equal_weights(model, expected)


def test_encoder_and_decoder_of_two_models(corpora, tmp_path, two_models):
    masked_lm, translator = (
        str(two_models / name) for name in ("masked_lm", "translator")
    )
    model = build(
        corpora, tmp_path, initial_model="xlm_tiny", initial_decoder=masked_lm
    )
    assert_equal_weights(
        model.backbone.encoder, XLMMaskedLM.from_preset("xlm_tiny").backbone
    )
    of_decoder = XLMMaskedLM.from_preset(masked_lm)
    assert_equal_weights(
        model.backbone.decoder_embeddings, of_decoder.backbone.embeddings
    )
    assert_equal_weights(model.prediction_head, of_decoder.prediction_head)
    for block, other in zip(
        model.backbone.decoder_blocks, of_decoder.backbone.encoder_blocks, strict=True
    ):
        assert_equal_weights(block.feed_forward, other.feed_forward)
        assert_equal_weights(block.attention, other.attention)

    model = build(
        corpora, tmp_path, initial_model=masked_lm, initial_decoder=translator
    )
    translator = XLMSeq2SeqLM.from_preset(translator)
    assert_equal_weights(model.backbone.encoder, of_decoder.backbone)
    assert model.backbone.num_decoder_layers == 1
    assert_equal_weights(
        model.backbone.decoder_blocks[0], translator.backbone.decoder_blocks[0]
    )
    # Of an encoder-decoder that gives the encoder, the decoder is left out.
    again = build(
        corpora,
        tmp_path,
        initial_model=str(two_models / "translator"),
        initial_decoder=masked_lm,
    )
    assert again.backbone.num_decoder_layers == 2
    assert_equal_weights(again.backbone.encoder, translator.backbone.encoder)


def test_a_run_begins_with_a_file_of_xlm(corpora, tmp_path):
    folder = Path(__file__).parents[1] / "data" / "checkpoints"
    own = {"source_length": 8, "target_length": 16}
    name = str(folder / "xlm_translation_pth" / "checkpoint.pth")
    model = build(corpora, tmp_path, initial_model=name, training=own)
    assert_equal_weights(model, XLMSeq2SeqLM.from_preset(name))
    assert model.preprocessor.target_language == "fr"
    # A task without a decoder takes its encoder.
    encoder = load_initial_model(name, "float32", ["XLMMaskedLM"])
    assert_equal_weights(encoder, XLMMaskedLM.from_preset(name))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"initial_model": None, "vocabulary_size": 90}, "decoder needs recipe.init"),
        ({"model": {"share_embeddings": True}}, "share_embeddings must be false"),
        ({"model": {"num_decoder_layers": 3}}, "must not exceed .* 3 and 2"),
        ({"initial_decoder": "small"}, "hidden_dim is 8 there, and 128 here"),
        ({"initial_decoder": "embedder"}, "initial_decoder: .* XLMTextEmbedder"),
        ({"initial_decoder": "absent"}, "initial_decoder: There is no model absent"),
        ({"initial_decoder": "languages"}, r"must have the languages .*\['0', '1'\]"),
        (
            {"initial_decoder": None, "initial_model": "translator"}
            | {"model": {"num_decoder_layers": 2}},
            "num_decoder_layers is that of the initial model .* Expected: 1",
        ),
        (
            {"initial_decoder": None, "initial_model": "translator"}
            | {"model": {"share_embeddings": True}},
            "share_embeddings is that of .*Expected: false",
        ),
    ],
)
def test_what_does_not_fit_encoder_or_decoder(
    corpora, tmp_path, two_models, changes, message
):
    tiny = XLMMaskedLM.from_preset("xlm_tiny")
    config = tiny.backbone.get_config()
    for name, own in (
        ("small", {"hidden_dim": 8}),
        ("languages", {"num_languages": 2}),
    ):
        backbone = type(tiny.backbone).from_config({**config, **own})
        XLMMaskedLM(backbone).save_to_preset(tmp_path / name)
    XLMTextEmbedder(tiny.backbone).save_to_preset(tmp_path / "embedder")
    (tmp_path / "translator").symlink_to(two_models / "translator")
    changes = {
        "vocabulary_size": None,
        "initial_model": "xlm_tiny",
        "initial_decoder": "xlm_tiny",
        **changes,
    }
    path = write_recipe(tmp_path, **changes)
    recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    if changes["initial_model"]:
        recipe["model"] = changes.get("model", {})
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load_recipe(path, corpora)


def test_another_vocabulary_of_the_decoder(tmp_path, two_models):
    """Of the same size: files do not tell before they are read."""
    masked_lm = XLMMaskedLM.from_preset("xlm_tiny")
    proto = sentencepiece_model_pb2.ModelProto.FromString(
        masked_lm.preprocessor.tokenizer.proto
    )
    proto.pieces[100].piece, proto.pieces[101].piece = (
        proto.pieces[101].piece,
        proto.pieces[100].piece,
    )
    tokenizer = XLMSentencePieceTokenizer(proto.SerializeToString())
    masked_lm.preprocessor = XLMMaskedLMPreprocessor(tokenizer, sequence_length=64)
    masked_lm.save_to_preset(tmp_path / "other")
    with pytest.raises(ValueError, match=r"does not fit the encoder.*one vocabulary"):
        load_initial_seq2seq("xlm_tiny", "float32", str(tmp_path / "other"))


@pytest.mark.slow
def test_summaries_are_measured_by_rouge_beside_the_first_sentence(corpora, tmp_path):
    pairs = [{"source_language": "en", "target_language": "en"}]
    pairs[0]["files"] = ["summaries.jsonl"]
    path = write_recipe(
        tmp_path,
        task="summarization",
        vocabulary_size=60,
        data=pairs,
        held_out=pairs,
        test=pairs,
        training={"steps": 2, "evaluate_every": 2},
    )
    result = finetuning.finetune(load_recipe(path, corpora))
    names = {f"{metric}/en-en" for metric in ("rouge1", "rouge2", "rougeL")}
    assert set(result.test_scores) == names | {f"first_sentence/{x}" for x in names}
    # The first sentence is one of the two references.
    assert result.test_scores["first_sentence/rougeL/en-en"] == pytest.approx(100)
    written = (recipe_output(path) / "test.en-en.txt").read_text(encoding="utf-8")
    assert len(written.splitlines()) == len(PAIRS)


@pytest.mark.slow
def test_entries_of_one_direction_and_several_references(corpora, tmp_path, capsys):
    """A run whose held-out sources come from its data, accumulates, and is quiet."""
    lines = [
        {"source": "The page was not found.", "fr": ["Rien.", "Page introuvable."]},
        {"source": "", "fr": "rien"},
        {"source": "You have new messages.", "fr": ""},
        {"source": "This field is required.", "fr": "Ce champ est obligatoire."},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "many.jsonl").write_text(text, encoding="utf-8")
    path = write_recipe(
        tmp_path,
        held_out=None,
        held_out_share=0.2,
        vocabulary_size=60,
        test=[
            {**EN_FR, "files": ["en_fr.tsv"]},
            {**EN_FR, "files": [str(tmp_path / "many.jsonl")]},
        ],
        training={
            "steps": 2,
            "evaluate_every": 2,
            "warmup_steps": 1,
            "accumulation_steps": 2,
        },
    )
    capsys.readouterr()
    command = ["finetune", str(path), "--data", str(corpora), "--quiet"]
    assert main([*command, "--output", str(tmp_path / "run")]) == 0
    assert capsys.readouterr().out == ""

    whole, many = (
        (tmp_path / "run" / f"test.en-fr.{name}.txt").read_text("utf-8").splitlines()
        for name in ("en_fr", "many")
    )
    assert len(whole) == len(PAIRS)
    model = XLMSeq2SeqLM.from_preset(str(tmp_path / "run" / "model"))
    model.compile(sampler=finetuning.BeamSearch(2))
    expected = model.generate([line["source"] or "x" for line in lines])
    expected[1] = ""
    assert many == expected
    scores = json.loads((tmp_path / "run" / "test_scores.json").read_text())
    references = [["Rien.", "Ce champ est obligatoire."], ["Page introuvable.", None]]
    scored = [expected[0], expected[3]]
    for name in ("bleu", "chrf"):
        score = getattr(sacrebleu, f"corpus_{name}")(scored, references).score
        assert scores[f"{name}/en-fr/many"] == pytest.approx(score)
        assert f"{name}/en-fr/en_fr" in scores


def recipe_output(path):
    return path.parent / "run"


@pytest.mark.slow
def test_64_summaries_are_memorised(shared_data, tmp_path):
    import gzip

    with gzip.open(shared_data / "xscitldr/scitldr_en.train.jsonl.gz", "rt") as file:
        lines = [json.loads(next(file)) for _ in range(64)]
    text = "".join(
        json.dumps({"source": line["source"], "target": line["en"][0]}) + "\n"
        for line in lines
    )
    (tmp_path / "pairs.jsonl").write_text(text, encoding="utf-8")
    pairs = [{"source_language": "en", "target_language": "en"}]
    pairs[0]["files"] = ["pairs.jsonl"]
    path = write_recipe(
        tmp_path,
        task="summarization",
        vocabulary_size=1000,
        model={
            "num_layers": 2,
            "num_heads": 4,
            "hidden_dim": 128,
            "intermediate_dim": 256,
            "max_sequence_length": 128,
            "norm_placement": "pre",
            "dropout": 0.0,
            "attention_dropout": 0.0,
        },
        data=pairs,
        held_out=pairs,
        test=pairs,
        training={
            "steps": 300,
            "tokens_per_batch": 1024,
            "source_length": 128,  # their end is cut off
            "target_length": 96,
            "learning_rate": 2e-3,
            "schedule": "cosine",
            "warmup_steps": 50,
            "label_smoothing": 0.0,
            "evaluate_every": 300,
            "checkpoint_every": 300,
        },
    )
    result = finetuning.finetune(load_recipe(path))
    assert result.test_scores["rougeL/en-en"] > 90


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 3}, r"recipe\.steps is unknown"),
        ({"task": "poetry"}, r"recipe\.task must be one of translation, summ"),
        ({"held_out": []}, r"recipe\.held_out names no pairs"),
        ({"vocabulary_size": None}, "initial_model, vocabulary_size.* none"),
        ({"initial_model": "xlm_tiny"}, "initial_model and vocabulary_size"),
        ({"held_out_share": 0.1}, "either held_out, or held_out_share"),
        ({"training": {"label_smoothing": 1.5}}, "label_smoothing must be less than 1"),
        ({"training": {"r_drop": -1.0}}, "r_drop must be greater than or equal to 0"),
        ({"training": {"language_alpha": -1.0}}, "language_alpha must be greater"),
        (
            {"training": {"r_drop": 5.0}}
            | {"model": {"dropout": 0.0, "attention_dropout": 0.0}},
            r"r_drop compares what dropout makes different: it needs",
        ),
        ({"training": {"beta_1": 1.0}}, "beta_1 must be less than 1"),
        (
            {"training": {"average_last": 0}},
            "average_last must be greater than or equal to 1",
        ),
        ({"decoding": {"length_penalty": float("nan")}}, "must be a finite number"),
        ({"decoding": {"num_beams": True}}, "num_beams must be a valid integer"),
        (
            {"decoding": {"no_repeat_ngram_size": -1}},
            "must be greater than or equal to 0",
        ),
        ({"decoding": {"beams": 2}}, r"decoding\.beams is unknown"),
        ({"steps": 3}, "It is a field of training"),
        ({"model": {"causal": True}}, "causal: must be false"),
        (
            {"model": {"num_decoder_layers": 0}},
            "num_decoder_layers must be greater than or equal to 1",
        ),
        ({"model": {"share_embeddings": "so"}}, "must be a valid boolean"),
        ({"training": {"tokens_per_batch": 60}}, "room for the longest example, 64"),
        (
            {"training": {"accumulation_steps": 3}},
            "64 tokens .* accumulation_steps parts.*128 and 3",
        ),
        (
            {"data": [{**EN_FR, "files": ["en_fr.tsv"]}] * 2},
            r"recipe\.data: \[1\] repeats \[0\]",
        ),
        (
            {"test": [{**EN_FR, "files": ["en_fr.tsv"], "name": "a/b"}]},
            r"test\[0\]\.name: must be a name such as",
        ),
        (
            {"data": [{**EN_FR, "files": ["en_fr.tsv"], "name": "a"}]},
            r"data\[0\]\.name is unknown",
        ),
        (
            {
                "test": [
                    {**EN_FR, "files": ["en_fr.tsv"]},
                    {**EN_FR, "files": ["more/en_fr.tsv"]},
                ]
            },
            "both be scored as en-fr/en_fr: give each a `name`",
        ),
        (
            {
                "data": [
                    {**EN_FR, "files": ["en_fr.tsv"]},
                    {**FR_EN, "files": ["fr_en.tsv"]},
                ]
            },
            "several target languages must be told which to generate",
        ),
        (
            {"training": {"steps": 0}},
            r"recipe\.training\.steps must be greater than or equal to 1",
        ),
        (
            {"training": {"early_stopping_metric": "rougeL"}},
            r"must be one of bleu, chrf\. Received: rougeL",
        ),
        (
            {"test": [{**FR_EN, "files": ["fr_en.tsv"]}]},
            r"does not train fr-en, which recipe.test evaluates\. Trained: en-fr",
        ),
        ({"data": [EN_FR]}, "expected either `files`"),
        ({"model": {"hidden": 3}}, r"recipe\.model\.hidden is unknown\. Did you mean"),
        (
            {"training": {"source_length": 65}},
            r"source_length must not exceed the model's positions",
        ),
    ],
)
def test_what_is_wrong_in_a_recipe_is_named(corpora, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        load_recipe(write_recipe(tmp_path, **changes), corpora)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training": {"source_length": 129}}, "source_length must not .* 129 and 128"),
        ({"training": {"target_length": 200}}, "target_length must not .* 200 and 128"),
        (
            {"model": {"hidden_dim": 128}},
            "model decides the rest. Received: hidden_dim",
        ),
        ({"model": {"language_embeddings": True}}, "is that of the initial model"),
        ({"training": {"r_drop": 5.0}}, "needs a dropout .* xlm_tiny has none"),
        (
            {
                "data": [
                    {**EN_FR, "files": ["en_fr.tsv"]},
                    {**FR_EN, "files": ["fr_en.tsv"]},
                ]
            },
            "to generate: begin with a model that has languages, as xlm_tiny has not",
        ),
    ],
)
def test_what_does_not_fit_the_initial_model(corpora, tmp_path, changes, message):
    changes = {"training": {"tokens_per_batch": 4096}, **changes}
    changes["training"] = {"tokens_per_batch": 4096, **changes["training"]}
    path = write_recipe(
        tmp_path, vocabulary_size=None, initial_model="xlm_tiny", model=None
    )
    recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name, value in changes.items():
        old = recipe.get(name)
        recipe[name] = {**old, **value} if isinstance(old, dict) else value
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load_recipe(path, corpora)


def test_missing_files_are_named(corpora, tmp_path):
    path = write_recipe(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no data folder at .*absent"):
        load_recipe(path, tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match=r"recipe\.data\[0\].*en_fr\.tsv"):
        load_recipe(path)
    path = write_recipe(
        tmp_path, vocabulary_size=None, initial_model="absent", model=None
    )
    with pytest.raises(
        FileNotFoundError, match="initial_model: There is no model absent"
    ):
        load_recipe(path, corpora)
