"""Saved models of the package, whatever their task."""

import json
from pathlib import Path

from xlm_tf.models.masked_lm import XLMMaskedLM
from xlm_tf.models.question_answering import XLMQuestionAnswering
from xlm_tf.models.text_classifier import XLMTextClassifier
from xlm_tf.models.text_embedder import XLMTextEmbedder
from xlm_tf.models.token_classifier import XLMTokenClassifier

TASKS = {
    cls.__name__: cls
    for cls in (
        XLMMaskedLM,
        XLMQuestionAnswering,
        XLMTextClassifier,
        XLMTextEmbedder,
        XLMTokenClassifier,
    )
}


def load_task(directory):
    """Load the task that `save_to_preset` wrote, as what it was saved.

    Args:
        directory: str or Path of a preset.

    Returns:
        The task, with its preprocessor.

    Raises:
        FileNotFoundError: there is no preset of a task.
        ValueError: its task is none of the package.
    """
    path = Path(directory, "task.json")
    if not path.is_file():
        raise FileNotFoundError(
            f"{directory} is not a saved task: it holds no task.json. Expected a "
            "folder that `save_to_preset` of a task, or a training, wrote."
        )
    name = json.loads(path.read_text(encoding="utf-8")).get("class_name")
    if name not in TASKS:
        raise ValueError(
            f"{directory} holds a {name}. Expected one of {', '.join(TASKS)}."
        )
    return TASKS[name].from_preset(str(directory))
