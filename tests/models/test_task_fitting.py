"""Keras's contract of `fit`, `evaluate` and `predict`, held by every task.

A new task is one line of `CASES`.
"""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

import xlm_tf

TEXTS = ["The quick brown fox", "Der faule Hund", "ленивую лиса", "狐狸", "a dog " * 12]
PAIRS = ["fox", "Hund", "springt", "", "dog"]
LENGTH = 48
DIM = 16


@dataclasses.dataclass
class Case:
    """A task, and what it learns from `TEXTS`.

    Args:
        make: function (backbone, tokenizer) -> task, not compiled.
        x: texts, in the plainest form.
        y: a label a text, or None.
        loss: a loss that suits both, or "auto".
    """

    make: callable
    x: object = dataclasses.field(default_factory=lambda: list(TEXTS))
    y: object = None
    loss: object = "auto"


def of(name, **arguments):
    """A function that makes the task `name`, with its preprocessor."""

    def make(backbone, tokenizer):
        preprocessor = getattr(xlm_tf, f"{name}Preprocessor")(tokenizer, LENGTH)
        return getattr(xlm_tf, name)(
            backbone, preprocessor=preprocessor, compile=False, **arguments
        )

    return make


def translator(backbone, tokenizer):
    preprocessor = xlm_tf.XLMSeq2SeqLMPreprocessor(tokenizer, LENGTH)
    backbone = xlm_tf.XLMSeq2SeqBackbone(backbone)
    return xlm_tf.XLMSeq2SeqLM(backbone, preprocessor=preprocessor, compile=False)


CLASSES = {"from_logits": True}
CASES = {
    "classifier": Case(
        of("XLMTextClassifier", dropout=0.0, labels=["cat", "dog", "fox"]),
        y=[2, 1, 0, 2, 1],
        loss=keras.losses.SparseCategoricalCrossentropy(**CLASSES),
    ),
    "embedder": Case(
        of("XLMTextEmbedder"), y=np.eye(5, DIM, dtype="float32"), loss="mse"
    ),
    "tagger": Case(
        of("XLMTokenClassifier", dropout=0.0, labels=["O", "B", "I"]),
        y=np.tile([0, 1, 2, 0], (5, 5)),
        loss=keras.losses.SparseCategoricalCrossentropy(**CLASSES),
    ),
    "answerer": Case(
        of("XLMQuestionAnswering"),
        x=(list(TEXTS), list(PAIRS)),
        y=np.zeros((5, 2), "int32"),
        loss=lambda y, logits: sum(
            keras.losses.sparse_categorical_crossentropy(
                y[:, i], logits[:, :, i], from_logits=True
            )
            for i in range(2)
        ),
    ),
    "masked": Case(of("XLMMaskedLM")),
    "causal": Case(of("XLMCausalLM")),
    "translator": Case(translator, x=(list(TEXTS), list(PAIRS))),
}


@pytest.fixture(scope="module")
def tasks(tokenizer):
    """Every task, made and compiled once; dict from name to task."""
    made = {}
    for name, case in CASES.items():
        backbone = xlm_tf.XLMBackbone(
            vocabulary_size=tokenizer.vocabulary_size(),
            num_layers=1,
            num_heads=2,
            hidden_dim=DIM,
            intermediate_dim=32,
            max_sequence_length=LENGTH,
            dropout=0.0,
            attention_dropout=0.0,
            causal=name == "causal",
        )
        made[name] = case.make(backbone, tokenizer)
        made[name].compile(optimizer=keras.optimizers.SGD(0.0), loss=case.loss)
    return made


@pytest.fixture(params=CASES)
def name(request):
    return request.param


@pytest.fixture
def task(tasks, name):
    return tasks[name]


@pytest.fixture
def case(name):
    return CASES[name]


def rows(structure, begin, end=None):
    """Some rows of a column, or of a tuple of columns."""
    if isinstance(structure, tuple):
        return tuple(column[begin:end] for column in structure)
    return structure[begin:end]


def constant(structure):
    if isinstance(structure, tuple):
        return tuple(map(tf.constant, structure))
    return tf.constant(structure)


class Batches(keras.utils.PyDataset):
    """Batches of two, as a user writes them."""

    def __init__(self, case, weights=None, **arguments):
        super().__init__(**arguments)
        self.case = case
        self.weights = weights
        self.passes = 0

    def __len__(self):
        return 3

    def __getitem__(self, index):
        parts = [self.case.x, self.case.y, self.weights]
        batch = tuple(
            part if part is None else rows(part, 2 * index, 2 * index + 2)
            for part in parts
        )
        if self.weights is None:
            batch = batch[: 1 if self.case.y is None else 2]
        return batch

    def on_epoch_end(self):
        self.passes += 1


def fitted(task, *args, **kwargs):
    return task.fit(*args, verbose=0, **kwargs).history


