"""Scores of tags: seqeval's numbers, and those counted by hand."""

import numpy as np
import pytest

from xlm_tf.evaluation.bootstrap import compare_paired
from xlm_tf.evaluation.entity_scores import METRICS, score_tags

TYPES = ("PER", "LOC", "ORG")
# Drawn at random; the numbers are those of seqeval 1.2.2.
BIO = (
    [
        *("O I-PER O O I-ORG O", "I-ORG I-PER", "O I-PER O B-PER"),
        *("I-ORG O O B-PER B-ORG", "B-ORG B-LOC B-PER O B-PER O B-LOC I-ORG", "O"),
        *("B-ORG I-LOC I-LOC O O B-LOC", "O I-LOC B-ORG O O I-LOC"),
        *("I-ORG B-LOC O I-PER I-ORG B-LOC I-PER", "B-LOC O O I-PER I-ORG"),
        *("I-PER I-PER I-PER O I-LOC I-PER O", "B-ORG O"),
    ],
    [
        *("O I-PER O O I-ORG O", "I-ORG I-PER", "O B-LOC O B-PER"),
        *("I-ORG O I-LOC I-PER I-LOC", "B-ORG B-LOC B-PER O B-PER O O I-PER", "B-ORG"),
        *("B-ORG O B-LOC I-LOC O B-LOC", "O O I-PER O O I-LOC"),
        *("I-PER O O I-PER O B-LOC I-PER", "B-LOC O I-ORG O I-ORG"),
        *("I-PER I-LOC I-PER O I-LOC I-PER O", "B-ORG O"),
    ],
    (0.6470588235294118, 0.6470588235294118, 0.6470588235294118),
    {"LOC": 0.5714, "ORG": 0.6667, "PER": 0.6923},
)
BIOES = (
    [
        *("O I-PER E-LOC O O S-LOC", "B-PER O", "B-PER E-LOC"),
        *("O B-PER O I-ORG S-LOC O B-LOC", "I-ORG E-ORG", "I-LOC E-LOC I-ORG I-PER"),
        *("E-ORG S-PER B-PER", "E-ORG I-LOC B-LOC E-PER O O"),
        "B-ORG E-ORG B-ORG E-PER I-LOC E-PER",
        "B-LOC E-ORG I-PER S-ORG E-LOC B-ORG O I-LOC",
        *(
            "I-ORG B-LOC S-ORG O S-LOC I-PER S-LOC",
            "S-LOC E-PER O B-LOC B-LOC O O I-PER",
        ),
    ],
    [
        *("O I-PER E-LOC O O S-LOC", "B-PER O", "O E-LOC"),
        *("O B-PER O I-ORG O O B-ORG", "I-ORG E-ORG", "I-LOC E-LOC I-ORG I-PER"),
        *("E-ORG S-PER B-PER", "E-ORG I-LOC B-LOC I-PER O S-PER"),
        "O B-LOC B-ORG O B-LOC E-LOC",
        "B-LOC I-LOC I-PER O I-PER B-ORG O I-LOC",
        "I-ORG B-ORG I-PER O S-LOC I-PER O",
        "S-LOC B-ORG E-ORG E-PER E-ORG O S-PER E-LOC",
    ],
    (0.6666666666666666, 0.5909090909090909, 0.6265060240963856),
    {"LOC": 0.5806, "ORG": 0.6667, "PER": 0.6429},
)


def split(sentences):
    return [sentence.split() for sentence in sentences]


def labels_of(letters):
    return ["O", *(f"{letter}-{name}" for letter in letters for name in TYPES)]


@pytest.mark.parametrize(("letters", "case"), [("BI", BIO), ("BIES", BIOES)])
def test_entities_have_the_scores_of_seqeval(letters, case):
    targets, predictions, expected, by_type = case
    own = score_tags("en", split(targets), split(predictions), labels_of(letters))
    assert own.main == "f1"
    assert [own.scores[x].value for x in METRICS] == pytest.approx(list(expected))
    assert {kind: round(x["f1"], 4) for kind, x in own.by_type.items()} == by_type
    assert own.num_examples == 12
    assert own.confusion.sum() == sum(map(len, split(targets)))
    assert own.scores["f1"].low < own.scores["f1"].value < own.scores["f1"].high


def test_entities_by_hand():
    targets = split(["B-PER I-PER O B-LOC", "O O"])
    predictions = split(["B-PER I-PER O B-ORG", "B-ORG O"])
    own = score_tags("en", targets, predictions, labels_of("BI"), intervals=False)
    assert own.scores["precision"].value == pytest.approx(1 / 3)
    assert own.scores["recall"].value == pytest.approx(1 / 2)
    assert own.scores["f1"].value == pytest.approx(2 / 5)
    assert own.scores["f1"].low is None
    assert own.by_type["LOC"] == {"precision": 0, "recall": 0, "f1": 0, "entities": 1}
    assert own.by_type["ORG"]["entities"] == 0
    assert own.baseline == {}
    nothing = score_tags("en", [["O"]], [["O"]], labels_of("BI"))
    assert nothing.scores["f1"].value == 0


def test_parts_of_speech_by_hand():
    targets = split(["DET NOUN VERB", "NOUN", "NOUN"])
    predictions = split(["DET NOUN NOUN", "VERB", "NOUN"])
    own = score_tags("en", targets, predictions, ["DET", "NOUN", "VERB", "X"])
    assert own.main == "macro_f1"
    assert own.scores["accuracy"].value == 3 / 5
    # F1: DET 1, NOUN 4 / 6, VERB 0; X is nowhere.
    assert own.scores["macro_f1"].value == pytest.approx((1 + 2 / 3) / 3)
    assert own.baseline["accuracy"] == 3 / 5
    assert own.baseline["macro_f1"] == pytest.approx((6 / 8) / 3)
    assert own.confusion.tolist()[1] == [0, 2, 1, 0]
    assert own.by_type is None


def test_intervals_are_those_of_sentences():
    """Words of one sentence fall together: the interval is that of 50 sentences."""
    right, wrong = [["B-PER"] * 20], [["O"] * 20]
    targets = right * 50
    own = score_tags("en", targets, right * 25 + wrong * 25, labels_of("BI"))
    recall = own.scores["recall"]
    assert recall.value == 0.5
    # 1.96 * sqrt(0.25 / 50) = 0.139
    assert recall.high - recall.low == pytest.approx(2 * 0.139, abs=0.05)
    other = score_tags("en", targets, right * 45 + wrong * 5, labels_of("BI"))
    difference, p = compare_paired(own.statistics, other.statistics, METRICS["recall"])
    assert difference == pytest.approx(0.4)
    assert p == 0.001


def test_what_cannot_be_scored():
    with pytest.raises(ValueError, match="1 sentences of 2 words, and 1 of 1"):
        score_tags("en", [["O", "O"]], [["O"]], labels_of("BI"))
    with pytest.raises(ValueError, match=r"targets have tags .* lack: B-MISC\. The"):
        score_tags("en", [["B-MISC"]], [["O"]], labels_of("BI"))


def test_many_sentences_need_little_memory():
    random = np.random.default_rng(0)
    labels = [f"T{number}" for number in range(17)]
    words = [[labels[i] for i in random.integers(0, 17, 12)] for _ in range(3000)]
    own = score_tags("en", words, words[::-1], labels)
    assert own.scores["accuracy"].low < own.scores["accuracy"].high
