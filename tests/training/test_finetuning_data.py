"""Which texts are one example, and which lines are written of it."""

import json

import pytest
import yaml

from xlm_tf import XLMMaskedLM, XLMSeq2SeqLMPreprocessor
from xlm_tf.training.finetuning_data import EvaluationSet, FinetuningData
from xlm_tf.training.recipe_loader import load_recipe

EN_FR = {"source_language": "en", "target_language": "fr"}


@pytest.fixture
def read(tmp_path):
    """Function that reads one file of pairs, by its name and lines, as a test."""
    train = tmp_path / "train.tsv"
    train.write_text("Yes.\tOui.\nNo.\tNon.\n", encoding="utf-8")

    def read_test(*entries, **files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", ".")
            content = text if isinstance(text, bytes) else text.encode("utf-8")
            path.write_bytes(content)
        recipe = {
            "output": "run",
            "vocabulary_size": 100,
            "model": {
                "num_layers": 1,
                "num_heads": 1,
                "hidden_dim": 8,
                "intermediate_dim": 8,
            },
            "data": [{**EN_FR, "files": ["train.tsv"]}],
            "held_out": [{**EN_FR, "files": ["train.tsv"]}],
            "test": [{**EN_FR, **entry} for entry in entries],
            "training": {"steps": 1},
        }
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
        return FinetuningData(load_recipe(path))

    return read_test


def test_directions_are_drawn_by_size_or_alike(tmp_path):
    (tmp_path / "many.tsv").write_text(
        "".join(f"many {i}\tviele {i}\n" for i in range(90)), encoding="utf-8"
    )
    for name in ("few", "fewer"):
        (tmp_path / f"{name}.tsv").write_text(
            "".join(f"{name} {i}\tpeu {i}\n" for i in range(5)), encoding="utf-8"
        )

    def sources(alpha, count, skip=0):
        recipe = {
            "output": "run",
            "initial_model": "xlm_tiny",
            "data": [
                {"source_language": "en", "target_language": "de"}
                | {"files": ["many.tsv"]},
                {**EN_FR, "files": ["few.tsv", "fewer.tsv"]},
            ],
            "held_out": [{**EN_FR, "files": ["few.tsv"]}],
            "training": {"steps": 1, "source_length": 16, "target_length": 16}
            | ({} if alpha is None else {"language_alpha": alpha})
            | {"tokens_per_batch": 64},
        }
        path = tmp_path / "recipe.yaml"
        # One target, of a model that is told none.
        recipe["data"][0]["target_language"] = "fr"
        recipe["data"][0]["source_language"] = "de"
        path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
        data = FinetuningData(load_recipe(path))
        masked_lm = XLMMaskedLM.from_preset("xlm_tiny")
        tokenizer = masked_lm.preprocessor.tokenizer
        preprocessor = XLMSeq2SeqLMPreprocessor(tokenizer, 16)
        batches = data.train_batches(preprocessor).skip(skip).take(count)
        ids = [x["encoder_token_ids"].numpy() for x, _, _ in batches]
        return [tokenizer.decode(row.tolist()) for rows in ids for row in rows]

    by_size = sources(None, 20)
    assert by_size == sources(1.0, 20)
    alike = sources(0.0, 40)
    share = sum(text.startswith("few") for text in alike) / len(alike)
    assert share == pytest.approx(0.5, abs=0.15)
    assert {text.split()[0] for text in alike} == {"many", "few", "fewer"}
    assert sources(0.0, 5, skip=35) == alike[-len(sources(0.0, 5, skip=35)) :]
    share = sum(text.startswith("few") for text in by_size) / len(by_size)
    assert share < 0.3


def test_references_of_one_source_are_one_example(read):
    lines = [
        {"source": "Hello.", "fr": ["Bonjour.", "Salut."]},
        {"source": "Bye.", "target": "Adieu."},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    data = read(
        {"files": ["a.jsonl"]},
        {"files": ["b.tsv"]},
        {"source_file": "c.en", "target_file": "c.fr"},
        a__jsonl=text,
        b__tsv="Hello.\tBonjour.\nHello.\tSalut.\nBye.\tAdieu.\n",
        c__en="Hello.\nHello.\nBye.\n",
        c__fr="Bonjour.\nSalut.\nAdieu.\n",
    )
    for examples, number_of_lines in zip(data.test, (2, 3, 3), strict=True):
        assert examples.sources == ["Hello.", "Bye."]
        assert examples.references == [["Bonjour.", "Salut."], ["Adieu."]]
        assert len(examples.lines) == number_of_lines
    assert data.test[0].lines == [0, 1]
    assert data.test[1].lines == data.test[2].lines == [0, 0, 1]


def test_every_line_of_the_file_has_its_place(read):
    data = read(
        {"source_file": "a.en", "target_file": "a.fr"},
        {"files": ["b.tsv"]},
        {"files": ["c.jsonl"]},
        a__en=b"Hello.\n\nBye.\n \n\xff\xfe\nYes.\n",
        a__fr=b"Bonjour.\nrien\n\n\n\nOui.\n",
        b__tsv="Hello.\tBonjour.\n\n\tvide\nBye.\t\nYes.\tOui.\nlost\n",
        c__jsonl='{"en": "Hello.", "fr": "Bonjour."}\n\n{"en": "Bye.", "fr": ""}\n'
        '{"en": "", "fr": "rien"}\n[]\n{"en": "Yes.", "fr": "Oui."}\n',
    )
    for examples, lines in zip(
        data.test,
        (
            [0, None, 1, None, None, 2],
            [0, None, None, 1, 2, None],
            [0, None, 1, None, None, 2],
        ),
        strict=True,
    ):
        assert examples.sources == ["Hello.", "Bye.", "Yes."]
        assert examples.references == [["Bonjour."], [], ["Oui."]]
        assert examples.lines == lines
    assert sum(report.broken for report in data.reports) == 3


def test_a_source_after_another_one_is_another_example():
    lines = [[("a", "1")], [("b", "2")], [("a", "3")]]
    examples = EvaluationSet.of("en-fr", ("en", "fr"), lines)
    assert examples.sources == ["a", "b", "a"]
    assert examples.lines == [0, 1, 2]


def test_entries_of_one_direction_have_names(read):
    text = "Hello.\tBonjour.\n"
    files = {"news__2014__tsv": text, "talks__tsv": text, "x__en": "a\n", "x__fr": "b"}
    data = read(
        {"files": ["news.2014.tsv", "talks.tsv"]},
        {"files": ["talks.tsv"]},
        {"source_file": "x.en", "target_file": "x.fr"},
        {"files": ["talks.tsv"], "name": "mine"},
        **files,
    )
    assert [own.name for own in data.test] == [
        "en-fr/news.2014",
        "en-fr/talks",
        "en-fr/x",
        "en-fr/mine",
    ]
    assert [own.name for own in read({"files": ["talks.tsv"]}).test] == ["en-fr"]
    alone = read({"files": ["talks.tsv"], "name": "mine"})
    assert [own.name for own in alone.test] == ["en-fr/mine"]


def test_an_empty_test_is_said_before_the_training(read):
    with pytest.raises(ValueError, match=r"a\.tsv: there is no text"):
        read({"files": ["a.tsv"]}, a__tsv="\t\n")
