"""Texts to named classes, of classes that were trained and of new ones."""

import numpy as np
import pytest

import xlm_tf

TEXTS = ["The quick brown fox", "", "Der faule Hund", "狐狸"]
INFERENCE = ["contradiction", "neutral", "entailment"]


@pytest.fixture
def make_classifier(make_backbone, tokenizer):
    def make(**arguments):
        return xlm_tf.XLMTextClassifier(
            make_backbone(),
            preprocessor=xlm_tf.XLMTextClassifierPreprocessor(tokenizer, 32),
            **arguments,
        )

    return make


@pytest.mark.slow
def test_classify(make_classifier):
    classifier = make_classifier(labels=["a", "b", "c"])
    logits = classifier.predict(TEXTS, verbose=0)
    expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    answers = classifier.classify(TEXTS)
    for answer, row in zip(answers, expected, strict=True):
        assert [label for label, _ in answer] == [
            "abc"[number] for number in np.argsort(-row)
        ]
        np.testing.assert_allclose(sorted(row)[::-1], [x for _, x in answer], rtol=1e-5)
    (best,) = classifier.classify(TEXTS[0], top_k=1)
    assert best == [(answers[0][0][0], pytest.approx(answers[0][0][1]))]
    pairs = {"text": TEXTS, "text_pair": TEXTS[::-1]}
    assert len(classifier.classify(pairs)) == 4
    for wrong in (0, 4, 1.5, "two"):
        with pytest.raises(ValueError, match="top_k"):
            classifier.classify(TEXTS, top_k=wrong)


def test_classes_that_do_not_exclude_each_other(make_classifier):
    classifier = make_classifier(
        num_classes=2, problem_type="multi_label_classification"
    )
    logits = classifier.predict(TEXTS, verbose=0)
    probabilities = [dict(answer) for answer in classifier.classify(TEXTS)]
    for row, answer in zip(logits, probabilities, strict=True):
        assert answer["1"] == pytest.approx(1 / (1 + np.exp(-row[1])), rel=1e-5)
    with pytest.raises(ValueError, match="no classes"):
        make_classifier(num_classes=1, problem_type="regression").classify(TEXTS)


def test_an_activation_is_not_applied_twice(make_classifier):
    classifier = make_classifier(labels=["a", "b"], activation="softmax")
    (answer,) = classifier.classify(TEXTS[0])
    expected = classifier.predict(TEXTS[:1], verbose=0)[0]
    assert dict(answer) == pytest.approx({"a": expected[0], "b": expected[1]})


@pytest.mark.slow
def test_zero_shot_is_inference_on_hypotheses(make_classifier):
    classifier = make_classifier(labels=INFERENCE)
    labels = ["politics", "sport"]
    template = "Es geht um {}."
    answers = classifier.zero_shot(TEXTS, labels, template)
    each = classifier.zero_shot(TEXTS, labels, template, multi_label=True)
    for text, answer, own in zip(TEXTS, answers, each, strict=True):
        logits = classifier.predict(
            {"text": [text] * 2, "text_pair": [f"Es geht um {x}." for x in labels]},
            verbose=0,
        )
        entailed = np.exp(logits[:, 2])
        expected = dict(zip(labels, entailed / entailed.sum(), strict=True))
        assert dict(answer) == pytest.approx(expected, rel=1e-4)
        assert answer[0][1] >= answer[1][1]
        alone = entailed / (entailed + np.exp(logits[:, 0]))
        assert dict(own) == pytest.approx(
            dict(zip(labels, alone, strict=True)), rel=1e-4
        )
    assert classifier.zero_shot([], labels) == []


@pytest.mark.parametrize(
    ("labels", "arguments", "message"),
    [
        (["a", "b"], {}, "class for entailment"),
        (INFERENCE, {"entailment": "yes"}, "class for entailment"),
        (["x", "y", "ENTAILMENT"], {}, "begins with 'contra'"),
        (INFERENCE, {"labels": []}, "candidates"),
        (INFERENCE, {"labels": ["a", "a"]}, "candidates"),
        (INFERENCE, {"labels": None}, "`labels` must be"),
        (INFERENCE, {"labels": [1, 2]}, "`labels` must be a str. Row 0"),
        (INFERENCE, {"template": "It is so."}, "in the place of the label"),
        (INFERENCE, {"template": None}, "in the place of the label"),
        (INFERENCE, {"entailment": "contradiction"}, "not its contradiction"),
        (INFERENCE, {"language": "en"}, "reads every language alike"),
        (INFERENCE, {"template_language": "en"}, "reads every language alike"),
    ],
)
def test_what_zero_shot_refuses(make_classifier, labels, arguments, message):
    classifier = make_classifier(labels=labels)
    with pytest.raises(ValueError, match=message):
        classifier.zero_shot(TEXTS, **{"labels": ["a", "b"], **arguments})


@pytest.fixture
def classifier_of_languages(make_backbone, tokenizer):
    return xlm_tf.XLMTextClassifier(
        make_backbone(num_languages=2),
        preprocessor=xlm_tf.XLMTextClassifierPreprocessor(
            tokenizer, 32, languages=["de", "en"]
        ),
        labels=INFERENCE,
    )


@pytest.mark.slow
def test_zero_shot_in_languages(classifier_of_languages):
    labels = ["politics", "sport"]

    def scores(**languages):
        answers = classifier_of_languages.zero_shot(TEXTS, labels, **languages)
        return np.array([sorted(answer)[0][1] for answer in answers])

    logits = classifier_of_languages.predict(
        {
            "text": [TEXTS[0]] * 2,
            "text_pair": [f"This example is {x}." for x in labels],
            "language": "de",
            "language_pair": "en",
        },
        verbose=0,
    )
    entailed = np.exp(logits[:, 2])
    both = scores(language="de", template_language="EN")
    assert both[0] == pytest.approx(entailed[0] / entailed.sum(), rel=1e-4)
    assert not np.allclose(both, scores(language="de"), atol=1e-5)
    with pytest.raises(ValueError, match="those that this model reads: de, en"):
        scores(language="fr")


def test_a_language_that_is_missing_or_unknown_is_said_at_once(classifier_of_languages):
    classifier = classifier_of_languages
    for use in (classifier.classify, classifier.predict, classifier.predict_on_batch):
        with pytest.raises(ValueError, match=r"^This model has language embeddings"):
            use(TEXTS)
        with pytest.raises(ValueError, match=r"^A language must be one of those"):
            use({"text": TEXTS, "language": ["de", "de", "fr", "en"]})
    with pytest.raises(ValueError, match=r"^This model has language embeddings"):
        classifier.fit(TEXTS, [0, 1, 2, 0])
    classifier.preprocessor.language = "en"
    assert len(classifier.classify(TEXTS)) == 4


def test_two_classes_need_no_name_for_the_other(make_classifier):
    classifier = make_classifier(labels=["not_entailment", "entailment"])
    (answer,) = classifier.zero_shot(TEXTS[0], "sport")
    assert answer[0][0] == "sport"
