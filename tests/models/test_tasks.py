"""The tasks as users call them: raw strings, presets, dtype policies."""

import json
import warnings

import keras
import numpy as np
import pandas
import pytest
import tensorflow as tf

import xlm_tf
from xlm_tf.models.loading import load_task
from xlm_tf.search.prompted_embedding import embed_sentences

TEXTS = ["The quick brown fox", "Der faule Hund", "ленивую", "狐狸"]
PREPROCESSORS = {
    xlm_tf.XLMTextClassifier: xlm_tf.XLMTextClassifierPreprocessor,
    xlm_tf.XLMTextEmbedder: xlm_tf.XLMTextEmbedderPreprocessor,
    xlm_tf.XLMMaskedLM: xlm_tf.XLMMaskedLMPreprocessor,
    xlm_tf.XLMTokenClassifier: xlm_tf.XLMTokenClassifierPreprocessor,
    xlm_tf.XLMQuestionAnswering: xlm_tf.XLMQuestionAnsweringPreprocessor,
}
ARGUMENTS = {
    xlm_tf.XLMTextClassifier: {"num_classes": 2},
    xlm_tf.XLMTokenClassifier: {"labels": ["O", "B-PER", "I-PER"]},
}


@pytest.fixture
def make_task(make_backbone, tokenizer):
    def make(task_class, backbone=None, **arguments):
        preprocessor = PREPROCESSORS[task_class](tokenizer, sequence_length=48)
        return task_class(
            make_backbone(**(backbone or {})),
            preprocessor=preprocessor,
            **{**ARGUMENTS.get(task_class, {}), **arguments},
        )

    return make


def outputs(task):
    texts = TEXTS
    if isinstance(task, xlm_tf.XLMQuestionAnswering):
        texts = {"question": TEXTS, "context": TEXTS[::-1]}
    inputs = task.preprocessor.pack(texts)
    return np.array(task(inputs, training=False))


@pytest.mark.parametrize("is_compiled", [True, False])
@pytest.mark.parametrize("task_class", PREPROCESSORS)
def test_presets_give_the_same_numbers(make_task, task_class, is_compiled, tmp_path):
    task = make_task(task_class, compile=is_compiled)
    if is_compiled and task.optimizer is not None:
        task.optimizer.build(task.trainable_variables)
    task.save_to_preset(tmp_path / "preset")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        loaded = load_task(tmp_path / "preset")
    assert type(loaded) is task_class
    assert loaded.get_config() != {}
    np.testing.assert_array_equal(outputs(loaded), outputs(task))


@pytest.mark.parametrize("task_class", PREPROCESSORS)
@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(make_task, task_class, dtype, tmp_path):
    task = make_task(task_class, {"dtype": dtype})
    result = outputs(task)
    assert result.dtype == np.float32
    task.save_to_preset(tmp_path / "preset")
    exact = outputs(load_task(tmp_path / "preset"))  # the weights are float32
    scale = np.abs(exact).max()
    assert 0 < np.abs(result - exact).max() < 0.05 * scale
    again = task_class.from_preset(str(tmp_path / "preset"), dtype=dtype)
    np.testing.assert_array_equal(outputs(again), result)


