import pytest

from xlm_tf.evaluation.summary_scores import summary_scores
from xlm_tf.evaluation.translation_scores import translation_scores


def test_equal_texts_score_100():
    texts = ["Ein Hund rennt durch den Schnee.", "Zwei Männer reden."]
    scores = translation_scores(texts, texts, "de")
    assert (scores.bleu, scores.chrf) == (pytest.approx(100), pytest.approx(100))
    assert scores.tokenization == "13a"
    summary = summary_scores(texts, [[text] for text in texts], "de")
    assert summary.rougeL == pytest.approx(100)


def test_chinese_is_scored_by_its_own_tokens():
    text = "我们提出了一种新的方法。"
    other = "我们提出了一种方法。"
    assert translation_scores([other], [text], "zh").bleu > 40
    assert translation_scores([other], [text], "en").bleu < 1
    assert summary_scores([other], [[text]], "zh").rouge1 > 80


def test_letters_of_other_languages_make_words():
    # rouge-score's own tokens are "f", "r", "uml" of both words.
    assert summary_scores(["für"], [["fär"]], "de").rouge1 == 0
    # English is stemmed.
    assert summary_scores(["runs"], [["running"]], "en").rouge1 == pytest.approx(100)


def test_the_nearest_of_several_references_counts():
    scores = summary_scores(["a dog runs"], [["two men talk", "a dog runs"]], "en")
    assert scores.rouge2 == pytest.approx(100)


def test_texts_without_references_are_refused():
    with pytest.raises(ValueError, match="1 translations, 0 references"):
        translation_scores(["a"], [], "en")
    with pytest.raises(ValueError, match="needs at least one reference"):
        summary_scores(["a"], [[]], "en")
