"""Every form in which texts come, brought into one."""

import numpy as np
import pytest
import tensorflow as tf

from xlm_tf.models.text_reading import read_column, read_texts


def lists(structure):
    """Arrays as lists of str, whatever holds them."""
    if isinstance(structure, tuple):
        return tuple(map(lists, structure))
    if isinstance(structure, dict):
        return {name: lists(column) for name, column in structure.items()}
    return [x.decode() if isinstance(x, bytes) else x for x in structure.tolist()]


@pytest.mark.parametrize(
    "x",
    [
        ["a", "b"],
        [b"a", b"b"],
        np.array(["a", "b"]),
        np.array(["a", "b"], object),
        np.array([["a"], ["b"]]),
        tf.constant(["a", "b"]),
        [np.array(["a", "b"])],
    ],
)
def test_columns_of_texts(x):
    assert lists(read_texts(x)) == ["a", "b"]


@pytest.mark.parametrize(
    "x",
    [
        (["a", "b", "c"], ["d", "e", "f"]),
        [("a", "d"), ("b", "e"), ("c", "f")],
        [["a", "d"], ["b", "e"], ["c", "f"]],
        np.array([["a", "d"], ["b", "e"], ["c", "f"]]),
        tf.constant([["a", "d"], ["b", "e"], ["c", "f"]]),
        [np.array(["a", "b", "c"]), np.array(["d", "e", "f"])],
    ],
)
def test_pairs(x):
    assert lists(read_texts(x)) == (["a", "b", "c"], ["d", "e", "f"])


def test_one_text_and_none():
    assert lists(read_texts("a")) == ["a"]
    assert lists(read_texts(("a", "b"))) == (["a"], ["b"])
    assert lists(read_texts([])) == []


def test_fields():
    x = {"text": ["a", "b"], "language": "en"}
    assert lists(read_texts(x)) == {"text": ["a", "b"], "language": ["en", "en"]}
    x = {"text": tf.constant(["a"]), "text_pair": np.array(["b"])}
    assert lists(read_texts(x)) == {"text": ["a"], "text_pair": ["b"]}


def test_columns_of_data_frames():
    import pandas

    frame = pandas.DataFrame({"text": ["a", "b"], "language": ["en", "de"]})
    assert lists(read_texts(frame["text"])) == ["a", "b"]
    assert lists(read_texts(frame)) == {"text": ["a", "b"], "language": ["en", "de"]}
    pairs = frame.rename(columns={"text": "first", "language": "second"})
    assert lists(read_texts(pairs)) == (["a", "b"], ["en", "de"])
    assert lists(read_texts(pairs[["first"]])) == ["a", "b"]
    with pytest.raises(ValueError, match=r"Received the columns \['x', 'y', 'z'\]"):
        read_texts(pandas.DataFrame({"x": ["a"], "y": ["b"], "z": ["c"]}))
    missing = pandas.DataFrame({"text": ["a", "b"], "language": ["en", None]})
    with pytest.raises(ValueError, match=r"`language` must be a str\. Row 1"):
        read_texts(missing)
    extension = pandas.Series(["a", None], dtype="string", index=[7, 8])
    with pytest.raises(ValueError, match=r"Row 1 \(index 8\) is <NA>"):
        read_texts(extension)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ((["a"], ["b"], ["c"]), "a tuple of 3"),
        ([["a", "b"], ["c", "d"]], "can be two pairs"),
        ([("a", "b"), ("c",)], r"whose row 1 is \('c',\)"),
        (["a", 3], r"Row 1 is 3 \(int\): token ids"),
        (["a", None], "Row 1 is None .*leave such rows out"),
        ({"a", "b"}, "must be a list or an array of texts"),
        (np.array([["a", "b", "c"]]), r"an array of shape \(1, 3\)"),
    ],
)
def test_what_is_no_text(x, message):
    with pytest.raises(ValueError, match=message):
        read_texts(x)


def test_half_characters_are_no_text():
    with pytest.raises(ValueError, match=r"Row 1 of `text` is no text: .*'\\ud83d'"):
        read_texts(["ok 😀", "\ud83d"])


def test_texts_that_stand_alone():
    import pandas

    frame = pandas.DataFrame({"text": ["a", "b"]}, index=[5, 6])
    for x in (
        ["a", "b"],
        frame,
        frame["text"],
        {"text": ["a", "b"]},
        tf.constant(["a", "b"]),
    ):
        assert [tf.compat.as_str(text) for text in read_column(x)] == ["a", "b"]
    assert read_column("a") == ["a"]
    assert read_column(b"ab") == [b"ab"]
    assert read_column([]) == []
    for x in ([("a", "b")], {"text": ["a"], "language": ["en"]}, (["a"], ["b"])):
        with pytest.raises(ValueError, match="`text` must be a str or a list of str"):
            read_column(x)
    for x, message in ((None, "Received: None"), ({"x": 1}, "`x` must be a list")):
        with pytest.raises(ValueError, match=message):
            read_column(x)
