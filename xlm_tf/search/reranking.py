"""Hits of a search in the order of a cross-encoder, which reads query and text."""

import dataclasses

from xlm_tf.models.text_classifier import XLMTextClassifier


def check_reranker(model, name):
    """See that a model gives a pair of texts one score.

    Args:
        model: a task, or its class.
        name: str, what the user called it.

    Raises:
        ValueError: it does not.
    """
    task = model if isinstance(model, type) else type(model)
    if not issubclass(task, XLMTextClassifier):
        raise ValueError(
            f"{name} holds an {task.__name__}. A reranker is an XLMTextClassifier with "
            "one output, which reads a query and a text."
        )
    if model is not task and model.num_classes != 1:
        raise ValueError(
            f"{name} is a classifier of {model.num_classes} classes. A reranker has "
            "one output, the score of a query and a text."
        )


def rerank(model, query, hits, k, batch_size=32):
    """Put hits in the order of a reranker.

    Args:
        model: `XLMTextClassifier` with one output.
        query: str.
        hits: list of `Hit`.
        k: int, how many are returned.
        batch_size: int.

    Returns:
        List of `Hit`, whose scores are the model's: probabilities, or the numbers of a
        regression.
    """
    if not hits:
        return []
    pairs = {"text": [query] * len(hits), "text_pair": [hit.text for hit in hits]}
    outputs = model.predict(pairs, batch_size=batch_size, verbose=0)
    scores = model.probabilities(outputs)[:, 0].tolist()
    scored = [
        dataclasses.replace(hit, score=score)
        for hit, score in zip(hits, scores, strict=True)
    ]
    return sorted(scored, key=lambda hit: -hit.score)[:k]
