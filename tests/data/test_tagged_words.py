"""Tagged words as people have them: CoNLL in its dialects, treebanks, lists in JSON."""

import gzip
import json

import pandas
import pytest

from xlm_tf.data.tagged_words import (
    iterate_tagged_words,
    read_tagged_words,
    write_tagged_words,
)

ROWS = [
    {
        "words": ["Angela", "Merkel", "sprach", "."],
        "tags": ["B-PER", "I-PER", "O", "O"],
    },
    {"words": ["北京", "#", "_"], "tags": ["B-LOC", "O", "O"]},
]


def write(path, content):
    data = content if isinstance(content, bytes) else content.encode("utf-8")
    with (gzip.open if path.suffix == ".gz" else open)(path, "wb") as file:
        file.write(data)
    return path


def conll(separator="\t", middle=(), end="\n"):
    lines = []
    for row in ROWS:
        for word, tag in zip(row["words"], row["tags"], strict=True):
            lines.append(separator.join([word, *middle, tag]))
        lines.append("")
    return end.join(lines) + end


@pytest.mark.parametrize("name", ["a.conll", "a.bio", "a.IOB.gz", "a.txt"])
@pytest.mark.parametrize(
    "text",
    [
        conll(),
        conll(" "),
        "\ufeff" + conll("  ", ["NNP", "-X-"]),
        "-DOCSTART- -X- O\n\n" + conll("\t", ["with spaces"], "\r\n"),
        "\n\n" + conll().rstrip("\n"),
    ],
)
def test_dialects_of_conll_give_the_same_rows(tmp_path, name, text):
    rows, report = read_tagged_words(write(tmp_path / name, text), report=None)
    assert rows == ROWS
    assert (report.sentences, report.broken) == (2, 0)


def test_the_tag_is_in_any_column(tmp_path):
    path = write(tmp_path / "a.conll", "Paris NNP B-NP B-LOC\n")
    for column, tag in [(2, "NNP"), ("3", "B-NP"), ("last", "B-LOC")]:
        rows, _ = read_tagged_words(path, tag_column=column)
        assert rows == [{"words": ["Paris"], "tags": [tag]}]
    with pytest.raises(ValueError, match=r"a\.conll:1: column 5 is needed.*are 4"):
        read_tagged_words(path, tag_column=5)
    with pytest.raises(ValueError, match="column 1 holds the word"):
        read_tagged_words(path, tag_column=1)
    for wrong in (0, -1, "upos", True):
        with pytest.raises(ValueError, match=r"tag_column must be .* Received: "):
            read_tagged_words(path, tag_column=wrong)


TREEBANK = """# sent_id = 1
# text = Vámonos al mar
1-2\tVámonos\t_\t_\t_\t_\t_\t_\t_\t_
1\tVamos\tir\tVERB\tV\t_\t0\troot\t_\tNE=O
2\tnos\tnosotros\tPRON\tP\t_\t1\tobj\t_\tNE=O
2.1\tx\tx\tX\t_\t_\t_\t_\t_\t_
3\tde acá\tde acá\tADV\tR\t_\t1\tobl\t_\tNE=O

# sent_id = 2
1\tSí\tsí\tINTJ\t_\t_\t0\troot\t_\tNE=O

"""


def test_treebanks(tmp_path):
    path = write(tmp_path / "a.conllu", TREEBANK)
    rows, _ = read_tagged_words(path)
    assert rows == [
        {"words": ["Vamos", "nos", "de acá"], "tags": ["VERB", "PRON", "ADV"]},
        {"words": ["Sí"], "tags": ["INTJ"]},
    ]
    assert read_tagged_words(path, tag_column="last")[0][1]["tags"] == ["NE=O"]
    rows, report = read_tagged_words(path, tag_column="xpos")
    assert [row["tags"] for row in rows] == [["V", "P", "R"]]
    assert "a.conllu:10: the word 'Sí' has no tag" in report.summary()
    broken = write(tmp_path / "b.conllu", TREEBANK + "x\tNo\tno\tX\t_\t_\t_\t_\t_\t_\n")
    assert "b.conllu:12: the first column is 'x'" in str(
        read_tagged_words(broken)[1].broken_lines[0]
    )
    with pytest.raises(ValueError, match="or one of id, form, lemma, upos"):
        read_tagged_words(path, tag_column="ner")


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.parquet"])
def test_lists_in_columns(tmp_path, name):
    table = [
        {"w": row["words"], "t": row["tags"], "lang": "de", "id": number}
        for number, row in enumerate(ROWS)
    ]
    if name.endswith("parquet"):
        pandas.DataFrame(table).to_parquet(tmp_path / name)
    else:
        write(tmp_path / name, "\n".join(map(json.dumps, table)))
    assert read_tagged_words(tmp_path / name, "w", "t")[0] == ROWS
    rows, _ = read_tagged_words(tmp_path / name, "w", "t", language="lang")
    assert rows == [{**row, "language": "de"} for row in ROWS]
    with pytest.raises(ValueError, match=r"no column 'tags'. It has: 'w'"):
        read_tagged_words(tmp_path / name, "w")
    with pytest.raises(ValueError, match="tag_column is of CoNLL"):
        read_tagged_words(tmp_path / name, "w", "t", tag_column=2)


