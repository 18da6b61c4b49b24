"""Blocks that are computed again train as those that are not, dropout included."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import xlm_tf

TEXTS = ["The quick brown fox", "Der faule Hund", "ленивую лиса", "狐狸", "a dog"]

TASKS = {
    "classifier": (
        xlm_tf.XLMTextClassifier,
        {"num_classes": 3},
        (TEXTS, [2, 1, 0, 2, 1]),
    ),
    "translator": (xlm_tf.XLMSeq2SeqLM, {}, (TEXTS, TEXTS[::-1])),
}


@pytest.fixture
def make(make_backbone, tokenizer):
    def make(task_class, **arguments):
        keras.utils.set_random_seed(0)
        backbone = make_backbone(num_layers=2, dropout=0.2, attention_dropout=0.2)
        if task_class is xlm_tf.XLMSeq2SeqLM:
            backbone = xlm_tf.XLMSeq2SeqBackbone(backbone)
        preprocessor = task_class.preprocessor_cls(tokenizer, sequence_length=24)
        return task_class(backbone, preprocessor=preprocessor, **arguments)

    return make


def train(task, data, **compiling):
    if hasattr(task, "num_classes"):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        compiling["loss"] = loss
    task.compile(optimizer=keras.optimizers.SGD(0.1), **compiling)
    keras.utils.set_random_seed(1)
    history = task.fit(*data, batch_size=3, epochs=2, shuffle=False, verbose=0)
    return history.history["loss"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "layout", "compiling"),
    [
        ("classifier", "packed", {"run_eagerly": True}),
        ("classifier", "packed", {"jit_compile": False}),
        ("classifier", "padded", {"jit_compile": True}),
        ("translator", "packed", {"jit_compile": False}),
    ],
)
def test_training_is_the_same(make, name, layout, compiling):
    task_class, arguments, data = TASKS[name]
    tasks = []
    for again in (False, True):
        task = make(task_class, **arguments)
        encoder = getattr(task.backbone, "encoder", task.backbone)
        encoder.token_layout = layout
        task.backbone.gradient_checkpointing = again
        assert encoder.gradient_checkpointing is again
        tasks.append((train(task, data, **compiling), task))
    (losses, whole), (other_losses, other) = tasks
    assert other_losses == pytest.approx(losses, rel=1e-4)
    for one, value in zip(other.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(one, value, atol=1e-5)
    # The drawing goes on from the same place.
    states = [
        [np.asarray(x.state) for x in _generators(task)] for task in (whole, other)
    ]
    np.testing.assert_array_equal(*states)
    assert len(states[0]) > 4


def _generators(task):
    parts = [x for x in task._flatten_layers() if hasattr(x, "seed_generator")]
    return [x.seed_generator for x in parts if x.seed_generator is not None]


def test_the_values_of_blocks_are_not_kept(make):
    """In the graph of a step, every block's attention stands a second time."""
    counts = []
    for again in (False, True):
        task = make(xlm_tf.XLMTextClassifier, num_classes=3)
        task.backbone.gradient_checkpointing = again
        inputs = task.preprocessor(TEXTS)

        @tf.function
        def gradients(inputs, task=task):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(task(inputs, training=True) ** 2)
            return tape.gradient(loss, task.trainable_variables)

        graph = gradients.get_concrete_function(inputs).graph
        counts.append(sum(op.type == "Softmax" for op in graph.get_operations()))
    assert counts[1] == 2 * counts[0] > 0


def test_what_is_refused(make_backbone):
    with pytest.raises(ValueError, match="gradient_checkpointing must be True or"):
        make_backbone().gradient_checkpointing = "yes"
