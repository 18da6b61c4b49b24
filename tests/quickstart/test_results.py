"""The quickstart's folder: continued, or refused and kept."""

import json

import pytest

from xlm_tf.quickstart.results import Results, Stages
from xlm_tf.quickstart.training import FULL, TINY


def test_results_are_continued(tmp_path):
    folder = tmp_path / "results"
    (folder / "wheels").mkdir(parents=True)  # may be downloaded ahead
    results = Results(folder, "tiny", TINY)
    results.part("retrieval")["random"] = 0.5
    results.save()
    assert Results(folder, "tiny", TINY).part("retrieval") == {"random": 0.5}
    with pytest.raises(ValueError, match="holds a tiny run"):
        Results(folder, "full", FULL)


def test_stages_add_up_over_all_starts(tmp_path, capsys):
    results = Results(tmp_path, "tiny", TINY)
    results["seconds"]["corpus"] = 100
    with Stages(results)("corpus", "Message catalogues"):
        pass
    assert 100 <= results["seconds"]["corpus"] < 101
    assert "1/9 Message catalogues" in capsys.readouterr().out
    assert json.loads((tmp_path / "results.json").read_text()) == results


def test_a_folder_of_something_else_is_kept(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(ValueError, match="is no folder of a quickstart"):
        Results(tmp_path, "full", FULL)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"scale": "tiny", "seconds": {}}, "holds a tiny run"),
        ({"scale": "full", "seconds": {}}, "of another version"),
        ({"scale": "full", "made_with": {"version": 2}}, "of another version"),
        ([], "is no folder of a quickstart"),
        ('{"scale": "full', "is no folder of a quickstart"),
    ],
)
def test_other_results_are_refused_and_kept(tmp_path, content, message):
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        Results(tmp_path, "full", FULL)
    assert [file.name for file in tmp_path.iterdir()] == ["results.json"]
    assert (tmp_path / "results.json").read_text() == text
