"""Which tasks can be exported."""

from export.generation_inputs import generates


def check_task(task):
    """Raise a ValueError for a task that cannot be exported."""
    if not hasattr(task, "preprocessor"):
        raise ValueError(
            "An exported model answers something: give a task, such as an "
            f"XLMTextEmbedder with this backbone. Received: a {type(task).__name__}."
        )
    preprocessor = task.preprocessor
    if preprocessor is None:
        if generates(task):
            raise ValueError(
                "A model that writes text ends it with its tokenizer's end token: give "
                f"the {type(task).__name__} a preprocessor."
            )
        return
    if generates(task) and task.num_return > 1:
        raise ValueError(
            "An exported model writes the best text of each it reads: compile it with "
            f"num_return=1. Received: num_return={task.num_return}."
        )
    if preprocessor.sequence_length > task.backbone.max_sequence_length:
        raise ValueError(
            "The preprocessor's texts may be longer than the model's positions: set "
            "its sequence_length to at most max_sequence_length. Received: "
            f"sequence_length={preprocessor.sequence_length}, "
            f"max_sequence_length={task.backbone.max_sequence_length}."
        )
