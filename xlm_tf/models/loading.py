"""Models from the files of others, and tasks of whichever kind a file holds.

Nothing here knows one task from another: each declares its `checkpoint_heads`, see
`xlm_tf.checkpoints.checkpoint_head`, and `load_task` finds the classes by their names
in `xlm_tf.registration`. A new task adds a line there and changes nothing here.
"""

import contextlib

import keras
import keras_hub

from xlm_tf.checkpoints.checkpoint_head import head_of
from xlm_tf.checkpoints.finding import find_checkpoint
from xlm_tf.checkpoints.weights import load_weights as load_tensors
from xlm_tf.layers.initializers import skip_initialization
from xlm_tf.private_keras import read_preset
from xlm_tf.registration import CLASSES, PACKAGE


def load_task(preset, ignored_settings=(), adapter=None, **kwargs):
    """Load a task as what it was saved, whoever saved it.

    Args:
        preset, ignored_settings, adapter: see `from_preset` of the models.
        **kwargs: further arguments of it, such as `dtype`.

    Returns:
        The task, with its preprocessor.

    Raises:
        FileNotFoundError: there is no preset of a task.
        ValueError: its task is none of the package.
    """
    task_class, checkpoint = find_task(preset, ignored_settings, adapter)
    if checkpoint is not None:
        return load_checkpoint(task_class, checkpoint, **kwargs)
    return task_class.from_preset(str(preset), **kwargs)


def load_tokenizer(preset):
    """The tokenizer of a task, without the task.

    Args:
        preset: see `load_task`.

    Returns:
        A tokenizer of `xlm_tf.text`; None of a checkpoint that comes without.
    """
    task_class, checkpoint = find_task(preset)
    if checkpoint is None:
        return task_class.preprocessor_cls.from_preset(str(preset)).tokenizer
    return _tokenizer(checkpoint, head_of(task_class, checkpoint.family))[0]


def find_task(preset, ignored_settings=(), adapter=None):
    """What `load_task` would load, without its weights.

    Args and raises: as for `load_task`.

    Returns:
        `(task_class, checkpoint)`: a class; and the `Checkpoint` that holds the task,
        or None of a preset of KerasHub.
    """
    checkpoint = find_checkpoint(preset, ignored_settings, adapter)
    if checkpoint is not None:
        return task_of(checkpoint), checkpoint
    task = read_preset(preset, "task.json")
    if task is None:
        raise FileNotFoundError(
            f"{preset} is not a saved task: it holds no task.json. Expected a "
            "folder that `save_to_preset` of a task, or a training, wrote."
        )
    tasks = {task_class.__name__: task_class for task_class in _task_classes()}
    name = task.get("class_name")
    if name not in tasks:
        raise ValueError(
            f"{preset} holds a {name}. Expected one of {', '.join(sorted(tasks))}."
        )
    return tasks[name], None


def load_checkpoint(
    model_class, checkpoint, load_weights=True, dtype=None, **arguments
):
    """A model of a class from a checkpoint.

    Args:
        model_class: `XLMBackbone`, or a task with `checkpoint_heads`.
        checkpoint: `Checkpoint`.
        load_weights: bool, False for random weights in the same shape.
        dtype: dtype policy of the backbone.
        **arguments: of the class, instead of what the checkpoint says. `num_classes`
            or `labels` ask for a new head, see `ClassHead`.

    Returns:
        The model; a task with its preprocessor where the checkpoint has a tokenizer.

    Raises:
        ValueError: a missing, extra or misshapen tensor or a setting that can be
            neither obeyed nor passed over, which are named, or a class without a form
            in such files.
    """
    head = head_of(model_class, checkpoint.family)
    checkpoint.check_settings()
    checkpoint.check_tensors(_tensors_of_heads(checkpoint.family))
    if head is None:
        raise ValueError(f"{model_class.__name__} has no form in {checkpoint.path}.")
    arguments, tensors_of_head = head.read(checkpoint, head, arguments)
    initial = skip_initialization() if load_weights else contextlib.nullcontext()
    of_backbone = {**checkpoint.backbone_arguments, "dtype": dtype}
    if issubclass(model_class, keras_hub.models.Backbone):
        with initial:
            model = backbone = head.make_backbone(
                model_class, checkpoint, {**of_backbone, **arguments}
            )
    else:
        with initial:
            backbone = head.make_backbone(
                model_class.backbone_cls, checkpoint, of_backbone
            )
        if "preprocessor" not in arguments:
            arguments["preprocessor"] = _preprocessor(
                model_class.preprocessor_cls, checkpoint, head, backbone
            )
        model = model_class(backbone, **arguments)
    if load_weights:
        tensors, prefix = checkpoint.tensors, checkpoint.prefix
        load_tensors(tensors, [backbone], checkpoint.backbone_tensors, prefix)
        load_tensors(tensors, model.layers, tensors_of_head)
    return model


