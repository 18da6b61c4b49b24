"""Embedders: prompts, which one, where it counts; vectors that are cut."""

import json

import keras
import numpy as np
import pytest

import xlm_tf
from xlm_tf.models.loading import load_task
from xlm_tf.models.vocabulary_surgery import trim_vocabulary

TEXTS = ["The quick brown fox", "Der faule Hund, " * 20, ""]
PROMPTS = {"query": "query: ", "passage": "passage: "}
SHORT = ["The file was not found.", "Die Datei fehlt.", "a"]


@pytest.fixture
def make_embedder(make_backbone, tokenizer):
    def make(pooling="mean", **arguments):
        preprocessor = xlm_tf.XLMTextEmbedderPreprocessor(
            tokenizer, **{"sequence_length": 24, "prompts": PROMPTS, **arguments}
        )
        backbone = make_backbone(num_layers=1)
        return xlm_tf.XLMTextEmbedder(backbone, preprocessor, pooling=pooling)

    return make


def before(prompt, texts=TEXTS):
    return [prompt + text for text in texts]


def test_prompts_are_chosen(make_embedder):
    embedder = make_embedder()
    bare = embedder.embed(TEXTS)
    query = embedder.embed(before("query: "))
    passage = embedder.embed(before("passage: "))
    assert np.abs(query - bare).max() > 1e-3
    np.testing.assert_allclose(embedder.predict(TEXTS, verbose=0), bare, atol=1e-6)
    for vectors, expected in (
        (embedder.encode_query(TEXTS), query),
        (embedder.encode_documents(TEXTS), passage),
        (embedder.embed(TEXTS, prompt_name="passage"), passage),
        (embedder.embed(TEXTS, prompt="passage: "), passage),
        (embedder.encode_query(TEXTS, prompt="passage: "), passage),
        (embedder.encode_query(TEXTS, prompt=""), bare),
        (embedder.encode_documents(TEXTS, prompt_name="query", batch_size=2), query),
    ):
        np.testing.assert_allclose(vectors, expected, atol=1e-6)
    embedder.preprocessor.default_prompt_name = "query"
    for vectors in (
        embedder.embed(TEXTS),
        embedder.predict(TEXTS, verbose=0),
        embedder.predict({"text": TEXTS}, verbose=0),
    ):
        np.testing.assert_allclose(vectors, query, atol=1e-6)
    np.testing.assert_allclose(embedder.embed(TEXTS, prompt=""), bare, atol=1e-6)
    np.testing.assert_allclose(embedder.encode_documents(TEXTS), passage, atol=1e-6)
    cosines = embedder.similarity(TEXTS, passage)
    np.testing.assert_allclose(cosines, query @ passage.T, atol=1e-5)


def test_a_model_without_prompts(make_embedder):
    embedder = make_embedder(prompts=None)
    bare = embedder.embed(TEXTS)
    np.testing.assert_array_equal(embedder.encode_query(TEXTS), bare)
    np.testing.assert_array_equal(embedder.encode_documents(TEXTS), bare)
    with pytest.raises(ValueError, match=r"no prompt 'query'.*it has no prompts"):
        embedder.embed(TEXTS, prompt_name="query")


def test_prompts_without_a_text_come_last(make_embedder):
    prompts = {"query": "", "document": "", "passage": "passage: "}
    embedder = make_embedder(prompts=prompts, default_prompt_name="passage")
    passage = embedder.embed(TEXTS, prompt_name="passage")
    np.testing.assert_array_equal(embedder.encode_documents(TEXTS), passage)
    bare = embedder.embed(TEXTS, prompt="")
    np.testing.assert_array_equal(embedder.encode_query(TEXTS), bare)


def test_what_is_refused(make_embedder):
    embedder = make_embedder()
    preprocessor = embedder.preprocessor
    for arguments, message in (
        ({"prompt_name": "qery"}, "no prompt 'qery'. Expected one of 'query', 'passag"),
        ({"prompt_name": "query", "prompt": "x"}, "not both"),
        ({"prompt": 3}, "prompt must be a str"),
    ):
        with pytest.raises(ValueError, match=message):
            embedder.embed(TEXTS, **arguments)
    with pytest.raises(ValueError, match="no prompt 'document'"):
        preprocessor.default_prompt_name = "document"
    with pytest.raises(ValueError, match="dict from names to texts"):
        preprocessor.prompts = {"query": None}
    preprocessor.default_prompt_name = "query"
    with pytest.raises(ValueError, match="must hold the default one, 'query'"):
        preprocessor.prompts = {}
    assert preprocessor.prompts == PROMPTS
    with pytest.raises(ValueError, match="include_prompt"):
        make_embedder(include_prompt="no")
    with pytest.raises(ValueError, match="has no preprocessor"):
        xlm_tf.XLMTextEmbedder(embedder.backbone).encode_query("x")


