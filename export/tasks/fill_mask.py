"""`XLMMaskedLM`, exported: the likeliest tokens for a mask."""

import numpy as np
import tensorflow as tf

from export.input_checks import assert_in_range, assert_same_rows
from export.parity import check_all, check_parity
from export.tasks.contract import Answer, Check
from export.tasks.softmax import softmax
from xlm_tf.generation.search_arguments import whole_number

# By how many tolerances the logarithm of a probability may differ: tokens that are
# improbable differ by more than the row of all.
_LOGARITHMS = 10


class FilledMaskAnswer(Answer):
    """`token_ids` int32 (B, k) or, in words, `tokens` string (B, k); and `scores`.

    `scores` float32 (B, k) are probabilities, the best first, for the first `<mask>`
    of every text. A text without one gets empty tokens (`<pad>`) with scores of 0.

    A task without a preprocessor does not know which id is the mask's: it is told the
    `mask_position` int32 (B,), and has no words.
    """

    def __init__(self, task, labels, top_k):
        super().__init__(task, labels, top_k)
        self.top_k = whole_number("top_k", top_k, 1, task.backbone.vocabulary_size)
        self.tokenizer = None
        if task.preprocessor is None:
            self.input_shapes = {"mask_position": [None]}
        else:
            self.tokenizer = task.preprocessor.tokenizer
            self.check_prefix = "<mask> "

    def numbers(self, inputs):
        """See `Answer`."""
        inputs, has_mask = dict(inputs), None
        if self.tokenizer is None:
            position = inputs.pop("mask_position")
        else:
            is_mask = tf.equal(inputs["token_ids"], self.tokenizer.mask_token_id)
            is_mask = tf.cast(is_mask, "int32")  # (B, T)
            position = tf.argmax(is_mask, axis=1, output_type="int32")
            has_mask = tf.reduce_max(is_mask, axis=1, keepdims=True)  # (B, 1)
        inputs["mask_positions"] = tf.expand_dims(position, 1)
        logits = tf.squeeze(self.task(inputs, training=False), 1)  # (B, V)
        scores, token_ids = tf.math.top_k(tf.nn.softmax(logits), k=self.top_k)
        if has_mask is not None:
            pad = self.tokenizer.pad_token_id
            token_ids = (token_ids - pad) * has_mask + pad
            scores = scores * tf.cast(has_mask, "float32")
        return {"token_ids": token_ids, "scores": scores}

    def words(self, numbers):
        """Numeric outputs -> those of the contract."""
        if self.tokenizer is None:
            return numbers
        vocabulary = self.tokenizer.get_vocabulary()
        vocabulary[self.tokenizer.pad_token_id] = ""
        tokens = tf.gather(tf.constant(vocabulary), numbers["token_ids"])
        return {"tokens": tokens, "scores": numbers["scores"]}

    def checks(self, inputs):
        """The position lies within the text."""
        if "mask_position" not in inputs:
            return []
        position, token_ids = inputs["mask_position"], inputs["token_ids"]
        return [
            assert_same_rows("mask_position", position, "token_ids", token_ids),
            assert_in_range("mask_position", position, tf.shape(token_ids)[1]),
        ]

    def example_inputs(self, number):
        """The first and the second position in turn."""
        if not self.input_shapes:
            return {}
        return {"mask_position": tf.range(number) % 2}


class FilledMaskCheck(Check):
    """Of an `XLMMaskedLM`."""

    def __init__(self, task, labels, top_k):
        self._task = task
        self._top_k = top_k
        self._tokenizer = getattr(task.preprocessor, "tokenizer", None)

    def expected(self, inputs):
        """float (B, V), the probabilities at the mask; zeros where there is none."""
        inputs = dict(inputs)
        if self._tokenizer is None:
            position = np.asarray(inputs.pop("mask_position"))
            has_mask = np.ones(len(position), bool)
        else:
            is_mask = np.asarray(inputs["token_ids"]) == self._tokenizer.mask_token_id
            position, has_mask = is_mask.argmax(axis=1), is_mask.any(axis=1)
        inputs["mask_positions"] = tf.constant(position[:, None], "int32")
        logits = np.asarray(self._task(inputs, training=False)[:, 0], "float64")
        return softmax(logits) * has_mask[:, None]

    def compare(self, answer, expected, tolerance, what):
        """See `Check`; the tokens must be as probable as the scores say."""
        best = -np.sort(-expected, axis=1)[:, : self._top_k]
        scores = answer["scores"]
        distance = check_parity(scores, best, tolerance, f"scores of {what}")
        pad = self._task.backbone.pad_token_id
        if "tokens" in answer:
            said = answer["tokens"]
            ids_of = {b"": [pad]}
            for token_id, token in enumerate(self._tokenizer.get_vocabulary()):
                ids_of.setdefault(token.encode(), []).append(token_id)
            ids = np.array(
                [
                    [
                        max(ids_of.get(bytes(x), [-1]), key=lambda i: expected[row, i])
                        for x in tokens
                    ]
                    for row, tokens in enumerate(said)
                ]
            ).reshape(best.shape)
        else:
            ids = said = np.asarray(answer["token_ids"])
        is_known = (ids >= 0) & (ids < expected.shape[1])
        named = np.take_along_axis(expected, np.where(is_known, ids, 0), axis=1)
        # Every token by itself: beside a likely one, others are hardly in a distance.
        logarithms = [np.log(np.maximum(x, 1e-30)) for x in (named, best, scores)]
        is_right = is_known.copy()
        for other in logarithms[1:]:
            is_right &= np.abs(logarithms[0] - other) <= _LOGARITHMS * tolerance
        has_mask = best[:, :1] > 0
        is_right = np.where(has_mask, is_right, ids == pad).all(axis=1)
        check_all(
            is_right,
            f"Tokens of {what}",
            lambda row: (
                f"is filled with {said[row].tolist()}, of the probabilities "
                f"{named[row].tolist()}; the largest are {best[row].tolist()}"
            ),
        )
        return distance
