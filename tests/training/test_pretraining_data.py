"""What a recipe's batches hold, step by step."""

import numpy as np
import pytest
import tensorflow as tf
import yaml

from xlm_tf.training.pretraining_data import PretrainingData
from xlm_tf.training.recipe_loader import load_recipe

LENGTH, ROWS = 48, 4


@pytest.fixture(scope="module")
def read(tokenizer, sentences, tmp_path_factory):
    """Function to the data of a recipe with changes."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "vocabulary.model").write_bytes(tokenizer.proto)
    for language, count in (("de", 1), ("en", 30), ("fr", 5)):
        texts = "\n".join(sentences * count)
        (folder / f"{language}.txt").write_text(texts, encoding="utf-8")
    lines = "".join(f"{text}\t{text}\n" for text in sentences)
    (folder / "pairs.tsv").write_text(lines, encoding="utf-8")
    pairs = {"source_language": "de", "target_language": "en", "files": ["pairs.tsv"]}
    data = {
        "monolingual": {x: [f"{x}.txt"] for x in ("de", "en", "fr")},
        "bitext": [pairs],
    }

    def read_changed(objectives, held_out=data, embeddings=True, data=data, **training):
        recipe = {
            "output": "run",
            "vocabulary": "vocabulary.model",
            "model": {
                "num_layers": 1,
                "num_heads": 1,
                "hidden_dim": 4,
                "intermediate_dim": 4,
                "language_embeddings": embeddings,
                "causal": "clm" in objectives,
            },
            "data": data,
            "held_out": held_out,
            "objectives": objectives,
            "training": {
                "steps": 100,
                "batch_size": ROWS,
                "sequence_length": LENGTH,
                **training,
            },
        }
        path = folder / "recipe.yaml"
        path.write_text(yaml.safe_dump(recipe))
        recipe = load_recipe(path)
        languages = recipe.languages if embeddings else None
        return PretrainingData(recipe, tokenizer, languages)

    return read_changed


def languages_of(batch):
    """The languages of every row, set of int each."""
    inputs = batch[0]
    return [
        set(languages[is_token])
        for languages, is_token in zip(
            inputs["language_ids"], inputs["padding_mask"], strict=True
        )
    ]


def taken(data, skip, stop):
    tf.keras.utils.set_random_seed(0)
    batches = data.train_batches().skip(skip).take(stop - skip)
    return list(batches.as_numpy_iterator())


@pytest.mark.slow
def test_languages_join_and_their_shares_change(read, capfd):
    data = read(
        {"mlm": 1},
        language_starts={"fr": 20, "de": 7},
        language_alpha="0:0,30:0,31:20",
    )
    whole = taken(data, 0, 60)
    rows = [languages_of(batch) for batch in whole]
    de, en, fr = range(3)
    assert all(len(own) == 1 for batch in rows for own in batch)
    drawn = [[min(own) for own in batch] for batch in rows]
    assert set(np.ravel(drawn[:7])) == {en}
    assert set(np.ravel(drawn[7:20])) == {de, en}
    assert set(np.ravel(drawn[20:31])) == {de, en, fr}
    assert set(np.ravel(drawn[31:])) == {en}  # by far the largest
    for batch, again in zip(whole[25:], taken(data, 25, 60), strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, batch, again)
    # TensorFlow writes a line for every slice of a slice that is batched.
    assert "RefCount" not in capfd.readouterr().err


@pytest.mark.slow
def test_objectives_in_turns_with_schedules_go_on_where_they_stopped(read):
    data = read(
        {"mlm": 1, "tlm": "0:0,6:0,10:2"},
        objective_weights="loss",
        language_starts={"de": 5},
        selection_rate="0:0.5,20:0.1",
    )
    whole = taken(data, 0, 24)
    for batch in whole:
        inputs, _, weights = batch
        is_pair = any(len(own) > 1 for own in languages_of(batch))
        expected = {0: 1.0, 1: inputs["loss_weights"][0]}[is_pair]
        assert inputs["loss_weights"].tolist() == [expected] * ROWS
        assert weights.shape == (ROWS, 40)  # for half of 48 tokens
    is_tlm = [languages_of(batch)[0] == {0, 1} for batch in whole]
    assert is_tlm == [step > 6 and step % 2 == 1 for step in range(24)]
    assert whole[7][0]["loss_weights"][0] == pytest.approx(0.5)
    assert whole[15][0]["loss_weights"][0] == pytest.approx(2)
    targets = [batch[2].sum() / batch[0]["padding_mask"].sum() for batch in whole]
    assert np.mean(targets[:4]) > 2.5 * np.mean(targets[20:])
    for batch, again in zip(whole[9:], taken(data, 9, 24), strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, batch, again)


@pytest.mark.slow
def test_running_text_of_a_causal_model(read):
    data = read({"clm": 1}, rows="stream", accumulation_steps=2, language_alpha=0)
    whole = taken(data, 0, 20)
    rows = [own for batch in whole for own in languages_of(batch)]
    assert all(len(own) == 1 for own in rows)
    drawn = np.bincount([min(own) for own in rows], minlength=3)
    assert drawn.min() > 14  # of 80, a third each
    for inputs, targets, weights in whole:
        assert inputs["padding_mask"].all()
        np.testing.assert_array_equal(targets[:, :-1], inputs["token_ids"][:, 1:])
        assert weights.sum() == ROWS * (LENGTH - 1)
    for batch, again in zip(whole[11:], taken(data, 11, 20), strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, batch, again)
    inputs, targets, _, _ = next(iter(data.evaluation_batches()))
    assert inputs["token_ids"].shape == targets.shape == (ROWS, LENGTH)


OF_OTHERS = {
    "monolingual": {"it": ["fr.txt"]},
    "bitext": [
        {"source_language": "en", "target_language": "de", "files": ["pairs.tsv"]}
    ],
}


def test_held_out_text_is_scored_whatever_is_trained_on(read):
    """Of languages without training text, and pairs the other way round."""
    data = read({"mlm": 1, "tlm": 1}, OF_OTHERS, embeddings=False)
    groups = data.evaluation_groups()
    assert groups == ["mlm/it", "mlm/en", "mlm/de", "tlm/en-de"]
    scored = {
        groups[number]
        for *_, own in data.evaluation_batches()
        for number in own.numpy()
    }
    assert scored == set(groups)
    pairs = {"bitext": OF_OTHERS["bitext"]}
    assert read({"mt": 1}, pairs).evaluation_groups() == ["mt/en-de"]


def test_back_translation_alone_has_no_perplexity(read):
    data = read({"bt": 1}, early_stopping_metric="round_trip_bleu")
    assert data.evaluation_groups() == []
    assert data.evaluation_batches() is None


@pytest.mark.parametrize("alpha", [5000, "0:5000,10:2000"])
def test_a_high_alpha_draws_the_largest_language(read, alpha):
    data = read({"mlm": 1}, language_alpha=alpha)
    rows = [own for batch in taken(data, 0, 2) for own in languages_of(batch)]
    assert rows == [{1}] * len(rows)  # English


def test_texts_without_tokens_are_refused(read, tmp_path):
    """A stream of them would never give a batch."""
    empty, text = "\u200b\n\u200b\u200b\n", "A text.\n"
    (tmp_path / "empty.txt").write_text(empty)
    (tmp_path / "one.tsv").write_text("\u200b\tA text.\n" + "A text.\t\u200b\n")
    (tmp_path / "late.txt").write_text(empty * 300 + text)
    texts = {"en": [str(tmp_path / "late.txt")], "de": [str(tmp_path / "empty.txt")]}
    pair = {"source_language": "de", "target_language": "en"}
    pairs = {"bitext": [{**pair, "files": [str(tmp_path / "one.tsv")]}]}
    for objective, data, name in (
        ("mlm", {"monolingual": texts}, "de"),
        ("dae", {"monolingual": texts}, "de"),
        ("mt", pairs, "de-en"),
    ):
        with pytest.raises(ValueError, match=f"The texts of {name} .*have no tokens"):
            read({objective: 1}, data=data, held_out=data)
    only = {"monolingual": {"en": texts["en"]}}
    assert read({"mlm": 1}, data=only, held_out=only)