@pytest.mark.slow
def test_every_form_of_batches(task, case):
    """Lists, datasets, PyDatasets and generators are trained on, and score alike."""
    batches = Batches(case)
    parts = (constant(case.x),) if case.y is None else (constant(case.x), case.y)
    dataset = tf.data.Dataset.from_tensor_slices(parts).batch(2)
    expected = first(task.evaluate(case.x, case.y, batch_size=2, verbose=0))
    for form in (dataset, batches, (batches[i] for i in range(3))):
        (loss,) = fitted(task, form, steps_per_epoch=3)["loss"]
        if type(task) is xlm_tf.XLMMaskedLM:  # its masks are drawn anew
            assert np.isfinite(loss)
        else:
            np.testing.assert_allclose(loss, expected, rtol=1e-5)
    task.evaluate(Batches(case, workers=2), verbose=0)
    assert fitted(task, Batches(case), epochs=2, shuffle=False)["loss"][0] > 0


def first(scores):
    return scores[0] if isinstance(scores, list) else scores


@pytest.mark.slow
def test_weights_without_labels_and_beside_them(task, case):
    """A weight of 0 leaves a text out, one of all scales the loss or nothing."""
    weights = np.array([1, 0, 0, 0, 0], "float32")
    alone = task.evaluate(rows(case.x, 0, 1), some(case.y, 1), verbose=0)
    history = fitted(task, case.x, case.y, sample_weight=weights.tolist())
    scores = task.evaluate(case.x, case.y, sample_weight=weights[:, None], verbose=0)
    if type(task) is not xlm_tf.XLMMaskedLM:
        np.testing.assert_allclose(history["loss"][0], first(scores), rtol=1e-5)
        if case.loss == "auto":  # a mean over tokens
            np.testing.assert_allclose(first(scores), first(alone), rtol=1e-4)
    zero = task.evaluate(case.x, case.y, sample_weight=0 * weights, verbose=0)
    assert first(zero) == 0.0


def some(y, end):
    return None if y is None else y[:end]


@pytest.mark.slow
def test_defaults_of_keras_may_be_passed(task, case):
    """And the epoch ends: examples are counted, whatever is None."""
    before = int(task.optimizer.iterations)
    history = fitted(
        task,
        x=case.x,
        y=case.y,
        batch_size=2,
        epochs=2,
        callbacks=None,
        validation_split=0.4,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=1,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
    )
    assert int(task.optimizer.iterations) - before == 2  # 3 examples, one epoch
    assert len(history["val_loss"]) == 1
    task.evaluate(
        x=case.x,
        y=case.y,
        batch_size=None,
        verbose=0,
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=True,
    )
    task.predict(case.x, batch_size=None, verbose=0, steps=None, callbacks=None)


@pytest.mark.slow
def test_validation_data_has_every_form_and_takes_no_examples(task, case):
    before = int(task.optimizer.iterations)
    weights = np.ones(5, "float32")
    with_labels = [(case.x, case.y), (case.x, case.y, weights), Batches(case)]
    if case.y is None and not isinstance(case.x, tuple):
        with_labels += [case.x, (case.x,), np.array(case.x)]
    if isinstance(case.x, tuple) and case.y is None:
        with_labels += [list(case.x), ((case.x[0], case.x[1]),)]
    for data in with_labels:
        history = fitted(
            task,
            case.x,
            case.y,
            batch_size=5,
            validation_data=data,
            validation_split=0.5,
            validation_steps=1,
        )
        assert "val_loss" in history
    assert int(task.optimizer.iterations) - before == len(with_labels)


def test_steps_are_keras_steps(task, case):
    """Of 5 examples: 2 steps of batches of 3 without a batch size; 2 of 3 with one."""
    seen = []
    count = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(batch)
    )
    fitted(task, case.x, case.y, steps_per_epoch=2, epochs=2, callbacks=[count])
    assert len(seen) == 4
    fitted(task, case.x, case.y, batch_size=2, steps_per_epoch=2, callbacks=[count])
    assert len(seen) == 6
    result = task.predict(case.x, batch_size=2, steps=2, verbose=0)
    assert len(result) == 4
    with pytest.warns(UserWarning, match="ran out of data"):
        task.predict(case.x, batch_size=2, steps=9, verbose=0)


def test_predictions_are_the_direct_calls(task, case):
    """Whatever the batches: the same rows, in one array."""
    if type(task) is xlm_tf.XLMMaskedLM:
        pytest.skip("masks are drawn anew")
    data = task.preprocessor(case.x, y=None)
    inputs = data[0] if isinstance(data, tuple) else data
    direct = np.array(task(inputs))
    dataset = tf.data.Dataset.from_tensors((constant(case.x),))
    for form in (case.x, dataset, (batch for batch in [(case.x,)])):
        np.testing.assert_allclose(task.predict(form, verbose=0), direct, atol=1e-5)
    one_by_one = task.predict(case.x, batch_size=1, verbose=0)
    assert isinstance(one_by_one, np.ndarray)
    assert one_by_one.shape == direct.shape
    if direct.ndim == 2 or type(task) in (
        xlm_tf.XLMTokenClassifier,
        xlm_tf.XLMQuestionAnswering,
    ):
        np.testing.assert_allclose(one_by_one, direct, atol=1e-5)
    assert np.shape(task.predict_on_batch(case.x)) == direct.shape


