"""Questions in the shapes that they are published in, and spans that are not there."""

import gzip
import json

import pandas
import pytest

from xlm_tf.data.questions import read_questions

CONTEXT = " Das 𝔘nwetter zog\nnach Süden, 308 km weit. "
ROWS = [
    {
        "id": "a",
        "question": "Wohin zog es? ",
        "context": CONTEXT,
        "answers": [("nach Süden", 18), ("Süden", 23)],
    },
    {"id": "b", "question": "Wann?", "context": CONTEXT, "answers": []},
]


def as_lists(answers):
    texts, starts = zip(*answers, strict=True) if answers else ((), ())
    return {"text": list(texts), "answer_start": list(starts)}


def as_objects(answers, name):
    return [{"text": text, name: start} for text, start in answers]


def flat(answers):
    return [{**row, "answers": answers(row["answers"]), "title": "x"} for row in ROWS]


def squad(version):
    questions = []
    for row in ROWS:
        own = {key: row[key] for key in ("id", "question")}
        own["answers"] = as_objects(row["answers"], "answer_start")
        if version == "v2.0":
            own["is_impossible"] = not row["answers"]
            own["plausible_answers"] = [{"text": "no", "answer_start": 0}]
        questions.append(own)
    paragraph = {"context": CONTEXT, "qas": questions}
    return {"version": version, "data": [{"title": "x", "paragraphs": [paragraph]}]}


def write(path, content):
    if not isinstance(content, str):
        content = json.dumps(content, ensure_ascii=False)
    with (gzip.open if path.suffix == ".gz" else open)(path, "wb") as file:
        file.write(content.encode("utf-8"))
    return path


def lines(rows):
    return "\n".join(json.dumps(row) for row in rows)


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("version", ["1.1", "v2.0"])
def test_squad(tmp_path, version, packed):
    path = write(tmp_path / f"a.json{packed}", squad(version))
    rows, report = read_questions(path)
    assert rows == ROWS
    assert (report.sentences, report.broken) == (2, 0)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.json", "a.parquet"])
@pytest.mark.parametrize(
    "answers",
    [
        as_lists,
        lambda own: as_objects(own, "start"),
        lambda own: as_objects(own, "answer_start"),
    ],
)
def test_rows(tmp_path, name, answers):
    path = tmp_path / name
    if name.endswith("parquet"):
        pandas.DataFrame(flat(answers)).to_parquet(path)
    else:
        content = flat(answers) if name.endswith("json") else lines(flat(answers))
        write(path, content)
    assert read_questions(path)[0] == ROWS
    expected = [{**row, "answers": []} for row in ROWS]
    assert read_questions(path, with_answers=False)[0] == expected
    rows, _ = read_questions(path, language="title")
    assert rows[1] == {**ROWS[1], "language": "x"}


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.parquet"])
def test_other_columns(tmp_path, name):
    columns = {"question": "q", "context": "question", "answers": "spans"}
    given = [
        {
            "id": row["id"],
            **{columns[key]: row[key] for key in columns},
            "title": row["title"],
        }
        for row in flat(as_lists)
    ]
    path = tmp_path / name
    if name.endswith("parquet"):
        pandas.DataFrame(given).to_parquet(path)
    else:
        write(path, given if name.endswith("json") else lines(given))
    assert read_questions(path, columns=columns)[0] == ROWS
    with pytest.raises(ValueError, match="context"):
        read_questions(path)
    # What stands in a column whose name is another's now, as it was.
    rows, _ = read_questions(path, columns=columns, group="question", language="title")
    assert [row["group"] for row in rows] == [row["context"] for row in ROWS]
    assert rows[0]["language"] == "x"
    # SQuAD's paragraphs have their own names.
    path = write(tmp_path / "squad.json", squad("v1.1"))
    assert read_questions(path, columns=columns)[0] == read_questions(path)[0] != []
    for wrong in ({"questions": "q"}, {"question": "q", "context": "q"}):
        with pytest.raises(ValueError, match="columns must name different columns"):
            read_questions(path, columns=wrong)


