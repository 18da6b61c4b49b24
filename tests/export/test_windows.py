"""Exported taggers and question answering: texts of any length, bytes as they came."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text  # noqa: F401

import export
from export.serving import Client, LocalServer

TEXT = "The quick brown fox jumps over the lazy dog. "


@pytest.fixture(scope="module")
def signatures(saved):
    return {
        name: tf.saved_model.load(str(saved(name).report.path)).signatures
        for name in ("tags", "answers")
    }


def test_a_tagger_reads_texts_of_any_length(signatures, tagger):
    texts = [TEXT * 40, "", "敏捷 (fox)", b"\xff dog \xfe"]
    answer = signatures["tags"]["serving_default"](text=tf.constant(texts))
    answer = {name: value.numpy() for name, value in answer.items()}
    assert answer["lengths"].tolist() == [400, 0, 5, 1]
    for text, row in zip(texts, range(4), strict=True):
        data = text.encode() if isinstance(text, str) else text
        for i in range(answer["lengths"][row]):
            begin, end = answer["starts"][row, i], answer["ends"][row, i]
            assert data[begin:end] == answer["tokens"][row, i]
    words = [x.decode() for x in answer["tokens"][0][:400]]
    expected = tagger.tag_words([words])[0]
    assert [x.decode() for x in answer["tags"][0][:400]] == expected
    assert answer["tags"][1].tolist() == [b""] * 400
    # A text's answer does not depend on its neighbours.
    alone = signatures["tags"]["serving_default"](text=tf.constant(texts[2:3]))
    np.testing.assert_allclose(
        alone["scores"][0], answer["scores"][2, :5], rtol=1e-3, atol=1e-5
    )


def test_an_answer_is_in_bytes_of_the_context(signatures, answerer):
    contexts = [TEXT * 30, "", " \n", b"\xff dog", "éé 敏捷的 fox"]
    fields = {
        "question": tf.constant(["What?", "Who?", "", "?", "fox " * 100]),
        "context": tf.constant(contexts),
    }
    answer = signatures["answers"]["serving_default"](**fields)
    answer = {name: value.numpy() for name, value in answer.items()}
    for row, context in enumerate(contexts):
        data = context.encode() if isinstance(context, str) else context
        begin, end = answer["start"][row], answer["end"][row]
        assert data[begin:end] == answer["answer"][row]
    assert answer["answer"][1:3].tolist() == [b"", b""]
    expected = answerer.answer(["What?"], contexts[:1])[0]
    assert answer["answer"][0].decode() == expected["answer"]
    assert answer["score"][0] == pytest.approx(expected["score"], rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_they_are_served(saved, protocol):
    def client(server, name):
        ports = {"rest_port": server.rest_port, "grpc_port": server.grpc_port}
        return Client(name, host="127.0.0.1", protocol=protocol, **ports)

    for name in ("tags", "answers"):
        saved(name)
    with LocalServer(saved.folder / "tags") as server, client(server, "tags") as tags:
        (words, none) = tags.tag(["é fox", ""])
    assert [(x.text, x.start, x.end) for x in words] == [("é", 0, 1), ("fox", 2, 5)]
    assert none == []
    with (
        LocalServer(saved.folder / "answers") as server,
        client(server, "answers") as answers,
    ):
        context = "éé " + TEXT
        (found,) = answers.answer(["Who?"], [context])
        assert context[found.start : found.end] == found.answer
        with pytest.raises(ValueError, match="2 questions and 1 contexts"):
            answers.answer(["a", "b"], ["c"])


@pytest.mark.parametrize("name", ["tagger", "answerer"])
def test_phones_split_no_words(request, name, tmp_path):
    with pytest.raises(ValueError, match="with string_input=False"):
        export.to_tflite(
            request.getfixturevalue(name), tmp_path / "a.tflite", string_input=True
        )
