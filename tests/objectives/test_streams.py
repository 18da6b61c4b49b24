import types

import numpy as np
import tensorflow as tf

from xlm_tf.objectives.mlm import MaskedLanguageModelling
from xlm_tf.objectives.streams import stream_rows

LENGTH = 16


def examples(sentences, language):
    return tf.data.Dataset.from_tensor_slices(
        {"text": sentences, "language": [language] * len(sentences)}
    )


def test_rows_are_pieces_of_the_running_text(tokenizer, sentences):
    mlm = MaskedLanguageModelling(tokenizer, LENGTH, ["de", "en"])
    rows = stream_rows(mlm, examples(sentences, "en"), seed=1)
    stream = [x for ids in tokenizer(sentences).to_list() for x in (*ids, 2)]
    begun = set()
    for row in rows.take(400).as_numpy_iterator():
        start, *ids = row["token_ids"][0].tolist()
        assert start == tokenizer.start_token_id != tokenizer.end_token_id
        assert len(ids) == LENGTH - 1
        assert row["language_ids"].tolist() == [[1] * LENGTH]
        assert row["position_ids"].tolist() == [list(range(LENGTH))]
        assert row["segment_ids"].tolist() == [[1] * LENGTH]
        assert row["padding_mask"].all()
        places = [
            at
            for at in range(len(stream))
            if ids == [stream[(at + i) % len(stream)] for i in range(len(ids))]
        ]
        assert places
        begun.update(places)
    # Pass after pass, rows are cut elsewhere; no part of the text is left out.
    assert len(begun) > len(stream) // (LENGTH - 1) + 1
    covered = {(at + i) % len(stream) for at in begun for i in range(LENGTH - 1)}
    assert covered == set(range(len(stream)))


def test_in_xlm_rows_begin_anywhere():
    end = 1
    ids = tf.ragged.constant([[11, 12], [], [13] * 7])
    objective = types.SimpleNamespace(
        tokenizer=types.SimpleNamespace(start_token_id=end, end_token_id=end),
        sequence_length=4,
        tokenize=lambda texts, language: tf.gather(
            ids, tf.strings.to_number(texts, "int32")
        ),
        language_ids=lambda language: tf.zeros_like(language, "int32"),
    )
    rows = stream_rows(objective, examples(["0", "1", "2"], "en"), seed=0)
    found = {
        tuple(row["token_ids"][0].tolist())
        for row in rows.take(2000).as_numpy_iterator()
    }
    assert found == {(11, 12, 1, 1), (13, 13, 13, 13), (13, 13, 13, 1)}


def test_masked_rows_of_streams_go_on_where_they_stopped(tokenizer, sentences):
    mlm = MaskedLanguageModelling(tokenizer, LENGTH)

    def batches(skip):
        tf.keras.utils.set_random_seed(3)
        rows = stream_rows(mlm, examples(sentences, "en"), seed=1)
        found = mlm.mask_rows(rows, 4, seed=1).skip(skip).take(9 - skip)
        return list(found.as_numpy_iterator())

    whole = batches(0)
    for batch, again in zip(whole[5:], batches(5), strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, batch, again)
    ends = selected = 0
    for inputs, targets, weights in whole:
        assert inputs["token_ids"].shape == (4, LENGTH)
        used = weights > 0
        assert inputs["mask_positions"][used].min() > 0
        ends += (targets[used] == tokenizer.end_token_id).sum()
        selected += used.sum()
    # The end of a sentence is a token like others.
    assert 0 < ends < selected
