"""The best spans of all windows of a context, and how probable they are."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Span:
    """A span of a context, or that there is none.

    Attributes:
        score: float, the sum of the logits of its start and its end.
        probability: float, see `BestSpans`.
        start, end: int, bytes of the context.
    """

    score: float
    probability: float
    start: int = 0
    end: int = 0


class BestSpans:
    """Gathers the best spans of B questions, window by window.

    The probability of a span is that of its start times that of its end, over the
    tokens of the context and the first of the window, which stands for no answer; where
    there are several windows, over all of them. Of a span that two windows see, the
    more probable one counts.

    Args:
        num_questions: int, B.
        num_best: int, spans of a question.
        max_answer_length: int, in tokens.
    """

    def __init__(self, num_questions, num_best, max_answer_length):
        self._num_best = num_best
        self._max_length = max_answer_length
        self._spans = [{} for _ in range(num_questions)]  # (start, end) -> score
        self._total = np.full(num_questions, -np.inf)  # log of the sum over all spans
        self._none_total = np.full(num_questions, -np.inf)
        self._none = np.full(num_questions, np.inf)  # the smallest of the windows

    def add(self, logits, rows, starts, ends):
        """Take some windows in.

        Args:
            logits: float (W, T, 2).
            rows: int (W,), of which question.
            starts, ends: int (W, T' >= T), bytes of the context, -1 for other tokens.
        """
        width = logits.shape[1]
        logits = logits.astype("float64")
        starts, ends = starts[:, :width], ends[:, :width]
        begin, end = logits[..., 0], logits[..., 1]
        none = begin[:, 0] + end[:, 0]  # (W,)
        is_counted = starts >= 0
        is_seen = is_counted & (ends > starts)
        is_counted[:, 0] = True
        counted = [np.where(is_counted, x, -np.inf) for x in (begin, end)]
        np.logaddexp.at(self._total, rows, sum(map(_log_sum, counted)))
        np.logaddexp.at(self._none_total, rows, none)
        np.minimum.at(self._none, rows, none)
        best = np.where(is_seen, begin, -np.inf)
        last = np.where(is_seen, end, -np.inf)
        # (W, T, lengths): a span from every token, of every length.
        lengths = min(self._max_length, width)
        padded = np.pad(last, [(0, 0), (0, lengths - 1)], constant_values=-np.inf)
        scores = best[..., None] + np.lib.stride_tricks.sliding_window_view(
            padded, lengths, axis=1
        )
        flat = scores.reshape(len(scores), -1)
        count = min(self._num_best, flat.shape[1])
        chosen = np.argpartition(-flat, count - 1, axis=1)[:, :count]
        for window, places in enumerate(chosen):
            spans = self._spans[rows[window]]
            for place in places:
                score = flat[window, place]
                if score == -np.inf:
                    continue
                first, more = divmod(int(place), lengths)
                span = int(starts[window, first]), int(ends[window, first + more])
                spans[span] = max(score, spans.get(span, -np.inf))

    def results(self):
        """For every question `(spans, none)`: list of `Span`, the best first, none
        where the context has no tokens; and the `Span` of no answer."""
        for number, spans in enumerate(self._spans):
            best = sorted(spans.items(), key=lambda x: (-x[1], x[0]))
            total = self._total[number]
            yield (
                [
                    Span(float(score), float(np.exp(score - total)), *span)
                    for span, score in best[: self._num_best]
                ],
                Span(
                    float(self._none[number]),
                    float(np.exp(self._none_total[number] - total)),
                ),
            )


def _log_sum(x):
    """log(sum(exp)) of rows (W, T)."""
    return np.logaddexp.reduce(x, axis=1, initial=-np.inf)
