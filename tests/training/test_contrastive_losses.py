"""The losses by their definitions, in NumPy and in loops."""

import numpy as np
import pytest
import tensorflow as tf

from xlm_tf.training.contrastive_losses import NO_TEXT, in_batch_loss, ranking_loss

N, M, D = 5, 2, 8


def directions(*shape, seed=0):
    x = np.random.default_rng(seed).normal(size=shape)
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype("float32")


def vectors(with_negatives=True):
    found = {"source": directions(N, D), "target": directions(N, D, seed=1)}
    if with_negatives:
        found["negatives"] = directions(N, M, D, seed=2)
    return found


def shortened(x, dim):
    x = x[..., :dim]
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def keys(sources=range(N), targets=range(100, 100 + N), negatives=None):
    found = {"source": np.int64(list(sources)), "target": np.int64(list(targets))}
    if negatives is not None:
        found["negatives"] = np.int64(negatives)
    return found


def expected_forward(x, keys, temperature=0.1, margin=0.0):
    """The loss of every source, one candidate after the other."""
    candidates = [(keys["target"][j], x["target"][j]) for j in range(N)]
    if "negatives" in keys:
        candidates += [
            (keys["negatives"][j, m], x["negatives"][j, m])
            for j in range(N)
            for m in range(M)
        ]
    losses = []
    for i in range(N):
        source = keys["source"][i]
        answers = {keys["target"][k] for k in range(N) if keys["source"][k] == source}
        own = (x["source"][i] @ x["target"][i] - margin) / temperature
        scores = [own]
        for number, (key, vector) in enumerate(candidates):
            if number == i or key in answers or key in (source, NO_TEXT):
                continue
            scores.append(x["source"][i] @ vector / temperature)
        losses.append(np.log(np.sum(np.exp(scores))) - own)
    return np.array(losses)


NEGATIVES = np.arange(200, 200 + N * M).reshape(N, M)
KEYS = {
    "all different": keys(negatives=NEGATIVES),
    "no negatives": keys(),
    "a source twice": keys([0, 1, 0, 3, 4], negatives=NEGATIVES),
    "a target twice": keys(targets=[100, 101, 102, 100, 104]),
    "a negative is a target of the same source elsewhere": keys(
        [0, 1, 0, 3, 4], negatives=[[102, 200], *NEGATIVES[1:].tolist()]
    ),
    "a negative is the target of another source": keys(
        negatives=[[101, 102], *NEGATIVES[1:].tolist()]
    ),
    "a target is a source": keys(targets=[100, 0, 102, 103, 104]),
    "negatives that are not there": keys(
        negatives=[[NO_TEXT, 5], [NO_TEXT] * 2] + [[6, 7]] * 3
    ),
}


@pytest.mark.parametrize("of", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_what_is_a_negative(of, margin):
    x = vectors("negatives" in of)
    losses, is_right = in_batch_loss(x, of, 0.1, margin, symmetric=False)
    assert losses.shape == is_right.shape == (1, N)
    expected = expected_forward(x, of, margin=margin)
    np.testing.assert_allclose(losses[0], expected, rtol=1e-4)


def test_the_other_direction_is_the_first_with_the_sides_changed():
    of = keys([0, 1, 0, 3, 4], [100, 101, 102, 103, 101])
    x = vectors(False)
    changed = {"source": x["target"], "target": x["source"]}
    of_changed = {"source": of["target"], "target": of["source"]}
    losses, is_right = in_batch_loss(x, of, 0.1)
    other, other_right = in_batch_loss(changed, of_changed, 0.1)
    np.testing.assert_allclose(losses, other[::-1], rtol=1e-5)
    np.testing.assert_array_equal(is_right, other_right[::-1])
    np.testing.assert_allclose(
        losses[1], expected_forward(changed, of_changed), rtol=1e-4
    )


def test_hard_negatives_are_none_of_targets():
    """They are texts that sources are told from, and no sources."""
    x, of = vectors(), KEYS["all different"]
    without = in_batch_loss(vectors(False), keys(), 0.1)[0]
    with_negatives = in_batch_loss(x, of, 0.1)[0]
    np.testing.assert_allclose(with_negatives[1], without[1], rtol=1e-5)
    assert np.all(with_negatives[0] > without[0])


def test_who_is_nearest_decides_what_is_right():
    x = vectors(False)
    x["target"] = x["source"][[0, 1, 3, 2, 4]]
    _, is_right = in_batch_loss(x, keys(), 0.1, margin=1.5)
    expected = [True, True, False, False, True]
    assert is_right.numpy().tolist() == [expected] * 2


def test_vectors_that_are_cut_have_the_mean_loss():
    x, of = vectors(), KEYS["all different"]
    losses, is_right = in_batch_loss(x, of, 0.1, dims=(D, 4, 1))
    single = []
    for dim in (D, 4, 1):
        cut = {
            name: own[..., :dim]
            / np.linalg.norm(own[..., :dim], axis=-1, keepdims=True)
            for name, own in x.items()
        }
        single.append(in_batch_loss(cut, of, 0.1))
    np.testing.assert_allclose(losses, np.mean([x for x, _ in single], 0), rtol=1e-4)
    np.testing.assert_array_equal(is_right, single[0][1])


@pytest.mark.parametrize("scores", [[1, 2, 3, 4, 5], [0, 0, 1, 1, -3.5], [2] * 5])
def test_pairs_are_ranked_by_their_scores(scores):
    x, scores = vectors(False), np.float32(scores)
    cosines = (x["source"] * x["target"]).sum(1)
    terms, right = [], []
    for i in range(N):
        for j in range(N):
            if scores[i] > scores[j]:
                terms.append(np.exp((cosines[j] - cosines[i]) / 0.1))
                right.append(cosines[i] > cosines[j])
    loss, share = ranking_loss(x, scores, 0.1)
    assert float(loss) == pytest.approx(np.log(1 + np.sum(terms)), rel=1e-4, abs=1e-6)
    assert float(share) == pytest.approx(np.mean(right) if right else 0)
    # Their order alone counts.
    again, _ = ranking_loss(x, 100 * scores - 7, 0.1)
    assert float(again) == pytest.approx(float(loss))


def test_a_ranking_of_cut_vectors():
    x, scores = vectors(False), np.float32([1, 2, 3, 4, 5])
    cut = {name: shortened(own, 4) for name, own in x.items()}
    losses = [float(ranking_loss(own, scores, 0.1)[0]) for own in (x, cut)]
    loss, share = ranking_loss(x, scores, 0.1, (D, 4))
    assert float(loss) == pytest.approx(np.mean(losses), rel=1e-5)
    assert float(share) == float(ranking_loss(x, scores, 0.1)[1])


def test_gradients_are_finite_where_there_is_nothing_to_rank():
    source = tf.constant(directions(N, D))
    with tf.GradientTape() as tape:
        tape.watch(source)
        x = {"source": source, "target": directions(N, D, seed=1)}
        loss, _ = ranking_loss(x, tf.ones(N), 0.1)
    np.testing.assert_allclose(tape.gradient(loss, source), np.zeros((N, D)), atol=1e-9)
