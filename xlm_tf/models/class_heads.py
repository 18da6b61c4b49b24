"""Heads with classes: the saved one, or a new one where the caller asks for it."""

import warnings

from xlm_tf.checkpoints.model_settings import labels_of
from xlm_tf.models.task import check_labels
from xlm_tf.private_keras import read_preset


class ClassHead:
    """Mixin for tasks with `num_classes` and `labels`: what `from_preset` loads.

    Without `num_classes` and `labels`, the saved head is loaded. Either of them asks
    for a new head, to be trained, also where it has as many classes as the saved one
    (KerasHub's rule); a warning says that the saved head is left out. Labels that are
    the saved ones, in their order, ask for nothing new. Other names for the classes of
    the saved head are set afterwards: `model.labels = [...]`.
    """

    @property
    def class_names(self):
        """List of str: the labels; of classes without names their numbers, "0"."""
        return self.labels or [str(number) for number in range(self.num_classes)]

    @classmethod
    def arguments_for_preset(cls, preset, arguments):
        task = read_preset(preset, "task.json")
        if task is None or task["class_name"] != cls.__name__:
            return arguments  # a new head in any case
        saved = task["config"]["num_classes"], task["config"].get("labels")
        return choose_head(arguments, saved, preset)[0]


def choose_head(arguments, saved, preset):
    """Whether a saved head is loaded, and the arguments of the head.

    Args:
        arguments: dict of the caller's, of which `num_classes` and `labels` count.
        saved: `(num_classes, labels)` of the saved head: int, and list of str or None;
            None where there is no saved head.
        preset: str or Path, for the message.

    Returns:
        `(arguments, is_saved)`: dict, without the two where the saved head is loaded;
        and bool.

    Raises:
        ValueError: the two contradict each other, or there is no head to load.
    """
    rest = {
        name: value
        for name, value in arguments.items()
        if name not in ("num_classes", "labels")
    }
    num_classes, labels = arguments.get("num_classes"), arguments.get("labels")
    is_asked = num_classes is not None or labels is not None
    if saved is None and not is_asked:
        raise ValueError(
            f"{preset} has no head of this task: pass num_classes or labels for a new "
            "one, to be trained."
        )
    if not is_asked:
        return rest, True
    num_classes, labels = check_labels(num_classes, labels)
    if saved is not None and labels is not None and labels == saved[1]:
        return rest, True
    if saved is not None:
        warnings.warn(
            f"A new head of {_classes(num_classes, labels)}, to be trained, as "
            "num_classes or labels ask for. The saved head of "
            f"{_classes(*saved)} is left out; leave both out to load it.",
            stacklevel=4,
        )
    return {**rest, "num_classes": num_classes, "labels": labels}, False


def read_classes(checkpoint, head, arguments):
    """`CheckpointHead.read` of a head with classes, whose logits are `logits_dense`.

    The number and the names of the classes are the checkpoint's, or, for a new head,
    the caller's.
    """
    kernel, tensors = head.tensors["logits_dense/kernel"], checkpoint.tensors
    arguments, saved = {**head.arguments, **arguments}, None
    if kernel in tensors.names:
        labels = labels_of(checkpoint.config, checkpoint.config_path)
        saved = tensors.shape(kernel)[0], labels
    arguments, is_saved = choose_head(arguments, saved, checkpoint.path)
    if not is_saved:
        return arguments, {}
    checkpoint.check_architecture(head)
    num_classes, labels = saved
    if labels and len(labels) != num_classes:
        raise ValueError(
            f"{checkpoint.config_path} names {len(labels)} classes: {labels}. Expected "
            f"{num_classes}, as the head has."
        )
    return {**arguments, "num_classes": num_classes, "labels": labels}, head.tensors


def class_settings(model, family):
    """`CheckpointHead.settings` of a head with classes: their names."""
    labels = model.labels or [f"LABEL_{i}" for i in range(model.num_classes)]
    return {
        "id2label": {str(i): label for i, label in enumerate(labels)},
        "label2id": {label: i for i, label in enumerate(labels)},
    }


def _classes(num_classes, labels):
    names = f" ({', '.join(labels)})" if labels else ""
    return f"{num_classes} classes{names}"
