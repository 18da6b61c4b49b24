"""What a task's head is in the files of others: a task declares it.

A task has, beside its `backbone_cls`, a tuple `checkpoint_heads` of `CheckpointHead`:

```python
checkpoint_heads = (
    CheckpointHead(
        families=("xlm", "xlm-roberta"),
        architecture="ForTokenClassification",
        tensors=dense("logits_dense", "classifier"),
        is_in=has_tensor("classifier.weight"),
    ),
)
```

`xlm_tf.models.loading` and `xlm_tf.models.saving` read nothing else of a task. A new
task is a file with its class, a line of `xlm_tf.registration.CLASSES`, and a test.
"""

import dataclasses
from collections.abc import Callable


def has_tensor(*names):
    """A function from a `Checkpoint` to whether it holds tensors of these names."""
    return lambda checkpoint: checkpoint.tensors.names.issuperset(names)


def never(checkpoint):
    """For a head whose tensors are another one's."""
    return False


def read_head(checkpoint, head, arguments):
    """See `CheckpointHead.read`: a head without settings of its own."""
    return {**head.arguments, **arguments}, head.tensors


def make_backbone(backbone_cls, checkpoint, arguments):
    """See `CheckpointHead.make_backbone`: an encoder alone."""
    return backbone_cls(**arguments)


def _no_settings(model, family):
    return {}


def no_text_settings(checkpoint):
    """For files that say nothing of texts beside the tokenizer's."""
    return {}


def _no_files(model, folder):
    pass


def _no_arguments(model):
    return {}


@dataclasses.dataclass(frozen=True)
class CheckpointHead:
    """A task's head in released files.

    Attributes:
        families: tuple of str, whose files it is of ("xlm", "xlm-roberta"): each a
            `Family.heads`.
        architecture: str, the class of transformers without its family:
            "ForMaskedLM"; "Model" for the encoder alone.
        tensors: dict from a variable of the head to the name of its tensor.
        untied_tensors: dict, the further ones of a model whose output projection is
            not the token embedding (`tied=False`). Where a variable is in both, this
            is the name that counts.
        arguments: dict, arguments of the task that every head of the family has; a
            model with others is not saved.
        is_in: function from a `Checkpoint` to whether it holds this head, see
            `has_tensor`. By default, nothing tells.
        is_pretrained: bool, whether models of other tasks begin with this head, so
            that their files may still hold it.
        read: function `(checkpoint, head, arguments)` of the caller's arguments, that
            returns `(arguments, tensors)`: those of the task, and a dict as `tensors`
            of what is to be loaded, empty for a new head. Raises a ValueError for what
            it cannot obey.
        make_backbone: function `(backbone_cls, checkpoint, arguments)` of the class of
            the backbone and of the arguments of `XLMBackbone`, that returns the
            backbone.
        text_settings: function from a `Checkpoint` to a dict of what it says of texts
            that the tokenizer's files do not: `max_length`, `lowercase`, and further
            arguments of the preprocessor.
        settings: function `(model, family)` to a dict of settings for config.json.
            Raises a ValueError where transformers has no such head.
        write_files: function `(model, folder)` that writes further files.
        keras_hub_class: str, the class of KerasHub that computes the same; None for a
            task that it does not have.
        keras_hub_arguments: function from a model to a dict of the arguments of that
            class. Raises a ValueError where it has no such head.
    """

    families: tuple
    architecture: str
    tensors: dict = dataclasses.field(default_factory=dict)
    untied_tensors: dict = dataclasses.field(default_factory=dict)
    arguments: dict = dataclasses.field(default_factory=dict)
    is_in: Callable = never
    is_pretrained: bool = False
    read: Callable = read_head
    make_backbone: Callable = make_backbone
    text_settings: Callable = no_text_settings
    settings: Callable = _no_settings
    write_files: Callable = _no_files
    keras_hub_class: str | None = None
    keras_hub_arguments: Callable = _no_arguments

    def saved_tensors(self, model):
        """Pairs of a variable and a name to save it under; a variable may be there
        twice."""
        tied = getattr(model, "tied", True)
        return [*self.tensors.items(), *({} if tied else self.untied_tensors).items()]


def head_of(model_class, family):
    """What a class declares for a `Family`: a `CheckpointHead`, or None."""
    heads = model_class.checkpoint_heads
    return next((head for head in heads if family.heads in head.families), None)
