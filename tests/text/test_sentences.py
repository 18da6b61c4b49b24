import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlm_tf.text.sentences import chunks, sentence_spans, split_sentences


def test_sentences():
    text = 'One. Two! "Three?" Four… 五。六！ یہ ہے؟ यह है। یہ ہے۔ No. Seven ends'
    assert [x.strip() for x in split_sentences(text)] == [
        "One.",
        "Two!",
        '"Three?"',
        "Four…",
        "五。",
        "六！",
        "یہ ہے؟",
        "यह है।",
        "یہ ہے۔",
        "No.",
        "Seven ends",
    ]
    assert split_sentences("  ") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Initials, titles, abbreviations, numbers: a sentence goes on.
        ("Dr. Smith met J. R. R. Tolkien. He left.", ["He left."]),
        ("See Fig. 3 and No. 7 (Li et al. 2019). It is so.", ["It is so."]),
        ("The U.S. Army came, e.g. Bob. In 2019. Then", ["In 2019.", "Then"]),
        ("Am 3. Oktober, z. B. Montag. Und?", ["Und?"]),
        ("Пришёл проф. Иванов. Да.", ["Да."]),
        ('"Really?" he asked. "Yes." Then', ['"Yes."', "Then"]),
        ("「はい。」と言った。終わり", ["終わり"]),
        # A syllable of a script without cases is a word, and no initial.
        ("네. 그렇습니다.", ["그렇습니다."]),
        ("It is 3.5. Next.", ["Next."]),
        ("A heading\n \nText that\ngoes on.", ["Text that\ngoes on."]),
        ("አለበት፡፡ ጉዳዩ ነው።", ["ጉዳዩ ነው።"]),
    ],
)
def test_where_a_sentence_ends(text, expected):
    assert [x.strip() for x in split_sentences(text)][1:] == expected


def test_chunks_are_whole_sentences_where_they_fit():
    text = "Ab bc. Cd d ef. Fg. Gh h ij j kl."
    assert chunks(text, lambda x: len(x.split()) <= 4) == [
        "Ab bc.",
        "Cd d ef. Fg.",
        "Gh h ij j",
        "kl.",
    ]
    assert chunks("short", lambda x: True) == ["short"]
    assert chunks("word", lambda x: False) == ["word"]


texts = st.text(alphabet="abDr .!。」\n", max_size=60)


@given(texts, st.integers(1, 10))
def test_nothing_is_lost(text, size):
    parts = chunks(text, lambda x: len(x) <= size)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(
        len(part) <= size or len(part.split()) == 1 for part in parts if part.strip()
    )


@given(texts)
def test_spans_are_the_sentences(text):
    spans = sentence_spans(text)
    assert [text[start:end] for start, end in spans] == [
        part.strip() for part in split_sentences(text)
    ]
    behind = [0, *(end for _, end in spans)]
    for (start, _), end in zip(spans, behind, strict=False):
        assert not text[end:start].strip()
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
