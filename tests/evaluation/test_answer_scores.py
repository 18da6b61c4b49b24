"""Scores of answers, by hand, in languages with and without spaces and articles."""

import unicodedata

import numpy as np
import pytest

from xlm_tf.evaluation.answer_scores import (
    METRICS,
    answer_scores,
    normalized_answer,
    score_answers,
)
from xlm_tf.evaluation.bootstrap import compare_paired


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", " The “Cat”, an  animal: $5.00\n", "cat animal 500"),
        ("en", "theatre a-b", "theatre ab"),
        ("eng_Latn", "The end", "end"),
        ("es", "Los perros y la gata", "perros y gata"),
        ("de", "Der Hund des Königs", "hund königs"),
        ("vi", "Những con của tôi", "con tôi"),
        ("vi", "Nh\u01b0\u0303ng con", "con"),  # the same letters, in parts
        ("ar", "الكتاب والكتاب", "كتاب والكتاب"),
        ("hi", "एक, किताब।", "एक किताब"),
        ("el", "Η γάτα; των Αθηνών", "η γάτα των αθηνών"),
        ("zh", "北京ABC大学，1990年。", "北 京 abc 大 学 1990 年"),
        ("zh-TW", "臺 北", "臺 北"),
        ("ja", "東京タワー", "東 京 タ ワ ー"),
        ("th", "ที่นี่ 5", "ที่ นี่ 5"),
        ("ko", "서울 특별시", "서울 특별시"),
    ],
)
def test_normalized(language, text, expected):
    assert normalized_answer(text, language) == unicodedata.normalize("NFC", expected)


def test_scores_by_hand():
    predictions = ["the cat", "a black cat", "cat", "", "no", "", "!", "black black"]
    references = [
        ["Cat."],
        ["cat", "black dog"],
        ["dog"],
        [],
        [],
        ["cat"],
        ["?"],
        ["black cat"],
    ]
    scores = answer_scores(predictions, references, "en")
    assert scores[:, 0].tolist() == [1, 0, 0, 1, 0, 0, 1, 0]
    expected = [1, 2 * 1 / (2 + 1), 0, 1, 0, 0, 1, 2 * 1 / (2 + 2)]
    assert scores[:, 1] == pytest.approx(expected)
    with pytest.raises(ValueError, match="2 answers, 1 lists"):
        answer_scores(["a", "b"], [["a"]], "en")


def test_characters_count_in_chinese():
    scores = answer_scores(["北京大学"], [["北京"]], "zh")
    assert scores.tolist() == [[0, pytest.approx(2 * 2 / (4 + 2))]]
    assert answer_scores(["北京大学"], [["北京"]], "en").tolist() == [[0, 0]]


def test_the_scores_of_a_language():
    predictions = ["cat", "", "dog", "x"]
    references = [["cat"], [], ["black dog"], []]
    own = score_answers("en", predictions, references)
    assert own.main == "f1"
    assert own.scores["exact"].value == 0.5
    assert own.scores["f1"].value == pytest.approx((1 + 1 + 2 / 3) / 4)
    assert own.baseline == {"exact": 0.5, "f1": 0.5}  # never to answer
    assert score_answers("en", ["a"], [["b"]]).baseline == {}
    assert own.scores["f1"].low < own.scores["f1"].value < own.scores["f1"].high
    plain = score_answers("en", predictions, references, intervals=False)
    assert plain.scores["f1"].value == own.scores["f1"].value
    assert plain.scores["f1"].low is None


def test_two_models_on_the_same_questions():
    random = np.random.default_rng(0)
    references = [["yes"]] * 300
    one = ["yes" if x else "no" for x in random.random(300) < 0.5]
    better = random.random(300) < 0.3
    two = ["yes" if x else own for x, own in zip(better, one, strict=True)]
    first, second = (score_answers("en", x, references) for x in (one, two))
    difference, p = compare_paired(first.statistics, second.statistics, METRICS["f1"])
    expected = second.scores["f1"].value - first.scores["f1"].value
    assert difference == pytest.approx(expected)
    assert difference > 0.1
    assert p == 0.001
    assert compare_paired(first.statistics, first.statistics, METRICS["exact"])[1] == 1
    with pytest.raises(ValueError, match="of 300 and of 1"):
        other = score_answers("en", ["a"], [["a"]]).statistics
        compare_paired(first.statistics, other, METRICS["f1"])
