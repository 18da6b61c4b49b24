"""Searches against the definition, on step functions that are tables."""

import itertools

import keras_hub
import numpy as np
import pytest
import tensorflow as tf

from xlm_tf.generation.beam_search import BeamSearch
from xlm_tf.generation.sampling import Sampling

END, PAD, START = 1, 2, 0
VOCABULARY = 5


def table_step(seed, texts=1, vocabulary=VOCABULARY):
    """A language model that sees two tokens back; another for every text.

    The token before the newest is in the cache, so that another beam's past shows.
    """
    tables = np.random.default_rng(seed).normal(
        size=(texts, vocabulary, vocabulary, vocabulary)
    )
    tables = tf.constant(tables * 2, "float32")

    def step(token_ids, index, caches, source, mask):
        shape = tf.shape(token_ids)
        num_beams = token_ids.shape[1]
        (cache,) = caches  # (A, 1, t * k, 1)
        past = tf.reshape(cache[:, 0, :, 0], (shape[0], 1, -1))  # (A, 1, t * k)
        if mask is not None:
            own = mask[:, :, :-num_beams]  # (A, k, t * k)
            past = past + tf.zeros_like(own, "float32")
            past = tf.reshape(
                tf.boolean_mask(past, own), tf.concat([shape, [-1]], axis=0)
            )  # (A, k, t)
        last = tf.cond(
            tf.shape(past)[2] > 0,
            lambda: past[:, :, -1],
            lambda: tf.zeros(shape, "float32"),
        )
        index_of_text = source["text"][:, None] + tf.zeros_like(token_ids)
        logits = tf.gather_nd(
            tables, tf.stack([index_of_text, tf.cast(last, "int32"), token_ids], -1)
        )  # (A, k, V)
        new = tf.cast(token_ids, "float32")[:, None, :, None]
        return logits, (tf.concat([cache, new], axis=2),)

    return step, tables.numpy()


def search(decoder, step, texts=1, max_length=4):
    caches = (tf.zeros((texts, 1, 0, 1)),)
    source = {"text": tf.range(texts)}
    prompt = tf.fill((texts, 1), START)
    run = tf.function(
        lambda: decoder.decode(step, prompt, caches, source, max_length, END, PAD)
    )
    token_ids, scores = run()
    return token_ids.numpy(), scores.numpy()


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def every_text(table, max_length, penalty, min_length=0, no_repeat=0, stop_ids=(END,)):
    """Every text with its score, best first."""
    logp = log_softmax(table)
    found = {}
    for length in range(1, max_length + 1):
        for text in itertools.product(range(VOCABULARY), repeat=length):
            ended = text[-1] in stop_ids
            is_too_long = not set(stop_ids).isdisjoint(text[:-1])
            if is_too_long or not (ended or length == max_length):
                continue
            if ended and length - 1 < min_length:
                continue
            grams = [text[i : i + no_repeat] for i in range(length - no_repeat + 1)]
            if no_repeat and len(set(grams)) < len(grams):
                continue
            history = [0, START, *text]
            total = sum(
                logp[history[i], history[i + 1], history[i + 2]] for i in range(length)
            )
            found[text] = total / length**penalty
    return sorted(found.items(), key=lambda item: -item[1])


