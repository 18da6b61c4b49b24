"""`XLMQuestionAnswering`, exported: the span of a context that answers a question."""

import numpy as np
import tensorflow as tf

from export.parity import check_all, check_parity
from export.tasks.contract import Check
from export.tasks.windows import WindowedAnswer

# Longest answer, in tokens, as of `XLMQuestionAnswering.answer`.
MAX_ANSWER_LENGTH = 30
_NEVER = -1e9


class SpanAnswer(WindowedAnswer):
    """Of token ids `start_logits` and `end_logits` float32 (B, T), -1e9 on padding.

    Of questions and contexts `answer` string (B,), `start` and `end` int32 (B,), bytes
    of the context, `score` and `no_answer_score` float32 (B,), see
    `XLMQuestionAnswering.answer`.
    """

    def numbers(self, inputs):
        """See `Answer`."""
        start, end = tf.split(self.task(inputs, training=False), 2, axis=-1)
        return {
            "start_logits": tf.squeeze(start, -1),
            "end_logits": tf.squeeze(end, -1),
        }

    def text_names(self, pairs):
        """See `Answer`."""
        return ["question", "context"]

    def pack_windows(self, fields):
        """See `WindowedAnswer`."""
        return self.task.preprocessor.pack_windows(fields)

    def answer(self, numbers, fields, places):
        """The best span of all windows, or that there is none."""
        row, starts, ends = places["row"], places["starts"], places["ends"]
        size = tf.shape(fields["context"])[0]
        is_context = starts >= 0  # (W, T)
        is_seen = is_context & (ends > starts)
        start, end = numbers["start_logits"], numbers["end_logits"]
        none = start[:, 0] + end[:, 0]  # (W,)
        # The sum over all spans, and over no answer, in logarithms.
        is_first = tf.range(tf.shape(starts)[1])[None, :] == 0
        is_counted = is_context | is_first
        totals = [
            tf.reduce_logsumexp(tf.where(is_counted, x, _NEVER), axis=1)
            for x in (start, end)
        ]
        total = _log_sum_of_rows(tf.add_n(totals), row, size)  # (B,)
        # Of every window the best span: from a token, of a length.
        start = tf.where(is_seen, start, _NEVER)
        end = tf.pad(
            tf.where(is_seen, end, _NEVER),
            [[0, 0], [0, MAX_ANSWER_LENGTH - 1]],
            constant_values=_NEVER,
        )
        width = tf.shape(start)[1]
        spans = tf.stack(
            [start + end[:, more : more + width] for more in range(MAX_ANSWER_LENGTH)],
            axis=2,
        )  # (W, T, lengths)
        spans = tf.reshape(spans, [tf.shape(row)[0], -1])
        place = tf.argmax(spans, axis=1, output_type="int32")  # (W,)
        best = tf.reduce_max(spans, axis=1)
        # Of every question the first of the best windows.
        best_of_rows = tf.math.segment_max(best, row)  # (B,)
        numbers_of = tf.range(tf.shape(row)[0])
        is_best = best == tf.gather(best_of_rows, row)
        window = tf.math.segment_min(
            tf.where(is_best, numbers_of, tf.shape(row)[0] - 1), row
        )
        place = tf.gather(place, window)
        first, last = place // MAX_ANSWER_LENGTH, place % MAX_ANSWER_LENGTH
        last = tf.minimum(first + last, width - 1)
        begin = tf.gather_nd(starts, tf.stack([window, first], axis=1))
        stop = tf.gather_nd(ends, tf.stack([window, last], axis=1))
        none_score = tf.math.segment_min(none, row)
        no_answer_score = none_score - best_of_rows
        is_none = best_of_rows < _NEVER / 2
        threshold = self.task.no_answer_threshold
        if threshold is not None:
            is_none |= no_answer_score > threshold
        none_total = _log_sum_of_rows(none, row, size)
        score = tf.exp(tf.where(is_none, none_total, best_of_rows) - total)
        begin, stop = (tf.where(is_none, 0, x) for x in (begin, stop))
        return {
            "answer": tf.strings.substr(fields["context"], begin, stop - begin),
            "start": begin,
            "end": stop,
            "score": score,
            "no_answer_score": tf.minimum(no_answer_score, -_NEVER),
        }


