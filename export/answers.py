"""What an exported task answers: from the encoder's rows to named outputs.

Every task has two forms of its answer: numbers, for clients that hold the vocabulary
and the labels themselves (a phone), and words, for those that hold nothing.
"""

import dataclasses

import keras
import tensorflow as tf

from export.inference_layers import InferenceDense
from export.prediction_head import InferenceHead
from xlm_tf.generation.search_arguments import whole_number
from xlm_tf.models.masked_lm import XLMMaskedLM
from xlm_tf.models.text_classifier import XLMTextClassifier
from xlm_tf.models.text_embedder import XLMTextEmbedder

# What turns a classifier's logits into its answer, by its `problem_type`.
ACTIVATIONS = {
    "single_label_classification": tf.nn.softmax,
    "multi_label_classification": tf.nn.sigmoid,
    "regression": tf.identity,
}


def answer_of(task, store, encoder, labels=None, top_k=5):
    """The answer that fits a task.

    Args:
        task: `XLMTextClassifier`, `XLMTextEmbedder` or `XLMMaskedLM`.
        store: `WeightStore` of the exported graph.
        encoder: its `InferenceEncoder`.
        labels: list of str, names of the classes of a classifier.
        top_k: int, candidates for a mask.

    Raises:
        ValueError: another task, or labels that do not fit it.
    """
    # A head is one vector a text: in float32 it costs nothing.
    store = dataclasses.replace(store, dtype="float32")
    if isinstance(task, XLMTextClassifier):
        return ClassificationAnswer(task, store, labels)
    labels_of(task, labels)
    if isinstance(task, XLMTextEmbedder):
        return EmbeddingAnswer(task)
    if isinstance(task, XLMMaskedLM):
        return FilledMaskAnswer(task, store, encoder, top_k)
    raise ValueError(
        "Tasks that can be exported are XLMTextClassifier, XLMTextEmbedder, "
        f"XLMMaskedLM and XLMSeq2SeqLM. Received: {type(task).__name__}."
    )


class ClassificationAnswer:
    """`probabilities` float32 (B, C); in words also `label` string (B,).

    Of a regression, `scores` float32 (B, C) alone.
    """

    def __init__(self, task, store, labels):
        self.task = task
        # Further inputs of the signature `token_ids`, and what every text needs.
        self.input_shapes = {}
        self.check_prefix = ""
        self.labels = labels_of(task, labels)
        self.is_regression = task.problem_type == "regression"
        self.hidden_dense = None
        if task.hidden_dense is not None:
            self.hidden_dense = InferenceDense(task.hidden_dense, store)
        self.logits_dense = InferenceDense(task.logits_dense, store)
        # With an activation of its own, the task answers no logits.
        is_linear = task.activation is keras.activations.linear
        self.activation = ACTIVATIONS[task.problem_type] if is_linear else tf.identity

    def numbers(self, x, layout, inputs):
        """States (N, D) -> dict of numeric outputs."""
        x = _pool(self.task.pooling_layer, x, layout, inputs["padding_mask"])
        if self.hidden_dense is not None:
            x = self.hidden_dense(x)
        x = self.activation(self.logits_dense(x))
        return {"scores" if self.is_regression else "probabilities": x}

    def words(self, numbers):
        """Numeric outputs -> those of the contract."""
        if self.is_regression:
            return numbers
        best = tf.argmax(numbers["probabilities"], axis=-1, output_type="int32")
        return {"label": tf.gather(tf.constant(self.labels), best), **numbers}


def labels_of(task, labels=None):
    """Names of a task's classes, in order; None for a task without classes.

    Args:
        task: the task.
        labels: list of str, instead of the task's own. Without either, the names are
            "0", "1", ...

    Raises:
        ValueError: not a name for each class, or two alike.
    """
    num_classes = getattr(task, "num_classes", None)
    if num_classes is None:
        if labels is not None:
            raise ValueError(
                f"Only a classifier has labels. Received: a {type(task).__name__} and "
                f"labels={labels!r}."
            )
        return None
    if labels is None:
        labels = task.labels
    if labels is None:
        labels = range(num_classes)
    labels = [str(label) for label in labels]
    if len(labels) != num_classes or len(set(labels)) != len(labels):
        raise ValueError(
            f"labels must be {num_classes} different names, one a class. "
            f"Received: {labels}."
        )
    return labels


class EmbeddingAnswer:
    """`embedding` float32 (B, D)."""

    def __init__(self, task):
        self.task = task
        self.input_shapes = {}
        self.check_prefix = ""

    def numbers(self, x, layout, inputs):
        """States (N, D) -> dict of numeric outputs."""
        x = _pool(self.task.pooling_layer, x, layout, inputs["padding_mask"])
        if self.task.normalize:
            length = tf.reduce_sum(tf.square(x), axis=-1, keepdims=True)
            x = x * tf.math.rsqrt(tf.maximum(length, 1e-12))
        return {"embedding": x}

    def words(self, numbers):
        """The same: a vector has no words."""
        return numbers


class FilledMaskAnswer:
    """`token_ids` int32 (B, k) or, in words, `tokens` string (B, k); and `scores`.

    `scores` float32 (B, k) are probabilities, the best first, for the first `<mask>`
    of every text. A text without one gets empty tokens (`<pad>`) with scores of 0.

    A task without a preprocessor does not know which id is the mask's: it is told the
    `mask_position` int32 (B,), and has no words.
    """

    def __init__(self, task, store, encoder, top_k):
        self.task = task
        self.top_k = whole_number("top_k", top_k, 1, task.backbone.vocabulary_size)
        self.tokenizer = None
        self.input_shapes = {"mask_position": [None]}
        self.check_prefix = ""
        if task.preprocessor is not None:
            self.tokenizer = task.preprocessor.tokenizer
            self.input_shapes = {}
            self.check_prefix = "<mask> "
        self.head = InferenceHead(
            task.prediction_head, encoder.embeddings.token_table, store
        )

    def numbers(self, x, layout, inputs):
        """States (N, D) -> dict of numeric outputs."""
        has_mask = None
        if self.tokenizer is None:
            position = inputs["mask_position"]
        else:
            is_mask = tf.equal(inputs["token_ids"], self.tokenizer.mask_token_id)
            is_mask = tf.cast(is_mask, "int32")  # (B, T)
            position = tf.argmax(is_mask, axis=1, output_type="int32")
            has_mask = tf.reduce_max(is_mask, axis=1, keepdims=True)  # (B, 1)
        x = layout.states_at(x, position)  # (B, D)
        logits = self.head(x)  # (B, V)
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


def _pool(pooling, x, layout, padding_mask):
    if pooling.mode == "first":
        batch_size = tf.shape(padding_mask)[0]
        return layout.states_at(x, tf.zeros((batch_size,), "int32"))
    return pooling(layout.unpack(x), padding_mask)
