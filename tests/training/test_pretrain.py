"""Whole runs on real, small text, in processes that are killed."""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras_hub
import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file

from xlm_tf import (
    XLMBackbone,
    XLMBPETokenizer,
    XLMCausalLM,
    XLMMaskedLM,
    XLMSeq2SeqLM,
    XLMTextEmbedder,
)
from xlm_tf.cli import main
from xlm_tf.output_files import unlock_folder
from xlm_tf.text.vocabulary import train_vocabulary
from xlm_tf.training import pretrain as pretraining
from xlm_tf.training.initial_model import load_initial_model
from xlm_tf.training.recipe_loader import load_recipe
from xlm_tf.training.run import claim_output, run_to_end
from xlm_tf.training.seq2seq_pretraining import build_pretraining_seq2seq

PAIRS = [
    ("The file does not exist.", "Le fichier n'existe pas."),
    ("Please enter a valid date.", "Saisissez une date valide."),
    ("This field is required.", "Ce champ est obligatoire."),
    ("The page was not found.", "La page n'a pas été trouvée."),
    ("You have new messages.", "Vous avez de nouveaux messages."),
    ("Are you sure you want to delete this image?", "Voulez-vous supprimer l'image ?"),
    ("Your password was changed.", "Votre mot de passe a été changé."),
    ("The server is not available.", "Le serveur n'est pas disponible."),
]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A folder with corpus, vocabulary and recipe."""
    folder = tmp_path_factory.mktemp("pretraining")
    for part, pairs in (("train", PAIRS), ("held", PAIRS[:4])):
        for side, language in enumerate(("en", "fr")):
            texts = "".join(f"{pair[side]}\n" for pair in pairs)
            (folder / f"{part}.{language}.txt").write_text(texts, encoding="utf-8")
        lines = "".join(f"{source}\t{target}\n" for source, target in pairs)
        (folder / f"{part}.tsv").write_text(lines, encoding="utf-8")
    texts = {
        language: (lambda side=side: iter([pair[side] for pair in PAIRS]))
        for side, language in enumerate(("en", "fr"))
    }
    train_vocabulary(texts, 90, folder / "vocabulary.model")
    bitext = {"source_language": "en", "target_language": "fr"}
    recipe = {
        "output": "unused",
        "vocabulary": "vocabulary.model",
        "model": {
            "num_layers": 1,
            "num_heads": 2,
            "hidden_dim": 16,
            "intermediate_dim": 32,
            "max_sequence_length": 64,
            "language_embeddings": True,
        },
        "data": {
            "monolingual": {"en": ["train.en.txt"], "fr": ["train.fr.txt"]},
            "bitext": [{**bitext, "files": ["train.tsv"]}],
        },
        "held_out": {
            "monolingual": {"fr": ["held.fr.txt"]},
            "bitext": [{**bitext, "files": ["held.tsv"]}],
        },
        "objectives": {"mlm": 1, "tlm": 1},
        "training": {
            "steps": 14,
            "batch_size": 4,
            "sequence_length": 64,
            "learning_rate": 1e-2,
            "warmup_steps": 5,
            "evaluate_every": 6,
            "checkpoint_every": 2,
        },
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return folder


def start(workspace, output, recipe="recipe.yaml", **environment):
    arguments = ["pretrain", str(workspace / recipe), "--output", str(output)]
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "xlm_tf.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1", **environment},
    )


def finish(process, code=0):
    output, errors = process.communicate(timeout=300)
    assert process.returncode == code, errors
    return output


def last_state(output):
    return load_file(output / "checkpoints" / "last.safetensors")


def metrics_of(output):
    lines = (output / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def uninterrupted(workspace, tmp_path_factory):
    output = tmp_path_factory.mktemp("runs") / "whole"
    finish(start(workspace, output))
    return output


@pytest.mark.slow
def test_a_run_leaves_its_model_curves_and_state(uninterrupted):
    metrics = metrics_of(uninterrupted)
    assert [m["step"] for m in metrics] == [6, 12, 14]
    assert {"perplexity/mlm/fr", "accuracy/tlm/en-fr", "mean/perplexity"} <= set(
        metrics[0]
    )
    assert metrics[-1]["mean/perplexity"] < metrics[0]["mean/perplexity"]
    assert list((uninterrupted / "tensorboard").iterdir())
    masked_lm = keras_hub.models.MaskedLM.from_preset(str(uninterrupted / "model"))
    assert isinstance(masked_lm, XLMMaskedLM)
    assert masked_lm.preprocessor.languages == ["en", "fr"]
    masked_lm.preprocessor.language = "fr"
    assert len(masked_lm.fill_mask("Le <mask> n'existe pas.", top_k=3)[0]) == 3


def after_the_next_checkpoint(process, output, number):
    """Send a signal while the run goes on from a checkpoint that it just wrote."""
    checkpoint = output / "checkpoints" / "last.safetensors"
    before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
    while not checkpoint.exists() or checkpoint.stat().st_mtime_ns == before:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(number)


@pytest.mark.slow
def test_killed_and_stopped_runs_end_with_the_weights_of_a_whole_one(
    workspace, uninterrupted, tmp_path
):
    output = tmp_path / "stopped"
    process = start(workspace, output)
    after_the_next_checkpoint(process, output, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL

    process = start(workspace, output)
    after_the_next_checkpoint(process, output, signal.SIGINT)
    assert "Run the same command to continue" in finish(process, 130)

    assert "Continuing at step" in finish(start(workspace, output))
    expected, actual = last_state(uninterrupted), last_state(output)
    assert list(expected) == list(actual)
    for name, tensor in expected.items():
        np.testing.assert_array_equal(actual[name], tensor, err_msg=name)
    assert metrics_of(output) == metrics_of(uninterrupted)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("objectives", "model"),
    [
        ({"mlm": 1, "tlm": 1}, {}),
        ({"clm": 1}, {"causal": True}),
        ({"mlm": 1, "pc": 1}, {}),
        (
            {"mlm": 1, "dae": 1, "infilling": 1, "mt": 1, "bt": 1},
            {"num_decoder_layers": 1},
        ),
    ],
    ids=["mlm-tlm", "clm", "pc", "writing"],
)
def test_two_workers_train_the_model_of_one(
    workspace, start_workers, tmp_path, objectives, model
):
    """Processes that talk over sockets, as on several machines."""
    recipe = yaml.safe_load((workspace / "recipe.yaml").read_text())
    # Every worker draws its own dropout.
    recipe["model"] |= {"dropout": 0.0, "attention_dropout": 0.0, **model}
    recipe["training"] |= {"steps": 5, "evaluate_every": 5}
    recipe["objectives"] = objectives
    if "clm" in objectives:
        recipe["training"]["accumulation_steps"] = 2
        for texts in (recipe["data"], recipe["held_out"]):
            texts["bitext"] = []
    (workspace / "workers.yaml").write_text(yaml.safe_dump(recipe))
    alone = start(workspace, tmp_path / "one", "workers.yaml")
    finish(alone)
    workers = start_workers(workspace / "workers.yaml", tmp_path / "two")
    for worker in workers:
        finish(worker)
    expected, actual = (last_state(tmp_path / run) for run in ("one", "two"))
    assert len(actual) == len(expected)
    for (name, tensor), other in zip(expected.items(), actual.values(), strict=True):
        np.testing.assert_allclose(other, tensor, atol=1e-4, err_msg=name)
    metrics = metrics_of(tmp_path / "two")
    assert metrics[0] == pytest.approx(metrics_of(tmp_path / "one")[0], rel=1e-3)


def test_an_output_of_something_else_is_refused(workspace, tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("precious")
    command = ["pretrain", str(workspace / "recipe.yaml"), "--output", str(tmp_path)]
    assert main(command) == 2
    assert "is not a training run" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.slow
def test_an_output_of_another_recipe_is_refused(workspace, uninterrupted, capsys):
    recipe = yaml.safe_load((workspace / "recipe.yaml").read_text())
    recipe["training"]["learning_rate"] = 0.5
    changed = workspace / "changed.yaml"
    changed.write_text(yaml.safe_dump(recipe))
    assert main(["pretrain", str(changed), "--output", str(uninterrupted)]) == 2
    said = capsys.readouterr().err
    assert "Changed since: recipe.training.learning_rate" in said


@pytest.fixture(scope="module")
def bpe(workspace):
    """A vocabulary of XLM's kind: characters, and two merges."""
    characters = sorted({x for pair in PAIRS for text in pair for x in text.lower()})
    tokens = [f"{x}{end}" for x in characters if x != " " for end in ("@@", "")]
    lines = [f"{token} {100 - i}" for i, token in enumerate([*tokens, "th@@", "le"])]
    (workspace / "vocab").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (workspace / "codes").write_text("t h 9\nl e</w> 8\n", encoding="utf-8")
    return {
        "vocabulary": "vocab",
        "codes": "codes",
        "words": "whitespace",
        "max_vocabulary": 14 + len(lines),
    }


