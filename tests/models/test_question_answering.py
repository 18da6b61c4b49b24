"""Answers are characters of their contexts."""

import resource

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import xlm_tf
from xlm_tf.models.question_answering_preprocessor import _without_spaces

CONTEXTS = [
    "The quick brown fox jumps over the lazy dog.",
    "  敏捷的棕色狐狸 跳过了 懒狗。",
    "Der Fuchs (springt), über é den Hund. " * 6 + "Ein Modell liest Texte.",
    "nothing here",
]
QUESTIONS = ["What jumps?", "谁?", "Wer liest?", "Why?"]
ANSWERS = ["brown fox", "懒狗", "Modell", None]


def span(context, answer):
    if answer is None:
        return -1, -1
    begin = context.index(answer)
    return begin, begin + len(answer)


SPANS = [span(c, a) for c, a in zip(CONTEXTS, ANSWERS, strict=True)]
DATA = {"question": QUESTIONS, "context": CONTEXTS}


@pytest.fixture
def make_answerer(make_backbone, tokenizer):
    def make(sequence_length=40, **arguments):
        preprocessor = xlm_tf.XLMQuestionAnsweringPreprocessor(
            tokenizer, sequence_length, **arguments
        )
        return xlm_tf.XLMQuestionAnswering(
            make_backbone(num_layers=1), preprocessor=preprocessor
        )

    return make


def test_tokens_of_answers(make_answerer, tokenizer):
    answerer = make_answerer()
    inputs, positions, weights = answerer.preprocessor(
        DATA, tf.constant(SPANS), tf.constant([1.0, 2, 1, 1])
    )
    assert weights.numpy().tolist() == [1, 2, 1, 1]
    for row, answer in enumerate(ANSWERS):
        first, last = positions[row].numpy()
        if answer is None:
            assert (first, last) == (0, 0)
            continue
        # The window around the answer, wherever it is in the context.
        ids = inputs["token_ids"][row, first : last + 1].numpy()
        assert answer in tokenizer.decode(ids)
    with pytest.raises(tf.errors.InvalidArgumentError, match="ends behind its context"):
        answerer.preprocessor(DATA, tf.constant([[0, 1000]] * 4))
    # An answer longer than a window does not count.
    spans = tf.constant([[-1, -1], [0, 0], [0, 200], [1, 2]])
    *_, weights = make_answerer(20).preprocessor(DATA, spans)
    assert weights.numpy().tolist() == [1, 1, 0, 1]


def test_windows_say_where_an_answer_is(make_answerer):
    preprocessor = make_answerer().preprocessor
    inputs, places = preprocessor.pack_windows(DATA, tf.constant(SPANS), overlap=8)
    places = {name: value.numpy() for name, value in places.items()}
    assert set(places["row"]) == {0, 1, 2, 3}
    assert np.count_nonzero(places["row"] == 2) > 2
    found = set()
    for window, row in enumerate(places["row"]):
        context = CONTEXTS[row].encode()
        starts, ends = places["starts"][window], places["ends"][window]
        tokens = [
            context[a:b].decode() for a, b in zip(starts, ends, strict=True) if a >= 0
        ]
        assert all(token == token.strip() for token in tokens)
        first, last = places["positions"][window]
        if first:
            found.add(int(row))
            assert context[starts[first] : ends[last]].decode() == ANSWERS[row]
            # Every window of a question has the question before its context.
        assert (starts[:3] == -1).all()
    assert found == {0, 1, 2}
    assert inputs["token_ids"].shape == places["starts"].shape


@pytest.mark.slow
def test_it_learns_and_answers(make_answerer):
    answerer = make_answerer()
    answerer.compile(optimizer=keras.optimizers.Adam(0.01))
    answerer.fit(DATA, SPANS, epochs=60, verbose=0)
    answers = answerer.answer(QUESTIONS[:3], CONTEXTS[:3])
    assert [x["answer"] for x in answers] == ANSWERS[:3]
    for context, expected, answer in zip(CONTEXTS, SPANS, answers, strict=False):
        assert (answer["start"], answer["end"]) == expected
        assert context[answer["start"] : answer["end"]] == answer["answer"]
        assert 0 < answer["score"] <= 1
    nothing = answerer.answer(QUESTIONS[3], CONTEXTS[3], no_answer_threshold=0.0)[0]
    assert (nothing["answer"], nothing["start"], nothing["end"]) == ("", 0, 0)
    assert nothing["no_answer_score"] > 0 > answers[0]["no_answer_score"]
    something = answerer.answer(QUESTIONS[3], CONTEXTS[3])[0]
    assert something["answer"]
    (best,) = answerer.answer(QUESTIONS[0], CONTEXTS[0], top_k=3)
    assert best[0] == pytest.approx(answers[0]) and len(best) == 3
    assert best[0]["score"] >= best[1]["score"] >= best[2]["score"]
    assert answerer.evaluate((QUESTIONS, CONTEXTS), np.array(SPANS), verbose=0) < 0.5
    dataset = tf.data.Dataset.from_tensor_slices((DATA, SPANS)).batch(3)
    assert answerer.evaluate(dataset, verbose=0) < 0.5


