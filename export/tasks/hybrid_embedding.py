"""`XLMHybridEmbedder`, exported: a vector, weights of tokens, vectors of tokens."""

import numpy as np
import tensorflow as tf

from export.parity import check_all, check_parity
from export.tasks.contract import Check
from export.tasks.embedding import EmbeddingAnswer


class HybridEmbeddingAnswer(EmbeddingAnswer):
    """`embedding` float32 (B, D), and of every token, padded to the longest text:

    `token_ids` int32 (B, T); `token_weights` float32 (B, T), 0 of special tokens where
    the task has a preprocessor, which tells them; `token_vectors` float32 (B, T, E), 0
    of the first; `lengths` int32 (B,), tokens.
    """

    def numbers(self, inputs):
        """See `Answer`."""
        outputs = self.task(inputs, training=False)
        token_ids, mask = inputs["token_ids"], inputs["padding_mask"]
        counts = mask
        for token_id in _special_ids(self.task):
            counts = tf.logical_and(counts, tf.not_equal(token_ids, token_id))
        return {
            "embedding": outputs["dense"],
            "token_ids": tf.identity(token_ids),
            "token_weights": outputs["sparse"] * tf.cast(counts, "float32"),
            "token_vectors": outputs["multi_vector"],
            "lengths": tf.reduce_sum(tf.cast(mask, "int32"), axis=1),
        }


class HybridEmbeddingCheck(Check):
    """Of an `XLMHybridEmbedder`."""

    def __init__(self, task, labels, top_k):
        self._task = task
        self._special_ids = _special_ids(task)

    def expected(self, inputs):
        """dict of arrays, as the artefact answers."""
        outputs = self._task(inputs, training=False)
        ids = np.asarray(inputs["token_ids"])
        mask = np.asarray(inputs["padding_mask"])
        weights = np.asarray(outputs["sparse"], "float64")
        return {
            "embedding": np.asarray(outputs["dense"], "float64"),
            "token_weights": np.where(np.isin(ids, self._special_ids), 0.0, weights),
            "token_vectors": np.asarray(outputs["multi_vector"], "float64"),
            "token_ids": np.where(mask, ids, self._task.backbone.pad_token_id),
            "lengths": mask.sum(axis=1),
        }

    def compare(self, answer, expected, tolerance, what):
        """See `Check`; ids and lengths must be the same."""
        for name in ("token_ids", "lengths"):
            is_same = answer[name] == expected[name]
            check_all(
                is_same.reshape(len(is_same), -1).all(axis=1),
                f"{name} of {what}",
                lambda row, name=name: (
                    f"is {answer[name][row].tolist()}, and not "
                    f"{expected[name][row].tolist()}"
                ),
            )
        distances = []
        for name in ("embedding", "token_weights", "token_vectors"):
            numbers = expected[name]
            # A weight is a sum cut off at zero: as exact as its terms.
            smallest = np.sqrt(np.mean(np.square(numbers))) if numbers.size else 1.0
            distances.append(
                check_parity(
                    answer[name], numbers, tolerance, f"{name} of {what}", smallest
                )
            )
        return max(distances)


def _special_ids(task):
    """Ids of the tokens that have no weight, list of int."""
    if task.preprocessor is None:
        return []
    tokenizer = task.preprocessor.tokenizer
    return [
        tokenizer.start_token_id,
        tokenizer.end_token_id,
        tokenizer.pad_token_id,
        tokenizer.unk_token_id,
    ]
