"""The same vectors and ids as installed sentence-transformers and transformers."""

import importlib

import numpy as np
import pytest

import xlm_tf
from xlm_tf.models.loading import load_task

pytest.importorskip("torch")
sentence_transformers = pytest.importorskip("sentence_transformers")
transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.parity

TINY = xlm_tf.PRESETS["xlm_tiny"].source
TEXTS = [
    "The file was not found. " * 20,  # longer than every limit below
    "Die Datei wurde nicht gefunden.",
    "",
]


def folder_of(folder, max_length, pooling="mean", normalize=True):
    """What sentence-transformers saves, and the vectors that it computes."""
    modules = importlib.import_module("sentence_transformers.models")
    parts = [
        modules.Transformer(TINY, max_seq_length=max_length),
        modules.Pooling(128, pooling_mode=pooling),
        *([modules.Normalize()] if normalize else []),
    ]
    model = sentence_transformers.SentenceTransformer(modules=parts, device="cpu")
    model.save(str(folder))
    return model.encode(TEXTS)


@pytest.mark.parametrize(
    ("max_length", "pooling", "normalize"),
    [(24, "mean", True), (100, "cls", False), (None, "max", True)],
)
def test_a_saved_folder(tmp_path, max_length, pooling, normalize):
    expected = folder_of(tmp_path, max_length, pooling, normalize)
    embedder = load_task(tmp_path)
    assert embedder.preprocessor.sequence_length == (max_length or 128)
    vectors = embedder(embedder.preprocessor.pack(TEXTS))
    np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_our_folder_there(tmp_path):
    tokenizer = load_task("xlm_tiny").preprocessor.tokenizer
    tokenizer = xlm_tf.XLMSentencePieceTokenizer(
        tokenizer.proto, added_tokens=[["<ent>", False], ["COVID-19", True]]
    )
    backbone = xlm_tf.XLMBackbone.from_config(
        {
            **xlm_tf.XLMBackbone.from_preset("xlm_tiny").get_config(),
            "vocabulary_size": tokenizer.vocabulary_size(),
        }
    )
    preprocessor = xlm_tf.XLMTextEmbedderPreprocessor(tokenizer, 24)
    embedder = xlm_tf.XLMTextEmbedder(backbone, preprocessor)
    embedder.save_to_huggingface(tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(str(tmp_path))
    texts = [*TEXTS, "the COVID-19 is <ent> a<ent>b", "ＣＯＶＩＤ-19."]
    for text in texts:
        ids = theirs(text, add_special_tokens=False)["input_ids"]
        assert ids == tokenizer.encode(text)
    model = sentence_transformers.SentenceTransformer(str(tmp_path), device="cpu")
    assert model.max_seq_length == 24
    vectors = embedder(embedder.preprocessor.pack(texts))
    np.testing.assert_allclose(vectors, model.encode(texts), atol=1e-5)


def test_vectors_that_are_cut(tmp_path):
    embedder = xlm_tf.XLMTextEmbedder.from_preset("xlm_tiny", truncate_dim=24)
    embedder.save_to_huggingface(tmp_path)
    model = sentence_transformers.SentenceTransformer(
        str(tmp_path), device="cpu", truncate_dim=24
    )
    expected = model.encode(TEXTS)  # scaled before they are cut
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(embedder.embed(TEXTS), expected, atol=1e-5)


def test_a_reranker(tmp_path):
    model = sentence_transformers.CrossEncoder(TINY, num_labels=1, device="cpu")
    model.save_pretrained(str(tmp_path))
    classifier = load_task(tmp_path)
    assert type(classifier) is xlm_tf.XLMTextClassifier
    pairs = (["Which page?", "Where?"], ["The page of 2020.", "Die Datei fehlt."])
    logits = classifier(classifier.preprocessor.pack(pairs))
    scores = model.predict(list(zip(*pairs, strict=True)))
    np.testing.assert_allclose(
        1 / (1 + np.exp(-np.asarray(logits)[:, 0])), scores, atol=1e-5
    )