def write_recipe(folder, name, without=(), **changes):
    recipe = yaml.safe_load((folder / "recipe.yaml").read_text())
    for field in without:
        del recipe[field]
    for field, value in changes.items():
        old = recipe.get(field)
        recipe[field] = {**old, **value} if isinstance(old, dict) else value
    (folder / name).write_text(yaml.safe_dump(recipe))
    return folder / name


SHORT = {"steps": 2, "evaluate_every": 2, "warmup_steps": 1}


@pytest.fixture(scope="module")
def first(workspace, bpe, tmp_path_factory):
    """The output of a short run with BPE, and what the command said."""
    path = write_recipe(
        workspace,
        "bpe.yaml",
        without=("vocabulary", "held_out"),
        bpe=bpe,
        held_out_share=0.2,
        training={**SHORT, "selection_alpha": 0.5},
    )
    output = tmp_path_factory.mktemp("first") / "run"
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert main(["pretrain", str(path), "--output", str(output), "--quiet"]) == 0
    return output, said.getvalue()


@pytest.mark.slow
def test_a_quiet_run_with_bpe_and_texts_held_out_by_itself(first):
    output, said = first
    assert said == ""
    (metrics,) = metrics_of(output)
    for name in ("mlm/en", "mlm/fr", "tlm/en-fr"):
        assert metrics[f"perplexity/{name}"] > 1
    masked_lm = XLMMaskedLM.from_preset(output / "model")
    tokenizer = masked_lm.preprocessor.tokenizer
    assert isinstance(tokenizer, XLMBPETokenizer)
    assert tokenizer.words == "whitespace"
    assert masked_lm.preprocessor.languages == ["en", "fr"]
    assert masked_lm.backbone.pad_token_id == tokenizer.pad_token_id == 2


