"""Noise on words."""

import collections

import numpy as np
import pytest
import tensorflow as tf

from xlm_tf.objectives import noise

SEED = tf.constant([3, 4])
MASK = 99
# Of 0 to 40 words, of 1 to 3 tokens, all different.
TEXTS = [
    [[3 * i + 1000 * n + k for k in range(1 + (i + n) % 3)] for i in range(size)]
    for n, size in enumerate((40, 1, 0, 7, 30, 2))
]


@pytest.fixture(scope="module")
def words():
    ids = tf.ragged.constant(
        [[token for word in text for token in word] for text in TEXTS],
        dtype="int32",
        ragged_rank=1,
    )
    starts = [k == 0 for text in TEXTS for word in text for k in range(len(word))]
    return noise.as_words(ids, tf.constant(starts))


def test_words_and_back(words):
    assert words.to_list() == TEXTS
    tokens = [[token for word in text for token in word] for text in TEXTS]
    assert noise.as_tokens(words).to_list() == tokens


@pytest.mark.parametrize("distance", [0.0, 1.0, 3.0, 5.0])
def test_words_move_by_less_than_the_distance(words, distance):
    shuffled = noise.shuffle_words(words, distance, SEED).to_list()
    moves = []
    for text, other in zip(TEXTS, shuffled, strict=True):
        assert sorted(text) == sorted(other)
        moves += [abs(other.index(word) - place) for place, word in enumerate(text)]
    assert max(moves) <= max(distance - 1, 0) + 1e-9 or max(moves) < distance
    assert (sum(moves) > 0) == (distance > 1)


def test_a_share_is_dropped_and_one_word_stays(words):
    kept = noise.drop_words(words, 0.4, SEED).to_list()
    for text, other in zip(TEXTS, kept, strict=True):
        assert [word for word in text if word in other] == other
    assert 15 < len(kept[0]) < 35
    alone = noise.drop_words(words, 0.999, SEED).to_list()
    assert [len(text) for text in alone] == [min(len(text), 1) for text in TEXTS]
    assert noise.drop_words(words, 0.0, SEED).to_list() == TEXTS


def test_every_token_of_a_blank_word_is_the_mask(words):
    blank = noise.blank_words(words, 0.3, MASK, SEED).to_list()
    count = 0
    for text, other in zip(TEXTS, blank, strict=True):
        for word, now in zip(text, other, strict=True):
            assert now in (word, [MASK] * len(word))
            count += now != word
    assert 10 < count < 40
    assert noise.blank_words(words, 0.0, MASK, SEED).to_list() == TEXTS


@pytest.mark.parametrize(("rate", "length"), [(0.35, 3.5), (0.6, 1.0), (0.1, 8.0)])
def test_a_mask_stands_for_a_span(words, rate, length):
    infilled = noise.as_tokens(
        noise.infill_spans(words, rate, length, MASK, SEED)
    ).to_list()
    for text, other in zip(TEXTS, infilled, strict=True):
        tokens = [token for word in text for token in word]
        kept = [token for token in other if token != MASK]
        assert [token for token in tokens if token in kept] == kept
        for word in text:  # whole words
            assert len({token in kept for token in word}) == 1
        # Where something is missing there is one mask, and never two in a row there.
        at = [tokens.index(token) for token in kept]
        gaps = sum(
            b > a + 1 for a, b in zip([-1, *at], [*at, len(tokens)], strict=True)
        )
        assert gaps <= other.count(MASK)
    if rate > 0.3:
        assert MASK in infilled[0]


def test_the_masked_share_is_about_the_rate():
    ids = tf.ragged.constant([list(range(1000, 9000))], dtype="int32")
    words = noise.as_words(ids, tf.ones((8000,), "bool"))
    for rate, length in ((0.35, 3.5), (0.15, 3.0)):
        tokens = noise.as_tokens(noise.infill_spans(words, rate, length, MASK, SEED))
        missing = 8000 - np.sum(np.array(tokens.to_list()[0]) != MASK)
        # Spans that overlap are one: 1 - exp(-rate) of the words.
        assert missing / 8000 == pytest.approx(1 - np.exp(-rate), abs=0.03)


def test_noise_is_a_function_of_its_seed(words):
    functions = (
        lambda seed: noise.shuffle_words(words, 3.0, seed),
        lambda seed: noise.drop_words(words, 0.3, seed),
        lambda seed: noise.blank_words(words, 0.3, MASK, seed),
        lambda seed: noise.infill_spans(words, 0.35, 3.5, MASK, seed),
    )
    for function in functions:
        results = [str(function(tf.constant(seed)).to_list()) for seed in ((1, 2),) * 2]
        results.append(str(function(tf.constant((1, 3))).to_list()))
        assert sorted(collections.Counter(results).values()) == [1, 2]
