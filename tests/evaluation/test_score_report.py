"""The report of every task: table, page, numbers, picture."""

import json

import pytest

from xlm_tf.evaluation import score_report
from xlm_tf.evaluation.answer_scores import score_answers
from xlm_tf.evaluation.class_scores import score_classes
from xlm_tf.evaluation.entity_scores import score_tags
from xlm_tf.evaluation.language_scores import compare_languages
from xlm_tf.evaluation.number_scores import score_numbers
from xlm_tf.evaluation.score_report import Comparison, score_columns, write_report

SCORES = [
    score_classes("en", [0, 1, 1, 0], [0, 1, 1, 1], 2),
    score_classes("ja", [0, 1], [1, 1], 2),
]
LABELS = ["$\\no$", "yes"]  # no mathematics
ERROR = {"language": "ja", "text": "a | b\nc", "target": "no", "prediction": "yes"}


def test_the_table():
    names, rows = score_columns(SCORES, ["en"])
    assert names == [
        *("language", "examples", "accuracy", "macro-F1", "majority class"),
        "macro-F1 against trained",
    ]
    assert [row[0] for row in rows] == ["en", "ja", "mean"]
    assert rows[0][-1] == "trained on"
    assert rows[1][-1] == "-40.0"  # 33.3 of 73.3
    assert rows[1][4] == "50.0 / 33.3"  # accuracy and macro-F1 of one class always
    assert rows[2][1:3] == ["6", "62.5"]
    assert all(len(row) == len(names) for row in rows)
    plain = score_classes("en", [0, 1], [0, 1], 2, intervals=False)
    assert score_columns([plain])[1][0][2] == "100.0"


def test_the_report_of_classes(tmp_path):
    errors = [{**ERROR, "probability": x} for x in (0.6, 0.9)]
    others = [
        score_classes("en", [0, 1, 1, 0], [0, 1, 1, 0], 2),
        score_classes("ja", [0, 1], [1, 1], 2),
    ]
    against = Comparison("other|model", compare_languages(SCORES, others))
    written = write_report(tmp_path / "r", SCORES, LABELS, errors, ["en"], against)
    assert {path.name for path in written} == {"scores.json", "report.md", "scores.png"}
    assert all(path.is_file() for path in written)
    document = json.loads((tmp_path / "r" / "scores.json").read_text(encoding="utf-8"))
    english = document["languages"]["en"]
    assert english["confusion"] == [[1, 1], [0, 2]]
    assert english["baseline"] == {"accuracy": 0.5, "macro_f1": pytest.approx(1 / 3)}
    assert document["against"]["model"] == "other|model"
    difference = document["against"]["languages"]["en"]["difference"]
    assert difference == pytest.approx(1 - english["macro_f1"]["value"])
    page = (tmp_path / "r" / "report.md").read_text(encoding="utf-8")
    assert page.index("| no | yes | 90 % |") < page.index("| no | yes | 60 % |")
    assert "| ja | a \\| b c |" in page
    assert "+26.7 |" in page
    assert "scores.png" in page
    assert (tmp_path / "r" / "scores.png").stat().st_size > 10_000


def test_without_matplotlib_no_old_picture_stays(tmp_path, monkeypatch):
    write_report(tmp_path, SCORES, LABELS, [])

    def missing(*args):
        raise ModuleNotFoundError

    monkeypatch.setattr(score_report, "import_optional", missing)
    written = write_report(tmp_path, SCORES, LABELS, [])
    assert sorted(tmp_path.iterdir()) == sorted(written)
    assert "scores.png" not in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_the_picture_hides_no_bar():
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    scores = [
        score_classes(language, [0, 1] * 9, [0, 1] * 9, 2) for language in "abcdefgh"
    ]
    bars = figure.subplots()
    score_report._draw_bars(bars, scores, ["a"])
    figure.draw_without_rendering()
    legend = bars.get_legend().get_window_extent()
    assert not any(legend.overlaps(bar.get_window_extent()) for bar in bars.patches)
    (marks,) = [own for own in bars.lines if own.get_label() == "majority class"]
    assert marks.get_xdata()[0] == pytest.approx(100 / 3)  # its macro-F1


def test_the_report_of_tags(tmp_path):
    labels = ["O", "B-PER", "I-PER"]
    scores = [score_tags("de", [["B-PER", "I-PER"]], [["B-PER", "O"]], labels)]
    errors = [{**ERROR, "wrong": x} for x in (1, 2)]
    write_report(tmp_path, scores, labels, errors)
    page = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "| de | PER | 1 | 0.0 | 0.0 | 0.0 |" in page
    assert "| B-PER | 0 | 1 | 0 |" in page
    assert page.index("| yes | 2 |") < page.index("| yes | 1 |")
    document = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert document["languages"]["de"]["by_type"]["PER"]["entities"] == 1


def test_the_report_of_answers(tmp_path):
    scores = [
        score_answers("en", ["cat", "x"], [["cat"], []]),
        score_answers("de", ["Hund"], [["Hund"]]),
    ]
    errors = [
        {"language": "en", "question": "Q" * 400, "target": "a", "prediction": "b", **x}
        for x in ({"f1": 0.5, "score": 3.0}, {"f1": 0.0, "score": 1.0})
    ]
    names, rows = score_columns(scores)
    assert names[2:] == ["exact match", "F1", "no answer at all"]
    assert [row[-1] for row in rows] == ["50.0 / 50.0", "", ""]
    write_report(tmp_path, scores, None, errors)
    page = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert page.index("| b | 0.00 | 1.00 |") < page.index("| b | 0.50 | 3.00 |")
    assert "Q" * 297 + "..." in page
    assert "Confusions" not in page


def test_the_report_of_numbers(tmp_path):
    scores = [score_numbers("en", [1.0, 2.0, 3.0], [3.0, 2.0, 1.0])]
    errors = [{**ERROR, "target": 1.0, "prediction": 3.0, "difference": 2.0}]
    _, (row,) = score_columns(scores)
    assert row[2].startswith("-100.0 (")
    assert row[-2].startswith("2.667 (")
    assert row[-1] == "0.667"
    write_report(tmp_path, scores, ["score"], errors)
    assert (tmp_path / "scores.png").is_file()
