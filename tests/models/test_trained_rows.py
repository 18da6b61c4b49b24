"""Training the embedding rows of the texts alone is training all of them."""

import pickle

import keras
import numpy as np
import pytest

import xlm_tf
from xlm_tf.layers.merged_weights import merged_weights

TEXTS = ["The quick brown fox", "Der faule Hund", "ленивую лиса", "狐狸", "a dog"]
OTHERS = ["Sphinx of black quartz", "12 + 34 = ?", "the lazy dog", ""]
SPANS = [[0, 3], [-1, -1], [0, 7], [0, 2], [2, 5]]
TASKS = {
    "classifier": (
        xlm_tf.XLMTextClassifier,
        {"num_classes": 3, "dropout": 0.0},
        (TEXTS, [2, 1, 0, 2, 1]),
    ),
    "tagger": (
        xlm_tf.XLMTokenClassifier,
        {"labels": ["O", "B"], "dropout": 0.0},
        (
            {"words": [text.split() for text in TEXTS]},
            [[n % 2 for n, _ in enumerate(text.split())] for text in TEXTS],
        ),
    ),
    "answerer": (
        xlm_tf.XLMQuestionAnswering,
        {},
        ({"question": TEXTS[::-1], "context": TEXTS}, SPANS),
    ),
}


@pytest.fixture
def make(make_backbone, tokenizer):
    def make(name, seed=0):
        keras.utils.set_random_seed(seed)
        task_class, arguments, _ = TASKS[name]
        preprocessor = task_class.preprocessor_cls(tokenizer, sequence_length=24)
        backbone = make_backbone(num_layers=1)
        return task_class(backbone, preprocessor=preprocessor, **arguments)

    return make


def train(task, data, jit_compile=False, epochs=2):
    arguments = {}
    if hasattr(task, "num_classes"):
        arguments["loss"] = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.Adam(0.01, clipnorm=0.5)
    task.compile(optimizer=optimizer, jit_compile=jit_compile, **arguments)
    task.fit(*data, batch_size=2, epochs=epochs, shuffle=False, verbose=0)


def texts_of(name):
    x = [*TEXTS, *OTHERS]
    return {"question": x, "context": x[::-1]} if name == "answerer" else x


def assert_same(task, other, atol=2e-5):
    weights, expected = merged_weights([task]), merged_weights([other])
    assert len(weights) == len(expected)
    for one, value in zip(weights.values(), expected.values(), strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(value), atol=atol)


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_it_is_exact(make, name, tmp_path):
    data = TASKS[name][2]
    whole, task = make(name), make(name)
    before = np.array(task.backbone.token_embedding.table())
    task.train_embeddings_of(data[0])
    ids = task.backbone.token_embedding.trained_ids
    assert 5 < len(ids) < task.backbone.vocabulary_size / 2
    train(whole, data)
    train(task, data)
    assert_same(task, whole)
    after = np.asarray(task.backbone.token_embedding.table())
    moved = np.flatnonzero((after != before).any(axis=1))
    assert set(moved) <= set(ids) and len(moved) > 5
    shapes = {tuple(x.shape) for x in task.optimizer.variables}
    assert before.shape not in shapes and (len(ids), before.shape[1]) in shapes
    # What is saved has all rows, and no other variable.
    x = texts_of(name)
    expected = task.predict(x, verbose=0)
    np.testing.assert_allclose(expected, whole.predict(x, verbose=0), atol=1e-4)
    task.save_to_preset(tmp_path / "preset")
    task.save_to_huggingface(tmp_path / "released")
    task.save(tmp_path / "task.keras")
    for loaded in (
        type(task).from_preset(tmp_path / "preset"),
        type(task).from_preset(tmp_path / "released"),
        keras.models.load_model(tmp_path / "task.keras"),
    ):
        assert loaded.backbone.token_embedding.trained_ids is None
        np.testing.assert_allclose(loaded.predict(x, verbose=0), expected, atol=1e-6)


@pytest.mark.slow
def test_a_training_goes_on_from_its_weights(make, tmp_path):
    data = TASKS["classifier"][2]
    whole, task = make("classifier"), make("classifier")
    task.train_embeddings_of(TEXTS)
    train(task, data)
    task.save_weights(tmp_path / "a.weights.h5")
    again = make("classifier", seed=1)
    again.train_embeddings_of(TEXTS)
    train(again, data, epochs=1)
    again.load_weights(tmp_path / "a.weights.h5")
    for one in (task, again):
        one.fit(*data, batch_size=2, shuffle=False, verbose=0)
    assert_same(again, task, atol=1e-6)
    train(whole, data, jit_compile=True)
    compiled = make("classifier")
    compiled.train_embeddings_of(TEXTS)
    train(compiled, data, jit_compile=True)
    assert_same(compiled, whole, atol=1e-4)


@pytest.mark.slow
def test_it_is_enforced_and_serialised(make, tmp_path):
    data = TASKS["classifier"][2]
    task = make("classifier")
    train(task, data)
    task.train_embeddings_of(TEXTS)
    with pytest.raises(ValueError, match="compile"):
        task.fit(*data, verbose=0)
    task.backbone.trainable = False
    task.backbone.trainable = True
    assert not task.backbone.token_embedding.embeddings.trainable
    assert task.backbone.token_embedding.trained_rows.trainable
    train(task, data)
    keras.saving.save_model(task, tmp_path / "task.keras")
    with pytest.warns(UserWarning, match="its optimizer begins anew"):
        loaded = keras.models.load_model(tmp_path / "task.keras")
    with pytest.warns(UserWarning, match="its optimizer begins anew"):
        copied = pickle.loads(pickle.dumps(task))
    for other in (loaded, copied):
        assert_same(other, task, atol=0)
        other.fit(*data, verbose=0)


def test_ids_without_a_preprocessor(make_backbone):
    task = xlm_tf.XLMTextClassifier(make_backbone(num_layers=1), num_classes=2)
    ids = np.array([[0, 5, 7, 2], [0, 9, 2, 1]])
    task.train_embeddings_of({"token_ids": ids})
    assert task.backbone.token_embedding.trained_ids.tolist() == [0, 1, 2, 5, 7, 9]


def test_what_is_refused(make, make_backbone, tokenizer):
    task = make("classifier")
    task.train_embeddings_of(TEXTS)
    with pytest.raises(ValueError, match="rows of the token embedding are trained"):
        task.train_embeddings_of(OTHERS)
    task = make("classifier")
    task.backbone.embeddings.trainable = False
    with pytest.raises(ValueError, match="needs texts"):
        task.train_embeddings_of([])
    with pytest.raises(ValueError, match="embedding is frozen"):
        task.train_embeddings_of(TEXTS)
    with pytest.raises(ValueError, match="token_ids must be rows of the table"):
        make("classifier").backbone.token_embedding.train_rows([3, 10**6])
    preprocessor = xlm_tf.XLMMaskedLMPreprocessor(tokenizer, sequence_length=24)
    masked_lm = xlm_tf.XLMMaskedLM(make_backbone(), preprocessor=preprocessor)
    with pytest.raises(ValueError, match="XLMMaskedLM predicts tokens"):
        masked_lm.train_embeddings_of(TEXTS)
