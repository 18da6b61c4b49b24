"""Corpora that are prepared: the same inputs as of text, in an order of all of them."""

import json
import os
import re
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml
from safetensors.numpy import load_file

from xlm_tf.cli import main
from xlm_tf.data import token_shards
from xlm_tf.data.token_examples import TokenExamples
from xlm_tf.objectives.packed_sequences import WINDOW
from xlm_tf.objectives.sentence_pairs import MASKED, WRITTEN
from xlm_tf.text.languages import language_probabilities
from xlm_tf.text.vocabulary import train_vocabulary
from xlm_tf.training import prepare as preparing
from xlm_tf.training import pretrain as pretraining
from xlm_tf.training.prepare import prepare
from xlm_tf.training.prepared_corpora import PreparedCorpora
from xlm_tf.training.pretrain import build_masked_lm, pretrain
from xlm_tf.training.pretraining_data import PretrainingData
from xlm_tf.training.recipe_loader import RecipeError, load_recipe
from xlm_tf.training.recipe_tokenizer import read_tokenizer
from xlm_tf.training.text_sources import read_corpora

WORDS = {
    "en": "the a house tree river old green small runs sees finds today never",
    "fr": "le un maison arbre fleuve vieux vert petit court voit trouve jamais hier",
    "de": "das ein haus baum fluss alt klein findet sieht heute nie morgen",
}


