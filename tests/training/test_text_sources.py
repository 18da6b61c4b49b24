"""Corpora that several processes read: the same as one does, errors included."""

import gzip
import json
import os
import random

import pytest
import yaml

from xlm_tf.text.vocabulary import train_vocabulary
from xlm_tf.training import corpus_files
from xlm_tf.training.finetuning_data import FinetuningData
from xlm_tf.training.prepare import prepare
from xlm_tf.training.recipe_loader import load_recipe
from xlm_tf.training.text_sources import read_corpora

MODEL = {
    "num_layers": 1,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 16,
    "max_sequence_length": 64,
}
PAIR = {"source_language": "en", "target_language": "fr"}
ALIGNED = {**PAIR, "source_file": "c.en.txt", "target_file": "c.fr.txt"}
WORDS = (
    "the a Straße HOUSE house tree  river old green \u00a0 runs sees maison ἄνθρωπος"
)


@pytest.fixture(autouse=True)
def however_little(monkeypatch):
    """Little text is read by several processes, too, where they are asked for."""
    monkeypatch.setattr(corpus_files, "WORTH", 1)


def sentences(count, seed):
    draw = random.Random(seed)
    words = WORDS.split(" ")
    return [" ".join(draw.choices(words, k=draw.randint(3, 9))) for _ in range(count)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Texts of all kinds, lines that cannot be read among them, and a vocabulary."""
    folder = tmp_path_factory.mktemp("corpora")
    for number in range(5):
        lines = "\n".join(sentences(200, number)).encode()
        (folder / f"en.{number}.txt").write_bytes(lines + b"\n\xff broken\n")
    documents = "\n\n".join("\n".join(sentences(4, 9 + n)) for n in range(80))
    (folder / "fr.0.txt.gz").write_bytes(gzip.compress(documents.encode()))
    (folder / "fr.1.txt").write_text("\n".join(sentences(300, 6)), encoding="utf-8")
    pairs = list(zip(sentences(300, 7), sentences(300, 8), strict=True))
    lines = "".join(f"{source}\t{target}\n" for source, target in pairs)
    (folder / "a.tsv").write_text(f"{lines}no pair\n", encoding="utf-8")
    rows = [json.dumps({"source": x, "target": y}) for x, y in pairs[:100]]
    (folder / "b.jsonl").write_text("\n".join(rows), encoding="utf-8")
    for name, side in (("en", 0), ("fr", 1)):
        text = "\n".join(pair[side] for pair in pairs[200:])
        (folder / f"c.{name}.txt").write_text(text, encoding="utf-8")
    catalogue = folder / "locale" / "fr" / "LC_MESSAGES" / "shop.po"
    catalogue.parent.mkdir(parents=True)
    catalogue.write_text(
        "".join(f'msgid "Page {n}"\nmsgstr "La page {n}"\n\n' for n in range(30))
    )
    corpora = {"en": lambda: iter(sentences(300, 10))}
    train_vocabulary(corpora, 45, folder / "vocabulary.spm")
    return folder


def recipe_of(folder, **changes):
    recipe = {
        "output": "unused",
        "vocabulary": "vocabulary.spm",
        "model": MODEL,
        "data": {
            "monolingual": {
                "en": [f"en.{number}.txt" for number in range(5)],
                "fr": ["fr.0.txt.gz", "fr.1.txt"],
            },
            "bitext": [
                {**PAIR, "files": ["a.tsv", "b.jsonl"]},
                ALIGNED,
            ],
            "gettext": ["."],
            "gettext_languages": ["fr"],
        },
        "objectives": {"mlm": 1, "tlm": 1},
        "training": {"steps": 1, "sequence_length": 64},
        **changes,
    }
    recipe = {name: value for name, value in recipe.items() if value is not None}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return load_recipe(folder / "recipe.yaml")


def content_of(folder):
    """dict from names to content; without when files were written."""
    content = {path.name: path.read_bytes() for path in folder.iterdir()}
    index = content.pop("index.json").decode().splitlines()
    return content | {"index.json": [x for x in index if '"changed"' not in x]}


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"held_out_share": 0.1},
        {"held_out_fold": {"fold": 2, "folds": 3}},
        {"held_out": {"monolingual": {"en": ["fr.1.txt"]}, "bitext": [ALIGNED]}},
    ],
    ids=["share", "fold", "given"],
)
def test_any_number_of_processes_prepares_the_same(folder, tmp_path, capsys, changes):
    recipe = recipe_of(folder, **changes)
    said = []
    for processes in (1, 2, 3):
        output = tmp_path / str(processes)
        prepare(recipe, output, processes=processes)
        said.append(capsys.readouterr().out.replace(str(output), "FOLDER"))
    assert "en.4.txt:201: not UTF-8" in said[0]
    assert "a.tsv:301: columns must be source and target" in said[0]
    assert said[1:] == said[:1] * 2
    one = content_of(tmp_path / "1")
    assert {"texts.en.00000.tokens.bin", "pairs.en-fr.00000.offsets.bin"} < {*one}
    for processes in (2, 3):
        assert content_of(tmp_path / str(processes)) == one


@pytest.mark.parametrize(
    "changes",
    [{"held_out_share": 0.1}, {"held_out_fold": {"fold": 2, "folds": 3}}, {}],
    ids=["share", "fold", "given"],
)
def test_any_number_of_processes_finetunes_on_the_same(folder, changes):
    recipe = recipe_of(
        folder,
        vocabulary=None,
        vocabulary_size=45,
        objectives=None,
        data=[{**PAIR, "files": ["a.tsv", "b.jsonl"]}, ALIGNED],
        training={"steps": 1, "source_length": 64, "target_length": 64},
        **(changes or {"held_out": [ALIGNED]}),
    )
    one, *others = (FinetuningData(recipe, processes) for processes in (1, 2, 3))
    assert one.held_out[0].sources
    for other in others:
        assert other.texts() == one.texts()
        assert other.held_out == one.held_out
        assert other.split_sizes == one.split_sizes
        assert other.reports == one.reports
        assert other.train[("en", "fr")].count == one.train[("en", "fr")].count


def read_by(recipe, processes):
    with pytest.raises((ValueError, OSError)) as caught:
        read_corpora(recipe, processes)
    return type(caught.value), str(caught.value)


def test_the_first_error_is_that_of_one_process(folder, tmp_path):
    # Of which the later ones are there sooner: a file that is read first, or at once.
    whole = gzip.compress(os.urandom(300_000))
    (tmp_path / "fr.txt.gz").write_bytes(whole[:-100])
    (tmp_path / "binary.txt").write_bytes(b"text\n" + b"\xff\n" * 20_000)
    (tmp_path / "short.txt").write_text("One line.\n")
    (tmp_path / "en.txt").write_text("\n".join(sentences(2000, 1)), encoding="utf-8")
    texts = {"de": ["binary.txt"], "en": ["en.txt"], "fr": ["fr.txt.gz"]}
    aligned = {**PAIR, "source_file": "en.txt", "target_file": "short.txt"}
    data = {"monolingual": texts, "bitext": [aligned]}
    vocabulary = str(folder / "vocabulary.spm")
    expected = ["lines cannot be read", "not a whole gzip file", "as many lines"]
    for language, said in zip(("de", "fr", None), expected, strict=True):
        recipe = recipe_of(tmp_path, vocabulary=vocabulary, data=data)
        one = read_by(recipe, 1)
        assert said in one[1]
        assert read_by(recipe, 3) == one
        texts.pop(language, None)
