"""YAML 1.2's idea of keys, numbers and truth."""

import pytest

from xlm_tf.training.recipe_yaml import read_yaml, write_yaml


@pytest.fixture
def read(tmp_path):
    path = tmp_path / "recipe.yaml"

    def write_and_read(text):
        path.write_text(text, encoding="utf-8")
        return read_yaml(path)

    return write_and_read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("5.0e-4", 5e-4),
        ("-.5", -0.5),
        ("1E5", 1e5),
        ("3", 3),
        ("3.0", 3.0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("no", "no"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("1e-4x", "1e-4x"),
        ("'3'", "3"),
        ("1.2.3", "1.2.3"),
        ("e3", "e3"),
        ("010", 10),
        ("-0x1F", "-0x1F"),
        ("0x1F", 31),
        ("0o17", 15),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2020-13-45", "2020-13-45"),
        ("2020-01-01", "2020-01-01"),
        ("=", "="),
    ],
)
def test_scalars(read, text, value):
    read_value = read(f"a: {text}")["a"]
    assert (read_value, type(read_value)) == (value, type(value))


@pytest.mark.parametrize("key", ["no", "on", "yes", "n", "off", "3", "1e3", "null"])
def test_keys_are_text(read, key):
    assert list(read(f"{key}: 1")) == [key]


def test_a_key_that_stands_there_twice(read):
    with pytest.raises(ValueError, match=r"recipe\.yaml, line 2: 'a' .* twice"):
        read("a: 1\na: 2\n")
    with pytest.raises(ValueError, match="line 3: 'fr' stands there twice"):
        read("a:\n  fr: [x]\n  fr: [y]\n")
    with pytest.raises(ValueError, match="a key must be text"):
        read("? [a, b]\n: 1\n")


def test_merge_keys(read):
    content = read("a:\n  <<: {steps: 1, seed: 7}\n  steps: 10\n")
    assert content == {"a": {"steps": 10, "seed": 7}}


def test_what_is_not_a_recipe(read, tmp_path):
    with pytest.raises(FileNotFoundError, match="no recipe"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(ValueError, match="is not YAML") as raised:
        read("a: [")
    assert len(str(raised.value).splitlines()) == 1
    with pytest.raises(ValueError, match="must hold fields"):
        read("- a list")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: !!int x", "line 2: 'x' is no int: "),
        ("a: !!bool maybe", "line 1: 'maybe' is no bool: "),
        ("a: !!timestamp never", "line 1: 'never' is no timestamp: "),
        ("a: [!!float x]", "line 1: 'x' is no float: "),
        ("a: " + "9" * 5000, r"line 1: '9{40}' is no int: "),
        ("a: " + "[" * 5000 + "]" * 5000, "is nested too deeply"),
    ],
)
def test_values_that_are_none(read, text, said):
    with pytest.raises(ValueError, match=rf"recipe\.yaml.*{said}"):
        read(text)


@pytest.mark.parametrize(
    "text", ["010", "0o17", "2020-01-01", "1:30", "1_000", "=", "+1"]
)
def test_text_stays_text(read, text):
    assert read(write_yaml({"a": text})) == {"a": text}