def sentences(language, count, seed):
    generator = np.random.default_rng(seed)
    words = WORDS[language].split()
    return [
        " ".join(generator.choice(words, generator.integers(2, 12)))
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Texts, a vocabulary and a recipe of texts."""
    folder = tmp_path_factory.mktemp("prepare")
    texts = {language: sentences(language, 700, 1) for language in ("en", "fr")}
    for language, own in texts.items():
        (folder / f"{language}.txt").write_text("\n".join(own), encoding="utf-8")
    with (folder / "en.txt").open("ab") as file:
        file.write(b"\n\xff\xfe broken\n")
    pairs = zip(sentences("en", 400, 2), sentences("de", 400, 3), strict=True)
    lines = "".join(f"{source}\t{target}\n" for source, target in pairs)
    (folder / "en-de.tsv").write_text(lines, encoding="utf-8")
    every = {language: sentences(language, 300, 5) for language in WORDS}
    corpora = {key: (lambda own=own: iter(own)) for key, own in every.items()}
    train_vocabulary(corpora, 60, folder / "vocabulary.spm")
    train_vocabulary(corpora, 55, folder / "other.spm")
    write(folder, "recipe.yaml")
    return folder


def write(folder, name, data=None, **changes):
    pair = {"source_language": "en", "target_language": "de"}
    recipe = {
        "output": "unused",
        "vocabulary": "vocabulary.spm",
        "model": {
            "num_layers": 1,
            "num_heads": 2,
            "hidden_dim": 16,
            "intermediate_dim": 32,
            "max_sequence_length": 48,
            "language_embeddings": True,
        },
        "data": data
        or {
            "monolingual": {"en": ["en.txt"], "fr": ["fr.txt"]},
            "bitext": [{**pair, "files": ["en-de.tsv"]}],
        },
        "objectives": {"mlm": 1, "tlm": 1},
        "training": {
            "steps": 8,
            "batch_size": 4,
            "sequence_length": 48,
            "warmup_steps": 2,
            "evaluate_every": 4,
            "checkpoint_every": 1,
        },
        **changes,
    }
    (folder / name).write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return folder / name


@pytest.fixture(scope="module")
def prepared(folder):
    output = folder / "prepared"
    recipe = load_recipe(folder / "recipe.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preparing, "BLOCK", 64)
        prepare(recipe, output, quiet=True, shard_tokens=2000)
    write(folder, "prepared.yaml", {"prepared": "prepared"})
    return output


@pytest.fixture(scope="module")
def tokenizer(folder):
    return read_tokenizer(load_recipe(folder / "recipe.yaml"))


def rows_of(prepared, language):
    texts, _ = PreparedCorpora(prepared).parts()
    rows = []
    for part in texts[language]:
        tokens, offsets = part.shard.tokens, part.shard.offsets
        rows += [
            tokens[offsets[row] : offsets[row + 1]].tolist()
            for row in range(part.sides[0], part.shard.shard.rows, part.stride)
        ]
    return rows


def test_shards_hold_the_texts_of_the_training(folder, prepared, tokenizer):
    train, held_out, _ = read_corpora(load_recipe(folder / "recipe.yaml"))
    for language in ("en", "fr"):
        texts = [
            example["text"].decode()
            for example in train["texts"][language].examples.as_numpy_iterator()
        ]
        assert rows_of(prepared, language) == tokenizer(texts).to_list()
    targets = [
        example["target"].decode()
        for example in train["pairs"]["en", "de"].examples.as_numpy_iterator()
    ]
    assert rows_of(prepared, "de") == tokenizer(targets).to_list()
    found = PreparedCorpora(prepared)
    assert found.languages == ["en", "fr", "de"]
    assert found.pairs == [("en", "de")]
    own = held_out["texts"]["fr"].examples.as_numpy_iterator()
    assert found.held_out["texts"]["fr"] == [x["text"].decode() for x in own]
    assert len(found.sources[0].shards) > 1
    counts = found.token_counts()
    assert counts.sum() == sum(own.tokens for own in found.sources)
    assert not (prepared / "progress.jsonl").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlm", "tlm", "pc", "dae", "infilling", "mt", "bt"])
def test_inputs_are_those_of_text_in_the_same_order(folder, prepared, tokenizer, name):
    objectives = {"mlm": 1, name: 1}
    path = write(
        folder, f"{name}.yaml", {"prepared": "prepared"}, objectives=objectives
    )
    recipe, seed = load_recipe(path), 5
    data = PretrainingData(recipe, tokenizer, recipe.languages)
    data.begin(0, None)
    objective = data.objectives[name]
    stream = data._stream(name, seed, tf.data.Dataset.counter())
    batches = list(stream.take(30).as_numpy_iterator())

    # The same examples, as text.
    train, _, _ = read_corpora(load_recipe(folder / "recipe.yaml"))
    drawn = examples_of(data, name, seed, 4 * WINDOW)
    if objective.reads == "texts":
        de = train["pairs"]["en", "de"].examples.as_numpy_iterator()
        texts = {
            key: [x["text"] for x in own.examples.as_numpy_iterator()]
            for key, own in train["texts"].items()
        }
        texts["de"] = [x["target"] for x in de]
        columns = {
            "text": [texts[key][number] for key, number in drawn],
            "language": [key for key, _ in drawn],
        }
        assert {key for key, _ in drawn} == {"en", "fr", "de"}
    else:
        pairs = list(train["pairs"]["en", "de"].examples.as_numpy_iterator())
        own = [pairs[number] for _, number in drawn]
        columns = {key: [pair[key] for pair in own] for key in own[0]}
    examples = tf.data.Dataset.from_tensor_slices(columns)
    size = 192 if objective.has_decoder else 4  # tokens, rows
    expected = objective.train_batches(examples, size, seed)
    expected = list(expected.take(30).as_numpy_iterator())
    assert len(expected) == len(batches) == 30
    for left, right in zip(batches, expected, strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, left, right)


def examples_of(data, name, seed, count):
    sources = data.train_sources[name]
    counts = {key: source.count for key, source in sources.items()}
    shares = language_probabilities(counts, 0.7)
    parts = {key: source.parts for key, source in sources.items()}
    drawn, numbers = TokenExamples(parts, shares, seed).places(0, count)
    names = list(sources)
    return [(names[s], n) for s, n in zip(drawn, numbers, strict=True)]


def batches_from(
    folder, tokenizer, step, states, count, recipe="prepared.yaml", worker=(0, 1)
):
    recipe = load_recipe(folder / recipe)
    data = PretrainingData(recipe, tokenizer, recipe.languages)
    data.begin(step, states, *worker)
    batches = list(data.train_batches(step).take(count).as_numpy_iterator())
    return batches, data


@pytest.mark.slow
def test_it_goes_on_at_a_step_without_reading_what_was_before(
    folder, prepared, tokenizer, monkeypatch
):
    batches, data = batches_from(folder, tokenizer, 0, None, 130)
    tf.nest.map_structure(
        np.testing.assert_array_equal,
        batches[:5],
        batches_from(folder, tokenizer, 0, None, 5)[0],
    )
    for step in (7, 120):
        states = json.loads(json.dumps(data.stream_states(step)))
        windows = [], []  # of texts, of pairs
        read = TokenExamples.read

        def remember(self, first, size, read=read, windows=windows):
            windows[self.num_sides - 1].append(first)
            return read(self, first, size)

        with monkeypatch.context() as patch:
            patch.setattr(TokenExamples, "read", remember)
            later, _ = batches_from(folder, tokenizer, step, states, 10)
        tf.nest.map_structure(
            np.testing.assert_array_equal, later, batches[step : step + 10]
        )
        for name, own in zip(("mlm", "tlm"), windows, strict=True):
            assert min(own) == states["objectives"][name]["window"] * WINDOW
    assert states["objectives"]["mlm"]["window"] > 0


@pytest.fixture
def windows_read(monkeypatch):
    """Lists of the windows that were read, of texts and of pairs."""
    windows = [], []
    read = TokenExamples.read

    def remember(self, first, size):
        windows[self.num_sides - 1].append(first // WINDOW)
        return read(self, first, size)

    monkeypatch.setattr(TokenExamples, "read", remember)
    return windows


def with_streams(folder, name, streams, model=None, **changes):
    recipe = yaml.safe_load((folder / "prepared.yaml").read_text())
    training = {**recipe["training"], "input_streams": streams, **changes}
    model = model or recipe["model"]
    data = {"prepared": "prepared"}
    return write(folder, name, data, training=training, model=model).name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("num_workers", "step", "objective_weights"),
    [(4, 0, "frequency"), (2, 14, "loss")],
)
def test_workers_read_their_streams_alone_and_make_the_batches_of_one(
    folder,
    prepared,
    tokenizer,
    windows_read,
    num_workers,
    step,
    objective_weights,
):
    training = {"batch_size": 64, "selection_rate": "0:0.1,20:0.3"}
    training["objective_weights"] = objective_weights
    name = with_streams(folder, "streams.yaml", 4, **training)
    whole, data = batches_from(folder, tokenizer, 0, None, 24, name)
    states = json.loads(json.dumps(data.stream_states(step)))
    for windows, own in zip(windows_read, states["objectives"].values(), strict=True):
        assert len(set(windows)) == len(windows)  # none twice
        for stream, window in enumerate(own["window"]):
            assert {*range(stream, window + 1, 4)} <= {*windows}
        windows.clear()
    parts = []
    for worker in range(num_workers):
        place = worker, num_workers
        parts.append(
            batches_from(folder, tokenizer, step, states, 24 - step, name, place)[0]
        )
        streams = {own for own in range(4) if own * num_workers // 4 == worker}
        for number, own in enumerate(states["objectives"].values()):
            windows = windows_read[number]
            assert {window % 4 for window in windows} == streams
            assert min(windows) == min(own["window"][stream] for stream in streams)
            windows.clear()
    for batch, rows in zip(whole[step:], zip(*parts, strict=True), strict=True):
        together = tf.nest.map_structure(lambda *x: np.concatenate(x), *rows)
        tf.nest.map_structure(np.testing.assert_array_equal, together, batch)


@pytest.mark.slow
def test_what_writes_goes_on_with_the_batches_that_follow(folder, prepared, tokenizer):
    objectives = {"mlm": 1, "pc": 1, "dae": 2, "mt": 1}
    data = {"prepared": "prepared"}
    name = write(folder, "writing.yaml", data, objectives=objectives).name
    batches, data = batches_from(folder, tokenizer, 0, None, 70, name)
    kinds = {int(inputs["prediction"][0]) for inputs, *_ in batches}
    assert kinds == {MASKED, WRITTEN}
    states = json.loads(json.dumps(data.stream_states(60)))
    later, _ = batches_from(folder, tokenizer, 60, states, 10, name)
    tf.nest.map_structure(np.testing.assert_array_equal, later, batches[60:])


def weights(output):
    return load_file(output / "checkpoints" / "last.safetensors")


@pytest.mark.slow
def test_a_stopped_training_ends_as_a_whole_one(folder, prepared, monkeypatch):
    whole = load_recipe(folder / "prepared.yaml", output=folder / "whole")
    assert pretrain(whole, quiet=True).finished
    stopped = load_recipe(folder / "prepared.yaml", output=folder / "stopped")
    original = pretraining._PretrainingRun.on_train_batch_end

    def stop(self, batch, logs=None):
        self.stop_requested |= self.step + 1 == 3
        original(self, batch, logs)

    with monkeypatch.context() as patch:
        patch.setattr(pretraining._PretrainingRun, "on_train_batch_end", stop)
        assert not pretrain(stopped, quiet=True).finished
    assert pretrain(stopped, quiet=True).finished
    for name, values in weights(folder / "whole").items():
        np.testing.assert_array_equal(weights(folder / "stopped")[name], values)


@pytest.mark.slow
def test_workers_of_any_number_go_on_with_the_streams_of_others(
    folder, prepared, start_workers, monkeypatch
):
    """Two workers, then one, then two again: the weights of one alone."""
    model = yaml.safe_load((folder / "prepared.yaml").read_text())["model"]
    # Every worker draws its own dropout.
    model |= {"dropout": 0.0, "attention_dropout": 0.0}
    training = {"steps": 120, "evaluate_every": 50, "checkpoint_every": 5}
    training["accumulation_steps"] = 2
    name = with_streams(folder, "by-workers.yaml", 2, model, **training)
    whole = load_recipe(folder / name, output=folder / "by-one")
    assert pretrain(whole, quiet=True).finished

    output = folder / "by-several"
    workers = start_workers(folder / name, output)
    while not (output / "checkpoints" / "last.safetensors").exists():
        assert all(worker.poll() is None for worker in workers)
        time.sleep(0.01)
    workers[1].send_signal(signal.SIGTERM)  # both stop
    said = [worker.communicate(timeout=900) for worker in workers]
    assert [worker.returncode for worker in workers] == [130, 130], said
    assert "Run the same command to continue" in said[0][0]

    stopped = load_recipe(folder / name, output=output)
    original, steps = pretraining._PretrainingRun.on_train_batch_end, []

    def stop(self, batch, logs=None):
        steps.append(self.step + 1)
        self.stop_requested |= len(steps) == 7
        original(self, batch, logs)

    with monkeypatch.context() as patch:
        patch.setattr(pretraining._PretrainingRun, "on_train_batch_end", stop)
        assert pretrain(stopped, quiet=True).step == steps[-1]

    workers = start_workers(folder / name, output)
    said = [worker.communicate(timeout=900) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], said
    assert f"Continuing at step {steps[-1]} of 120" in said[0][0]
    expected, actual = weights(folder / "by-one"), weights(output)
    assert list(actual) == list(expected)
    for key, values in expected.items():
        np.testing.assert_allclose(actual[key], values, atol=1e-4, err_msg=key)


def test_streams_that_workers_cannot_share(folder, prepared, tmp_path, monkeypatch):
    """Said before anything waits for the others."""
    cluster = {"chief": ["one:1"], "worker": ["two:1", "three:1"]}
    config = {"cluster": cluster, "task": {"type": "worker", "index": 1}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    name = with_streams(folder, "four.yaml", 4)
    with pytest.raises(ValueError, match=r"number of workers\. .* 4 and 3"):
        pretrain(load_recipe(folder / name, output=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_stopped_preparing_goes_on(folder, prepared, tmp_path, monkeypatch):
    recipe = load_recipe(folder / "recipe.yaml")
    written = []
    original = preparing.write_shard

    def stop(*args):
        if len(written) == 2:
            blocks = args[2]
            next(blocks)
            (args[0] / f"{args[1]}.tokens.partial").write_bytes(b"half")
            raise KeyboardInterrupt
        written.append(args[1])
        return original(*args)

    monkeypatch.setattr(preparing, "BLOCK", 64)
    monkeypatch.setattr(preparing, "write_shard", stop)
    output = tmp_path / "prepared"
    with pytest.raises(KeyboardInterrupt):
        prepare(recipe, output, quiet=True, shard_tokens=2000)
    with pytest.raises(ValueError, match="not prepared to its end"):
        PreparedCorpora(output)
    monkeypatch.setattr(preparing, "write_shard", original)
    # As it is named from elsewhere.
    monkeypatch.chdir(folder.parent)
    recipe = load_recipe(Path(folder.name) / "recipe.yaml")
    finished = prepare(recipe, output, quiet=True, shard_tokens=2000)
    for language in ("en", "fr", "de"):
        assert rows_of(output, language) == rows_of(prepared, language)
    assert not [path for path in output.iterdir() if path.suffix == ".partial"]
    assert finished.has_held_out
    with pytest.raises(FileExistsError, match="prepared corpora already"):
        prepare(recipe, output, quiet=True)


def test_what_was_killed_at_its_very_end_is_finished(
    folder, prepared, tmp_path, monkeypatch
):
    output = tmp_path / "prepared"
    monkeypatch.setattr(preparing, "BLOCK", 64)
    recipe = load_recipe(folder / "recipe.yaml")

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(preparing, "_finish", killed)
        prepare(recipe, output, quiet=True, shard_tokens=2000)
    (output / ".index.json.12.partial").write_text("{")
    write(folder, "share.yaml", held_out_share=0.2)
    with pytest.raises(FileExistsError, match="holds prepared corpora already"):
        prepare(load_recipe(folder / "share.yaml"), output, quiet=True)
    prepare(recipe, output, quiet=True, shard_tokens=2000)
    names = {path.name for path in output.iterdir()}
    assert names == {path.name for path in prepared.iterdir()}
    with pytest.raises(FileExistsError, match="holds prepared corpora already"):
        prepare(recipe, output, quiet=True)


def test_the_beginning_of_others_is_kept(folder, tmp_path, monkeypatch):
    for name in ("en.txt", "fr.txt", "en-de.tsv", "vocabulary.spm", "recipe.yaml"):
        shutil.copy(folder / name, tmp_path / name)
    recipe = load_recipe(tmp_path / "recipe.yaml")
    shards = iter([preparing.write_shard])

    def stop(*args):
        for write_shard in shards:
            return write_shard(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(preparing, "write_shard", stop)
        with pytest.raises(KeyboardInterrupt):
            prepare(recipe, tmp_path / "prepared", quiet=True)
        # As long as there is no shard, nothing is lost.
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "progress.jsonl").write_text("{}\n")
        with pytest.raises(KeyboardInterrupt):
            prepare(recipe, tmp_path / "other", quiet=True)
    with (tmp_path / "fr.txt").open("a") as file:
        file.write("\nune phrase de plus\n")
    with pytest.raises(FileExistsError, match="beginning of other prepared corpora"):
        prepare(recipe, tmp_path / "prepared", quiet=True)
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "file").touch()
    with pytest.raises(FileExistsError, match="no beginning of prepared corpora"):
        prepare(recipe, tmp_path / "else", quiet=True)


def test_a_fold_is_held_out(folder, tmp_path, monkeypatch):
    first, second = (
        load_recipe(write(folder, "fold.yaml", held_out_fold={"fold": x, "folds": 3}))
        for x in (1, 2)
    )
    shards = iter([preparing.write_shard])

    def stop(*args):
        for write_shard in shards:
            return write_shard(*args)
        raise KeyboardInterrupt

    output = tmp_path / "prepared"
    with monkeypatch.context() as patch:
        patch.setattr(preparing, "write_shard", stop)
        with pytest.raises(KeyboardInterrupt):
            prepare(first, output, quiet=True)
    with pytest.raises(FileExistsError, match="beginning of other prepared corpora"):
        prepare(second, output, quiet=True)
    found = prepare(first, output, quiet=True)
    train, held_out, _ = read_corpora(first)
    own = held_out["texts"]["fr"].examples.as_numpy_iterator()
    assert found.held_out["texts"]["fr"] == [x["text"].decode() for x in own]
    assert 220 <= len(found.held_out["texts"]["fr"]) <= 245
    assert [x.count for x in found.sources] == [
        source.count for own in train.values() for source in own.values()
    ]
    # A recipe of them has no folds of its own.
    path = write(folder, "of_fold.yaml", {"prepared": str(output)})
    assert load_recipe(path).data.has_held_out


def copied(prepared, folder, name):
    output = folder / name
    shutil.rmtree(output, ignore_errors=True)
    shutil.copytree(prepared, output)
    return output


def read(path, tokenizer=None):
    recipe = load_recipe(path)
    return PretrainingData(recipe, tokenizer or read_tokenizer(recipe), None)


def test_another_vocabulary_is_refused(folder, prepared):
    path = write(folder, "other.yaml", {"prepared": "prepared"}, vocabulary="other.spm")
    with pytest.raises(ValueError, match="another vocabulary, of 60 tokens"):
        read(path)


def test_changed_and_missing_files_are_refused(folder, prepared):
    output = copied(prepared, folder, "changed")
    path = write(folder, "changed.yaml", {"prepared": "changed"})
    read(path)  # a copy is as good
    shard = sorted(output.glob("texts.fr.*.tokens.bin"))[0]
    content = shard.read_bytes()
    shard.write_bytes(content[:-2] + b"\x01\x00")
    with pytest.raises(ValueError, match=f"{shard.name} is not as it was written"):
        read(path)
    shard.unlink()
    with pytest.raises(ValueError, match=f"{shard.name} is missing"):
        read(path)
    (output / "index.json").write_text('{"version": 1}')
    with pytest.raises(
        ValueError, match=r"index\.json is damaged.*Prepare the corpora again"
    ):
        read(path)
    (output / "index.json").write_text('{"version": 7}')
    with pytest.raises(ValueError, match="version 7"):
        read(path)
    (output / "index.json").unlink()
    with pytest.raises(RecipeError, match="holds no prepared corpora"):
        read(path)
    shutil.rmtree(output)
    with pytest.raises(RecipeError, match="there is no folder") as caught:
        read(path)
    assert len(str(caught.value).splitlines()) == 1


def put(value, *path):
    """A change of an index at a place."""

    def change(index):
        for name in path[:-1]:
            index = index[name]
        index[path[-1]] = value

    return change


def swap_languages(index):
    own, other, *_ = index["sources"]
    own["languages"], other["languages"] = other["languages"], own["languages"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put(-1, "sources", 0, "count"), "the counts of en"),
        (put(-1, "sources", 0, "shards", 0, "rows"), "sizes of texts.en.00000"),
        (put(3, "sources", 1, "shards", 1, "tokens"), "sizes of texts.fr.00001"),
        (put(3.5, "sources", 0, "count"), "sources.0.count: Input should be a valid"),
        (put(float("nan"), "sources", 0, "tokens"), "is damaged"),
        (put("9", "sources", 0, "tokens"), "sources.0.tokens: Input should be a"),
        (put([], "sources", 0, "languages"), "0 languages"),
        (put([], "sources", 2, "shards"), "the counts of en-de"),
        (put("../en", "sources", 0, "shards", 0, "files", 0, "name"), "texts.en.00000"),
        (put([], "sources", 0, "shards", 0, "files"), "shards.0.files"),
        (put([], "sources"), "the sources"),
        (put({}, "vocabulary"), "vocabulary.fingerprint: Field required"),
        (put(70_000, "vocabulary", "size"), "dtype <u2"),
        (put("<f4", "dtype"), "dtype <f4"),
        (put(True, "version"), "version: Input should be a valid integer"),
        (put("x.json", "held_out", "name"), "held_out, x.json"),
        (lambda index: index.pop("held_out"), "held_out: Field required"),
        (lambda index: index["sources"].append(index["sources"][0]), "the sources"),
        (swap_languages, "the files and sizes of texts.fr.00000"),
    ],
)
def test_an_index_that_was_changed(folder, prepared, tmp_path, change, message):
    copied(prepared, tmp_path, "changed")
    index = json.loads((prepared / "index.json").read_text())
    change(index)
    (tmp_path / "changed" / "index.json").write_text(json.dumps(index))
    path = write(folder, "changed.yaml", {"prepared": str(tmp_path / "changed")})
    with pytest.raises(RecipeError, match=r"index\.json is damaged: ") as caught:
        load_recipe(path)
    assert message in str(caught.value)
    assert "Prepare the corpora again" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "is damaged"),
        (lambda path: path.write_bytes(path.read_bytes() + b"[]\n"), "is damaged"),
        (lambda path: path.write_bytes(path.read_bytes() + b"\xff\n"), "is damaged"),
        (lambda path: next(path.parent.glob("*.bin")).unlink(), "is missing"),
    ],
)
def test_a_beginning_that_is_damaged(folder, tmp_path, monkeypatch, change, message):
    recipe = load_recipe(folder / "recipe.yaml")
    write_shard = preparing.write_shard

    def stop_at_the_second(*arguments):
        if arguments[1].endswith("1"):
            raise KeyboardInterrupt
        return write_shard(*arguments)

    monkeypatch.setattr(preparing, "BLOCK", 64)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(preparing, "write_shard", stop_at_the_second)
        prepare(recipe, tmp_path / "new", quiet=True, shard_tokens=2000)
    change(tmp_path / "new" / "progress.jsonl")
    with pytest.raises(ValueError, match=f"{message}.* Delete it, and prepare"):
        prepare(recipe, tmp_path / "new", quiet=True, shard_tokens=2000)
    shutil.rmtree(tmp_path / "new")
    prepare(recipe, tmp_path / "new", quiet=True, shard_tokens=2000)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"held_out_share": 0.1}, "held_out_share is for texts"),
        (
            {"held_out_fold": {"fold": 1, "folds": 3}},
            "recipe.held_out_fold, and folds of a study, are of texts",
        ),
        ({"held_out": {"prepared": "prepared"}}, "held_out.prepared is unknown"),
        (
            {"held_out": {"monolingual": {"sw": ["en.txt"]}}},
            "recipe.held_out has sw, for which",
        ),
    ],
)
def test_what_does_not_go_with_prepared_corpora(folder, prepared, changes, message):
    path = write(folder, "wrong.yaml", {"prepared": "prepared"}, **changes)
    with pytest.raises(RecipeError, match=message):
        load_recipe(path)


def test_running_text_and_schedules_are_of_texts(folder, prepared):
    training = yaml.safe_load((folder / "prepared.yaml").read_text())["training"]
    for own, message in (
        ({"rows": "stream"}, "rows must be packed"),
        ({"language_starts": {"fr": 3}}, "language_starts and a schedule"),
        ({"language_alpha": "0:0.7, 5:0.3"}, "language_starts and a schedule"),
    ):
        data = {"prepared": "prepared"}
        path = write(folder, "wrong.yaml", data, training={**training, **own})
        with pytest.raises(RecipeError, match=message):
            load_recipe(path)


@pytest.mark.parametrize(
    ("streams", "changes", "message"),
    [
        (3, {}, r"batch_size must be divisible by input_streams: .* 4 and 3"),
        (0, {}, "input_streams"),
        (2, {"objectives": {"mlm": 1, "dae": 1}}, "must be left out with dae"),
        (2, {"data": None}, "input_streams is for recipe.data.prepared"),
    ],
)
def test_streams_that_cannot_be(folder, prepared, streams, changes, message):
    training = {"steps": 8, "batch_size": 4, "sequence_length": 48}
    training["input_streams"] = streams
    changes = {"data": {"prepared": "prepared"}, "training": training, **changes}
    with pytest.raises(RecipeError, match=message):
        load_recipe(write(folder, "wrong.yaml", **changes))


def test_either_texts_or_prepared(folder, prepared):
    data = {"prepared": "prepared", "monolingual": {"en": ["en.txt"]}}
    with pytest.raises(RecipeError, match="expected either `prepared`, or texts"):
        load_recipe(write(folder, "both.yaml", data))


def test_nothing_held_out(folder, prepared, tmp_path):
    held_out = {
        "monolingual": {"en": ["en.txt"]},
        "bitext": [
            {
                "source_language": "en",
                "target_language": "de",
                "files": ["en-de.tsv"],
            }
        ],
    }
    recipe = load_recipe(write(folder, "held_out.yaml", held_out=held_out))
    found = prepare(recipe, tmp_path / "all", quiet=True)
    assert found.held_out is None
    data = {"prepared": str(tmp_path / "all")}
    with pytest.raises(RecipeError, match="nothing was held out"):
        load_recipe(write(folder, "none.yaml", data))
    path = write(folder, "named.yaml", data, held_out=held_out)
    assert read(path).evaluation_groups() == ["mlm/en", "mlm/de", "tlm/en-de"]


def test_other_texts_do_not_go_on_with_a_training(folder, prepared, tokenizer):
    _, data = batches_from(folder, tokenizer, 0, None, 3)
    states = data.stream_states(2)
    with pytest.raises(ValueError, match="holds other texts"):
        batches_from(folder, tokenizer, 2, {**states, "corpora": "other"}, 1)
    with pytest.raises(ValueError, match="were not prepared"):
        batches_from(folder, tokenizer, 2, None, 1)


def test_texts_without_tokens_are_refused(folder, tmp_path):
    for name in ("en.txt", "en-de.tsv", "vocabulary.spm"):
        shutil.copy(folder / name, tmp_path / name)
    (tmp_path / "fr.txt").write_text("\u200b\n" * 50)
    pair = {"source_language": "en", "target_language": "de", "files": ["en-de.tsv"]}
    path = write(tmp_path, "recipe.yaml", held_out={"bitext": [pair]})
    with pytest.raises(ValueError, match=r"The texts of fr .*have no tokens"):
        prepare(load_recipe(path), tmp_path / "x", quiet=True)


def test_two_preparings_at_once_are_refused(folder, tmp_path, lock_elsewhere):
    lock_elsewhere(tmp_path)
    with pytest.raises(ValueError, match="Another process writes to"):
        prepare(load_recipe(folder / "recipe.yaml"), tmp_path, quiet=True)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_the_command(folder, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    output = tmp_path / "prepared"
    arguments = ["prepare", str(folder / "recipe.yaml"), "--output", "prepared"]
    assert main([*arguments, "--threads", "1"]) == 0
    said = capfd.readouterr().out
    assert "1 broken lines left out" in said
    assert "en.txt:701: not UTF-8" in said
    left = re.search(r"  en: to train on ([\d,]+), left out [1-9]\d*, scored", said)[1]
    assert f"\nen: {left} sentences" in said
    assert "en-de: " in said
    assert f"{{prepared: {output}}}`" in said  # for a recipe in any folder
    assert main(arguments) == 2
    assert "holds prepared corpora already" in capfd.readouterr().err
    assert main(["prepare", str(folder / "nowhere.yaml"), "--output", "x"]) == 2
    again = ["prepare", str(write(folder, "again.yaml", {"prepared": str(output)}))]
    assert main([*again, "--output", str(tmp_path / "twice")]) == 2
    assert "is prepared already" in capfd.readouterr().err


def test_the_tokenizer_of_an_initial_model(folder, prepared, tmp_path):
    recipe = load_recipe(folder / "recipe.yaml")
    masked_lm = build_masked_lm(recipe)
    masked_lm.save_to_preset(tmp_path / "model")
    content = yaml.safe_load((folder / "recipe.yaml").read_text())
    del content["vocabulary"], content["model"]
    content["initial_model"] = str(tmp_path / "model")
    path = folder / "initial.yaml"
    path.write_text(yaml.safe_dump(content))
    found = prepare(load_recipe(path), tmp_path / "prepared", quiet=True)
    assert found.fingerprint == PreparedCorpora(prepared).fingerprint
    assert os.listdir(tmp_path / "prepared")
    assert token_shards.token_dtype(found.vocabulary_size) == "<u2"
