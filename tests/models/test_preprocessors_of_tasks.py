"""Tasks without a preprocessor, and preprocessors that do not fit."""

import keras
import numpy as np
import pytest

import xlm_tf

METHODS = {
    xlm_tf.XLMTextClassifier: ("last_hidden_states", ["a"]),
    xlm_tf.XLMTextEmbedder: ("embed", "a"),
    xlm_tf.XLMTokenClassifier: ("tag", "a"),
    xlm_tf.XLMQuestionAnswering: ("answer", "a", "b"),
    xlm_tf.XLMMaskedLM: ("fill_mask", "a <mask>"),
    xlm_tf.XLMCausalLM: ("generate", "a"),
}
IDS = np.array([[0, 9, 8, 2]])


def make(task_class, backbone, **arguments):
    if issubclass(task_class, xlm_tf.XLMTextClassifier | xlm_tf.XLMTokenClassifier):
        arguments["num_classes"] = 2
    return task_class(backbone, **arguments)


@pytest.mark.parametrize("task_class", METHODS, ids=lambda x: x.__name__)
def test_a_task_without_preprocessor_says_what_is_missing(
    make_backbone, tokenizer, task_class, tmp_path
):
    causal = task_class is xlm_tf.XLMCausalLM
    task = make(task_class, make_backbone(num_layers=1, causal=causal))
    task.save_to_preset(tmp_path)
    loaded = task_class.from_preset(tmp_path)
    assert loaded.preprocessor is None
    np.testing.assert_array_equal(loaded(IDS), task(IDS))
    method, *texts = METHODS[task_class]
    with pytest.raises(ValueError, match="preprocessor"):
        getattr(loaded, method)(*texts)
    loaded.preprocessor = task_class.preprocessor_cls(tokenizer, sequence_length=48)
    assert getattr(loaded, method)(*texts) is not None


@pytest.mark.parametrize("task_class", METHODS, ids=lambda x: x.__name__)
def test_a_tokenizer_of_another_model_is_refused(make_backbone, tokenizer, task_class):
    causal = task_class is xlm_tf.XLMCausalLM
    backbone = make_backbone(num_layers=1, causal=causal, vocabulary_size=50)
    preprocessor = task_class.preprocessor_cls(tokenizer, sequence_length=48)
    with pytest.raises(ValueError, match=r"more tokens than the backbone.*size=50"):
        make(task_class, backbone, preprocessor=preprocessor)
    task = make(task_class, backbone)
    with pytest.raises(ValueError, match="more tokens than the backbone"):
        task.preprocessor = preprocessor


def test_languages_without_a_row_are_refused(make_backbone, tokenizer):
    preprocessor = xlm_tf.XLMTextEmbedderPreprocessor(
        tokenizer, 48, languages=["de", "en", "fr"]
    )
    xlm_tf.XLMTextEmbedder(make_backbone(num_languages=3), preprocessor)
    with pytest.raises(ValueError, match=r"more languages than.*num_languages=2"):
        xlm_tf.XLMTextEmbedder(make_backbone(num_languages=2), preprocessor)


def test_a_keras_file_keeps_the_optimizer(make_backbone, tmp_path):
    task = make(xlm_tf.XLMTextClassifier, make_backbone(num_layers=1))
    task.compile(
        optimizer=keras.optimizers.Adam(1e-2),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    data = np.repeat(IDS, 4, 0), np.array([0, 1, 1, 1])
    task.fit(*data, batch_size=2, verbose=0, shuffle=False)
    task.save(tmp_path / "task.keras")
    loaded = keras.models.load_model(tmp_path / "task.keras")
    assert int(loaded.optimizer.iterations) == int(task.optimizer.iterations) == 2
    for own, other in zip(
        task.optimizer.variables, loaded.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(own, other)
    assert loaded.loss.from_logits