class SpanCheck(Check):
    """Of an `XLMQuestionAnswering`."""

    def __init__(self, task, labels, top_k):
        self._task = task

    def expected(self, inputs):
        """float (B, T, 2), the logits, -1e9 on padding."""
        return np.asarray(self._task(inputs, training=False), "float64")

    def compare(self, answer, expected, tolerance, what):
        """See `Check`; logits by their size, padding apart."""
        numbers = np.stack([answer["start_logits"], answer["end_logits"]], axis=-1)
        is_padding = expected <= _NEVER / 2
        if numbers.shape == expected.shape:
            check_all(
                ((numbers <= _NEVER / 2) == is_padding).all((1, 2)),
                f"Padding of {what}",
                lambda row: (
                    f"has {np.sum(numbers[row, :, 0] <= _NEVER / 2)} positions of "
                    f"padding, and the model's has {np.sum(is_padding[row, :, 0])}"
                ),
            )
            numbers = np.where(is_padding, 0.0, numbers)
        expected = np.where(is_padding, 0.0, expected)
        # The logits near zero of a text are as exact as its others.
        smallest = np.sqrt(np.mean(np.square(expected))) if expected.size else 1.0
        return check_parity(numbers, expected, tolerance, what, smallest)

    def compare_texts(self, answer, fields, tolerance, what):
        """The answer stands in its context, and is the task's, or as probable."""
        questions, texts = (
            [x.decode("utf-8", "replace") for x in fields[name]]
            for name in ("question", "context")
        )
        # Of other bytes `answer` reads no more than U+FFFD.
        is_text = [
            question.encode() == fields["question"][row]
            and text.encode() == fields["context"][row]
            for row, (question, text) in enumerate(zip(questions, texts, strict=True))
        ]
        language = fields["language"][0].decode() if "language" in fields else None
        found = self._task.answer(questions, texts, top_k=20, language=language)
        is_right, distance = [], 0.0
        for row, (context, text, own) in enumerate(
            zip(fields["context"], texts, found, strict=True)
        ):
            begin, end = int(answer["start"][row]), int(answer["end"][row])
            said = bytes(answer["answer"][row])
            scores = {
                (
                    len(text[: x["start"]].encode()),
                    len(text[: x["end"]].encode()),
                ): x["score"]
                for x in reversed(own)
            }
            score, best = float(answer["score"][row]), own[0]["score"]
            if not is_text[row]:
                is_right.append(said == context[begin:end])
                continue
            named = scores.get((begin, end), np.inf)
            apart = max(abs(score - best), abs(named - best))
            # A difference of logits, by its size.
            none = own[0]["no_answer_score"]
            of_none = abs(float(answer["no_answer_score"][row]) - none)
            apart = max(apart, of_none / max(abs(none), 1.0))
            distance = max(distance, apart if np.isfinite(apart) else 0.0)
            is_right.append(said == context[begin:end] and apart <= tolerance)
        check_all(
            is_right,
            f"answer of {what}",
            lambda row: (
                f"is {answer['answer'][row]!r} at {answer['start'][row]}, "
                f"{answer['end'][row]}; the model's is {found[row][0]}"
            ),
        )
        return distance


def _log_sum_of_rows(values, row, size):
    """log of the sum of exp of the values (W,) of a row: (B,)."""
    largest = tf.math.unsorted_segment_max(values, row, size)
    sums = tf.math.unsorted_segment_sum(
        tf.exp(values - tf.gather(largest, row)), row, size
    )
    return largest + tf.math.log(sums)
