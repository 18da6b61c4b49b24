"""What a served model answers, as the client gives it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Classification:
    """A classifier's answer for one text.

    Attributes:
        label: string, the most probable class.
        probabilities: float32 array (C,), one per class, in the model's order. Of a
            model whose classes do not exclude each other, each for itself.
        labels: tuple of C strings, the names in that order; None of a model that does
            not tell them.
    """

    label: str
    probabilities: np.ndarray
    labels: tuple[str, ...] | None = None

    @property
    def ranked(self) -> list[tuple[str, float]]:
        """All classes with their probabilities, the most probable first.

        Raises:
            ValueError: the model does not tell the names.
        """
        if self.labels is None:
            raise ValueError(
                "The model does not tell the names of its classes: export it again. "
                f"Received: label={self.label!r} alone."
            )
        order = np.argsort(-self.probabilities, kind="stable")
        return [(self.labels[i], float(self.probabilities[i])) for i in order]


@dataclass(frozen=True)
class HybridEmbedding:
    """The three embeddings of one text.

    Attributes:
        dense: float32 array (D,).
        sparse: dict from a token's id to its weight, above 0, the largest of its
            occurrences.
        multi_vector: float32 array (T - 1, E), of all tokens but the first.
    """

    dense: np.ndarray
    sparse: dict[int, float]
    multi_vector: np.ndarray


@dataclass(frozen=True)
class FilledMask:
    """A masked language model's answer for one text.

    Attributes:
        tokens: list of k strings, the likeliest first.
        scores: float32 array (k,), their scores.
    """

    tokens: list[str]
    scores: np.ndarray


@dataclass(frozen=True)
class GeneratedText:
    """What a model wrote for a text.

    Attributes:
        text: string.
        score: float, of the search.
    """

    text: str
    score: float


@dataclass(frozen=True)
class TaggedWord:
    """A word of a text and its tag.

    Attributes:
        text: str, the characters from `start` to before `end`.
        tag: str.
        start, end: int, in characters.
        score: float, the probability of the tag.
    """

    text: str
    tag: str
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class FoundAnswer:
    """The answer to a question, in the words of its context.

    Attributes:
        answer: str, `context[start:end]`; "" for none.
        start, end: int, in characters.
        score: float, the probability of the span.
        no_answer_score: float, how much likelier no answer is, in logits.
    """

    answer: str
    start: int
    end: int
    score: float
    no_answer_score: float
