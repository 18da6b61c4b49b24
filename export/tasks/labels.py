"""Names of a classifier's classes, in exported models."""


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
            f"labels must be {num_classes} different names, one per class. "
            f"Received: {labels}."
        )
    return labels
