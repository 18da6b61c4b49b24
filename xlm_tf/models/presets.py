"""Saved models of the package, whatever their task."""

from xlm_tf.models import released_checkpoints
from xlm_tf.models.causal_lm import XLMCausalLM
from xlm_tf.models.masked_lm import XLMMaskedLM
from xlm_tf.models.question_answering import XLMQuestionAnswering
from xlm_tf.models.seq2seq_lm import XLMSeq2SeqLM
from xlm_tf.models.text_classifier import XLMTextClassifier
from xlm_tf.models.text_embedder import XLMTextEmbedder
from xlm_tf.models.token_classifier import XLMTokenClassifier
from xlm_tf.private_keras import read_preset

TASKS = {
    cls.__name__: cls
    for cls in (
        XLMCausalLM,
        XLMMaskedLM,
        XLMQuestionAnswering,
        XLMSeq2SeqLM,
        XLMTextClassifier,
        XLMTextEmbedder,
        XLMTokenClassifier,
    )
}


def load_task(preset, ignored_settings=(), **kwargs):
    """Load a task as what it was saved, whoever saved it.

    Args:
        preset, ignored_settings: see `from_preset` of the models.
        **kwargs: further arguments of it, such as `dtype`.

    Returns:
        The task, with its preprocessor.

    Raises:
        FileNotFoundError: there is no preset of a task.
        ValueError: its task is none of the package.
    """
    checkpoint = released_checkpoints.find(preset, ignored_settings)
    if checkpoint is not None:
        task_class = released_checkpoints.task_class(checkpoint)
        return released_checkpoints.load(task_class, checkpoint, **kwargs)
    task = read_preset(preset, "task.json")
    if task is None:
        raise FileNotFoundError(
            f"{preset} is not a saved task: it holds no task.json. Expected a "
            "folder that `save_to_preset` of a task, or a training, wrote."
        )
    name = task.get("class_name")
    if name not in TASKS:
        raise ValueError(
            f"{preset} holds a {name}. Expected one of {', '.join(TASKS)}."
        )
    return TASKS[name].from_preset(str(preset), **kwargs)