@pytest.mark.slow
def test_a_run_goes_on_with_a_model_in_plain_lines(
    workspace, tmp_path, capsys, monkeypatch
):
    path = write_recipe(
        workspace,
        "more.yaml",
        without=("vocabulary", "model", "objectives"),
        initial_model="xlm_tiny",
        held_out={"bitext": []},
        training=SHORT,
    )
    recipe = load_recipe(path, output=tmp_path / "run")
    initial = XLMMaskedLM.from_preset("xlm_tiny")
    states = {}

    def remember(run, *args):
        states["before"] = [np.asarray(x) for x in run.trained_model.weights]
        run_to_end(run, *args)

    monkeypatch.setattr(pretraining, "run_to_end", remember)
    capsys.readouterr()
    result = pretraining.pretrain(recipe)
    for weight, before in zip(initial.weights, states["before"], strict=True):
        np.testing.assert_array_equal(np.asarray(weight), before)
    trained = XLMMaskedLM.from_preset(result.model)
    assert (
        trained.preprocessor.tokenizer.get_vocabulary()
        == initial.preprocessor.tokenizer.get_vocabulary()
    )
    assert np.abs(trained.get_weights()[0] - initial.get_weights()[0]).max() > 0

    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("step 2 of 2: loss ")]
    (scores,) = [line for line in lines if line.startswith("  mlm/fr: ")]
    assert re.fullmatch(
        r"  mlm/fr: perplexity [\d.]+, accuracy .*%, targets \d+", scores
    )
    assert not [line for line in lines if set(line) & set("\r\b\x1b━─│")]


