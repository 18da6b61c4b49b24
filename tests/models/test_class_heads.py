"""`num_classes` and `labels` of `from_preset` ask for a new head, and nothing else."""

import warnings

import keras_hub
import numpy as np
import pytest

import xlm_tf

IDS = np.array([[0, 9, 8, 2]])
TASKS = [xlm_tf.XLMTextClassifier, xlm_tf.XLMTokenClassifier]


@pytest.fixture(params=TASKS, ids=lambda task: task.__name__)
def saved(request, make_backbone, tokenizer, tmp_path):
    """A task of three named classes, and the folder where it is saved."""
    cls = request.param
    preprocessor = cls.preprocessor_cls(tokenizer, sequence_length=48)
    backbone = make_backbone(num_layers=1)
    task = cls(backbone, labels=["a", "b", "c"], preprocessor=preprocessor)
    task.save_to_preset(tmp_path)
    return task, tmp_path


def is_saved_head(loaded, task):
    kernel, other = loaded.logits_dense.kernel, task.logits_dense.kernel
    return kernel.shape == other.shape and np.array_equal(kernel, other)


@pytest.mark.parametrize(
    ("arguments", "labels"),
    [
        ({"num_classes": 2}, None),
        ({"num_classes": 3}, None),
        ({"labels": ["no", "yes"]}, ["no", "yes"]),
        ({"labels": ["x", "y", "z"]}, ["x", "y", "z"]),
        ({"labels": ["c", "b", "a"]}, ["c", "b", "a"]),
        ({"num_classes": 4, "labels": ["1", "2", "3", "4"]}, ["1", "2", "3", "4"]),
    ],
)
def test_a_new_head_is_asked_for(saved, arguments, labels):
    task, folder = saved
    with pytest.warns(UserWarning, match=r"saved head of 3 classes \(a, b, c\)"):
        loaded = type(task).from_preset(folder, **arguments)
    assert not is_saved_head(loaded, task)
    assert loaded.labels == labels
    assert loaded.num_classes == arguments.get("num_classes", len(labels or ()))
    np.testing.assert_array_equal(loaded.backbone(IDS), task.backbone(IDS))


@pytest.mark.parametrize("arguments", [{}, {"labels": ["a", "b", "c"]}])
def test_the_saved_head_is_loaded(saved, arguments):
    task, folder = saved
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        loaded = type(task).from_preset(folder, **arguments)
    assert is_saved_head(loaded, task)
    assert loaded.labels == ["a", "b", "c"]
    loaded.labels = ["x", "y", "z"]  # other names for the same classes
    assert loaded.get_config()["labels"] == ["x", "y", "z"]


def test_the_head_of_another_task_is_none(saved, recwarn):
    task, folder = saved
    (other,) = set(TASKS) - {type(task)}
    loaded = other.from_preset(folder, num_classes=3)
    assert loaded.labels is None
    assert not [x for x in recwarn if "new head" in str(x.message)]
    with pytest.raises(ValueError, match="Pass num_classes"):
        other.from_preset(folder)
    for task_class in (xlm_tf.XLMMaskedLM, xlm_tf.XLMQuestionAnswering):
        name = task_class.__name__
        with pytest.warns(UserWarning, match=f"the head of {name} begins with random"):
            task_class.from_preset(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        xlm_tf.XLMTextEmbedder.from_preset(folder)  # has no weights of its own
    with pytest.raises(ValueError, match="one label for each class"):
        type(task).from_preset(folder, num_classes=2, labels=["a"])


def test_transformers_checkpoints_follow_the_same_rule(
    make_backbone, tokenizer, tmp_path
):
    preprocessor = xlm_tf.XLMTextClassifierPreprocessor(tokenizer, 48)
    backbone = make_backbone(num_layers=1, num_token_types=1)
    task = xlm_tf.XLMTextClassifier(
        backbone, labels=["a", "b", "c"], preprocessor=preprocessor
    )
    task.save_to_huggingface(tmp_path)
    load = xlm_tf.XLMTextClassifier.from_preset
    assert is_saved_head(load(tmp_path), task)
    with pytest.warns(UserWarning, match=r"new head of 3 classes \(x, y, z\)"):
        loaded = load(tmp_path, labels=["x", "y", "z"])
    assert not is_saved_head(loaded, task)
    assert isinstance(loaded, keras_hub.models.TextClassifier)
