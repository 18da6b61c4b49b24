"""The best spans of windows, against every span tried."""

import itertools

import numpy as np

from xlm_tf.models.answer_spans import BestSpans


def test_the_best_of_all_windows():
    random = np.random.default_rng(0)
    rows = np.array([0, 1, 0, 0])  # question 0 has three windows, 2 has none
    logits = random.normal(size=(4, 9, 2)) * 2
    starts = np.full((4, 12), -1)
    ends = starts.copy()
    # Windows of question 0 overlap: tokens 0-4, 3-7, 6-8.
    for window, first, count in [(0, 0, 5), (1, 0, 6), (2, 3, 5), (3, 6, 3)]:
        starts[window, 3 : 3 + count] = 10 * np.arange(first, first + count)
        ends[window, 3 : 3 + count] = starts[window, 3 : 3 + count] + 9
    ends[0, 4] = starts[0, 4]  # white space alone
    for num_best, longest in itertools.product((1, 4, 100), (1, 3, 30)):
        best = BestSpans(2, num_best, longest)
        best.add(logits[:1], rows[:1], starts[:1], ends[:1])
        best.add(logits[1:], rows[1:], starts[1:], ends[1:])
        for question, (spans, none) in enumerate(best.results()):
            own = np.flatnonzero(rows == question)
            expected, total = {}, 0.0
            for w in own:
                places = np.flatnonzero(starts[w, :9] >= 0)
                counted = [0, *places]
                s, e = logits[w, :, 0], logits[w, :, 1]
                total += np.exp(s[counted]).sum() * np.exp(e[counted]).sum()
                for i, j in itertools.product(places, places):
                    seen = ends[w, i] > starts[w, i] and ends[w, j] > starts[w, j]
                    if seen and i <= j < i + longest:
                        span = starts[w, i], ends[w, j]
                        expected[span] = max(s[i] + e[j], expected.get(span, -np.inf))
            order = sorted(expected, key=lambda x: -expected[x])[:num_best]
            assert [(x.start, x.end) for x in spans] == order
            np.testing.assert_allclose(
                [x.score for x in spans], [expected[x] for x in order]
            )
            np.testing.assert_allclose(
                [x.probability for x in spans],
                [np.exp(expected[x]) / total for x in order],
            )
            nothing = logits[own, 0].sum(-1)
            np.testing.assert_allclose(none.score, nothing.min())
            np.testing.assert_allclose(none.probability, np.exp(nothing).sum() / total)
