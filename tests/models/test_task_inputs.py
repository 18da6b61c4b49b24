"""Every form in which texts, labels and weights come, brought into one."""

import numpy as np
import pytest
import tensorflow as tf

from xlm_tf.models.task_inputs import (
    Examples,
    gives_batches,
    label_ids,
    python_batches,
    read_arrays,
    read_labels,
    read_texts,
    unpacked,
)


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


def test_labels():
    names = ["cat", "dog"]
    assert read_labels(["dog", "cat", "dog"], names).tolist() == [1, 0, 1]
    assert read_labels(np.array([b"dog"]), names).tolist() == [1]
    assert read_labels(tf.constant(["cat"]), names).tolist() == [0]
    assert read_labels([1, 0]).tolist() == [1, 0]
    assert read_labels([[0.5], [1.0]]).dtype == np.float32
    with pytest.raises(ValueError, match=r"one of \['cat', 'dog'\]\. Row 1 of `y` is"):
        read_labels(["dog", "cow"], names)
    with pytest.raises(ValueError, match="Row 1 of `y` is None"):
        read_labels(["dog", None], names)
    with pytest.raises(ValueError, match=r"make it with labels=\[\.\.\.\]"):
        read_labels(["dog"])
    with pytest.raises(ValueError, match="Row 1 is NaN"):
        read_labels([1.0, float("nan")])


def test_labels_of_tokens():
    labels = read_labels([["O", "B", "I"], ["B"]], ["O", "B", "I"], per_token=True)
    assert labels.tolist() == [[0, 1, 2], [1, -1, -1]]
    ragged = tf.ragged.constant([[0, 1], [2]])
    assert read_labels(ragged, None, per_token=True).tolist() == [[0, 1], [2, -1]]
    with pytest.raises(ValueError, match="Row 0 is 1"):
        read_labels([1, 2], None, per_token=True)


def test_labels_in_graph():
    ids = tf.function(lambda y: label_ids(y, ["O", "B"]))
    assert ids(tf.constant([["B", "O", ""]])).numpy().tolist() == [[1, 0, -1]]
    with pytest.raises(tf.errors.InvalidArgumentError, match="cow"):
        ids(tf.constant([["cow"]]))


def test_rows_belong_together():
    examples = Examples(read_texts(["a", "b", "c"]), np.arange(3))
    first, second = examples.split(0.4)
    assert (len(first), len(second)) == (1, 2)
    assert second.rows(0, 1)["y"].tolist() == [1]
    with pytest.raises(ValueError, match="on both sides"):
        examples.split(0.999)
    with pytest.raises(ValueError, match="x of 3 rows, y of 2 rows"):
        Examples(read_texts(["a", "b", "c"]), np.arange(2))
    with pytest.raises(ValueError, match="must be of one length"):
        read_arrays([[1, 2], [3]], "x")


@pytest.mark.parametrize("shuffle", [False, True, "batch"])
def test_an_epoch_is_every_row_once(shuffle):
    batches = Examples(read_texts(list("abcdefghij")), np.arange(10)).batches(
        4, shuffle
    )
    assert batches.num_batches == 3
    epochs = [
        [(row["x"].tolist(), row["y"].tolist()) for row in batches.begin()]
        for _ in range(2)
    ]
    for epoch in epochs:
        texts = [text for xs, _ in epoch for text in xs]
        assert sorted(texts) == list("abcdefghij")
        assert [ord(text) - 97 for text in texts] == [n for _, ys in epoch for n in ys]
        if shuffle == "batch":
            assert sorted(epoch[0][0]) == list("abcd")
    assert (epochs[0] != epochs[1]) == bool(shuffle)


def test_what_gives_batches():
    dataset = tf.data.Dataset.from_tensors(tf.constant(["a"]))
    generator = (batch for batch in [["a"], ["b", "c"]])
    assert gives_batches(dataset)
    assert gives_batches(generator)
    assert not gives_batches(["a"])
    assert not gives_batches(("a", "b"))
    batches = python_batches(generator, lambda batch: Examples(read_texts(batch)))
    assert [lists(batch["x"]) for batch in batches.begin()] == [["a"], ["b", "c"]]
    assert list(batches.begin()) == []  # it comes once
    with pytest.raises(ValueError, match="no batches to read"):
        python_batches(iter(()), Examples)


def test_validation_data_of_texts_alone():
    assert unpacked(["a", "b"])[0] == ["a", "b"]
    assert unpacked([("a", "b"), ("c", "d")])[0] == [("a", "b"), ("c", "d")]
    assert unpacked((["a"], [1]))[1] == [1]
    assert unpacked([np.array(["a"]), np.array([1])])[1] == np.array([1])