@pytest.mark.slow
def test_a_classifier_learns_from_raw_strings(make_task):
    task = make_task(xlm_tf.XLMTextClassifier, pooling="mean")
    # Sorted by label: `fit` shuffles.
    texts = [f"quick fox {n}" for n in range(20)] + [
        f"fauler Hund {n}" for n in range(20)
    ]
    labels = np.repeat([0, 1], 20)
    task.compile(
        optimizer=keras.optimizers.Adam(1e-2),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    history = task.fit(
        texts, labels, epochs=6, batch_size=8, verbose=0, validation_split=0.1
    )
    assert "val_accuracy" in history.history
    predicted = task.predict(["quick fox 99", "fauler Hund 99"], verbose=0).argmax(1)
    assert predicted.tolist() == [0, 1]


@pytest.mark.slow
def test_every_epoch_reads_every_text_once(make_task):
    task = make_task(xlm_tf.XLMTextClassifier)
    task.compile(optimizer="adam")
    # Of 10 texts 8 train, in batches of 3, 3 and 2.
    task.fit(
        ["fox"] * 10,
        [0, 1] * 5,
        epochs=2,
        batch_size=3,
        validation_split=0.2,
        verbose=0,
    )
    assert int(task.optimizer.iterations) == 6
    with pytest.raises(ValueError, match="needs examples to train on"):
        task.fit([], [], verbose=0)


@pytest.mark.slow
def test_a_classifier_learns_from_pairs(make_task):
    task = make_task(xlm_tf.XLMTextClassifier, pooling="first", head_transform=False)
    task.compile(
        optimizer=keras.optimizers.Adam(5e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    first = ["fox", "dog"] * 16
    second = ["Fuchs", "Fuchs"] * 16
    loss = task.fit((first, second), [1, 0] * 16, epochs=5, verbose=0).history["loss"]
    assert loss[-1] < 0.75 * loss[0]


def test_classification_heads(make_task):
    """XLM's head is a projection of the first state; XLM-R's has a layer before it."""
    task = make_task(xlm_tf.XLMTextClassifier, head_transform=False)
    inputs = task.preprocessor.pack(TEXTS)
    first = np.array(task.backbone(inputs))[:, 0]
    dense = task.logits_dense
    np.testing.assert_allclose(
        outputs(task), first @ dense.kernel.numpy() + dense.bias.numpy(), atol=1e-5
    )
    task = make_task(xlm_tf.XLMTextClassifier, activation="softmax")
    np.testing.assert_allclose(outputs(task).sum(1), 1, rtol=1e-5)


@pytest.mark.parametrize("pooling", ["first", "mean", "max"])
def test_embeddings(make_task, pooling):
    task = make_task(xlm_tf.XLMTextEmbedder, pooling=pooling)
    vectors = task.predict(TEXTS, verbose=0)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    # The company of a text does not matter: neither its padding nor its batch.
    alone = task.predict(TEXTS[:1], verbose=0)
    np.testing.assert_allclose(vectors[:1], alone, atol=1e-6)
    longer = task.predict([TEXTS[0], " ".join(TEXTS * 3)], verbose=0)
    np.testing.assert_allclose(longer[:1], alone, atol=1e-6)
    free = make_task(xlm_tf.XLMTextEmbedder, pooling=pooling, normalize=False)
    assert np.abs(np.linalg.norm(outputs(free), axis=1) - 1).min() > 0.1


def test_vectors_and_similarity_of_texts(make_task):
    embedder = make_task(xlm_tf.XLMTextEmbedder, normalize=False)
    vectors = embedder.embed(TEXTS, batch_size=3)
    np.testing.assert_allclose(vectors, outputs(embedder), atol=1e-6)
    np.testing.assert_allclose(embedder.embed(TEXTS[0]), vectors[:1], atol=1e-6)
    assert embedder.embed([]).shape == (0, vectors.shape[1])
    cosines = embedder.similarity(TEXTS[:3], TEXTS)
    assert cosines.shape == (3, 4)
    np.testing.assert_allclose(np.diag(cosines), 1, atol=1e-5)
    lengths = np.linalg.norm(vectors, axis=1)
    expected = vectors[0] @ vectors[3] / (lengths[0] * lengths[3])
    np.testing.assert_allclose(cosines[0, 3], expected, atol=1e-5)
    for texts in (pandas.Series(TEXTS, index=[7, 8, 9, 5]), tf.constant(TEXTS)):
        other = embedder.similarity(TEXTS[:3], texts)
        np.testing.assert_allclose(other, cosines, atol=1e-5)
    assert embedder.similarity([], TEXTS).shape == (0, 4)
    frame = pandas.DataFrame({"text": TEXTS})
    np.testing.assert_allclose(embedder.embed(frame), vectors, atol=1e-6)
    for size in (0, -1, 2.0):
        with pytest.raises(ValueError, match="batch_size must be a whole number"):
            embedder.embed(TEXTS, batch_size=size)
    mixed = embedder.similarity(TEXTS[0], vectors)
    np.testing.assert_allclose(mixed, cosines[:1], atol=1e-5)
    states = embedder.last_hidden_states(TEXTS)
    assert states.shape[0] == 4 and states.shape[2] == vectors.shape[1]


def test_fill_mask(make_task, tokenizer):
    task = make_task(xlm_tf.XLMMaskedLM)
    (single,) = task.fill_mask("The <mask> fox", top_k=3)
    both = task.fill_mask(["The <mask> fox", "Der <mask> springt <mask>"], top_k=3)
    assert [token for token, _ in both[0]] == [token for token, _ in single]
    probabilities = [p for _, p in single]
    assert probabilities == sorted(probabilities, reverse=True)
    assert 0 < sum(probabilities) <= 1
    assert all(token in tokenizer.get_vocabulary() for token, _ in single)
    for text in ("no gap", "fox " * 60 + "<mask>"):
        with pytest.raises(ValueError, match="needs a `<mask>` within the first 48"):
            task.fill_mask(text)
    size = tokenizer.vocabulary_size()
    for top_k in (0, -1, size + 1, 2.0, True, float("nan"), "5"):
        with pytest.raises(ValueError, match=f"1 at least and {size} at most"):
            task.fill_mask("The <mask> fox", top_k=top_k)


def test_what_is_inside(make_task):
    task = make_task(xlm_tf.XLMTextClassifier)
    texts = {"text": TEXTS[:2], "text_pair": TEXTS[2:]}
    inputs = task.preprocessor.pack(texts)
    length = inputs["token_ids"].shape[1]
    states, attention = task.hidden_states(texts), task.self_attention(texts)
    assert [x.shape for x in states] == [(2, length, 16)] * 3
    assert [x.shape for x in attention] == [(2, 2, length, length)] * 2
    np.testing.assert_array_equal(states[-1], task.last_hidden_states(texts))
    for own, other in zip(attention, task.backbone.self_attention(inputs), strict=True):
        np.testing.assert_array_equal(own, other)
    assert task.self_attention(TEXTS[0])[0].shape[0] == 1
    task.preprocessor = None
    for method in (task.hidden_states, task.self_attention):
        with pytest.raises(ValueError, match="has no preprocessor"):
            method(TEXTS)


def test_a_decoder_is_not_looked_into_as_an_encoder(make_backbone):
    model = xlm_tf.XLMSeq2SeqLM(xlm_tf.XLMSeq2SeqBackbone(make_backbone()))
    for method in (model.last_hidden_states, model.hidden_states, model.self_attention):
        with pytest.raises(ValueError, match=r"see `model\.backbone\.encoder"):
            method("Hello")


def test_texts_of_several_languages(make_task):
    languages = ["de", "en", "ru"]
    for task_class, method in (
        (xlm_tf.XLMMaskedLM, "fill_mask"),
        (xlm_tf.XLMTextEmbedder, "embed"),
    ):
        task = make_task(task_class, {"num_languages": 3})
        task.preprocessor.languages = languages
        texts = ["Der <mask>", "The <mask> fox", "<mask> через"]
        own = {"language": ["de", "en", "ru"]}
        together = getattr(task, method)(texts, **own)
        for i, (text, language) in enumerate(zip(texts, languages, strict=True)):
            (alone,) = getattr(task, method)([text], language=language)
            if method == "embed":
                np.testing.assert_allclose(together[i], alone, atol=1e-5)
            else:
                assert [x for x, _ in alone] == [x for x, _ in together[i]]
        other = getattr(task, method)(texts, language="en")
        assert not np.array_equal(np.array(other[0]), np.array(together[0]))
        with pytest.raises(ValueError, match="Received: 2 for 3 texts"):
            getattr(task, method)(texts, language=["de", "en"])
        with pytest.raises(ValueError, match="this model reads: de, en, ru"):
            getattr(task, method)(texts, language=["de", "en", "fr"])
    embedder = task
    for method in ("last_hidden_states", "hidden_states", "self_attention"):
        named = getattr(embedder, method)({"text": texts, "language": languages})
        found = getattr(embedder, method)(texts, language=languages)
        np.testing.assert_array_equal(found[-1], named[-1])
        with pytest.raises(ValueError, match="fr"):
            getattr(embedder, method)(texts, language="fr")
    vectors = embedder.embed(texts, languages, batch_size=2)
    np.testing.assert_allclose(vectors, together, atol=1e-5)
    directions = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for batch_size in (32, 1):  # in the model's call, and in `predict`
        found = embed_sentences(embedder, texts, languages, batch_size)
        np.testing.assert_allclose(found, directions, atol=1e-5)
    longer = [f"{text}. A fox. Fin." for text in texts]
    summaries = embedder.summarize(longer, language=languages)
    for text, language, summary in zip(longer, languages, summaries, strict=True):
        (alone,) = embedder.summarize([text], language=language)
        assert [own["text"] for own in alone] == [own["text"] for own in summary]


def test_a_language_that_the_model_does_not_have(make_task):
    task = make_task(xlm_tf.XLMMaskedLM)
    tagger = make_task(xlm_tf.XLMTokenClassifier)
    for function in (task.fill_mask, tagger.tag):
        with pytest.raises(ValueError, match="reads every language alike"):
            function("A <mask>", language="fr")
    task.preprocessor.languages = ["de", "en"]
    with pytest.raises(ValueError, match="this model reads: de, en"):
        task.fill_mask("A <mask>", language="fr")


@pytest.mark.slow
def test_a_masked_lm_learns_with_plain_fit(make_task, sentences):
    task = make_task(xlm_tf.XLMMaskedLM, compile=False)
    task.compile(optimizer=keras.optimizers.Adam(1e-2))
    loss = task.fit(sentences * 8, batch_size=16, epochs=6, verbose=0).history["loss"]
    assert loss[-1] < 0.8 * loss[0]


def test_logits_at_positions_are_those_of_all_positions(make_task):
    task = make_task(xlm_tf.XLMMaskedLM)
    inputs = task.preprocessor.pack(TEXTS)
    positions = tf.constant([[1, 2], [0, 3], [1, 1], [2, 0]])
    some = np.array(task({**inputs, "mask_positions": positions}))
    np.testing.assert_allclose(
        some, tf.gather(outputs(task), positions, batch_dims=1), atol=1e-5
    )


def test_a_task_starts_from_the_backbone_of_another(make_task, tmp_path):
    source = make_task(xlm_tf.XLMMaskedLM)
    source.save_to_preset(tmp_path / "preset")
    classifier = xlm_tf.XLMTextClassifier.from_preset(
        str(tmp_path / "preset"), num_classes=5
    )
    assert classifier.preprocessor.sequence_length == 48
    ids = {"token_ids": np.array([[0, 9, 8, 2]])}
    np.testing.assert_array_equal(classifier.backbone(ids), source.backbone(ids))


def test_in_a_function(make_task):
    task = make_task(xlm_tf.XLMTextEmbedder)
    run = tf.function(lambda text: task(task.preprocessor.pack(text)))
    np.testing.assert_allclose(run(tf.constant(TEXTS)), outputs(task), atol=1e-6)


def test_what_is_no_task(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no model"):
        load_task(tmp_path)
    for name in ("config.json", "task.json"):
        (tmp_path / name).write_text(json.dumps({"class_name": "Thesis"}))
    with pytest.raises(ValueError, match="holds a Thesis"):
        load_task(tmp_path)


def test_labels_are_those_of_a_file_without_its_line_ends(make_task):
    for task_class in ARGUMENTS:
        task = make_task(task_class, num_classes=2, labels=["bad\r", "good\r\n"])
        assert task.labels == ["bad", "good"]
        with pytest.raises(ValueError, match="must not be empty"):
            make_task(task_class, num_classes=2, labels=["bad", "\r"])
        with pytest.raises(ValueError, match="must differ"):
            make_task(task_class, num_classes=2, labels=["bad", "bad\r"])
