import json

import pytest

from xlm_tf.data.pairs import (
    read_aligned_pairs,
    read_bitext_pairs,
    read_pair_table,
)


def write(path, *lines):
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_negatives_of_a_table(tmp_path):
    path = write(
        tmp_path / "a.csv",
        "q,a,n1,n2,topic",
        'Où ?,"Ici, là.",Non.,Jamais.,x',
        "Who?,Me.,,You.,x",
        "When?,Now.,,,y",
        "What?,,Not.,,y",
    )
    rows, report = read_pair_table(path, "q", "a", ["n1", "n2"], group="topic")
    assert rows == [
        {
            "source": "Où ?",
            "target": "Ici, là.",
            "negatives": ["Non.", "Jamais."],
            "group": "x",
        },
        {"source": "Who?", "target": "Me.", "negatives": ["You."], "group": "x"},
    ]
    reasons = [(x.line_number, x.reason) for x in report.broken_lines]
    assert reasons == [(4, "no negative"), (5, "nothing in the column 'a'")]


def test_scores_of_a_table(tmp_path):
    rows = [
        {"source": "a", "target": "b", "s": 1.5},
        {"source": "c", "target": "d", "s": "-2e1"},
        {"source": "e", "target": "f", "s": "high"},
        {"source": "g", "target": "h", "s": "inf"},
        {"source": "i", "target": "j", "s": None},
        {"source": "k", "target": "l", "s": 0},
        {"source": "m", "target": "n", "s": 3},
    ]
    path = write(tmp_path / "a.jsonl", *map(json.dumps, rows))
    found, report = read_pair_table(path, score="s")
    assert [row["number"] for row in found] == [1.5, -20.0, 0.0, 3.0]
    assert [x.line_number for x in report.broken_lines] == [3, 4, 5]
    assert "'high', not a number" in report.broken_lines[0].reason


def test_columns_that_are_not_there(tmp_path):
    path = write(tmp_path / "a.tsv", "source\ttarget", "a\tb")
    for arguments in ({"negatives": ["n"]}, {"score": "n"}, {"language": "n"}):
        with pytest.raises(ValueError, match="no column 'n'"):
            read_pair_table(path, **arguments)
    with pytest.raises(ValueError, match="no column 'text'"):
        read_pair_table(path, "text")


def test_lines_that_belong_together(tmp_path):
    paths = [
        write(tmp_path / "a.en", "One", "", "Three"),
        write(tmp_path / "a.de", "Eins", "Zwei", "Drei"),
    ]
    rows, report = read_aligned_pairs(*paths)
    assert [row["target"] for row in rows] == ["Eins", "Drei"]
    assert (report.sentences, report.empty) == (2, 1)
    write(paths[1], "Eins")
    with pytest.raises(ValueError, match=r"as many lines.*3.*1"):
        read_aligned_pairs(*paths)


def test_files_of_translation(tmp_path):
    paths = [
        write(tmp_path / "a.tsv", "One\tEins", "broken", "Two\tZwei"),
        write(tmp_path / "b.jsonl", json.dumps({"en": "Three", "de": ["Drei", "3"]})),
    ]
    rows, report = read_bitext_pairs(paths, "en", "de")
    targets = [row["target"] for row in rows]
    assert targets == ["Eins", "Zwei", "Drei", "3"]
    assert report.broken_lines[0].line_number == 2
