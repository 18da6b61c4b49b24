"""Answers are spans of their contexts."""

import numpy as np
import pytest

import xlm_tf
from xlm_tf.models.loading import load_task


def test_span_of_an_answer():
    backbone = xlm_tf.XLMBackbone.from_preset("xlm_tiny")
    tokenizer = load_task("xlm_tiny").preprocessor.tokenizer
    preprocessor = xlm_tf.XLMQuestionAnsweringPreprocessor(
        tokenizer, sequence_length=128
    )
    model = xlm_tf.XLMQuestionAnswering(backbone, preprocessor)
    context = "The file was not found."
    ids = tokenizer.encode(context)
    pieces = tokenizer.detokenize(tokenizer(context)).numpy().decode()
    assert pieces == context
    scores = np.zeros((len(ids), 2), "float32")
    scores[2, 0] = scores[3, 1] = 5.0
    scores[4, 0] = scores[1, 1] = 9.0  # the end before the start: not a span
    text, score = model._best_span(np.array(ids), scores, 30)
    assert text == tokenizer.decode(ids[2:4])
    assert score == 10.0
    ((answer, _),) = model.answer("What was not found?", context)
    assert answer in context
    assert model.answer(["?"], [""])[0][0] == ""
    for length in (0, -1, 2.5):
        with pytest.raises(
            ValueError, match="max_answer_length must be a whole number"
        ):
            model.answer("?", context, max_answer_length=length)
    with pytest.raises(ValueError, match="3 questions and 1 contexts"):
        model.answer(["a", "b", "c"], [context])
