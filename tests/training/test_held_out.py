"""Texts set aside: which, how many, and that nothing of them is trained on."""

import collections
import gzip

import pytest
import yaml

from xlm_tf.training import held_out
from xlm_tf.training.finetuning_data import FinetuningData
from xlm_tf.training.held_out import Selection, documents, text_key
from xlm_tf.training.pretraining_data import PretrainingData
from xlm_tf.training.recipe_loader import load_recipe

MODEL = {
    "num_layers": 1,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 16,
    "max_sequence_length": 64,
}
ENGLISH = [f"The page {number} was not found." for number in range(300)]
FRENCH = [f"La page {number} n'a pas été trouvée." for number in range(300)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\nc\n", [["a"], ["b"], ["c"]]),
        ("a\nb\n\nc\n", [["a", "b"], ["c"]]),
        ("\n\na\nb\n\n \nc\nd\n\n", [["a", "b"], ["c", "d"]]),
        ("", []),
    ],
)
def test_lines_between_empty_lines_are_documents(tmp_path, text, expected):
    path = tmp_path / "text.txt.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write(text)
    assert list(documents([path])) == expected


def test_long_stretches_are_single_lines(tmp_path, monkeypatch):
    monkeypatch.setattr(held_out, "MAX_DOCUMENT", 3)
    path = tmp_path / "text.txt"
    path.write_text("a\nb\nc\n\nd\ne\nf\ng\nh\n\ni\n", encoding="utf-8")
    assert list(documents([path, path])) == 2 * [
        ["a", "b", "c"],
        *([letter] for letter in "defgh"),
        ["i"],
    ]


def select(examples, share):
    selection = Selection(share)
    for example in examples:
        selection.add(text_key(example), [example])
    return selection.examples()


def test_a_selection_is_a_share_whatever_the_order():
    texts = [f"text {number}" for number in range(1000)]
    chosen = select(texts, 0.05)
    assert len(chosen) == 50
    assert chosen == select(reversed(texts), 0.05)
    assert select(["one text"], 0.01) == ["one text"]
    # Copies are one text, on one side.
    assert set(select(3 * texts, 0.01)) <= set(chosen)
    assert len(set(select(3 * texts, 0.01))) == len(select(3 * texts, 0.01)) == 30


def test_a_selection_has_an_end(monkeypatch):
    monkeypatch.setattr(held_out, "MAX_HELD_OUT", 20)
    texts = [f"text {number}" for number in range(1000)]
    chosen = select(texts, 0.4)
    assert len(chosen) == 20
    keys = sorted(map(text_key, texts))
    assert sorted(map(text_key, chosen)) == keys[:20]


def test_case_and_spaces_make_no_other_text():
    assert text_key("The  FILE ") == text_key("the file")
    assert text_key("the files") != text_key("the file")


def write(folder, name, lines):
    (folder / name).write_text("".join(f"{x}\n" for x in lines), encoding="utf-8")


def load(folder, loader, content):
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({"output": "run", **content}), encoding="utf-8")
    return loader(path)


def texts_of(source, names):
    return [
        tuple(example[name].decode("utf-8") for name in names)
        for example in source.as_numpy_iterator()
    ]


@pytest.fixture
def folder(tmp_path):
    # The English text has copies, in other spellings, and is a side of the pairs.
    write(tmp_path, "en.txt", [*ENGLISH, *(text.upper() for text in ENGLISH)])
    pairs = [f"{en}\t{fr}" for en, fr in zip(ENGLISH, FRENCH, strict=True)]
    # Another source of the same target.
    pairs += [f"Not found: {n}\t{FRENCH[n]}" for n in range(300)]
    write(tmp_path, "pairs.tsv", pairs)
    return tmp_path


@pytest.mark.slow
def test_nothing_held_out_is_pretrained_on(folder, tokenizer):
    (folder / "vocabulary.model").write_bytes(tokenizer.proto)
    bitext = {"source_language": "en", "target_language": "fr", "files": ["pairs.tsv"]}
    recipe = load(
        folder,
        load_recipe,
        {
            "vocabulary": "vocabulary.model",
            "model": MODEL,
            "data": {"monolingual": {"en": ["en.txt"]}, "bitext": [bitext]},
            "held_out_share": 0.05,
            "objectives": {"mlm": 1, "tlm": 1},
            "training": {"steps": 1, "sequence_length": 64},
        },
    )
    data = PretrainingData(recipe, tokenizer)
    # French is learnt from its sides of the pairs.
    assert data.evaluation_groups() == ["mlm/en", "mlm/fr", "tlm/en-fr"]
    held_out_keys = {
        text_key(text)
        for objective, names in (("mlm", ["text"]), ("tlm", ["source", "target"]))
        for source in data.held_out_sources[objective].values()
        for texts in texts_of(source.examples, names)
        for text in texts
    }
    assert len(texts_of(data.held_out_sources["mlm"]["en"].examples, ["text"])) == 30
    for objective, names in (("mlm", ["text"]), ("tlm", ["source", "target"])):
        for source in data.train_sources[objective].values():
            texts = texts_of(source.examples, names)
            assert source.count == len(texts) > 200
            for text in (text for own in texts for text in own):
                assert text_key(text) not in held_out_keys
    # And it can be batched.
    inputs, _, _ = next(iter(data.train_batches()))
    assert inputs["token_ids"].shape == (32, 64)
    *_, group = next(iter(data.evaluation_batches()))
    assert group.shape == (32,)


def test_nothing_held_out_is_finetuned_on(folder):
    lines = [f"Bad request {n}\tRequête {n}\n" * 2 for n in range(40)]
    (folder / "more.tsv").write_text("".join(lines), encoding="utf-8")
    entry = {"source_language": "en", "target_language": "fr"}
    recipe = load(
        folder,
        load_recipe,
        {
            "vocabulary_size": 100,
            "model": MODEL,
            "data": [
                {**entry, "files": ["pairs.tsv"]},
                {**entry, "files": ["more.tsv"]},
            ],
            "held_out_share": 0.1,
            "training": {"steps": 1, "source_length": 64, "target_length": 64},
        },
    )
    data = FinetuningData(recipe)
    (examples,) = data.held_out
    assert examples.name == "en-fr"
    assert 60 <= len(examples.sources) <= 68
    assert all(examples.references)
    held_out_keys = {
        text_key(text)
        for texts in (examples.sources, *examples.references)
        for text in texts
    }
    trained = [texts_of(pairs, ["source", "target"]) for _, pairs in data.train]
    for text in (text for own in trained for pair in own for text in pair):
        assert text_key(text) not in held_out_keys
    # Copies that are trained on stay copies.
    assert set(collections.Counter(trained[1]).values()) == {2}
    assert data.texts() == {
        "en": [source for own in trained for source, _ in own],
        "fr": [target for own in trained for _, target in own],
    }


def test_too_little_to_hold_out(tmp_path):
    write(tmp_path, "pairs.tsv", ["Yes.\tOui.", "yes.\toui."])
    entry = {"source_language": "en", "target_language": "fr", "files": ["pairs.tsv"]}
    recipe = load(
        tmp_path,
        load_recipe,
        {
            "vocabulary_size": 100,
            "model": MODEL,
            "data": [entry],
            "training": {"steps": 1, "source_length": 64, "target_length": 64},
        },
    )
    with pytest.raises(ValueError, match=r"en-fr in recipe\.data are too few"):
        FinetuningData(recipe)