def test_words_without_tags(tmp_path):
    path = write(tmp_path / "a.txt", "Angela\nMerkel\n\nJa\n")
    words = [["Angela", "Merkel"], ["Ja"]]
    found = [row for _, row, _ in iterate_tagged_words(path, with_tags=False)]
    assert found == [{"words": own} for own in words]
    with pytest.raises(ValueError, match="holds the word, and another one the tag"):
        read_tagged_words(path)
    path = write(tmp_path / "a.jsonl", '{"tokens": ["Ja"]}\n')
    assert read_tagged_words(path, with_tags=False)[0] == [{"words": ["Ja"]}]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"no tag", "3: 1 columns, parted by tabs, not the 2 of the first line"),
        (b"a\tb\tc", "3: 3 columns"),
        (b"\tO", "3: 1 columns"),
        ("\u3000\tO".encode(), r"3: word 1 is '\u3000': nothing, or white space alone"),
        (b"\xff\tO", "3: not UTF-8"),
        (b"a\0\tO", "3: not UTF-8 text: it holds a NUL"),
    ],
)
def test_one_broken_line_leaves_out_its_sentence(tmp_path, line, reason):
    lines = [b"Ja\tO", b"", line, b"Merkel\tB-PER", b"", b"Nein\tO"]
    path = write(tmp_path / "a.conll", b"\n".join(lines))
    rows, report = read_tagged_words(path)
    assert [row["words"] for row in rows] == [["Ja"], ["Nein"]]
    assert (report.sentences, report.broken) == (2, 1)
    assert f"a.conll:{reason}" in report.summary()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"tokens": ["a", "b"], "tags": ["O"]}', "2 words and 1 tags"),
        ('{"tokens": [], "tags": []}', "a sentence without words"),
        ('{"tokens": ["a", " "], "tags": ["O", "O"]}', "word 2 is ' '"),
        ('{"tokens": ["a"], "tags": [""]}', "tag 1 is ''"),
        ('{"tokens": ["a"], "tags": [3]}', 'names are expected, such as "B-PER"'),
        ('{"tokens": [1990], "tags": ["O"]}', "1990 is not a text"),
        ('{"tokens": "a b", "tags": ["O"]}', 'holds "a b", not a list'),
        ('{"tokens": ["a"]}', "the column 'tags' holds null"),
        ('{"tokens": ["\\ud800"], "tags": ["O"]}', "it is not UTF-8"),
        ('{"tokens": ["a\\u0000"], "tags": ["O"]}', "a NUL character"),
        ("[1]", "not a JSON object"),
        ("{", "not JSON"),
    ],
)
def test_broken_objects_are_named(tmp_path, line, reason):
    good = '{"tokens": ["a"], "tags": ["O"]}\n'
    path = write(tmp_path / "a.jsonl", good + line + "\n")
    rows, report = read_tagged_words(path)
    assert rows == [{"words": ["a"], "tags": ["O"]}]
    assert "a.jsonl:2: " in report.summary()
    assert reason in report.summary()


def test_files_that_are_something_else(tmp_path):
    with pytest.raises(ValueError, match=r"expected a file of \.conll"):
        read_tagged_words(write(tmp_path / "a.csv", "a,b\n"))
    with pytest.raises(FileNotFoundError, match=r"missing\.conll"):
        read_tagged_words(tmp_path / "missing.conll")
    with pytest.raises(ValueError, match="UTF-16"):
        read_tagged_words(write(tmp_path / "a.conll", conll().encode("utf-16")))
    with pytest.raises(ValueError, match="there is no text"):
        read_tagged_words(write(tmp_path / "b.conll", "\n\n"))
    with pytest.raises(ValueError, match="a CoNLL file is of one language"):
        read_tagged_words(write(tmp_path / "c.conll", conll()), language="lang")


@pytest.mark.parametrize("name", ["a.conll", "a.conll.gz", "a.jsonl", "a.jsonl.gz"])
def test_what_is_written_is_read(tmp_path, name):
    write_tagged_words(tmp_path / name, ROWS)
    assert read_tagged_words(tmp_path / name)[0] == ROWS
    is_gzip = (tmp_path / name).read_bytes().startswith(b"\x1f\x8b")
    assert is_gzip == name.endswith(".gz")


def test_what_cannot_be_written(tmp_path):
    for word in ("a\tb", " a", "a\n", "-DOCSTART-"):
        rows = [ROWS[0], {"words": [word], "tags": ["O"]}]
        with pytest.raises(ValueError, match=r"Sentence 2: .* CoNLL file"):
            write_tagged_words(tmp_path / "a.conll", rows)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="1 words and 2 tags"):
        write_tagged_words(tmp_path / "a.jsonl", [{"words": ["a"], "tags": ["O", "O"]}])
    with pytest.raises(ValueError, match="are written to"):
        write_tagged_words(tmp_path / "a.conllu", ROWS)


def test_real_sentences(shared_data):
    path = shared_data / "panx" / "panx.dev.zh.jsonl.gz"
    rows, report = read_tagged_words(path)
    assert (report.sentences, report.broken) == (2000, 0)
    assert {tag for row in rows for tag in row["tags"]} == {
        *("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")
    }