def unpadded(row):
    row = row.tolist()
    return row[: row.index(END) + 1] if END in row else row


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("penalty", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("constraint", [{}, {"min_length": 2}, {"no_repeat": 2}])
def test_a_wide_beam_finds_the_best(seed, penalty, constraint):
    step, tables = table_step(seed)
    arguments = {**constraint}
    if "no_repeat" in arguments:
        arguments["no_repeat_ngram_size"] = arguments.pop("no_repeat")
    decoder = BeamSearch(
        num_beams=200, length_penalty=penalty, num_return=5, **arguments
    )
    token_ids, scores = search(decoder, step)
    expected = every_text(tables[0], 4, penalty, **constraint)[:5]
    np.testing.assert_allclose(scores[0], [x for _, x in expected], atol=1e-5)
    for row, (text, _) in zip(token_ids[0], expected, strict=True):
        assert tuple(row[: len(text)].tolist()) == text
        assert set(row[len(text) :].tolist()) <= {PAD}


@pytest.mark.parametrize("stop_ids", [(3,), (END, 3, 4), (0, 1, 2, 3), None])
@pytest.mark.parametrize("min_length", [0, 2])
def test_a_wide_beam_knows_its_stop_tokens(stop_ids, min_length):
    step, tables = table_step(4)
    decoder = BeamSearch(
        num_beams=200, num_return=5, min_length=min_length, stop_token_ids=stop_ids
    )
    token_ids, scores = search(decoder, step)
    expected = every_text(tables[0], 4, 1.0, min_length, stop_ids=stop_ids or ())[:5]
    scores = scores[0, : len(expected)]
    np.testing.assert_allclose(scores, [x for _, x in expected], atol=1e-5)
    for row, (text, _) in zip(token_ids[0], expected, strict=False):
        assert tuple(row[: len(text)].tolist()) == text


def test_many_stop_tokens_leave_the_beams_full():
    """As many hypotheses go on as there are beams, however many end."""
    step, tables = table_step(2)
    decoder = BeamSearch(2, num_return=2, stop_token_ids=(1, 2, 3))
    _, scores = search(decoder, step, max_length=6)
    expected = by_hand(log_softmax(tables[0]), 2, 6, False, stop_ids=(1, 2, 3))
    np.testing.assert_allclose(scores[0], expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("num_beams", [1, 2, 4])
def test_texts_do_not_depend_on_each_other(num_beams):
    step, _ = table_step(7, texts=6)
    decoder = BeamSearch(num_beams=num_beams, num_return=num_beams)
    together, scores = search(decoder, step, texts=6, max_length=8)
    for i in range(6):

        def alone(token_ids, index, caches, source, mask, i=i):
            source = {"text": source["text"] + i}
            return step(token_ids, index, caches, source, mask)

        one, one_scores = search(decoder, alone, max_length=8)
        np.testing.assert_array_equal(one[0], together[i])
        np.testing.assert_allclose(one_scores[0], scores[i], atol=1e-6)


def test_greedy_takes_the_best_token():
    step, tables = table_step(3)
    token_ids, scores = search(
        BeamSearch(num_beams=1, early_stopping=True), step, max_length=10
    )
    logp, before, last, text, total = log_softmax(tables[0]), 0, START, [], 0.0
    while len(text) < 10 and last != END:
        token = int(logp[before, last].argmax())
        total += logp[before, last, token]
        before, last = last, token
        text.append(token)
    assert token_ids[0, 0].tolist() == text + [PAD] * (10 - len(text))
    assert scores[0, 0] == pytest.approx(total / len(text), abs=1e-5)


@pytest.mark.slow
def test_the_definition_of_the_end():
    """A beam search by hand, in Python, as the reference defines it."""
    for seed in range(20):
        step, tables = table_step(seed)
        for early in (True, False):
            decoder = BeamSearch(num_beams=2, num_return=2, early_stopping=early)
            _, scores = search(decoder, step, max_length=6)
            expected = by_hand(log_softmax(tables[0]), 2, 6, early)
            np.testing.assert_allclose(scores[0], expected, atol=1e-5)


def by_hand(logp, k, max_length, early, stop_ids=(END,)):
    beams, finished = [((), 0.0)], []
    for index in range(max_length):
        candidates = []
        for text, total in beams:
            history = [0, START, *text]
            candidates += [
                ((*text, token), total + logp[history[-2], history[-1], token])
                for token in range(VOCABULARY)
            ]
        candidates = sorted(candidates, key=lambda item: -item[1])[
            : (1 + len(stop_ids)) * k
        ]
        beams = []
        for rank, (text, total) in enumerate(candidates):
            is_last = index + 1 == max_length
            if (is_last and rank < k) or (
                not is_last and text[-1] in stop_ids and len(beams) < k
            ):
                finished.append(total / (index + 1))
            elif text[-1] not in stop_ids and len(beams) < k:
                beams.append((text, total))
        finished = sorted(finished, reverse=True)[:k]
        is_full = len(finished) == k
        if is_last or (is_full and (early or finished[-1] >= beams[0][1] / max_length)):
            break
    return finished


@pytest.mark.slow
@pytest.mark.parametrize(
    "decoder",
    [
        BeamSearch(3),
        BeamSearch(1, early_stopping=True),
        Sampling(keras_hub.samplers.GreedySampler()),
    ],
)
def test_every_text_has_its_own_limit(decoder):
    step, _ = table_step(7, texts=4)
    limits = [2, 7, 1, 5]
    token_ids, scores = search(decoder, step, texts=4, max_length=limits)
    for i, limit in enumerate(limits):

        def alone(token_ids, index, caches, source, mask, i=i):
            source = {"text": source["text"] + i}
            return step(token_ids, index, caches, source, mask)

        one, one_scores = search(decoder, alone, max_length=limit)
        np.testing.assert_array_equal(one[0, 0], token_ids[i, 0, : one.shape[2]])
        assert scores[i, 0] == pytest.approx(one_scores[0, 0], abs=1e-5)


@pytest.mark.parametrize(
    "decoder",
    [
        BeamSearch(3, num_return=3),
        BeamSearch(1, early_stopping=True),
        Sampling(keras_hub.samplers.GreedySampler()),
    ],
)
def test_positions_that_are_cached_before_the_prompt(decoder):
    """One entry for all beams, and the same continuation as of the whole prompt."""
    step, _ = table_step(5, texts=4)
    prompt = tf.constant([[0, 3, 4], [3, 0, 4], [4, 4, 3], [0, 3, 0]])

    def behind_the_cached(token_ids, index, caches, source, mask):
        k, num_new = token_ids.shape[1], index + 1
        assert caches[0].shape[2] == num_cached + index * k
        assert mask is None or mask.shape[2] == num_new * k
        if mask is not None:
            shared = tf.ones((mask.shape[0], k, num_cached), "bool")
            mask = tf.concat([shared, mask], axis=2)
        return step(token_ids, num_cached + index, caches, source, mask)

    found = []
    for num_cached in (2, 1, 0):
        cache = tf.cast(prompt[:, :num_cached], "float32")[:, None, :, None]
        found.append(
            decoder.decode(
                behind_the_cached,
                prompt[:, num_cached:],
                (cache,),
                {"text": tf.range(4)},
                6,
                END,
                PAD,
            )
        )
    for other in found[:2]:
        np.testing.assert_array_equal(other.token_ids, found[2].token_ids)
        np.testing.assert_allclose(other.scores, found[2].scores, atol=1e-5)


def test_more_beams_than_words():
    step, _ = table_step(0)
    token_ids, scores = search(BeamSearch(num_beams=30, num_return=30), step, 1, 2)
    assert token_ids.shape == (1, 30, 2)
    real = scores[0] > -1e8
    assert real.sum() == 1 + 4 * VOCABULARY  # the end at once, or two tokens


def test_sampling_follows_the_seed():
    step, tables = table_step(1, texts=3)
    decoder = Sampling(keras_hub.samplers.TopKSampler(k=2, seed=4))
    token_ids, scores = search(decoder, step, texts=3, max_length=6)
    assert token_ids.shape[:2] == (3, 1)
    logp = log_softmax(tables)
    for i in range(3):
        text, history, total = unpadded(token_ids[i, 0]), [0, START], 0.0
        for token in text:
            row = logp[i, history[-2], history[-1]]
            assert token in np.argsort(row)[-2:]
            total += row[token]
            history.append(token)
        assert scores[i, 0] == pytest.approx(total, abs=1e-4)


SEARCHES = {
    "beam": BeamSearch(3, num_return=2),
    "greedy": BeamSearch(1, early_stopping=True),
    "keras greedy": Sampling(keras_hub.samplers.GreedySampler()),
    "top_k": Sampling(keras_hub.samplers.TopKSampler(k=2, seed=4)),
    "top_p": Sampling(keras_hub.samplers.TopPSampler(p=0.5, seed=4)),
    "random": Sampling(keras_hub.samplers.RandomSampler(seed=4)),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_every_number_of_texts_and_limits_of_none(name):
    """One text, two and none, of static and unknown number, in graph and eagerly."""
    decoder = SEARCHES[name]
    step, _ = table_step(7, texts=2)

    def decode(limits):
        batch_size = tf.shape(limits)[0]
        return decoder.decode(
            step,
            tf.fill((batch_size, 1), START),
            (tf.zeros((batch_size, 1, 0, 1)),),
            {"text": tf.range(batch_size)},
            limits,
            END,
            PAD,
        )

    in_graph = tf.function(decode, input_signature=[tf.TensorSpec([None], tf.int32)])
    of_one = tf.function(decode, input_signature=[tf.TensorSpec([1], tf.int32)])
    n = getattr(decoder, "num_return", 1)
    for function in (in_graph, decode, of_one):
        for limits in ([3], [0], [2, 0], [0, 0], []):
            if function is of_one and len(limits) != 1:
                continue
            token_ids, scores = function(tf.constant(limits, tf.int32))
            assert token_ids.shape[:2] == scores.shape == (len(limits), n)
            for row, of_row, limit in zip(token_ids, scores, limits, strict=True):
                if limit == 0:
                    assert set(row.numpy().flatten().tolist()) <= {PAD}
                    assert of_row[0] == 0
                else:
                    assert of_row[0] < 0


def test_a_penalty_below_0_favours_short_texts():
    for seed in range(5):
        step, tables = table_step(seed)
        decoder = BeamSearch(num_beams=200, length_penalty=-1.5)
        token_ids, scores = search(decoder, step)
        text, score = every_text(tables[0], 4, -1.5)[0]
        assert scores[0, 0] == pytest.approx(score, abs=1e-4)
        assert tuple(token_ids[0, 0][: len(text)].tolist()) == text