def test_ids(tmp_path):
    rows = flat(as_lists)
    del rows[0]["id"]
    rows[1]["id"] = 7
    path = write(tmp_path / "a.jsonl", lines(rows))
    assert [row["id"] for row in read_questions(path)[0]] == ["1", "7"]
    twice = [*flat(as_lists), flat(as_lists)[0], {**flat(as_lists)[0], "id": "c"}]
    path = write(tmp_path / "b.jsonl", lines(twice))
    rows, report = read_questions(path)
    assert [row["id"] for row in rows] == ["a", "b", "c"]
    assert f"{path}:3: question a: the id is that of number 1" in report.summary()
    # The same questions in several languages are several files.
    assert len(read_questions([path, path])[0]) == 6


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (
            {"answers": as_lists([("nach Süden", 19)])},
            "'nach Süden' is not at character 19 of the context, where "
            "'ach Süden,' stands; it is at 18",
        ),
        ({"answers": as_lists([("Ost", -1)])}, "is not at character -1"),
        ({"answers": as_lists([("weit. x", 37)])}, "where 'weit. ' stands"),
        ({"answers": as_lists([("308", "30")])}, "starts at '30', not a whole number"),
        ({"answers": as_lists([("308", None)])}, "starts at None"),
        ({"answers": as_lists([("", 0)])}, "the answer: nothing"),
        ({"answers": as_lists([(308, 30)])}, "308 is not a text"),
        ({"answers": {"text": ["308"], "answer_start": []}}, "1 texts and 0 starts"),
        ({"answers": {"text": "308", "answer_start": 30}}, "belong there"),
        ({"answers": ["308"]}, "every one is an object"),
        ({"answers": None}, "and empty where there is none"),
        ({"answers": [], "is_impossible": False}, "is not is_impossible"),
        ({"is_impossible": True}, "it is_impossible, and has answers"),
        ({"question": " \n"}, "the question: nothing, or white space alone"),
        ({"context": ""}, "the context: nothing, or white space alone"),
        ({"context": None}, "the context: null is not a text"),
        ({"context": CONTEXT + "\0"}, "the context: it holds a NUL"),
        ({"id": ["x"]}, "is not a text"),
    ],
)
def test_broken_questions_are_named(tmp_path, changed, reason):
    broken = {**flat(as_lists)[0], "id": "c", **changed}
    path = write(tmp_path / "a.jsonl", lines([*flat(as_lists), broken]))
    rows, report = read_questions(path)
    assert rows == ROWS
    assert f"{path}:3: question {broken['id']}: " in report.summary()
    assert reason in report.summary()


def test_broken_parts_of_squad(tmp_path):
    document = squad("1.1")
    document["data"] += [
        {"paragraphs": [{"context": "x"}]},
        {"paragraphs": [{"context": "x", "qas": ["y"]}]},
    ]
    rows, report = read_questions(write(tmp_path / "a.json", document))
    assert rows == ROWS
    assert "a.json:3: a paragraph without qas" in report.summary()
    assert 'a.json:4: "y" is no question' in report.summary()


def test_files_that_are_something_else(tmp_path):
    with pytest.raises(ValueError, match=r"expected a file of \.json, \.jsonl"):
        read_questions(write(tmp_path / "a.txt", "x"))
    with pytest.raises(FileNotFoundError, match="missing"):
        read_questions(tmp_path / "missing.json")
    with pytest.raises(ValueError, match=r"an object per line\? Name it \.jsonl"):
        read_questions(write(tmp_path / "a.json", lines(flat(as_lists))))
    with pytest.raises(ValueError, match=r"has no questions: SQuAD's JSON is"):
        read_questions(write(tmp_path / "b.json", {"questions": []}))
    with pytest.raises(ValueError, match="no column 'answers'"):
        rows = [{"question": "a", "context": "b"}]
        read_questions(write(tmp_path / "b.jsonl", lines(rows)))
    with pytest.raises(ValueError, match=r"c\.json: 1 of 1|cannot be read"):
        read_questions(write(tmp_path / "c.json", [{"question": "a"}]))
    (tmp_path / "d.json").write_bytes(b'{"data": "\xff"}')
    with pytest.raises(ValueError, match="not UTF-8"):
        read_questions(tmp_path / "d.json")


def test_real_questions(shared_data):
    for language in ("zh", "ar"):
        path = shared_data / "xquad" / f"xquad.{language}.jsonl.gz"
        rows, report = read_questions(path)
        assert (report.sentences, report.broken) == (1190, 0)
        text, start = rows[5]["answers"][0]
        assert rows[5]["context"][start:].startswith(text)