@pytest.mark.slow
def test_a_causal_model_of_running_text_is_trained_further_and_writes(
    workspace, tmp_path
):
    path = write_recipe(
        workspace,
        "clm.yaml",
        without=("objectives",),
        objectives={"clm": 1},
        model={"causal": True, "head_transform": False},
        training={"steps": 20, "evaluate_every": 20, "rows": "stream"},
    )
    recipe = yaml.safe_load(path.read_text())
    result = pretraining.pretrain(load_recipe(path, output=tmp_path / "a"), quiet=True)
    (metrics,) = metrics_of(tmp_path / "a")
    assert 1 < metrics["perplexity/clm/fr"] < 90
    causal_lm = XLMCausalLM.from_preset(result.model)
    assert causal_lm.generate("Le", max_length=12, language="fr").startswith("Le")
    # Also as a causal model that was saved as one.
    causal_lm.save_to_preset(tmp_path / "saved")
    for number, model in enumerate((result.model, tmp_path / "saved")):
        further = {**recipe, "initial_model": str(model)}
        del further["vocabulary"], further["model"]
        path.write_text(yaml.safe_dump(further))
        loaded = load_recipe(path, output=tmp_path / f"further{number}")
        begun = pretraining.build_masked_lm(loaded)
        inputs = {"token_ids": np.array([[0, 50, 60, 2]])}
        inputs["language_ids"] = np.ones((1, 4), "int32")
        np.testing.assert_allclose(begun(inputs), causal_lm(inputs), atol=1e-5)
    more = pretraining.pretrain(loaded, quiet=True)
    assert isinstance(XLMMaskedLM.from_preset(more.model), XLMMaskedLM)
    (later,) = metrics_of(tmp_path / "further1")
    assert later["perplexity/clm/fr"] < metrics["perplexity/clm/fr"]


@pytest.mark.slow
def test_pairs_are_classified_beside_other_objectives(workspace, tmp_path):
    path = write_recipe(
        workspace,
        "pc.yaml",
        objectives={"pc": 2},
        training={"steps": 60, "evaluate_every": 60, "rows": "stream"},
    )
    pretraining.pretrain(load_recipe(path, output=tmp_path / "run"), quiet=True)
    (metrics,) = metrics_of(tmp_path / "run")
    assert metrics["perplexity/pc/en-fr"] < 3  # of two answers, not of 90 tokens
    assert metrics["perplexity/mlm/fr"] > 3


@pytest.fixture(scope="module")
def multitask(workspace, tmp_path_factory):
    """The output of a run of six objectives with a decoder, and its recipe."""
    path = write_recipe(
        workspace,
        "multitask.yaml",
        objectives={
            "mlm": "0:1,9:0",
            "tlm": 1,
            "dae": 1,
            "infilling": 1,
            "mt": "0:1,6:2",
            "bt": 2,
        },
        model={"num_decoder_layers": 1},
        training={
            "tokens_per_batch": 256,
            "label_smoothing": 0.1,
            "early_stopping_metric": "bleu",
            "sampling_temperature": 0.9,
        },
    )
    output = tmp_path_factory.mktemp("multitask") / "whole"
    finish(start(workspace, output, path.name))
    return output, path


@pytest.mark.slow
def test_an_encoder_decoder_learns_several_objectives(multitask):
    output, _ = multitask
    first, *_, last = metrics_of(output)
    assert {
        *("perplexity/mlm/fr", "perplexity/dae/fr", "accuracy/infilling/fr"),
        *("perplexity/mt/en-fr", "bleu/en-fr", "bleu/fr-en", "mean/chrf"),
        *("round_trip_bleu/fr-en", "mean/round_trip_bleu"),
    } <= set(last)
    assert not any("/bt/" in name for name in last)
    # What changes by the step, and what does not.
    assert last["train/objectives/mlm"] == max(0, 1 - last["step"] / 9)
    assert first["train/objectives/mt"] == min(2, 1 + first["step"] / 6)
    assert "train/objectives/tlm" not in last
    assert "train/selection_rate" not in last
    assert last["perplexity/dae/fr"] < first["perplexity/dae/fr"]
    model = XLMSeq2SeqLM.from_preset(output / "model")
    assert model.preprocessor.languages == ["en", "fr"]
    texts = model.generate(
        ["A date.", "A file."], source_language="en", target_language="fr"
    )
    assert len(texts) == 2


@pytest.mark.slow
def test_a_stopped_run_of_several_objectives_goes_on_with_the_same_batches(
    workspace, multitask, tmp_path
):
    whole, path = multitask
    output = tmp_path / "stopped"
    process = start(workspace, output, path.name)
    after_the_next_checkpoint(process, output, signal.SIGKILL)
    process.communicate()
    assert "Continuing at step" in finish(start(workspace, output, path.name))
    expected, actual = last_state(whole), last_state(output)
    assert list(expected) == list(actual)
    for name, tensor in expected.items():
        np.testing.assert_array_equal(actual[name], tensor, err_msg=name)
    assert metrics_of(output) == metrics_of(whole)