@pytest.mark.parametrize("pooling", ["first", "mean", "max"])
def test_prompts_that_do_not_count(make_embedder, pooling):
    embedder = make_embedder(pooling, include_prompt=False, sequence_length=48)
    texts = before("query: ")
    number = len(embedder.preprocessor.tokenizer.encode("query: ")) + 1
    inputs = embedder.preprocessor.pack(TEXTS, "query: ")
    assert inputs["prompt_length"].numpy().tolist() == [number] * 3
    states = embedder.backbone({"token_ids": inputs["token_ids"]}).numpy()
    expected = []
    for row, mask in zip(states, inputs["padding_mask"].numpy(), strict=True):
        own = row[number : mask.sum()]
        pooled = {"first": own[0], "mean": own.mean(0), "max": own.max(0)}[pooling]
        expected.append(pooled / np.linalg.norm(pooled))
    vectors = embedder.encode_query(TEXTS)
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
    preprocessor = xlm_tf.XLMTextEmbedderPreprocessor(
        embedder.preprocessor.tokenizer, 48
    )
    plain = xlm_tf.XLMTextEmbedder(embedder.backbone, preprocessor, pooling=pooling)
    assert np.abs(vectors - plain.embed(texts)).max() > 1e-3
    # Without a prompt every token counts.
    bare = plain.embed(TEXTS)
    np.testing.assert_allclose(embedder.embed(TEXTS), bare, atol=1e-6)
    np.testing.assert_allclose(embedder.predict(TEXTS, verbose=0), bare, atol=1e-6)
    embedder.preprocessor.default_prompt_name = "query"
    np.testing.assert_allclose(
        embedder.predict(TEXTS, batch_size=2, verbose=0), vectors, atol=1e-6
    )
    alone = embedder.preprocessor.pack("a fox")
    assert alone["prompt_length"].shape == ()


def test_prompts_longer_than_texts_may_be(make_embedder):
    embedder = make_embedder(include_prompt=False, prompts={"query": "x " * 50})
    assert np.isfinite(embedder.encode_query(TEXTS)).all()


def test_they_are_saved(make_embedder, tmp_path):
    embedder = make_embedder(
        include_prompt=False, default_prompt_name="passage", sequence_length=40
    )
    vectors, query = embedder.embed(TEXTS), embedder.encode_query(TEXTS)
    embedder.save_to_preset(tmp_path / "preset")
    embedder.save_to_huggingface(tmp_path / "folder")
    embedder.save(tmp_path / "model.keras")
    config = json.loads(
        (tmp_path / "folder" / "config_sentence_transformers.json").read_text()
    )
    assert config["prompts"] == PROMPTS and config["default_prompt_name"] == "passage"
    for again in (
        load_task(tmp_path / "preset"),
        xlm_tf.XLMTextEmbedder.from_preset(tmp_path / "folder"),
        keras.models.load_model(tmp_path / "model.keras"),
    ):
        assert again.preprocessor.prompts == PROMPTS
        assert again.preprocessor.default_prompt_name == "passage"
        assert not again.preprocessor.include_prompt
        np.testing.assert_allclose(again.embed(TEXTS), vectors, atol=1e-6)
        np.testing.assert_allclose(again.encode_query(TEXTS), query, atol=1e-6)


def test_a_trimmed_vocabulary_keeps_them(make_embedder):
    embedder = make_embedder()
    texts = ["Der faule Hund"]
    trimmed, _ = trim_vocabulary(embedder, {"de": texts * 3}, min_count=2)
    np.testing.assert_allclose(
        trimmed.encode_query(texts), embedder.encode_query(texts), atol=1e-6
    )
    assert trimmed.preprocessor.prompts == PROMPTS


def test_their_rows_are_trained(make_embedder):
    embedder = make_embedder()
    embedder.train_embeddings_of(["Der faule Hund"])
    ids = embedder.preprocessor.pack(["Der faule Hund"], "passage: ")["token_ids"]
    trained = np.asarray(embedder.backbone.token_embedding.trained_ids)
    assert np.isin(ids.numpy(), trained).all()


def expected(dim, normalize=True, pooling="mean"):
    """The first numbers of whole vectors, of length 1 where they are normalised."""
    whole = xlm_tf.XLMTextEmbedder.from_preset(
        "xlm_tiny", pooling=pooling, normalize=False
    ).embed(SHORT)
    cut = whole[:, :dim]
    if normalize:
        cut = cut / np.linalg.norm(cut, axis=1, keepdims=True)
    return cut


@pytest.mark.parametrize("normalize", [True, False])
def test_vectors_are_cut_and_scaled(tmp_path, normalize):
    embedder = xlm_tf.XLMTextEmbedder.from_preset(
        "xlm_tiny", normalize=normalize, truncate_dim=24
    )
    vectors = expected(24, normalize)
    np.testing.assert_allclose(embedder.embed(SHORT), vectors, atol=1e-5)
    assert embedder.embed([]).shape == (0, 24)
    assert embedder.output_shape == (None, 24)
    for name in ("save_to_preset", "save_to_huggingface"):
        getattr(embedder, name)(tmp_path / name)
        again = xlm_tf.load_task(tmp_path / name)
        assert again.truncate_dim == 24
        np.testing.assert_allclose(again.embed(SHORT), vectors, atol=1e-5)
        whole = xlm_tf.load_task(tmp_path / name, truncate_dim=None)
        assert whole.embed(SHORT).shape == (3, 128)


@pytest.mark.parametrize("dim", [0, -1, 129, 2.5, "8", True])
def test_lengths_that_there_are_not(dim):
    with pytest.raises(ValueError, match="truncate_dim"):
        xlm_tf.XLMTextEmbedder.from_preset("xlm_tiny", truncate_dim=dim)
