"""What every task promises: raw strings in, presets and Keras's files, one class.

A new task is a line of `TASKS`.
"""

import importlib

import keras
import numpy as np
import pytest

import xlm_tf
from xlm_tf.models.task import XLMTask
from xlm_tf.registration import CLASSES

TEXTS = ["The quick brown fox", "Der faule Hund", "ленивую", "狐狸"]
CLASSES_OF_TEXTS = [0, 1, 1, 0]
CLASSES_OF_TOKENS = [[0, 1, 1, 0], [1, 0], [0], [1]]

# The class, further arguments, and what `fit` takes; None for those that learn from
# ids, or by a trainer of their own.
TASKS = [
    (xlm_tf.XLMMaskedLM, {}, (TEXTS,)),
    (
        xlm_tf.XLMTextClassifier,
        {"num_classes": 2, "dropout": 0.0},
        (TEXTS, CLASSES_OF_TEXTS),
    ),
    (
        xlm_tf.XLMTokenClassifier,
        {"labels": ["O", "B"], "dropout": 0.0},
        (TEXTS, CLASSES_OF_TOKENS),
    ),
    (
        xlm_tf.XLMQuestionAnswering,
        {},
        (
            {"question": TEXTS, "context": TEXTS[::-1]},
            [[0, 2], [-1, -1], [1, 4], [4, 9]],
        ),
    ),
    (xlm_tf.XLMTextEmbedder, {"pooling": "max"}, None),
    (xlm_tf.XLMHybridEmbedder, {"multi_vector_dim": 6}, None),
    (xlm_tf.XLMSeq2SeqLM, {}, (TEXTS, TEXTS[::-1])),
    (xlm_tf.XLMCausalLM, {}, (TEXTS,)),
]


def test_every_task_is_here():
    registered = {
        name
        for module, names in CLASSES.items()
        if module.startswith("xlm_tf.models.")
        for name in names
        if issubclass(getattr(importlib.import_module(module), name), XLMTask)
    }
    assert {task_class.__name__ for task_class, *_ in TASKS} == registered


def rows(tasks):
    return pytest.mark.parametrize("row", tasks, ids=[row[0].__name__ for row in tasks])


@pytest.fixture
def make_task(make_backbone, tokenizer):
    def make(task_class, arguments):
        backbone = make_backbone(num_layers=1, causal=task_class is xlm_tf.XLMCausalLM)
        if task_class is xlm_tf.XLMSeq2SeqLM:
            backbone = xlm_tf.XLMSeq2SeqBackbone(backbone)
        preprocessor = task_class.preprocessor_cls(tokenizer, sequence_length=24)
        return task_class(backbone, preprocessor=preprocessor, **arguments)

    return make


def compile_task(task, **arguments):
    if hasattr(task, "num_classes"):
        arguments["loss"] = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    task.compile(optimizer=keras.optimizers.SGD(0.1), **arguments)


@rows(TASKS)
def test_it_is_saved_and_loaded(make_task, row, tmp_path):
    task = make_task(*row[:2])
    texts = TEXTS
    if isinstance(task, xlm_tf.XLMSeq2SeqLM):
        texts = (TEXTS, TEXTS[::-1])
    elif isinstance(task, xlm_tf.XLMQuestionAnswering):
        texts = {"question": TEXTS, "context": TEXTS[::-1]}
    data = task.preprocessor(texts)
    inputs, *_ = keras.utils.unpack_x_y_sample_weight(data)
    expected = keras.tree.flatten(task(inputs, training=False))
    task.save_to_preset(tmp_path / "preset")
    task.save(tmp_path / "task.keras")
    for loaded in (
        type(task).from_preset(tmp_path / "preset"),
        xlm_tf.load_task(tmp_path / "preset"),
        keras.models.load_model(tmp_path / "task.keras", compile=False),
    ):
        assert type(loaded) is type(task)
        assert loaded.preprocessor.get_config() == task.preprocessor.get_config()
        found = keras.tree.flatten(loaded(inputs, training=False))
        for own, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(own, other)


@pytest.mark.slow
@rows([row for row in TASKS if row[2] is not None])
def test_it_learns_from_raw_strings(make_task, row):
    task = make_task(*row[:2])
    before = [np.array(x) for x in task.trainable_variables]
    compile_task(task)
    history = task.fit(*row[2], batch_size=3, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    changed = [
        not np.array_equal(x, old)
        for x, old in zip(task.trainable_variables, before, strict=True)
    ]
    assert np.mean(changed) > 0.9


@pytest.mark.slow
@rows([row for row in TASKS if row[2] is not None])
def test_xla_trains_and_scores_the_same(make_task, row):
    """Keras compiles the steps by XLA, unasked, where there is one GPU."""
    results = []
    for jit_compile in (False, True):
        keras.utils.set_random_seed(3)
        task = make_task(*row[:2])
        compile_task(task, jit_compile=jit_compile)
        history = task.fit(*row[2], batch_size=3, epochs=2, shuffle=False, verbose=0)
        evaluated = task.evaluate(*row[2], batch_size=3, verbose=0, return_dict=True)
        results.append((history.history["loss"], evaluated))
        assert task.jit_compile is jit_compile
    (losses, expected), (compiled_losses, evaluated) = results
    tolerance = 1e-3
    if isinstance(task, xlm_tf.XLMMaskedLM):
        # The masks are drawn anew, and what is right of a dozen targets with them.
        tolerance = 0.2
        expected, evaluated = ({"loss": x["loss"]} for x in (expected, evaluated))
    np.testing.assert_allclose(compiled_losses, losses, rtol=tolerance)
    assert evaluated == pytest.approx(expected, rel=tolerance)
