import pytest
import tensorflow as tf

from xlm_tf.text.languages import language_index, language_probabilities


def test_a_language_is_its_place_in_the_list():
    languages = ["ar", "en", "fr", "zh"]
    index = language_index(tf.constant(["fr", "ar", "zh", "fr"]), languages)
    assert index.dtype == tf.int32
    assert index.numpy().tolist() == [2, 0, 3, 2]
    graph = tf.function(lambda language: language_index(language, languages))
    assert graph(tf.constant(["en"])).numpy().tolist() == [1]


def test_an_unknown_language_is_an_error_that_names_it():
    graph = tf.function(lambda language: language_index(language, ["en", "fr"]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="sw"):
        graph(tf.constant(["en", "sw"]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="sw"):
        language_index(tf.constant(["sw"]), ["en", "fr"])


@pytest.mark.parametrize(
    ("alpha", "expected"),
    [(1.0, [0.9, 0.1]), (0.5, [0.75, 0.25]), (0.0, [0.5, 0.5]), (9e5, [1, 0])],
)
def test_probabilities_are_smoothed_shares(alpha, expected):
    probabilities = language_probabilities({"en": 900, "sw": 100}, alpha)
    assert list(probabilities) == ["en", "sw"]
    assert list(probabilities.values()) == pytest.approx(expected)


def test_languages_without_sentences_are_named():
    with pytest.raises(ValueError, match="without: sw, ur"):
        language_probabilities({"en": 900, "sw": 0, "ur": 0}, 0.5)
