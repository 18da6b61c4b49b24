"""Entities of tags, by hand and as seqeval 1.2.2 reads them."""

import pytest

from xlm_tf.text.tag_schemes import entities_of, has_entities


@pytest.mark.parametrize(
    ("tags", "entities"),
    [
        ("", []),
        ("O O", []),
        ("B-PER I-PER O B-LOC", [("PER", 0, 2), ("LOC", 3, 4)]),
        ("B-PER B-PER", [("PER", 0, 1), ("PER", 1, 2)]),
        ("I-PER I-PER O", [("PER", 0, 2)]),  # IOB1, or a model's mistake
        ("B-PER I-LOC I-LOC", [("PER", 0, 1), ("LOC", 1, 3)]),
        ("O I-LOC B-LOC", [("LOC", 1, 2), ("LOC", 2, 3)]),
        (
            "S-PER B-LOC I-LOC E-LOC E-LOC",
            [("PER", 0, 1), ("LOC", 1, 4), ("LOC", 4, 5)],
        ),
        ("S-PER I-PER", [("PER", 0, 1), ("PER", 1, 2)]),
        ("U-PER B-LOC L-LOC", [("PER", 0, 1), ("LOC", 1, 3)]),
        ("B I O I", [("_", 0, 2), ("_", 3, 4)]),
        ("B-a-b I-a-b I-a", [("a-b", 0, 2), ("a", 2, 3)]),
    ],
)
def test_entities(tags, entities):
    assert entities_of(tags.split()) == entities


def test_what_marks_no_entity():
    with pytest.raises(ValueError, match=r"such as B-PER\. Received: 'NOUN'"):
        entities_of(["O", "NOUN"])
    assert has_entities(["O", "B-PER", "I-PER"])
    assert has_entities(["B", "I", "O"])
    assert not has_entities(["NOUN", "ADP", "X"])
    assert not has_entities(["O", "B-PER", "PER"])
    assert not has_entities(["O"])