@pytest.mark.slow
def test_translation_without_pairs_begins_with_a_masked_model(
    workspace, first, tmp_path
):
    path = write_recipe(
        workspace,
        "unsupervised.yaml",
        without=("vocabulary", "model", "data", "held_out"),
        initial_model=str(first[0] / "model"),
        data={"monolingual": {"en": ["train.en.txt"], "fr": ["train.fr.txt"]}},
        held_out={"monolingual": {"en": ["held.en.txt"], "fr": ["held.fr.txt"]}},
        objectives={"dae": 1, "bt": 1},
        training={**SHORT, "objective_weights": "loss", "directions": ["en-fr"]},
    )
    content = yaml.safe_load(path.read_text())
    del content["objectives"]["mlm"], content["objectives"]["tlm"]
    path.write_text(yaml.safe_dump(content))
    result = pretraining.pretrain(load_recipe(path, output=tmp_path / "run"), True)
    (metrics,) = metrics_of(tmp_path / "run")
    assert not any("round_trip" in name or "bleu" in name for name in metrics)
    # What goes on: an encoder-decoder, of which nothing is begun anew.
    path.write_text(yaml.safe_dump({**content, "initial_model": str(result.model)}))
    recipe = load_recipe(path, output=tmp_path / "further")
    model = build_pretraining_seq2seq(recipe)
    saved = XLMSeq2SeqLM.from_preset(result.model)
    assert saved.preprocessor.target_languages == ["en", "fr"]
    for one, other in zip(model.weights, saved.weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_languages_and_tokenizer_of_the_initial_model_are_kept(workspace, first):
    model = str(first[0] / "model")
    path = write_recipe(
        workspace,
        "x.yaml",
        without=("vocabulary", "model"),
        initial_model=model,
        data={"monolingual": {"fr": ["train.fr.txt"]}, "bitext": []},
        held_out={"bitext": []},
        objectives={"mlm": 1, "tlm": 0.5},
    )
    with pytest.raises(ValueError, match="neither bitext nor gettext, which tlm"):
        load_recipe(path)
    path = write_recipe(
        workspace, "x.yaml", without=("vocabulary", "model"), initial_model=model
    )
    masked_lm = pretraining.build_masked_lm(load_recipe(path))
    initial = XLMMaskedLM.from_preset(model)
    assert masked_lm.preprocessor.languages == ["en", "fr"]
    assert (
        masked_lm.preprocessor.tokenizer.get_vocabulary()
        == initial.preprocessor.tokenizer.get_vocabulary()
    )
    for weight, other in zip(masked_lm.weights, initial.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(weight), np.asarray(other))


@pytest.mark.slow
def test_what_the_initial_model_cannot_do_is_said_before(workspace, first):
    output, _ = first
    model = str(output / "model")
    without = ("vocabulary", "model")
    path = write_recipe(workspace, "x.yaml", without=without, initial_model=model)
    assert load_recipe(path).languages == ["en", "fr"]
    for changes, message in (
        (
            {"training": {"sequence_length": 65}},
            "sequence_length must not exceed the positions of the initial model .* 65 "
            "and 64",
        ),
        (
            {"data": {"monolingual": {"sw": ["train.en.txt"]}}},
            "one of those of .*: en, fr. Received: 'sw'. A model does not learn a lang",
        ),
        ({"model": {"language_embeddings": False}}, "Expected: true, or to leave"),
        (
            {"model": {"head_transform": False}},
            "only have .*, dropout where",
        ),
    ):
        path = write_recipe(
            workspace, "x.yaml", without=without, initial_model=model, **changes
        )
        with pytest.raises(ValueError, match=message):
            load_recipe(path)


def test_only_a_language_model_is_begun_with(workspace, tmp_path):
    for task in (XLMTextEmbedder, XLMBackbone):
        model = task.from_preset("xlm_tiny")
        folder = tmp_path / task.__name__
        model.save_to_preset(folder)
        kind = "backbone" if task is XLMBackbone else "XLMTextEmbedder"
        path = write_recipe(
            workspace,
            "x.yaml",
            without=("vocabulary", "model"),
            initial_model=str(folder),
        )
        with pytest.raises(ValueError, match=f"holds a {kind}, which is none"):
            load_recipe(path)


def test_dropout_is_all_that_changes_in_an_initial_model():
    masked_lm = load_initial_model("xlm_tiny", "float32", ["XLMMaskedLM"], dropout=0.3)
    expected = XLMMaskedLM.from_preset("xlm_tiny")
    assert masked_lm.backbone.dropout == 0.3
    assert expected.backbone.dropout == 0
    for weight, other in zip(masked_lm.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(weight), np.asarray(other))
    ids = np.array([[0, 50, 60, 2]])
    np.testing.assert_allclose(masked_lm({"token_ids": ids}), expected(ids), atol=1e-5)


def test_an_output_that_cannot_be_written(workspace, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    output = str(tmp_path / "file" / "run")
    command = ["pretrain", str(workspace / "recipe.yaml"), "--output", output]
    assert main(command) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(r"recipe\.output: .*file/run cannot be written", line)


@pytest.mark.parametrize(
    "content",
    ["[]", '{"files": ', '{"files": {"a": 3}, "folders": {}}', "{}", "\udcff"],
)
def test_a_damaged_record_of_files_is_said(workspace, tmp_path, content):
    recipe = load_recipe(workspace / "recipe.yaml", output=tmp_path / "run")
    claim_output(recipe)
    path = tmp_path / "run" / "inputs.json"
    path.write_text(content, errors="surrogateescape")
    with pytest.raises(ValueError, match=r"inputs\.json is damaged: .* or delete "):
        claim_output(recipe)


@pytest.mark.slow
def test_lines_of_curves_that_are_none_are_left_out(workspace, uninterrupted, tmp_path):
    shutil.copytree(uninterrupted, tmp_path / "run")
    path = tmp_path / "run" / "metrics.jsonl"
    before = path.read_bytes()
    path.write_bytes(b'[1]\n{"step": "x"}\n\xff\n3\n' + before + b'{"step": 1')
    recipe = load_recipe(workspace / "recipe.yaml", output=tmp_path / "run")
    pretraining.pretrain(recipe, quiet=True)
    assert path.read_bytes() == before


def test_a_recipe_may_change_until_it_trains(workspace, tmp_path):
    for seed in (1, 2):
        path = write_recipe(workspace, "x.yaml", training={"seed": seed})
        claim_output(load_recipe(path, output=tmp_path / "run"))
    record = json.loads((tmp_path / "run" / "recipe.json").read_text())
    assert record["training"]["seed"] == 2
    (tmp_path / "run" / "metrics.jsonl").write_text("")
    path = write_recipe(workspace, "x.yaml", training={"seed": 3})
    with pytest.raises(ValueError, match=r"Changed since: recipe\.training\.seed"):
        claim_output(load_recipe(path, output=tmp_path / "run"))


def test_only_more_steps_are_asked_of_what_was_trained(workspace, tmp_path):
    output = tmp_path / "run"

    def claim(**training):
        path = write_recipe(workspace, "x.yaml", training=training)
        claim_output(load_recipe(path, output=output))

    claim(steps=20)
    (output / "metrics.jsonl").write_text("")
    (output / "vocabulary.spm").write_text("trained")
    claim(steps=30)
    assert json.loads((output / "recipe.json").read_text())["training"]["steps"] == 30
    assert (output / "vocabulary.spm").exists()
    for wrong in ({"steps": 25}, {"steps": 40, "seed": 7}):
        with pytest.raises(ValueError, match=r"another recipe.*recipe\.training\."):
            claim(**wrong)
    linear = tmp_path / "linear"
    for steps, expected in ((20, contextlib.nullcontext()), (30, None)):
        path = write_recipe(
            workspace, "x.yaml", training={"steps": steps, "schedule": "linear"}
        )
        with expected or pytest.raises(ValueError, match="is linear, which falls unt"):
            claim_output(load_recipe(path, output=linear))
        (linear / "metrics.jsonl").write_text("")


def test_what_was_trained_goes_on_with_the_same_files(workspace, tmp_path):
    texts, vocabulary = tmp_path / "en.txt", tmp_path / "v.model"
    texts.write_text("One.\nTwo.\n")
    vocabulary.write_bytes((workspace / "vocabulary.model").read_bytes())
    output = tmp_path / "run"
    path = write_recipe(
        workspace,
        "x.yaml",
        vocabulary=str(vocabulary),
        data={"monolingual": {"en": [str(texts)], "fr": ["train.fr.txt"]}},
    )
    claim_output(load_recipe(path, output=output))
    (output / "vocabulary.spm").write_text("trained on these texts")
    texts.write_text("One.\nThree.\n")
    claim_output(load_recipe(path, output=output))  # nothing was trained on them
    assert not (output / "vocabulary.spm").exists()
    (output / "metrics.jsonl").write_text("")
    for changed, others in ((texts, vocabulary), (vocabulary, texts)):
        content = changed.read_bytes()
        for own in (texts, vocabulary):
            os.utime(own, (1, 1))  # as of copies
        claim_output(load_recipe(path, output=output))
        changed.write_bytes(content.replace(b"e", b"E"))
        with pytest.raises(ValueError, match="holds a run of other files") as error:
            claim_output(load_recipe(path, output=output))
        assert changed.name in str(error.value)
        assert others.name not in str(error.value)
        changed.write_bytes(content)
    (output / "inputs.json").unlink()  # begun before there was one
    claim_output(load_recipe(path, output=output))
    assert (output / "inputs.json").exists()


def test_what_was_trained_goes_on_elsewhere(workspace, tmp_path, monkeypatch):
    project, moved = tmp_path / "project", tmp_path / "moved" / "project"
    shutil.copytree(workspace, project)
    XLMMaskedLM.from_preset("xlm_tiny").save_to_preset(project / "first")
    names = ("recipe.yaml", "own.yaml")
    own = {"initial_model": "first"}
    write_recipe(project, "own.yaml", without=("vocabulary", "model"), **own)

    def claim(folder, name):
        output = folder / "runs" / name
        claim_output(load_recipe(folder / name, output=output))
        (output / "metrics.jsonl").write_text("")

    monkeypatch.chdir(tmp_path)
    for name in names:
        claim(Path("project"), name)
    moved.parent.mkdir()
    project.rename(moved)
    for folder in (tmp_path / "moved", moved, tmp_path):
        monkeypatch.chdir(folder)
        for name in names:
            claim(moved.relative_to(folder), name)
            claim(moved, name)
    (moved / "first").rename(moved / "other")
    write_recipe(moved, "own.yaml", ("vocabulary", "model"), initial_model="other")
    with pytest.raises(ValueError, match=r"Changed since: recipe\.initial_model\."):
        claim(moved, "own.yaml")
    held_out = {"monolingual": {"fr": ["held.fr.txt", "train.fr.txt"]}}
    write_recipe(moved, "recipe.yaml", held_out=held_out)
    with pytest.raises(ValueError, match=r"since: recipe\.held_out\.monolingual\.fr"):
        claim(moved, "recipe.yaml")


@pytest.mark.slow
def test_a_longer_training_ends_as_one_that_was_meant(
    workspace, uninterrupted, tmp_path
):
    output = tmp_path / "longer"
    path = write_recipe(workspace, "short.yaml", training={"steps": 8})
    finish(start(workspace, output, path.name))
    assert "Continuing at step 8 of 14" in finish(start(workspace, output))
    expected, actual = last_state(uninterrupted), last_state(output)
    for name, tensor in expected.items():
        np.testing.assert_array_equal(actual[name], tensor, err_msg=name)


def test_a_run_that_fails_leaves_its_folder_to_others(
    workspace, tmp_path, is_free_elsewhere
):
    (tmp_path / "bad.model").write_text("no vocabulary")
    recipe = load_recipe(workspace / "recipe.yaml", output=tmp_path / "run")
    recipe = recipe.model_copy(update={"vocabulary": tmp_path / "bad.model"})
    with pytest.raises(ValueError, match=r"bad\.model is no SentencePiece model"):
        pretraining.pretrain(recipe, quiet=True)
    assert (tmp_path / "run" / ".lock").exists()
    assert is_free_elsewhere(tmp_path / "run")


def test_two_runs_at_once_are_refused(workspace, tmp_path, lock_elsewhere, capsys):
    output = tmp_path / "run"
    path = write_recipe(workspace, "x.yaml", training={"seed": 1})
    claim_output(load_recipe(path, output=output))
    record = (output / "recipe.json").read_text()
    unlock_folder(output)
    lock_elsewhere(output)
    command = ["pretrain", str(workspace / "recipe.yaml"), "--output", str(output)]
    assert main(command) == 2
    assert f"Another process writes to {output}." in capsys.readouterr().err
    assert (output / "recipe.json").read_text() == record
