"""Embedders and rerankers in the layouts in which they were released."""

import json

import keras
import numpy as np
import pytest
import sentencepiece

import xlm_tf
from tests.checkpoints.json_files import write_json
from tests.checkpoints.released_layouts import (
    DIM,
    LAYOUTS,
    LENGTH,
    TEXTS,
    XLMR_CONFIG,
    backbone_of,
    write_embedder,
)
from xlm_tf.checkpoints import finding
from xlm_tf.checkpoints.pickled_tensors import read_pickled, write_pickled
from xlm_tf.models.loading import load_task


def ids_of(text, proto):
    """What XLM-R's tokenizer makes of a text, by SentencePiece itself."""
    pieces = sentencepiece.SentencePieceProcessor(model_proto=proto)
    ids = [i + 1 if i else 3 for i in pieces.encode(text)]
    return [0, *ids[: LENGTH - 2], 2]


def states_of(backbone, text, proto):
    return np.asarray(backbone(np.array([ids_of(text, proto)])))[0]


def normalized(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_vectors(tmp_path, spm_proto, name):
    backbone = write_embedder(tmp_path, name, spm_proto)
    _, _, pooling, normalize, _ = LAYOUTS[name]
    embedder = load_task(tmp_path)
    assert type(embedder) is xlm_tf.XLMTextEmbedder
    assert embedder.preprocessor.sequence_length == LENGTH
    expected = []
    for text in TEXTS:
        states = states_of(backbone, text, spm_proto)
        pooled = states[0] if pooling == "cls_token" else states.mean(axis=0)
        expected.append(normalized(pooled) if normalize else pooled)
    np.testing.assert_allclose(embedder.embed(TEXTS), expected, atol=2e-5)
    embedder.save_to_huggingface(tmp_path / "again")
    config = json.loads((tmp_path / "again" / "config.json").read_text())
    assert config["model_type"] == LAYOUTS[name][0]["model_type"]
    again = load_task(tmp_path / "again")
    np.testing.assert_array_equal(again.embed(TEXTS), embedder.embed(TEXTS))


@pytest.mark.parametrize(
    "name", ["multilingual_e5_small", "hf://intfloat/multilingual-e5-small"]
)
def test_prompts_that_the_files_do_not_say(tmp_path, spm_proto, monkeypatch, name):
    write_embedder(tmp_path, "multilingual-e5-small", spm_proto)
    folders = {"intfloat/multilingual-e5-small": tmp_path}
    monkeypatch.setattr(finding, "_download", folders.__getitem__)
    embedder = xlm_tf.XLMTextEmbedder.from_preset(name)
    for vectors, prompt in (
        (embedder.encode_query(TEXTS), "query: "),
        (embedder.encode_documents(TEXTS), "passage: "),
        (embedder.embed(TEXTS), ""),
    ):
        expected = embedder.embed([prompt + text for text in TEXTS])
        np.testing.assert_allclose(vectors, expected, atol=1e-6)
    # What files say comes first, and what was saved is complete.
    embedder.preprocessor.prompts = {"query": "ask: "}
    embedder.save_to_huggingface(tmp_path)
    again = xlm_tf.XLMTextEmbedder.from_preset(name)
    assert again.preprocessor.prompts == {"query": "ask: "}
    assert xlm_tf.XLMTextEmbedder.from_preset(tmp_path).preprocessor.prompts


def test_bert_with_its_own_vocabulary(tmp_path, spm_proto):
    write_embedder(tmp_path, "multilingual-e5-small", spm_proto)
    pieces = tmp_path / "sentencepiece.bpe.model"
    pieces.unlink()
    with pytest.raises(ValueError, match="'bert' with no vocabulary, which is not"):
        load_task(tmp_path)
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n")
    with pytest.raises(ValueError, match="'bert' with a WordPiece vocabulary, which"):
        xlm_tf.XLMBackbone.from_preset(tmp_path)
    (tmp_path / "vocab.txt").unlink()
    write_json(tmp_path / "tokenizer.json", {"model": {"type": "WordPiece"}})
    with pytest.raises(ValueError, match=r"WordPiece.* Expected XLM-R's vocabulary"):
        xlm_tf.XLMTextEmbedder.from_preset(tmp_path)


def test_bert_settings_are_checked(tmp_path, spm_proto):
    write_embedder(tmp_path, "multilingual-e5-small", spm_proto)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    write_json(path, {**config, "position_embedding_type": "relative_key"})
    with pytest.raises(ValueError, match="position_embedding_type='relative_key'"):
        load_task(tmp_path)
    write_json(path, config)
    path = tmp_path / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    write_json(path, {**settings, "tokenizer_class": "BertTokenizer"})
    with pytest.raises(ValueError, match="tokenizer_class='BertTokenizer'"):
        load_task(tmp_path)


# BGE M3.


def write_heads(folder, width=DIM):
    generator = np.random.default_rng(1)
    heads = {}
    for name, size in (("sparse_linear", 1), ("colbert_linear", width)):
        heads[name] = {
            "weight": generator.normal(size=(size, DIM)).astype("float32"),
            "bias": generator.normal(size=(size,)).astype("float32"),
        }
        write_pickled(heads[name], folder / f"{name}.pt")
    return heads


@pytest.mark.parametrize("width", [DIM, 8])
def test_three_embeddings(tmp_path, spm_proto, width):
    backbone = write_embedder(tmp_path, "bge-m3", spm_proto)
    heads = write_heads(tmp_path, width)
    embedder = load_task(tmp_path)
    assert type(embedder) is xlm_tf.XLMHybridEmbedder
    texts = [*TEXTS, "the the the fox ☃ fox"]
    found = embedder.embed(texts, batch_size=2)
    assert found["dense"].shape == (len(texts), DIM)
    for row, text in enumerate(texts):
        ids, states = ids_of(text, spm_proto), states_of(backbone, text, spm_proto)
        np.testing.assert_allclose(
            found["dense"][row], normalized(states[0]), atol=2e-5
        )
        head = heads["sparse_linear"]
        weights = np.maximum(states @ head["weight"].T + head["bias"], 0)[:, 0]
        expected = {}
        for token_id, weight in zip(ids, weights, strict=True):
            if token_id not in (0, 1, 2, 3) and weight > 0:
                expected[token_id] = max(expected.get(token_id, 0), weight)
        assert found["sparse"][row].keys() == expected.keys()
        for token_id, weight in expected.items():
            assert abs(found["sparse"][row][token_id] - weight) < 1e-4
        head = heads["colbert_linear"]
        vectors = normalized((states @ head["weight"].T + head["bias"])[1:])
        assert vectors.shape == (len(ids) - 1, width)
        np.testing.assert_allclose(found["multi_vector"][row], vectors, atol=2e-5)
    # The dense one alone.
    dense = xlm_tf.XLMTextEmbedder.from_preset(tmp_path)
    np.testing.assert_allclose(dense.embed(texts), found["dense"], atol=1e-6)


def test_scores_of_three_embeddings(tmp_path, spm_proto):
    write_embedder(tmp_path, "bge-m3", spm_proto)
    write_heads(tmp_path)
    embedder = load_task(tmp_path)
    queries, documents = TEXTS[:2], TEXTS
    a, b = embedder.encode_query(queries), embedder.encode_documents(documents)
    scores = embedder.similarity(a, b)
    for name, own in embedder.similarity(queries, documents).items():
        np.testing.assert_allclose(own, scores[name], atol=1e-5)
    for i in range(len(queries)):
        for j in range(len(documents)):
            assert abs(scores["dense"][i, j] - a["dense"][i] @ b["dense"][j]) < 1e-5
            common = set(a["sparse"][i]) & set(b["sparse"][j])
            lexical = sum(a["sparse"][i][t] * b["sparse"][j][t] for t in common)
            assert abs(scores["sparse"][i, j] - lexical) < 1e-3
            best = [
                max(q @ d for d in b["multi_vector"][j]) for q in a["multi_vector"][i]
            ]
            assert abs(scores["multi_vector"][i, j] - np.mean(best)) < 1e-5
    assert embedder.similarity([], documents)["sparse"].shape == (0, len(documents))


def test_three_embeddings_are_saved(tmp_path, spm_proto):
    write_embedder(tmp_path, "bge-m3", spm_proto)
    heads = write_heads(tmp_path)
    embedder = load_task(tmp_path)
    expected = embedder.embed(TEXTS)
    embedder.save_to_huggingface(tmp_path / "folder")
    embedder.save_to_preset(tmp_path / "preset")
    embedder.save(tmp_path / "model.keras")
    for name, tensors in heads.items():
        written = read_pickled(tmp_path / "folder" / f"{name}.pt")
        assert written.keys() == tensors.keys()
        for key, value in tensors.items():
            np.testing.assert_array_equal(written[key].read(), value)
    for again in (
        load_task(tmp_path / "folder"),
        load_task(tmp_path / "preset"),
        keras.models.load_model(tmp_path / "model.keras"),
    ):
        found = again.embed(TEXTS)
        np.testing.assert_array_equal(found["dense"], expected["dense"])
        assert found["sparse"] == expected["sparse"]
    for name in ("preset", "folder"):
        dense = xlm_tf.XLMTextEmbedder.from_preset(tmp_path / name)
        np.testing.assert_array_equal(dense.embed(TEXTS), expected["dense"])
    # A dense model that takes its place leaves nothing of it.
    xlm_tf.XLMTextEmbedder(
        embedder.backbone, embedder.preprocessor
    ).save_to_huggingface(tmp_path / "folder")
    assert type(load_task(tmp_path / "folder")) is xlm_tf.XLMTextEmbedder


def test_heads_that_do_not_fit(tmp_path, spm_proto):
    write_embedder(tmp_path, "bge-m3", spm_proto)
    with pytest.raises(ValueError, match="holds no heads"):
        xlm_tf.XLMHybridEmbedder.from_preset(tmp_path)
    write_heads(tmp_path)
    write_pickled(
        {"weight": np.ones((1, DIM), "float32")}, tmp_path / "sparse_linear.pt"
    )
    with pytest.raises(ValueError, match=r"lacks the tensor sparse_linear\.bias"):
        load_task(tmp_path)
    (tmp_path / "sparse_linear.pt").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(ValueError, match="sparse_linear"):
        load_task(tmp_path)


# Rerankers.


def write_reranker(folder, proto, **settings):
    config = {
        **XLMR_CONFIG,
        "_name_or_path": "BAAI/bge-m3",
        "architectures": ["XLMRobertaForSequenceClassification"],
        "id2label": {"0": "LABEL_0"},
        "label2id": {"LABEL_0": 0},
        **settings,
    }
    tokenizer = xlm_tf.XLMSentencePieceTokenizer(proto)
    preprocessor = xlm_tf.XLMTextClassifierPreprocessor(tokenizer, LENGTH)
    size = tokenizer.vocabulary_size()
    model = xlm_tf.XLMTextClassifier(backbone_of(config, size), 1, preprocessor)
    model.save_to_huggingface(folder)
    write_json(folder / "config.json", {**config, "vocab_size": size})
    return model


SIGMOID = "torch.nn.modules.activation.Sigmoid"
IDENTITY = "torch.nn.modules.linear.Identity"


@pytest.mark.parametrize(
    ("settings", "is_sigmoid"),
    [
        ({}, True),
        ({"sentence_transformers": {"activation_fn": SIGMOID}}, True),
        ({"sentence_transformers": {"activation_fn": IDENTITY}}, False),
        ({"sbert_ce_default_activation_function": IDENTITY}, False),
    ],
)
def test_a_reranker(tmp_path, spm_proto, settings, is_sigmoid):
    own = write_reranker(tmp_path, spm_proto, **settings)
    reranker = load_task(tmp_path)
    assert type(reranker) is xlm_tf.XLMTextClassifier
    documents = [*TEXTS, "A small model reads small texts."]
    pairs = [(TEXTS[0], document) for document in documents]
    logits = own.predict(pairs, verbose=0)[:, 0]
    expected = 1 / (1 + np.exp(-logits)) if is_sigmoid else logits
    np.testing.assert_allclose(reranker.score(pairs), expected, atol=1e-6)
    ranked = reranker.rank(TEXTS[0], documents)
    order = np.argsort(-expected, kind="stable")
    assert [index for index, _ in ranked] == order.tolist()
    np.testing.assert_allclose([x for _, x in ranked], expected[order], atol=1e-6)
    best = reranker.rank(TEXTS[0], documents, top_k=2, batch_size=2)
    assert [index for index, _ in best] == order[:2].tolist()
    assert reranker.rank(TEXTS[0], []) == []


def test_what_is_no_ranking(tmp_path, spm_proto):
    reranker = write_reranker(tmp_path, spm_proto)
    for arguments, message in (
        ((["a"], ["b"]), "query must be one text"),
        (("a", ["b", None]), "documents"),
        (("a", ["b"], 0), "top_k must be a whole number"),
        (("a", ["b"], None, 32, "de"), "reads every language alike"),
    ):
        with pytest.raises(ValueError, match=message):
            reranker.rank(*arguments)
    several = xlm_tf.XLMTextClassifier(
        reranker.backbone, 2, preprocessor=reranker.preprocessor
    )
    with pytest.raises(ValueError, match="num_classes=2"):
        several.rank("a", ["b"])
