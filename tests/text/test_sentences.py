from hypothesis import given
from hypothesis import strategies as st

from xlm_tf.text.sentences import chunks, split_sentences


def test_sentences():
    text = 'One. Two! "Three?" Four… 五。六！ یہ ہے؟ यह है। No. 7 ends'
    assert [x.strip() for x in split_sentences(text)] == [
        "One.",
        "Two!",
        '"Three?"',
        "Four…",
        "五。",
        "六！",
        "یہ ہے؟",
        "यह है।",
        "No.",
        "7 ends",
    ]
    assert split_sentences("  ") == []


def test_chunks_are_whole_sentences_where_they_fit():
    text = "A b. C d e. F. G h i j k."
    assert chunks(text, lambda x: len(x.split()) <= 4) == [
        "A b.",
        "C d e. F.",
        "G h i j",
        "k.",
    ]
    assert chunks("short", lambda x: True) == ["short"]
    assert chunks("word", lambda x: False) == ["word"]


@given(st.text(alphabet="ab .!。\n", max_size=60), st.integers(1, 10))
def test_nothing_is_lost(text, size):
    parts = chunks(text, lambda x: len(x) <= size)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(
        len(part) <= size or len(part.split()) == 1 for part in parts if part.strip()
    )