def task_of(checkpoint):
    """The task that a checkpoint was trained for, as its tensors say.

    Args:
        checkpoint: `Checkpoint`.

    Returns:
        A class.

    Raises:
        ValueError: it holds an encoder without a head, or a head that is not supported.
    """
    found = [
        (task_class, head)
        for task_class, head in _heads_of(checkpoint.family)
        if head.is_in(checkpoint)
    ]
    # A head of pretraining stays in the files of what was trained from it.
    found = [x for x in found if not x[1].is_pretrained] or found
    if not found:
        raise ValueError(
            f"{checkpoint.path} holds an encoder without a task's head. Load it with "
            "the class of a task, such as XLMTextEmbedder.from_preset, and save that."
        )
    if len(found) > 1:
        names = ", ".join(task_class.__name__ for task_class, _ in found)
        raise ValueError(
            f"{checkpoint.path} holds heads of several tasks: {names}. Load it with "
            f"the class of one: {found[0][0].__name__}.from_preset."
        )
    ((task_class, head),) = found
    if head.tensors and not head.is_pretrained:
        checkpoint.check_architecture(head)
    return task_class


def _task_classes():
    """The tasks of the package."""
    for module, names in CLASSES.items():
        if module.startswith(f"{PACKAGE}.models."):
            for name in names:
                found = keras.saving.get_registered_object(f"{PACKAGE}>{name}")
                if issubclass(found, keras_hub.models.Task):
                    yield found


def _heads_of(family):
    """Pairs of a task and its head in the files of a family."""
    for task_class in _task_classes():
        head = head_of(task_class, family)
        if head is not None:
            yield task_class, head


def _tensors_of_heads(family):
    """Names of all tensors that heads have in the files of a family."""
    names = set()
    for _, head in _heads_of(family):
        names |= {*head.tensors.values(), *head.untied_tensors.values()}
    return names


def _preprocessor(preprocessor_cls, checkpoint, head, backbone):
    """The preprocessor of a checkpoint's tokenizer, or None where it has none."""
    tokenizer, settings, of_texts = _tokenizer(checkpoint, head)
    if tokenizer is None:
        return None
    if tokenizer.vocabulary_size() > backbone.vocabulary_size:
        raise ValueError(
            f"The vocabulary of {checkpoint.path} has {tokenizer.vocabulary_size()} "
            f"tokens. Expected {backbone.vocabulary_size}, those of the model."
        )
    # What the head says of lengths comes before what the tokenizer does.
    length = (
        of_texts.pop("max_length", None)
        or checkpoint.preprocessor_arguments.get("sequence_length")
        or settings.max_length
    )
    arguments = {
        **of_texts,
        "sequence_length": min(
            length or backbone.max_sequence_length, backbone.max_sequence_length
        ),
        "num_separators": checkpoint.family.num_separators,
    }
    if backbone.num_languages:
        arguments["languages"] = checkpoint.languages(settings)
    return preprocessor_cls(tokenizer, **arguments)


def _tokenizer(checkpoint, head):
    """The tokenizer of a checkpoint or None, and what its files say of texts."""
    settings = checkpoint.read_tokenizer_settings()
    of_texts = dict(head.text_settings(checkpoint))
    tokenizer = checkpoint.family.tokenizer.load(
        checkpoint, settings, of_texts.pop("lowercase", False)
    )
    return tokenizer, settings, of_texts
