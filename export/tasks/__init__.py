"""The tasks that can be exported; a file each, and a line each in `EXPORTED`.

A model that writes text is exported by a search of its own, see
`export.text_generation`.
"""

from export.tasks.answering import SpanAnswer, SpanCheck
from export.tasks.classification import ClassificationAnswer, ClassificationCheck
from export.tasks.contract import Answer, Check
from export.tasks.embedding import EmbeddingAnswer, EmbeddingCheck
from export.tasks.fill_mask import FilledMaskAnswer, FilledMaskCheck
from export.tasks.hybrid_embedding import HybridEmbeddingAnswer, HybridEmbeddingCheck
from export.tasks.labels import labels_of
from export.tasks.tagging import TaggingAnswer, TaggingCheck
from xlm_tf.models.hybrid_embedder import XLMHybridEmbedder
from xlm_tf.models.masked_lm import XLMMaskedLM
from xlm_tf.models.question_answering import XLMQuestionAnswering
from xlm_tf.models.text_classifier import XLMTextClassifier
from xlm_tf.models.text_embedder import XLMTextEmbedder
from xlm_tf.models.token_classifier import XLMTokenClassifier

__all__ = ["EXPORTED", "Answer", "Check", "answer_of", "check_of", "labels_of"]

# From a task's class to what its artefact answers, and how that is checked.
EXPORTED = {
    XLMTextClassifier: (ClassificationAnswer, ClassificationCheck),
    XLMTextEmbedder: (EmbeddingAnswer, EmbeddingCheck),
    XLMHybridEmbedder: (HybridEmbeddingAnswer, HybridEmbeddingCheck),
    XLMMaskedLM: (FilledMaskAnswer, FilledMaskCheck),
    XLMTokenClassifier: (TaggingAnswer, TaggingCheck),
    XLMQuestionAnswering: (SpanAnswer, SpanCheck),
}


def answer_of(task, labels=None, top_k=5):
    """The `Answer` of a task, see there; `labels` are those of `labels_of`.

    Raises:
        ValueError: a task that cannot be exported.
    """
    answer, _ = _exported(task)
    return answer(task, labels, top_k)


def check_of(task, labels=None, top_k=5):
    """The `Check` of a task, see there.

    Raises:
        ValueError: a task that cannot be exported.
    """
    _, check = _exported(task)
    return check(task, labels, top_k)


def _exported(task):
    for task_class, classes in EXPORTED.items():
        if isinstance(task, task_class):
            return classes
    names = ", ".join(task_class.__name__ for task_class in EXPORTED)
    raise ValueError(
        f"Tasks that can be exported are {names}, XLMSeq2SeqLM and, as SavedModel, "
        f"XLMCausalLM. Received: {type(task).__name__}."
    )
