"""Tables as people have them: quoted, broken, with marks, packed."""

import gzip
import json

import pandas
import pytest

from xlm_tf.data.tables import check_table, iterate_table, read_table

COLUMNS = {"text": "text", "label": "label"}
ROWS = [
    {"text": "Good, really good.", "label": "yes"},
    {"text": 'He said "no"', "label": "no"},
    {"text": "猫が好きです", "label": "1"},
]


def write(path, content):
    data = content if isinstance(content, bytes) else content.encode("utf-8")
    (gzip.open if path.suffix == ".gz" else open)(path, "wb").write(data)
    return path


def as_text(kind):
    if kind == "csv":
        return pandas.DataFrame(ROWS).to_csv(index=False)
    if kind == "tsv":
        lines = [f"{row['label']}\t{row['text']}" for row in ROWS]
        return "\n".join(["label\ttext", *lines])
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl"])
def test_every_format_gives_the_rows(tmp_path, kind, packed, mark):
    path = write(tmp_path / f"a.{kind}{packed}", mark + as_text(kind))
    rows, report = read_table(path, COLUMNS)
    assert rows == ROWS
    assert (report.sentences, report.broken) == (3, 0)


def test_parquet(tmp_path):
    pandas.DataFrame([{**ROWS[0], "other": 3}]).to_parquet(tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet", COLUMNS)[0] == ROWS[:1]
    values = ["ça".encode(), b"\xff", None]
    frame = pandas.DataFrame({"text": values, "label": [1.5, 2.0, 3.0]})
    frame.to_parquet(tmp_path / "c.parquet")
    read = list(iterate_table(tmp_path / "c.parquet", COLUMNS))
    assert read[0][1] == {"text": "ça", "label": "1.5"}
    assert [reason for _, _, reason in read] == [
        *(None, "not UTF-8 in the column 'text'", "no 'text'")
    ]
    write(tmp_path / "b.parquet", "text")
    with pytest.raises((ValueError, ModuleNotFoundError), match="Parquet"):
        read_table(tmp_path / "b.parquet", COLUMNS)


def test_csv_of_spreadsheets(tmp_path):
    text = 'label;text\r\n"a","two\r\nlines"\r\n\r\nb,"x ""y"""\r\n'
    path = write(tmp_path / "a.csv", text.replace(";", ","))
    rows, _ = read_table(path, COLUMNS)
    assert rows == [
        {"label": "a", "text": "two\r\nlines"},
        {"label": "b", "text": 'x "y"'},
    ]


def test_broken_rows_are_counted_and_named(tmp_path):
    lines = [
        b"text\tlabel",
        b"fine\ta",
        b"one column",
        b"\xff\ta",
        b"fine too\tb",
        b"c\t",
        b"and this\tb",
    ]
    path = write(tmp_path / "a.tsv", b"\n".join(lines))
    rows, report = read_table(path, COLUMNS)
    assert [row["text"] for row in rows] == ["fine", "fine too", "and this"]
    assert [line.line_number for line in report.broken_lines] == [3, 4, 6]
    reasons = " ".join(line.reason for line in report.broken_lines)
    assert "1 columns, not the 2" in reasons
    assert "not UTF-8 in the column 'text'" in reasons
    assert "nothing in the column 'label'" in reasons


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("[1]", "not a JSON object"),
        ("{", "not JSON"),
        ('{"text": ["a"], "label": "x"}', "not a text"),
        ('{"text": true, "label": "x"}', "not a text"),
        ('{"label": "x"}', "no 'text'"),
        ('{"text": null, "label": "x"}', "no 'text'"),
        ('{"text": NaN, "label": "x"}', "no 'text'"),
        ('{"text": "", "label": "x"}', "nothing in the column 'text'"),
    ],
)
def test_broken_objects(tmp_path, line, reason):
    path = write(tmp_path / "a.jsonl", as_text("jsonl") + line + "\n")
    rows, report = read_table(path, COLUMNS)
    assert rows == ROWS
    assert reason in report.summary()
    assert f"{path}:4" in report.summary()


