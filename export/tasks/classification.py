"""`XLMTextClassifier`, exported: one class, several labels, or scores."""

import keras
import numpy as np
import tensorflow as tf

from export.parity import check_all, check_parity
from export.tasks.contract import Answer, Check
from export.tasks.softmax import softmax

# What turns a classifier's logits into its answer, by its `problem_type`.
ACTIVATIONS = {
    "single_label_classification": tf.nn.softmax,
    "multi_label_classification": tf.nn.sigmoid,
    "regression": tf.identity,
}


def has_scores(task):
    """Whether a classifier answers numbers, with no class to choose among others."""
    return task.problem_type == "regression" or task.num_classes == 1


class ClassificationAnswer(Answer):
    """`probabilities` float32 (B, C); in words also `label` string (B,).

    Of a regression, and of a single class (a reranker), `scores` float32 (B, C) alone.
    """

    def __init__(self, task, labels, top_k):
        super().__init__(task, labels, top_k)
        self.has_scores = has_scores(task)
        # With an activation of its own, the task answers no logits.
        is_linear = task.activation is keras.activations.linear
        self.activation = ACTIVATIONS[task.problem_type] if is_linear else tf.identity

    def numbers(self, inputs):
        """See `Answer`."""
        x = self.activation(self.task(inputs, training=False))
        return {"scores" if self.has_scores else "probabilities": x}

    def words(self, numbers):
        """Numeric outputs -> those of the contract."""
        if self.has_scores:
            return numbers
        best = tf.argmax(numbers["probabilities"], axis=-1, output_type="int32")
        return {"label": tf.gather(tf.constant(self.labels), best), **numbers}


class ClassificationCheck(Check):
    """Of an `XLMTextClassifier`."""

    def __init__(self, task, labels, top_k):
        self._task = task
        self._labels = labels

    def expected(self, inputs):
        """float (B, C), the probabilities, or the numbers of a regression."""
        logits = np.asarray(self._task(inputs, training=False), "float64")
        if self._task.get_config()["activation"] != "linear":
            return logits  # no logits, then
        if self._task.problem_type == "single_label_classification":
            return softmax(logits)
        if self._task.problem_type == "multi_label_classification":
            return 0.5 * (1.0 + np.tanh(0.5 * logits))
        return logits

    def compare(self, answer, expected, tolerance, what):
        """See `Check`; also the label."""
        if self._task.problem_type == "regression":
            # A sum is as exact as its terms, which are no smaller where it is zero.
            smallest = np.sqrt(np.mean(np.square(expected))) if expected.size else 1.0
            return check_parity(answer["scores"], expected, tolerance, what, smallest)
        if self._task.num_classes == 1:
            return check_parity(
                answer["scores"], expected, tolerance, what, smallest=0.5
            )
        # The same for probabilities that need not sum to 1.
        numbers = np.asarray(answer["probabilities"])
        distance = check_parity(numbers, expected, tolerance, what, smallest=0.5)
        if "label" in answer:
            number_of = {label.encode(): i for i, label in enumerate(self._labels)}
            chosen = np.array([number_of.get(bytes(x), -1) for x in answer["label"]])
            values = numbers[np.arange(len(chosen)), chosen]
            check_all(
                (chosen >= 0) & (values == numbers.max(axis=1, initial=0.0)),
                f"label of {what}",
                lambda row: (
                    f"is called {answer['label'][row]!r}, and has the probabilities "
                    f"{numbers[row].tolist()} of {self._labels}"
                ),
            )
        return distance