def test_no_texts_are_no_rows(task, case):
    result = task.predict([], verbose=0)
    assert result.shape[0] == 0
    assert result.ndim == len(task.outputs[0].shape)
    with pytest.raises(ValueError, match="needs examples"):
        task.evaluate([], [] if case.y is not None else None, verbose=0)
    with pytest.raises(ValueError, match="needs examples"):
        fitted(task, [], [] if case.y is not None else None)


def test_a_language_where_all_are_read_alike(task, case):
    texts, *others = case.x if isinstance(case.x, tuple) else (case.x,)
    if "source_language" in getattr(task.preprocessor, "language_fields", ()):
        fields = {"text": texts, "target_text": others[0], "source_language": "de"}
        fitted(task, fields)
        task.predict(fields, verbose=0)
        return
    pair = {"text_pair": others[0]} if others else {}
    fields = {"text": texts, "language": "de", **pair}
    batches = tf.data.Dataset.from_tensors({**fields, "language": ["de"] * len(texts)})
    for use in (
        task.predict,
        task.predict_on_batch,
        task.preprocessor,
        lambda x: fitted(task, x, case.y),
        lambda x: task.evaluate(batches, verbose=0),
    ):
        with pytest.raises(ValueError, match="reads every language alike"):
            use(fields)


def test_single_batches(task, case):
    weights = [1.0, 0, 0, 1, 1]
    before = int(task.optimizer.iterations)
    scores = task.train_on_batch(case.x, case.y, weights)
    assert np.isfinite(first(scores))
    assert int(task.optimizer.iterations) == before + 1
    results = task.test_on_batch(case.x, case.y, weights, return_dict=True)
    assert np.isfinite(results["loss"])


def test_texts_without_labels(task, case):
    """What a task cannot learn from is said before any graph is made."""
    if case.y is None:
        if type(task) is not xlm_tf.XLMSeq2SeqLM:
            with pytest.raises(ValueError, match="learns from the texts themselves"):
                fitted(task, case.x, [0] * 5)
        with pytest.raises(ValueError, match="pass sample_weight instead"):
            fitted(task, case.x, class_weight={0: 2.0})
    else:
        with pytest.raises(ValueError, match="needs labels: pass `y`"):
            fitted(task, case.x)
        with pytest.raises(ValueError, match="must have one row for every example"):
            fitted(task, case.x, case.y[:3])


def test_a_missing_text_names_its_row(task, case):
    import pandas

    column = pandas.Series(["a", None, "c"], index=["x", "y", "z"])
    with pytest.raises(ValueError, match=r"Row 1 \(index 'y'\) is (None|nan)"):
        task.predict(column, verbose=0)
    with pytest.raises(ValueError, match=r"Row 2 is nan .*leave such rows out"):
        task.predict(["a", "b", float("nan")], verbose=0)
    with pytest.raises(ValueError, match="Row 0 is 7"):
        task.predict([7], verbose=0)


def test_texts_longer_than_the_positions(task, case):
    task.preprocessor.sequence_length = LENGTH + 1
    try:
        for call in (
            lambda: task.predict(case.x, verbose=0),
            lambda: fitted(task, case.x, case.y),
            lambda: task.evaluate(case.x, case.y, verbose=0),
        ):
            with pytest.raises(ValueError, match="preprocessor to 48 at most"):
                call()
    finally:
        task.preprocessor.sequence_length = LENGTH
    with pytest.raises(ValueError, match="sequence_length=49, max_sequence_length=48"):
        preprocessor = type(task.preprocessor)(task.preprocessor.tokenizer, LENGTH + 1)
        config = task.get_config()
        type(task).from_config(
            {**config, "backbone": task.backbone, "preprocessor": preprocessor}
        )


@pytest.mark.slow
def test_unbatched_preprocessing_then_batches(task, case):
    parts = (constant(case.x),) if case.y is None else (constant(case.x), case.y)
    dataset = tf.data.Dataset.from_tensor_slices(parts)
    with pytest.raises(ValueError, match=r"dataset\.batch"):
        fitted(task, dataset)
    preprocessor, task.preprocessor = task.preprocessor, None
    try:
        fitted(task, dataset.map(preprocessor).batch(2))
    finally:
        task.preprocessor = preprocessor


@pytest.mark.slow
def test_groups_of_similar_length(task, case):
    losses = fitted(task, case.x, case.y, batch_size=2, epochs=2, group_by_length=True)
    assert np.isfinite(losses["loss"]).all()
    with pytest.raises(ValueError, match=r"group_by_length .*x=Batches"):
        fitted(task, Batches(case), group_by_length=True)
    with pytest.raises(ValueError, match="group_by_length must be True or False"):
        fitted(task, case.x, case.y, group_by_length="no")
    for shuffle in (False, "batch"):
        with pytest.raises(ValueError, match=r"group_by_length .*shuffle="):
            fitted(task, case.x, case.y, shuffle=shuffle, group_by_length=True)
