"""The pictures and the page of a study."""

import re

import pytest
from matplotlib import image

from xlm_tf.tuning.trial_store import TrialStore
from xlm_tf.tuning.tune import tune


def test_the_page_holds_all(make_study, trained, monkeypatch):
    monkeypatch.setattr(TrialStore, "fewest_for_importances", 7)

    def fail_once(recipe):
        if len(trained.recipes) == 2:
            raise ValueError("Not <this>.")

    trained.before = fail_once
    study = make_study(
        switches={"method": ["full", "lora"]},
        search={
            "training.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
            "training.lora_rank": {"low": 2, "high": 8, "when": {"method": "lora"}},
            "training.batch_size": {"choices": [2, 4]},
        },
        trials=8,
    )
    tune(study, quiet=True)
    for name in ("parallel.png", "importance.png"):
        picture = image.imread(study.output / name)
        assert picture.shape[0] > 100
        assert picture[..., :3].std() > 0.01  # not blank
    page = (study.output / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 2
    assert not re.search(r"(?:src|href)=\"(?!data:)", page)  # nothing to fetch
    assert page.count("<tr>") == 9
    assert "importance of fields" not in page
    assert "Not &lt;this&gt;." in page
    assert "xlm-tf finetune" in page


@pytest.mark.parametrize("trials", [1, 3])
def test_few_trials_have_no_importance(make_study, trained, monkeypatch, trials):
    assert TrialStore.fewest_for_importances >= 30
    monkeypatch.setattr(TrialStore, "fewest_for_importances", 4)
    study = make_study(trials=trials)
    tune(study, quiet=True)
    page = (study.output / "report.html").read_text(encoding="utf-8")
    assert "fewer than 4 complete trials" in page
    assert (study.output / "parallel.png").exists()
    assert not (study.output / "importance.png").exists()


def test_a_study_stopped_in_its_first_trial_has_a_page(make_study, trained):
    trained.interrupts = True
    study = make_study(trials=2)
    tune(study, quiet=True)
    page = (study.output / "report.html").read_text(encoding="utf-8")
    assert "base64" not in page