def test_a_quotation_mark_that_is_never_closed(tmp_path):
    path = write(tmp_path / "a.csv", 'text,label\nfine,a\n"open,b\nlost,c\n')
    with pytest.raises(ValueError, match=r"a\.csv:3: a quotation mark"):
        read_table(path, COLUMNS)


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl"])
def test_a_column_that_is_not_there(tmp_path, kind):
    path = write(tmp_path / f"a.{kind}", as_text(kind))
    with pytest.raises(ValueError, match=r"no column 'tweet'.*It has: .*'label'"):
        read_table(path, {"text": "tweet", "label": "label"})
    wanted = {**COLUMNS, "pair": "tweet"}
    rows, _ = read_table(path, wanted, optional=["pair"])
    assert rows[0]["pair"] == ""


def test_what_is_no_table(tmp_path):
    with pytest.raises(ValueError, match=r"expected a file of \.csv"):
        read_table(write(tmp_path / "a.txt", "text"), COLUMNS)
    with pytest.raises(FileNotFoundError, match="missing"):
        read_table(tmp_path / "missing.csv", COLUMNS)
    with pytest.raises(ValueError, match="UTF-16"):
        read_table(write(tmp_path / "a.csv", as_text("csv").encode("utf-16")), COLUMNS)
    with pytest.raises(ValueError, match="no text"):
        read_table(write(tmp_path / "b.csv", "text,label\n"), COLUMNS)
    with pytest.raises(ValueError, match="cannot be read"):
        read_table(write(tmp_path / "b.tsv", "text\tlabel\na\nb\nc\td\n"), COLUMNS)


def test_no_row_is_lost(tmp_path):
    path = write(tmp_path / "a.csv", 'text,label\na,1\n"",\n\n,\nb,2\n')
    assert [row["text"] for _, row, _ in iterate_table(path, COLUMNS)] == [
        *("a", "", "", "b")
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "label;text\na;b, c\n", "looks separated by ';', and .csv is by ','"),
        ("a.csv", '"label";"text"\n"a";"b"\n', "looks separated by ';'"),
        ("a.csv", "label\ttext\na\tb\n", r"looks separated by '\\t'"),
        ("a.tsv", "label,text\na,b\n", "looks separated by ',', and .tsv"),
        ("a.tsv", '"label"\t"text"\na\tb\n', r"a\.tsv:1: .*TSV has none"),
        ("a.tsv", 'label\t"text"\na\tb\n', r"a\.tsv:1: .*Save it as CSV"),
        ("a.tsv", 'label\ttext\n"a"\t"b, c"\n', r"a\.tsv:2: .*Save it as CSV"),
    ],
)
def test_tables_of_another_dialect_are_named(tmp_path, name, content, message):
    with pytest.raises(ValueError, match=message):
        check_table(write(tmp_path / name, content), COLUMNS)


def test_marks_that_are_no_dialect(tmp_path):
    path = write(tmp_path / "a.tsv", 'label\ttext\na\t"Good", he said; "I see"\n')
    assert read_table(path, COLUMNS)[0][0]["text"] == '"Good", he said; "I see"'
    path = write(tmp_path / "a.csv", "text,a;label,label\nx;y,b,c\n")
    assert read_table(path, COLUMNS)[0] == [{"text": "x;y", "label": "c"}]


def test_a_column_twice(tmp_path):
    path = write(tmp_path / "a.tsv", "text\tlabel\ttext\na\tb\tc\n")
    with pytest.raises(ValueError, match="several columns 'text'"):
        read_table(path, COLUMNS)


def test_numbers_are_as_they_are_written(tmp_path):
    lines = '{"text": 1.10, "label": 1e2}\n'
    rows = [
        row for _, row, _ in iterate_table(write(tmp_path / "a.jsonl", lines), COLUMNS)
    ]
    assert rows == [{"text": "1.10", "label": "1e2"}]
    deep = write(tmp_path / "b.jsonl", '{"text": "a", "label": "b"}\n' + "[" * 200_000)
    assert "not JSON" in read_table(deep, COLUMNS)[1].summary()


def test_every_file_must_be_of_use(tmp_path):
    good = write(tmp_path / "a.csv", as_text("csv"))
    empty = write(tmp_path / "b.csv", "text,label\n")
    for paths in ([good, empty], [empty, good]):
        with pytest.raises(ValueError, match=r"b\.csv: there is no text"):
            read_table(paths, COLUMNS)


def test_a_long_text_and_rows_one_by_one(tmp_path):
    path = write(tmp_path / "a.csv", f"text,label\n{'long ' * 100_000},a\nb,c\n")
    rows = iterate_table(path, COLUMNS)
    number, row, reason = next(rows)
    assert (number, len(row["text"]), reason) == (2, 499_999, None)