@pytest.mark.slow
def test_a_long_context_needs_no_more_than_its_own_memory(make_answerer):
    answerer = make_answerer()
    context = "the dog barks. " * 20_000 + "The end."
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (answer,) = answerer.answer(["Who?"], [context])
    assert context[answer["start"] : answer["end"]] == answer["answer"] != ""
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 1_000_000, "KB, of a context of 300 KB"


@pytest.mark.parametrize("text", ["", " ", "a", " a ", "\u3000ß \x1c", "狐\u2028 x\n"])
def test_tokens_are_told_without_white_space(text):
    """Every span of characters, in a text behind another one."""
    spans = [(i, j) for i in range(len(text) + 1) for j in range(i, len(text) + 1)]
    to_byte = [len(text[:i].encode()) for i in range(len(text) + 1)]
    starts, ends = (
        tf.ragged.constant([[0], [to_byte[x] for x in own]], dtype="int32")
        for own in zip(*spans, strict=True)
    )
    begin, end = _without_spaces(tf.constant(["x é", text]), starts, ends)
    for (i, j), *found in zip(spans, begin[1], end[1], strict=True):
        stripped = text[i:j].strip()
        first = j - len(text[i:j].lstrip())
        expected = (to_byte[first], to_byte[first + len(stripped)])
        assert tuple(map(int, found)) == expected


def test_what_there_is_no_answer_in(make_answerer):
    answerer = make_answerer()
    empty = answerer.answer(["?", "", "x " * 500], ["", " \n", "dog " * 500])
    assert [x["answer"] for x in empty[:2]] == ["", ""]
    assert set(empty[2]["answer"].split()) == {"dog"}
    assert answerer.answer(["?", ""], ["", ""])[1]["answer"] == ""
    inputs = answerer.preprocessor({"question": ["?"], "context": [""]}, [[-1, -1]])
    assert inputs[1].numpy().tolist() == [[0, 0]]
    assert answerer.answer([], []) == []
    with pytest.raises(ValueError, match="3 questions and 1 contexts"):
        answerer.answer(["a", "b", "c"], ["d"])
    for length in (0, -1, 2.5):
        with pytest.raises(ValueError, match="max_answer_length must be a whole"):
            answerer.answer("?", "dog", max_answer_length=length)
    with pytest.raises(ValueError, match="leave `language` out"):
        answerer.answer("?", "dog", language="en")


def test_an_answer_is_found_wherever_it_is(make_answerer):
    answerer = make_answerer(24)
    context = "dog " * 150 + "fox " + "dog " * 150
    spans = answerer.answer("?", context, max_answer_length=4, top_k=10000)[0]
    (found,) = {x["start"] for x in spans if x["answer"] == "fox"}
    assert found == 600


@pytest.mark.parametrize("y", [[1, 2, 3, 4], np.zeros((4, 3)), np.full((4, 2), 0.5)])
def test_answers_that_are_no_spans(make_answerer, y):
    answerer = make_answerer()
    answerer.compile()
    with pytest.raises(ValueError, match="rows of two whole numbers"):
        answerer.fit(DATA, np.asarray(y), verbose=0)


@pytest.mark.slow
def test_a_data_frame_of_spans(make_answerer):
    answerer = make_answerer()
    answerer.compile()
    frame = pd.DataFrame({**DATA, "start": 0, "end": 0})
    frame[["start", "end"]] = SPANS
    found = answerer.evaluate(
        frame[["question", "context"]], frame[["start", "end"]], verbose=0
    )
    assert found == pytest.approx(answerer.evaluate(DATA, SPANS, verbose=0))


def test_a_question_without_a_context(make_answerer):
    answerer = make_answerer()
    answerer.compile()
    with pytest.raises(ValueError, match="Every question needs a context"):
        answerer.predict(["Who?"], verbose=0)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([[12, 2], *SPANS[1:]], r"Row 0 of `y` is \[12, 2\]"),
        ([*SPANS[:3], [-5, 7]], r"Row 3 of `y` is \[-5, 7\]"),
        ([*SPANS[:3], [0, 13]], "Row 3 .* the context has 12 characters"),
    ],
)
def test_spans_that_cannot_be_are_named(make_answerer, y, message):
    with pytest.raises(ValueError, match=message):
        make_answerer().fit(DATA, y, verbose=0)


def test_settings_are_checked(make_answerer):
    answerer = make_answerer()
    with pytest.raises(ValueError, match="no classes to weigh"):
        answerer.fit(DATA, SPANS, class_weight={0: 1.0}, verbose=0)
    with pytest.raises(ValueError, match="max_question_length must be a whole"):
        make_answerer(max_question_length=0)
    for threshold in ("a", float("nan"), True):
        with pytest.raises(ValueError, match="no_answer_threshold must be a number"):
            answerer.answer("?", "dog", no_answer_threshold=threshold)
        with pytest.raises(ValueError, match="no_answer_threshold must be a number"):
            xlm_tf.XLMQuestionAnswering(
                answerer.backbone, no_answer_threshold=threshold
            )
    always = answerer.answer("?", "dog", no_answer_threshold=float("inf"))
    assert always[0]["answer"]
