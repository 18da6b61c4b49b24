"""MLM and TLM: from texts to batches."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from xlm_tf.objectives.mlm import MaskedLanguageModelling
from xlm_tf.objectives.tlm import TranslationLanguageModelling

LENGTH = 48


def texts(sentences, language):
    return tf.data.Dataset.from_tensor_slices(
        {"text": sentences, "language": [language] * len(sentences)}
    )


def pairs(sources, targets):
    return tf.data.Dataset.from_tensor_slices(
        {
            "source": sources,
            "target": targets,
            "source_language": ["en"] * len(sources),
            "target_language": ["de"] * len(sources),
        }
    )


# One objective for all tests of it: its graph is traced once.
@pytest.fixture(scope="module")
def mlm(tokenizer):
    return MaskedLanguageModelling(tokenizer, LENGTH, ["de", "en"])


@pytest.fixture(scope="module")
def tlm(tokenizer):
    return TranslationLanguageModelling(tokenizer, LENGTH, ["de", "en"])


def restored(batch):
    """Token ids with the targets put back."""
    inputs, targets, weights = (tf.nest.map_structure(np.array, part) for part in batch)
    token_ids = inputs["token_ids"].copy()
    for row in range(len(token_ids)):
        for column, target, weight in zip(
            inputs["mask_positions"][row], targets[row], weights[row], strict=True
        ):
            if weight:
                token_ids[row, column] = target
    return token_ids


def segments_of(batch):
    """Every segment: (token ids, language ids, position ids), as lists."""
    inputs = batch[0]
    token_ids = restored(batch)
    for row in range(len(token_ids)):
        segment_ids = inputs["segment_ids"][row].numpy()
        for segment in range(1, segment_ids.max() + 1):
            own = segment_ids == segment
            yield (
                token_ids[row][own].tolist(),
                inputs["language_ids"][row].numpy()[own].tolist(),
                inputs["position_ids"][row].numpy()[own].tolist(),
            )


@pytest.mark.slow
def test_every_sentence_is_a_whole_segment(mlm, tokenizer, sentences):
    examples = texts(sentences, "en").repeat(3)
    batches = list(mlm.train_batches(examples, 2, seed=1))
    found = [tuple(s[0]) for batch in batches for s in segments_of(batch)]
    expected = {(0, *ids, 2) for ids in tokenizer(sentences).to_list()}
    assert set(found) <= expected
    # Only the rows of a last, smaller batch are left out.
    assert len(found) >= 3 * len(sentences) - 3
    for batch in batches:
        inputs = batch[0]
        assert inputs["token_ids"].shape == (2, LENGTH)
        is_padding = ~inputs["padding_mask"].numpy()
        assert set(inputs["token_ids"].numpy()[is_padding]) <= {tokenizer.pad_token_id}
        for ids, languages, positions in segments_of(batch):
            assert languages == [1] * len(ids)
            assert positions == list(range(len(ids)))


def test_long_sentences_are_cut_and_nothing_is_lost(mlm, tokenizer, sentences):
    text = " ".join(sentences)
    (batch,) = mlm.evaluation_batches({"de": texts([text], "de")}, 8)
    content = [ids[1:-1] for ids, _, _ in segments_of(batch[:3])]
    whole = tokenizer(text).numpy().tolist()
    assert sum(map(len, content)) == len(whole)
    starts = [whole[i : i + LENGTH - 2] for i in range(0, len(whole), LENGTH - 2)]
    assert sorted(content) == sorted(starts)


@pytest.mark.slow
def test_a_pair_restarts_positions_and_changes_language(tlm, tokenizer, sentences):
    source, target = sentences[0][:19], sentences[2][:12]
    batch = next(iter(tlm.train_batches(pairs([source], [target]).repeat(), 2, seed=1)))
    ids, languages, positions = next(segments_of(batch))
    sides = {
        1: [0, *tokenizer(source).numpy().tolist(), 2],
        0: [0, *tokenizer(target).numpy().tolist(), 2],
    }
    order = list(dict.fromkeys(languages))
    assert sorted(order) == [0, 1]
    first, second = sides[order[0]], sides[order[1]]
    assert ids == first + second
    assert languages == [order[0]] * len(first) + [order[1]] * len(second)
    assert positions == [*range(len(first)), *range(len(second))]


def test_both_orders_of_a_pair_occur(tlm, sentences):
    examples = pairs(
        [f"{text} {n}" for n in range(30) for text in sentences[:2]], ["x"] * 60
    )
    batches = tlm.train_batches(examples, 2, seed=1)
    first_languages = [s[1][0] for batch in batches for s in segments_of(batch)]
    assert 0.2 < np.mean(first_languages) < 0.8


def test_the_longer_side_is_cut_first(tlm, tokenizer, sentences):
    batch = next(
        iter(
            tlm.train_batches(
                pairs([" ".join(sentences)], ["kurz"]).repeat(), 2, seed=1
            )
        )
    )
    ids, languages, _ = next(segments_of(batch))
    assert len(ids) == LENGTH
    short = [i for i, language in zip(ids, languages, strict=True) if language == 0]
    assert short == [0, *tokenizer("kurz").numpy().tolist(), 2]


def test_streams_go_on_where_they_stopped(mlm, sentences):
    def stream(skip):
        examples = texts(sentences, "en").repeat()
        return mlm.train_batches(examples, 2, seed=4).skip(skip).as_numpy_iterator()

    whole = list(itertools.islice(stream(0), 12))
    rest = list(itertools.islice(stream(5), 7))
    for batch, again in zip(whole[5:], rest, strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, batch, again)
    # Every pass over the text is masked anew.
    assert len({batch[0]["token_ids"].tobytes() for batch in whole}) == 12


def test_orders_and_masks_are_drawn_by_numbers(mlm, sentences):
    window = texts(sentences * 4, "en").batch(4 * len(sentences)).repeat()

    def packed(first, step, count):
        rows = mlm.pack_windows(window, 4, first, step).take(count)
        return [own["token_ids"].tolist() for own in rows.as_numpy_iterator()]

    by_one = packed(0, 1, 8)
    assert packed(3, 4, 2) == [by_one[3], by_one[7]]
    assert by_one[3] != by_one[7]
    rows = next(iter(mlm.pack_windows(window, 4)))
    same = tf.data.Dataset.from_tensors({k: v[:2] for k, v in rows.items()}).repeat()

    def masked(first, step, count):
        batches = mlm.mask_rows(same, 2, 5, first=first, step=step).take(count)
        return [own["token_ids"].tolist() for own, *_ in batches.as_numpy_iterator()]

    by_one = masked(0, 1, 8)
    assert masked(3, 4, 2) == [by_one[3], by_one[7]]
    assert by_one[3] != by_one[7]


def test_windows_go_on_at_a_row(mlm, sentences, capfd):
    windows = texts(sentences, "en").repeat().batch(8)

    def rows(**place):
        noted = mlm.pack_windows(windows, 4, note=lambda *_: None, **place)
        return noted.rebatch(2).take(3)

    whole, rest = list(rows()), list(rows(row=2))
    for expected, actual in zip(whole[1:], rest, strict=False):
        for name, value in expected.items():
            np.testing.assert_array_equal(actual[name], value, err_msg=name)
    # What TensorFlow says of tensors that share their memory with a larger one.
    assert "SubBuffer" not in capfd.readouterr().err


def test_evaluation_holds_every_segment_of_every_group(mlm, tokenizer, sentences):
    groups = {"en": texts(sentences[:2] * 5, "en"), "de": texts(sentences[2:4], "de")}
    batches = list(mlm.evaluation_batches(groups, 4))
    found = []
    for *batch, group in batches:
        assert group.shape == (4,)
        segment_ids = batch[0]["segment_ids"].numpy()
        for row, language in enumerate(batch[0]["language_ids"].numpy()):
            own = segment_ids[row] > 0
            assert set(language[own]) <= {[1, 0][int(group[row])]}
        inputs, _, weights = batch
        positions = inputs["mask_positions"].numpy()[weights.numpy() > 0]
        seen = tf.gather(inputs["token_ids"], inputs["mask_positions"], batch_dims=1)
        assert set(seen.numpy()[weights.numpy() > 0]) == {tokenizer.mask_token_id}
        assert positions.min() > 0
        found += [tuple(s[0]) for s in segments_of(batch)]
    expected = [(0, *ids, 2) for ids in tokenizer(sentences[:4]).to_list()]
    assert sorted(found) == sorted(expected[:2] * 5 + expected[2:])
    again = list(mlm.evaluation_batches(groups, 4))
    for one, other in zip(batches, again, strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, one, other)


def test_unknown_languages_are_named(mlm, sentences):
    with pytest.raises(tf.errors.InvalidArgumentError, match="sw"):
        list(mlm.train_batches(texts(sentences, "sw"), 2, seed=1))


def test_a_rate_that_falls_follows_the_steps_of_the_training(tokenizer, sentences):
    rates = "0:0.8,100:0.1"
    mlm = MaskedLanguageModelling(tokenizer, LENGTH, selection_rate=rates)

    def batches(skip=0):
        steps = tf.data.Dataset.range(50, 1000, 10)  # of the training
        examples = texts(sentences, "en").repeat()
        found = mlm.train_batches(examples, 64, 3, steps).skip(skip).take(8 - skip)
        return list(found.as_numpy_iterator())

    whole = batches()
    for number, (inputs, _, weights) in enumerate(whole):
        # Enough predictions for the highest rate.
        assert weights.shape == (64, LENGTH)
        segment_ids = inputs["segment_ids"]
        candidates = (segment_ids[:, 1:] == segment_ids[:, :-1]) & (
            segment_ids[:, 1:] > 0
        )
        expected = max(0.45 - 0.07 * number, 0.1)
        share = weights.sum() / candidates.sum()
        assert share == pytest.approx(expected, abs=0.04)
    for batch, again in zip(whole[5:], batches(5), strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, batch, again)
    (batch, *_) = mlm.evaluation_batches({"en": texts(sentences * 40, "en")}, 64)
    inputs, _, weights, _ = batch
    at_15_percent = MaskedLanguageModelling(tokenizer, LENGTH)
    (other, *_) = at_15_percent.evaluation_batches(
        {"en": texts(sentences * 40, "en")}, 64
    )
    np.testing.assert_array_equal(inputs["token_ids"], other[0]["token_ids"])
    assert weights.numpy().sum() == other[2].numpy().sum()


@pytest.mark.parametrize(
    "rates",
    [
        {"selection_rate": 0},
        {"selection_rate": "0:0.3,10:0"},
        {"mask_rate": 0.9, "random_rate": 0.2},
    ],
)
def test_rates_that_are_none(tokenizer, rates):
    with pytest.raises(ValueError, match="selection_rate must lie"):
        MaskedLanguageModelling(tokenizer, LENGTH, **rates)
