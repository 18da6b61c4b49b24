"""Texts, pairs and languages that belong together, and those that do not."""

import pytest
import tensorflow as tf

from xlm_tf import XLMTextClassifierPreprocessor

# Each with one field that has other rows than `text`.
MISFITS = [
    {"text": ["a", "b", "c"], "text_pair": ["d"]},
    {"text": ["a"], "text_pair": ["b", "c", "d"]},
    {"text": [], "text_pair": ["b"]},
    {"text": ["a", "b", "c"], "language": ["de", "en"]},
    {"text": ["a"], "text_pair": ["b"], "language_pair": ["de", "en"]},
]


@pytest.mark.parametrize("fields", MISFITS)
def test_fields_of_different_lengths(tokenizer, fields):
    """Refused before an op reads them: by shape, and within a graph that has none."""
    preprocessor = XLMTextClassifierPreprocessor(
        tokenizer, sequence_length=32, languages=["de", "en"], language="de"
    )
    with pytest.raises(ValueError, match="must hold one string for every"):
        preprocessor.pack(fields)
    tensors = {name: tf.constant(value, tf.string) for name, value in fields.items()}
    spec = {name: tf.TensorSpec([None], tf.string) for name in fields}
    graph = tf.function(preprocessor.pack, input_signature=[spec])
    with pytest.raises(tf.errors.InvalidArgumentError, match="must hold one string"):
        graph(tensors)
    fitting = {name: tf.constant(["de"] * 3) for name in fields}
    assert graph(fitting)["token_ids"].shape[0] == 3
    none = {name: tf.constant([], tf.string) for name in fields}
    assert graph(none)["token_ids"].shape == (0, 16)


def test_one_text_for_all_is_not_a_pair(pack):
    with pytest.raises(ValueError, match="a single one for a list"):
        pack({"text": ["a", "b"], "text_pair": "c"})
    with pytest.raises(ValueError, match=r"the shape \(1, 3\)"):
        pack([["a", "b", "c"]])
    one_for_all = {"text": ["fox", "dog"], "language": ["en"]}
    packed = pack(one_for_all, languages=["de", "en"])
    assert (packed["language_ids"] == 1).all()


def test_rows_of_one_text_and_of_two(pack):
    column, texts = pack([["fox"], ["dog"]]), pack(["fox", "dog"])
    assert column["token_ids"].tolist() == texts["token_ids"].tolist()
    rows, pairs = pack([("fox", "a"), ("dog", "b")]), pack((["fox", "dog"], ["a", "b"]))
    assert rows["token_ids"].tolist() == pairs["token_ids"].tolist()
