"""Studies of a small recipe, whose trainings are replaced where they do not matter."""

import dataclasses
from typing import Any

import pytest
import yaml

from xlm_tf.tuning import shared_errors, trial_runs
from xlm_tf.tuning.study_file import load_study

RECIPE = {
    "task": "classification",
    "output": "run",
    "initial_model": "xlm_tiny",
    "data": [{"language": "en", "files": ["train.tsv"]}],
    "held_out": [{"language": "en", "files": ["held_out.tsv"]}],
    "test": [{"language": "en", "files": ["held_out.tsv"]}],
    "training": {
        "steps": 4,
        "batch_size": 4,
        "sequence_length": 16,
        "warmup_steps": 1,
        "evaluate_every": 2,
        "checkpoint_every": 1,
    },
}
RATES = {"training.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}}


@pytest.fixture
def write_study(tmp_path):
    """Function that writes a study beside its recipe, and gives its path."""
    for name, offset in (("train", 0), ("held_out", 12)):
        rows = [
            f"{('bad', 'good')[i % 2]} {i + offset}\t{('-', '+')[i % 2]}"
            for i in range(12)
        ]
        text = "\n".join(["text\tlabel", *rows]) + "\n"
        (tmp_path / f"{name}.tsv").write_text(text)

    def write(recipe_changes=(), **changes):
        content = {**RECIPE, **dict(recipe_changes)}
        content = {x: y for x, y in content.items() if y is not None}
        (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(content))
        study = {
            "recipe": "recipe.yaml",
            "output": "study",
            "search": RATES,
            "trials": 4,
            "sampler": "random",
            **changes,
        }
        path = tmp_path / "study.yaml"
        text = yaml.safe_dump(
            {x: y for x, y in study.items() if y is not None}, sort_keys=False
        )
        path.write_text(text)
        return path

    return write


@pytest.fixture
def make_study(write_study):
    """Function that writes a study and loads it."""
    return lambda *recipe, **changes: load_study(write_study(*recipe, **changes))


@dataclasses.dataclass
class FakeRun:
    """What `_Watch` asks of a run."""

    metric: str = "macro_f1"


@pytest.fixture
def trained(monkeypatch):
    """The recipes that were trained, and the score of each by `score_of`."""
    seen = Trainings()

    def train(recipe, watch):
        seen.recipes.append(recipe)
        if seen.before is not None:
            seen.before(recipe)
        every = recipe.training.evaluate_every
        for step in range(every, recipe.training.steps + 1, every):
            score = seen.score_of(recipe)
            metrics = {"macro_f1/de": score - 0.1, "macro_f1/en": score + 0.1}
            metrics["mean/macro_f1"] = score
            watch(FakeRun(), metrics, step, step == every)
        if seen.interrupts:
            raise trial_runs.InterruptedTrial

    for module in (trial_runs, shared_errors):
        monkeypatch.setattr(module, "train_recipe", train)
    return seen


@dataclasses.dataclass
class Trainings:
    recipes: list = dataclasses.field(default_factory=list)
    score_of: Any = lambda recipe: 0.5 - abs(recipe.training.learning_rate - 1e-3)
    before: Any = None
    interrupts: bool = False
