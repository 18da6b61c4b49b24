"""A wrong answer for one text must stop an export, whatever the others are."""

import pytest

import export
from export.tasks import EXPORTED, Answer, Check

SAVED = ["topic", "vectors", "cloze", "pairs", "rating", "ids", "translator"]
SAVED += ["tags", "answers", "prompts", "hybrid", "reranker"]
TFLITE = ["topic", "topic-int8", "topic-strings", "cloze", "cloze-strings", "rating"]
TFLITE += ["translator", "continuer", "tags", "answers", "prompts", "hybrid"]
TFLITE += ["hybrid-int8"]
# Outputs that the model's own numbers do not determine: a cut of the others.
UNCHECKED = {"source_mask"}


def outputs_of(exported):
    return [
        (signature, output)
        for signature, answer in exported.answers.items()
        for output, values in answer.items()
        if len(values) > 1 and output not in UNCHECKED
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", SAVED)
def test_of_a_saved_model(saved, planted, name):
    exported = saved(name)
    assert exported.compare(exported.answers) == exported.report.difference < 1e-4
    outputs = outputs_of(exported)
    assert {signature for signature, _ in outputs} >= {"token_ids"}
    for signature, output in outputs:
        with pytest.raises(export.ParityError, match="nothing was exported"):
            exported.compare(planted(exported.answers, signature, output))


@pytest.mark.slow
@pytest.mark.parametrize("name", TFLITE)
def test_of_a_tflite_file(tflite, planted, name):
    exported = tflite(name)
    assert exported.compare(exported.answers) == exported.report.difference < 0.1
    outputs = outputs_of(exported)
    assert outputs
    for call, output in outputs:
        with pytest.raises(export.ParityError, match="nothing was exported"):
            exported.compare(planted(exported.answers, call, output))


@pytest.mark.parametrize("name", ["topic", "cloze", "translator"])
def test_of_a_whole_text(saved, planted, name):
    """All outputs of another text: they fit each other, and not this text."""
    exported = saved(name)
    answers = {key: dict(answer) for key, answer in exported.answers.items()}
    for signature in ("serving_default", "token_ids"):
        for output, values in answers[signature].items():
            other = values.copy()
            other[1] = values[0]
            answers[signature][output] = other
    with pytest.raises(export.ParityError, match="text 1 of the check"):
        exported.compare(answers)


def test_every_exported_task_has_an_answer_and_a_check_of_its_own():
    for task_class, (answer, check) in EXPORTED.items():
        assert issubclass(answer, Answer), task_class
        assert issubclass(check, Check), task_class
        assert not hasattr(check, "numbers"), task_class
