"""Datasets by name: here of local folders, which `datasets` reads the same way."""

import datasets
import huggingface_hub
import pytest

from xlm_tf.data.hub_datasets import fetch_dataset
from xlm_tf.data.tables import read_table
from xlm_tf.data.tagged_words import read_tagged_words

TEXTS = ["Good.", "Bad.", "Schön."]


def save(rows, features, folder, split):
    dataset = datasets.Dataset.from_dict(rows, datasets.Features(features))
    folder.mkdir(parents=True, exist_ok=True)
    dataset.to_parquet(str(folder / f"{split}-00000-of-00001.parquet"))


@pytest.fixture
def sentiment(tmp_path):
    """A folder of texts whose classes are numbers with names."""
    folder = tmp_path / "sentiment"
    features = {
        "text": datasets.Value("string"),
        "label": datasets.ClassLabel(names=["negative", "positive"]),
    }
    save({"text": TEXTS, "label": [1, 0, 1]}, features, folder, "train")
    save({"text": TEXTS[:1], "label": [-1]}, features, folder, "test")
    return str(folder)


def test_classes_have_their_names(sentiment, tmp_path):
    path = fetch_dataset(sentiment, None, "train", tmp_path / "kept")
    rows, _ = read_table(path, {"text": "text", "label": "label"})
    assert rows == [
        {"text": "Good.", "label": "positive"},
        {"text": "Bad.", "label": "negative"},
        {"text": "Schön.", "label": "positive"},
    ]
    part = fetch_dataset(sentiment, None, "train[:2]", tmp_path / "kept")
    assert len(read_table(part, {"text": "text"})[0]) == 2


def test_a_hidden_class_is_none(sentiment, tmp_path):
    path = fetch_dataset(sentiment, None, "test", tmp_path)
    rows, _ = read_table(path, {"text": "text", "label": "label"}, optional=["label"])
    assert rows == [{"text": "Good.", "label": ""}]


def test_what_was_fetched_is_kept(sentiment, tmp_path, monkeypatch):
    first = fetch_dataset(sentiment, None, "train", tmp_path)
    monkeypatch.setattr(datasets, "load_dataset", None)
    assert fetch_dataset(sentiment, None, "train", tmp_path) == first


def test_lists_of_classes_are_tags(tmp_path):
    features = {
        "tokens": datasets.List(datasets.Value("string")),
        "ner_tags": datasets.List(datasets.ClassLabel(names=["O", "B-LOC"])),
    }
    rows = {"tokens": [["In", "Rom"], []], "ner_tags": [[0, 1], []]}
    save(rows, features, tmp_path / "names", "train")
    path = fetch_dataset(str(tmp_path / "names"), None, "train", tmp_path / "kept")
    read, _ = read_tagged_words(path, tags="ner_tags")
    assert [(row["words"], row["tags"]) for row in read] == [
        (["In", "Rom"], ["O", "B-LOC"])
    ]


@pytest.mark.parametrize(
    ("name", "config", "split", "message"),
    [
        (None, None, "dev", "split dev, cannot be loaded: .*dev"),
        (None, "fr", "train", "fr, split train, cannot be loaded"),
        ("nowhere/nothing", None, "train", "nowhere/nothing, split train, cannot"),
    ],
)
def test_what_is_not_there_is_named(
    sentiment, tmp_path, monkeypatch, name, config, split, message
):
    # The variable of this name is read when they are imported.
    for constants in (datasets.config, huggingface_hub.constants):
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match=message):
        fetch_dataset(name or sentiment, config, split, tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
