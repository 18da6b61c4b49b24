"""Exported embedders and rerankers: prompts, three embeddings, scores, the client."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text  # noqa: F401

import export
from export.serving import Client, LocalServer

TEXTS = ["The quick brown fox", "Der faule Hund " * 20, "", "狐狸 the the"]


def signatures_of(saved, name):
    path = saved(name).report.path
    return tf.saved_model.load(str(path)).signatures


def test_prompts_are_signatures(saved, prompted_embedder):
    task, report = prompted_embedder, saved("prompts").report
    assert set(report.signatures) == {
        "serving_default",
        "token_ids",
        "encode_query",
        "encode_documents",
    }
    signatures = signatures_of(saved, "prompts")
    for name, expected in (
        ("serving_default", task.embed(TEXTS)),
        ("encode_query", task.encode_query(TEXTS)),
        ("encode_documents", task.encode_documents(TEXTS)),
    ):
        found = signatures[name](text=tf.constant(TEXTS))["embedding"]
        np.testing.assert_allclose(found, expected, atol=1e-5)
    packed = task.preprocessor.pack(TEXTS, "query: ")
    token_ids, length = packed["token_ids"], packed["prompt_length"]
    found = signatures["token_ids"](token_ids=token_ids, prompt_length=length)
    np.testing.assert_allclose(found["embedding"], task.encode_query(TEXTS), atol=1e-5)
    for wrong in (length[:2], length - 100):
        with pytest.raises(tf.errors.InvalidArgumentError, match="prompt_length"):
            signatures["token_ids"](token_ids=token_ids, prompt_length=wrong)
    text = (report.path / "assets.extra" / "model.json").read_text("utf-8")
    assert json.loads(text)["prompts"] == task.preprocessor.prompts
    assert json.loads(text)["default_prompt_name"] == "passage"


@pytest.mark.parametrize("name", ["encode_query", "encode_documents"])
def test_a_wrong_prompt_is_found(saved, name):
    made = saved("prompts")
    assert made.compare(made.answers) < 1e-4
    with pytest.raises(export.ParityError, match=name):
        other = {"encode_query": "encode_documents"}.get(name, "encode_query")
        made.compare({**made.answers, name: made.answers[other]})


def test_three_embeddings(saved, tflite, hybrid_embedder):
    task = hybrid_embedder
    signatures = signatures_of(saved, "hybrid")
    for name, expected in (
        ("serving_default", task.embed(TEXTS)),
        ("encode_query", task.encode_query(TEXTS)),
    ):
        found = signatures[name](text=tf.constant(TEXTS))
        found = {key: value.numpy() for key, value in found.items()}
        np.testing.assert_allclose(found["embedding"], expected["dense"], atol=1e-5)
        for row, length in enumerate(found["lengths"]):
            np.testing.assert_allclose(
                found["token_vectors"][row, 1:length],
                expected["multi_vector"][row],
                atol=1e-5,
            )
            weights = {}
            for token_id, weight in zip(
                found["token_ids"][row], found["token_weights"][row], strict=True
            ):
                if weight > 0:
                    weights[token_id] = max(weight, weights.get(token_id, 0))
            own = expected["sparse"][row]
            assert weights.keys() == own.keys()
            assert all(abs(own[x] - weights[x]) < 1e-4 for x in own)
    assert tflite("hybrid").report.difference < 1e-4
    assert tflite("hybrid-int8").report.difference < 0.1


@pytest.mark.parametrize(
    "name", ["embedding", "token_ids", "token_weights", "token_vectors", "lengths"]
)
def test_a_wrong_embedding_is_found(saved, name):
    made = saved("hybrid")
    answer = made.answers["serving_default"]
    changed = {**answer, name: answer[name] + 1}
    with pytest.raises(export.ParityError, match=name):
        made.compare({**made.answers, "serving_default": changed})


def test_a_reranker(saved, tflite, reranker):
    pairs = (TEXTS, TEXTS[::-1])
    found = signatures_of(saved, "reranker")["serving_default"](
        text=tf.constant(pairs[0]), text_pair=tf.constant(pairs[1])
    )
    assert set(found) == {"scores"}
    np.testing.assert_allclose(found["scores"][:, 0], reranker.score(pairs), atol=1e-5)
    assert tflite("reranker-int8").report.difference < 0.1


def test_a_phone_reads_no_prompts(tflite, prompted_embedder, tmp_path):
    assert tflite("prompts").report.difference < 1e-4
    with pytest.raises(ValueError, match="no op that puts a prompt"):
        export.to_tflite(prompted_embedder, tmp_path / "x.tflite", string_input=True)


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_the_client(saved, prompted_embedder, hybrid_embedder, reranker, protocol):
    for name in ("prompts", "hybrid", "reranker", "vectors"):
        saved(name)
    with LocalServer(saved.folder, rest_port=0, grpc_port=0) as server:

        def client(model):
            ports = {"rest_port": server.rest_port, "grpc_port": server.grpc_port}
            return Client(model, protocol=protocol, **ports)

        with client("prompts") as own:
            for method in ("embed", "encode_query", "encode_documents"):
                np.testing.assert_allclose(
                    getattr(own, method)(TEXTS),
                    getattr(prompted_embedder, method)(TEXTS),
                    atol=1e-5,
                )
        with client("hybrid") as own:
            for found, expected in (
                (own.embed_hybrid(TEXTS), hybrid_embedder.embed(TEXTS)),
                (
                    own.embed_hybrid(TEXTS, "encode_query"),
                    hybrid_embedder.encode_query(TEXTS),
                ),
            ):
                for row, embedding in enumerate(found):
                    np.testing.assert_allclose(
                        embedding.dense, expected["dense"][row], atol=1e-5
                    )
                    np.testing.assert_allclose(
                        embedding.multi_vector, expected["multi_vector"][row], atol=1e-5
                    )
                    assert embedding.sparse.keys() == expected["sparse"][row].keys()
        with client("reranker") as own:
            ranked = own.rank("The fox", TEXTS)
            expected = reranker.rank("The fox", TEXTS)
            assert [index for index, _ in ranked] == [index for index, _ in expected]
            assert own.rank("The fox", TEXTS, top_k=2) == ranked[:2]
            assert own.rank("The fox", []) == []
            with pytest.raises(ValueError, match="query must be one text"):
                own.rank(["a"], TEXTS)
            with pytest.raises(ValueError, match="embed_hybrid needs a model with"):
                own.embed_hybrid(TEXTS)
