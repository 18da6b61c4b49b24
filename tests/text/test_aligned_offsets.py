"""Two readings of a text: where the tokens of the one stand, by the other's offsets."""

from xlm_tf.text.aligned_offsets import aligned_offsets

# "a <mask> b c": read as one token, or as the characters that it is made of.
OTHER = [10, 1, 2, 3, 20, 30]
OFFSETS = [(0, 1), (1, 3), (3, 7), (7, 8), (8, 10), (10, 12)]


def aligned(ids, other_ids, offsets):
    return aligned_offsets(ids, other_ids, offsets, unknown_id=3)


def test_readings_that_agree():
    assert aligned(OTHER, OTHER, OFFSETS) == OFFSETS
    assert aligned([], [], []) == []


def test_a_token_of_several_stands_for_all_of_them():
    found = aligned([10, 99, 20, 30], OTHER, OFFSETS)
    assert found == [(0, 1), (1, 8), (8, 10), (10, 12)]


def test_tokens_that_only_one_reading_has():
    assert aligned([10, 20, 30], OTHER, OFFSETS) == [(0, 1), (8, 10), (10, 12)]
    more = aligned([98, *OTHER, 97], OTHER, OFFSETS)
    assert more == [(0, 0), *OFFSETS, (12, 12)]


def test_unknown_tokens_tell_nothing():
    # "<" is unknown, and so is what follows the mask.
    found = aligned([10, 99, 3], [10, 3, 1, 2, 3], OFFSETS[:5])
    assert found == [(0, 1), (1, 10), (1, 10)]
