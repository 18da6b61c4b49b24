"""Studies: trials, stops, several processes, failures; and whole trainings."""

import contextlib
import csv
import json
import multiprocessing
import os
import shutil
import signal
import sqlite3
import types

import pytest
import tensorflow as tf
import yaml

import xlm_tf
from tests.tuning.conftest import RATES, FakeRun
from xlm_tf.cli import main
from xlm_tf.training.recipe_loader import load_recipe
from xlm_tf.tuning import tune as tuning
from xlm_tf.tuning.study_file import load_study
from xlm_tf.tuning.trial_runs import trial_folder
from xlm_tf.tuning.trial_store import State, TrialStore
from xlm_tf.tuning.tune import tune

BATCHES = {"training.batch_size": {"choices": [2, 4, 6]}}


def rows_of(study):
    with (study.output / "trials.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_grid_tries_every_combination_once(make_study, trained, capsys):
    trained.score_of = lambda recipe: 0.9 - recipe.training.batch_size / 10
    search = {**BATCHES, "training.beta_1": {"choices": [0.8, 0.9]}}
    study = make_study(sampler="grid", trials=None, search=search)
    result = tune(study)
    tried = {(x.training.batch_size, x.training.beta_1) for x in trained.recipes}
    assert len(trained.recipes) == len(tried) == 6
    assert all(recipe.test == [] for recipe in trained.recipes)
    assert result.finished
    assert result.best["training.batch_size"] == 2
    assert result.score == pytest.approx(0.7)
    said = capsys.readouterr().out
    assert "Trials, the best first" in said
    assert f"xlm-tf finetune {result.recipe}" in said
    best = load_recipe(result.recipe, command="finetune")
    assert best.training.batch_size == 2
    assert best.training.learning_rate == study.recipe.training.learning_rate
    assert best.test == study.recipe.test
    assert best.output == study.output.absolute() / "best"
    rows = rows_of(study)
    assert [row["state"] for row in rows] == ["complete"] * 6
    assert rows[0]["last_step"] == "4"
    folders = {study.output / row["folder"] for row in rows}
    assert folders == set((study.output / "trials").iterdir())
    # Nothing more to do.
    assert tune(study).best == result.best
    assert len(trained.recipes) == 6


@pytest.mark.parametrize(
    ("recipe", "search", "expected"),
    [
        ({"initial_model": "model"}, RATES, {"initial_model": "model"}),
        ({}, {"initial_model": {"choices": ["model"]}}, {"initial_model": "model"}),
        (
            {
                "initial_model": None,
                "vocabulary": "model/assets/tokenizer/vocabulary.spm",
                "model": {
                    "num_layers": 1,
                    "num_heads": 2,
                    "hidden_dim": 8,
                    "intermediate_dim": 8,
                },
            },
            RATES,
            {"vocabulary": "model/assets/tokenizer/vocabulary.spm"},
        ),
    ],
)
def test_paths_of_a_study_that_is_named_from_its_folder(
    write_study, trained, tmp_path, monkeypatch, recipe, search, expected
):
    xlm_tf.XLMMaskedLM.from_preset("xlm_tiny").save_to_preset(tmp_path / "model")
    write_study(recipe, search=search, trials=1)
    monkeypatch.chdir(tmp_path)
    tune(load_study("study.yaml"), quiet=True)
    (own,) = trained.recipes
    monkeypatch.chdir(tmp_path.parent)
    best = load_recipe(tmp_path / "study" / "best.yaml")
    for name, path in expected.items():
        assert str(getattr(best, name)) == str(tmp_path / path)
        assert getattr(own, name) == getattr(best, name)


def test_a_grid_may_be_cut_and_go_on(make_study, trained):
    tune(make_study(sampler="grid", search=BATCHES, trials=1))
    assert len(trained.recipes) == 1
    tune(make_study(sampler="grid", search=BATCHES, trials=None))
    assert [x.training.batch_size for x in trained.recipes] == [2, 4, 6]


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_stopped_study_tries_what_an_unstopped_one_does(make_study, trained, sampler):
    tune(make_study(sampler=sampler, output="whole", trials=5))
    whole = [recipe.training.learning_rate for recipe in trained.recipes]
    assert len(set(whole)) == 5
    trained.recipes.clear()
    tune(make_study(sampler=sampler, trials=2))
    trained.interrupts = True  # in the third
    tune(make_study(sampler=sampler, trials=5))
    trained.interrupts = False
    result = tune(make_study(sampler=sampler, trials=5))
    rates = [recipe.training.learning_rate for recipe in trained.recipes]
    assert rates == [*whole[:3], *whole[2:]]
    assert result.best["training.learning_rate"] == min(
        rates, key=lambda rate: abs(rate - 1e-3)
    )


def test_an_interrupted_grid_may_be_cut(make_study, trained):
    trained.before = lambda recipe: setattr(
        trained, "interrupts", len(trained.recipes) == 2
    )
    assert not tune(make_study(sampler="grid", search=BATCHES, trials=None)).finished
    assert tune(make_study(sampler="grid", search=BATCHES, trials=2)).finished
    assert [x.training.batch_size for x in trained.recipes] == [2, 4, 4]


def test_equal_values_are_trained_once(make_study, trained):
    study = make_study(search={"training.batch_size": {"choices": [2, 4]}}, trials=6)
    tune(study)
    assert len(trained.recipes) == len(
        {x["training.batch_size"] for x in rows_of(study)}
    )
    assert len(rows_of(study)) == 6


def test_an_interrupted_trial_is_continued_first(write_study, trained, capsys):
    path = write_study(trials=2)
    study = load_study(path)
    trained.interrupts = True
    assert main(["tune", str(path)]) == 130
    assert "Run the same command to continue." in capsys.readouterr().out
    trained.interrupts = False
    assert tune(study).finished
    first, again, _ = trained.recipes
    assert first == again
    assert len(rows_of(study)) == 2


def _begin_and_die(path):
    store = TrialStore(load_study(path))
    with store.working():
        store.begin()
        os.kill(os.getpid(), signal.SIGKILL)


def test_the_trial_of_a_killed_process_is_taken_over(write_study, trained):
    path = write_study(trials=2)
    killed = multiprocessing.get_context("fork").Process(
        target=_begin_and_die, args=(path,)
    )
    killed.start()
    killed.join()
    study = load_study(path)
    store = TrialStore(study)
    (trial,) = store.trials()
    assert trial.state == State.RUNNING
    result = tune(study)
    assert result.finished
    assert len(rows_of(study)) == 2
    first = trained.recipes[0].training.learning_rate
    assert first == trial.params["training.learning_rate"]


def test_a_living_process_keeps_its_trial(make_study, trained):
    study = make_study(trials=2)
    other = TrialStore(study)
    with other.working():
        trial, values = other.begin()
        result = tune(study, quiet=True)
        assert not result.finished
        assert len(trained.recipes) == 1
        other.end(trial, State.COMPLETE, 2.0)
    result = tune(study, quiet=True)
    assert result.finished
    assert result.best == values
    assert len(trained.recipes) == 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("The loss is nan at step 3."), "The loss is nan at step 3."),
        (MemoryError(), "MemoryError"),
        (
            tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"),
            "OOM when allocating",
        ),
    ],
)
def test_a_failed_trial_is_recorded(make_study, trained, error, reason):
    def fail_first(recipe):
        if len(trained.recipes) == 1:
            raise error

    trained.before = fail_first
    study = make_study()
    result = tune(study, quiet=True)
    assert result.finished
    rows = rows_of(study)
    assert [row["state"] for row in rows] == ["fail"] + ["complete"] * 3
    assert reason in rows[0]["reason"]


def test_a_score_that_is_no_number_fails(make_study, trained):
    trained.score_of = lambda recipe: float("nan") if len(trained.recipes) == 1 else 0.5
    study = make_study()
    tune(study, quiet=True)
    assert "is nan at step 2" in rows_of(study)[0]["reason"]


def test_an_error_of_the_recipe_ends_the_study_at_once(write_study, trained, capsys):
    def fail(recipe):
        raise ValueError(f"No data for {recipe.output}.")

    trained.before = fail
    path = write_study(trials=3)
    for _ in range(2):
        trained.recipes.clear()
        assert main(["tune", str(path), "--quiet"]) == 2
        (said,) = capsys.readouterr().err.splitlines()
        assert said.startswith("error: Every trial would fail, as the recipe does with")
        assert "No data for" in said
        tried, base = trained.recipes  # the trial, and the recipe by itself
        assert base.training.learning_rate == 5e-4
        assert base.training.steps == 1
    trained.before = None
    study = load_study(path)
    assert tune(study, quiet=True).finished
    assert [row["state"] for row in rows_of(study)] == ["complete"] * 3
    # What was tried first is the first that is trained.
    assert trained.recipes[2].training == tried.training
    assert not list(study.output.glob("trials/*/without_values"))


def test_an_error_of_a_later_fold_is_one_too(make_study, trained):
    def fail(recipe):
        if recipe.held_out_fold.fold == 2:
            raise ValueError("Nothing in it.")

    trained.before = fail
    study = make_study(cross_validation={"folds": 2})
    with pytest.raises(ValueError, match=r"would fail.*Nothing in it"):
        tune(study, quiet=True)
    assert [own.held_out_fold.fold for own in trained.recipes] == [1, 2, 2]
    trained.before = None
    tune(study, quiet=True)
    assert [own.held_out_fold.fold for own in trained.recipes[3:5]] == [2, 1]


@pytest.mark.parametrize(
    "error", [MemoryError("Too much."), ValueError("This rate is too high.")]
)
def test_an_error_of_values_is_none_of_the_recipe(make_study, trained, error):
    def fail(recipe):
        if recipe.training.learning_rate != 5e-4:
            raise error

    trained.before = fail
    study = make_study(trials=3)
    with pytest.raises(ValueError, match="No trial of the study"):
        tune(study, quiet=True)
    assert [row["state"] for row in rows_of(study)] == ["fail"] * 3
    # The recipe was tried by itself once.
    by_themselves = [own for own in trained.recipes if own.training.steps == 1]
    assert len(by_themselves) == isinstance(error, ValueError)
    # What failed may be mended: none of them is spent.
    trained.before = None
    assert tune(study, quiet=True).finished
    assert [row["state"] for row in rows_of(study)] == ["complete"] * 3


def test_what_failed_among_others_is_not_tried_again(make_study, trained):
    def fail(recipe):
        if len(trained.recipes) == 1:
            raise MemoryError

    trained.before = fail
    study = make_study(trials=2)
    tune(study, quiet=True)
    tune(study, quiet=True)
    assert [row["state"] for row in rows_of(study)] == ["fail", "complete"]


def test_a_study_that_never_trained_may_be_mended(write_study, trained, tmp_path):
    def fail(recipe):
        raise ValueError("No.")

    trained.before = fail
    with pytest.raises(ValueError, match="would fail"):
        tune(load_study(write_study()), quiet=True)
    trained.before = None
    mended = [
        {"search": BATCHES, "metric": "accuracy"},
        {"recipe_changes": {"label": "label"}},
    ]
    for changes in mended:
        trained.recipes.clear()
        study = load_study(write_study(**changes))
        trained.interrupts = True
        assert not tune(study, quiet=True).finished
        assert len(trained.recipes) == 1
    table = tmp_path / "train.tsv"
    table.write_text(table.read_text().replace("good", "great"))
    trained.interrupts = False
    assert tune(study, quiet=True).finished
    # Then it may not.
    table.write_text(table.read_text().replace("great", "grand"))
    with pytest.raises(
        ValueError, match=r"the content of recipe\.data\[0\]\.files\[0\]"
    ):
        tune(study, quiet=True)
    with pytest.raises(ValueError, match=r"since: study\.search\.training\.batch"):
        tune(load_study(write_study(search=BATCHES)), quiet=True)


def test_what_an_error_stopped_goes_on(make_study, trained):
    study = make_study(trials=3)

    def fail(recipe):
        if len(trained.recipes) == 2:
            raise OSError("No space left on device")

    trained.before = fail
    with pytest.raises(OSError, match="No space"):
        tune(study, quiet=True)
    assert tune(study, quiet=True).finished
    first, stopped, again, _ = (own.training.learning_rate for own in trained.recipes)
    assert stopped == again != first
    assert [row["state"] for row in rows_of(study)] == ["complete"] * 3
    assert not list((study.output / "processes").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("written", ["create_file_writer", "scalar"])
def test_a_full_disk_ends_the_study_and_no_trial(make_study, monkeypatch, written):
    study = make_study(trials=2)
    said = "{{function_node x}} /a/b; No space left on device\n\tFlushing"

    def full(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, said)

    with (
        monkeypatch.context() as patch,
        pytest.raises(
            OSError,
            match=r"tensorboard cannot be written: /a/b; No space left on device$",
        ),
    ):
        patch.setattr(tf.summary, written, full)
        tune(study, quiet=True)
    tune(study, quiet=True)
    assert [row["state"] for row in rows_of(study)] == ["complete"] * 2


def test_the_seconds_of_a_trial_are_those_of_all_its_processes(
    make_study, trained, monkeypatch
):
    clock = types.SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(tuning, "time", clock)

    def pass_time(recipe):
        clock.now += 100
        trained.interrupts = len(trained.recipes) == 1

    def score_of(recipe):
        clock.now += 10  # one evaluation of two
        if len(trained.recipes) == 2 and clock.now % 100 == 40:
            raise OSError("No space left on device")
        return 0.5

    trained.before, trained.score_of = pass_time, score_of
    study = make_study(trials=2)
    assert tune(study, quiet=True).interrupted
    with pytest.raises(OSError, match="No space"):
        tune(study, quiet=True)
    clock.now += 1000
    assert tune(study, quiet=True).finished
    # Of the second attempt, until its first evaluation.
    assert [float(row["seconds"]) for row in rows_of(study)] == [350, 120]


def test_a_bug_ends_the_study(make_study, trained):
    def fail(recipe):
        raise KeyError("bug")

    trained.before = fail
    study = make_study()
    with pytest.raises(KeyError):
        tune(study, quiet=True)


@pytest.mark.parametrize("pruner", ["median", "asha", "hyperband"])
def test_bad_trials_stop_early(make_study, trained, pruner):
    # Every trial is worse than the one before.
    trained.score_of = lambda recipe: 1 / len(trained.recipes)
    study = make_study(
        {"training": {"steps": 60, "evaluate_every": 2, "warmup_steps": 1}},
        pruner=pruner,
        trials=10,
    )
    tune(study, quiet=True)
    rows = rows_of(study)
    states = [row["state"] for row in rows]
    assert states[0] == "complete"
    assert "pruned" in states
    assert all(int(row["last_step"]) < 60 for row in rows if row["state"] == "pruned")
    assert not any(row["score"] for row in rows if row["state"] == "pruned")


def test_seeds_and_the_worst_language(make_study, trained):
    def score_of(recipe):
        return {0: 0.5, 7: 0.7}[recipe.training.seed]

    trained.score_of = score_of
    study = make_study(seeds=[0, 7], languages="worst", trials=1)
    result = tune(study, quiet=True)
    assert result.score == pytest.approx(0.5)  # 0.1 below the means
    (row,) = rows_of(study)
    assert float(row["deviation"]) == pytest.approx(0.2 / 2**0.5)
    assert [recipe.training.seed for recipe in trained.recipes] == [0, 7]
    assert float(row["seed-7"]) == pytest.approx(0.6)


def test_the_worst_of_a_mean(make_study, trained, monkeypatch):
    # As a pretraining names it.
    monkeypatch.setattr(FakeRun, "metric", "mean/macro_f1")
    trained.score_of = lambda recipe: 0.5
    study = make_study(languages="worst", trials=1)
    assert tune(study, quiet=True).score == pytest.approx(0.4)


def test_what_changed_is_named(make_study, write_study, trained, capsys):
    tune(make_study(), quiet=True)
    path = write_study(search={"training.learning_rate": {"low": 0.1, "high": 0.2}})
    assert main(["tune", str(path)]) == 2
    said = capsys.readouterr().err
    assert "holds another study. Changed since: study.search.training.learn" in said
    path = write_study({"held_out_share": 0.1, "held_out": None})
    assert main(["tune", str(path)]) == 2
    assert "recipe.held_out_share" in capsys.readouterr().err


def test_a_folder_of_something_else_is_left_alone(write_study, tmp_path, capsys):
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "mine").write_text("mine")
    assert main(["tune", str(write_study())]) == 2
    assert "exists and is not a study" in capsys.readouterr().err
    assert [x.name for x in (tmp_path / "study").iterdir()] == ["mine"]


@pytest.mark.parametrize("damaged", ["study.json", "study.db"])
def test_a_damaged_study_is_said(make_study, write_study, trained, capsys, damaged):
    study = make_study()
    tune(study, quiet=True)
    (study.output / damaged).write_bytes(b"{half")
    assert main(["tune", str(write_study())]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert damaged in lines[0]
    if damaged == "study.db":
        assert "delete it: trials that ended are not trained again" in lines[0]
        before = rows_of(study), len(trained.recipes)
        (study.output / damaged).unlink()
        tune(make_study(), quiet=True)
        rows = rows_of(study)
        assert len(trained.recipes) == before[1]
        names = ("state", "score", "training.learning_rate")
        assert [[row[name] for name in names] for row in rows] == [
            [row[name] for name in names] for row in before[0]
        ]


@pytest.mark.parametrize(
    "half",
    ['{"na', "[]", '{"name": "run", "score": NaN, "by_language": {}, "step": 2}', "1"],
)
def test_a_damaged_result_is_trained_again(make_study, trained, half):
    study = make_study(trials=2)
    tune(study, quiet=True)
    before = rows_of(study)
    (study.output / "study.db").unlink()
    for path in study.output.glob("trials/*/run.json"):
        path.write_text(half)
    tune(make_study(trials=2), quiet=True)
    assert [row["score"] for row in rows_of(study)] == [row["score"] for row in before]
    assert len(trained.recipes) == 4


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM trial_user_attributes",
        "DELETE FROM trial_values",
        "UPDATE trial_user_attributes SET value_json = '{'",
    ],
)
def test_a_database_that_lost_something_is_said(
    make_study, write_study, trained, capsys, damage
):
    study = make_study(trials=1)
    tune(study, quiet=True)
    with contextlib.closing(sqlite3.connect(study.output / "study.db")) as database:
        database.execute(damage)
        database.commit()
    assert main(["tune", str(write_study(trials=2))]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "study.db, cannot be used" in line
    assert "if it is damaged, delete it" in line
    (study.output / "study.db").unlink()
    assert tune(make_study(trials=2), quiet=True).finished
    assert len(trained.recipes) == 2


@pytest.mark.parametrize(
    "storage",
    [
        "postgresql://me:secret@127.0.0.1:1/x",
        "postgresql://127.0.0.1:1/x?password=secret",
        "sqlite:////nowhere/x.db",
        "nonsense",
    ],
)
def test_a_database_that_is_not_reached_is_said(write_study, capsys, storage):
    assert main(["tune", str(write_study(storage=storage))]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "The database of the study" in lines[0]
    assert "secret" not in lines[0]


@pytest.mark.parametrize("name", ["a b", "a?b#c", "100%41", "a\nb: [", "-a"])
def test_any_name_of_a_folder(make_study, trained, name):
    tune(make_study(output=name, trials=1), quiet=True)
    study = make_study(output=name, trials=2)
    assert tune(study, quiet=True).finished
    assert len(trained.recipes) == 2
    assert (study.output / "study.db").exists()


def test_a_study_that_is_removed_while_it_runs(write_study, trained, capsys):
    path = write_study()
    trained.before = lambda recipe: shutil.rmtree(path.parent / "study")
    assert main(["tune", str(path), "--quiet"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "study.db, cannot be used: it was removed while the study ran." in line


def _tune(path, delay):
    from xlm_tf.tuning import trial_runs

    def train(recipe, watch):
        import time

        from tests.tuning.conftest import FakeRun

        time.sleep(delay)
        score = recipe.training.learning_rate
        watch(FakeRun(), {"mean/macro_f1": score}, 2, True)
        with (recipe.output.parents[2] / "trained").open("a") as file:
            print(os.getpid(), file=file)

    trial_runs.train_recipe = train
    tune(load_study(path), quiet=True)


def test_two_processes_share_a_study(write_study):
    path = write_study(trials=6)
    context = multiprocessing.get_context("fork")
    both = [context.Process(target=_tune, args=(path, 0.3)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
        assert process.exitcode == 0
    study = load_study(path)
    rows = rows_of(study)
    assert [row["state"] for row in rows] == ["complete"] * 6
    workers = (study.output / "trained").read_text().split()
    assert len(workers) == 6
    assert set(map(workers.count, set(workers))) <= {2, 3, 4}
    assert len(set(workers)) == 2


@pytest.mark.slow
def test_a_classifier_by_the_command(write_study, tmp_path, capsys):
    path = write_study(trials=2, search=RATES)
    assert main(["tune", str(path)]) == 0
    study = load_study(path)
    best = max(rows_of(study), key=lambda row: float(row["score"]))
    folders = list((study.output / "trials").iterdir())
    # Of the models, that of the best trial is kept.
    assert sum((own / "run" / "model").exists() for own in folders) == 1
    assert not any((own / "run" / "checkpoints").exists() for own in folders)
    values = {"training.learning_rate": float(best["training.learning_rate"])}
    kept = trial_folder(study, values)
    metrics = (kept / "run" / "metrics.jsonl").read_text().splitlines()
    scores = [json.loads(line)["mean/macro_f1"] for line in metrics]
    assert max(scores) == pytest.approx(float(best["score"]))
    # The best recipe gives that model again, and tests it.
    recipe = tmp_path / "study" / "best.yaml"
    assert main(["finetune", str(recipe), "--quiet"]) == 0
    metrics = (tmp_path / "study" / "best" / "metrics.jsonl").read_text().splitlines()
    again = [json.loads(line)["mean/macro_f1"] for line in metrics]
    assert again == pytest.approx(scores)
    assert (tmp_path / "study" / "best" / "test_scores.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("folds", [None, {"folds": 2}])
@pytest.mark.parametrize("command", ["pretrain", "finetune"])
def test_other_recipes(tmp_path, command, folds):
    lines = [f"This is line {i} of a text." for i in range(40)]
    (tmp_path / "en.txt").write_text("\n".join(lines))
    (tmp_path / "en_de.tsv").write_text("\n".join(f"{x}\tZeile {x}" for x in lines))
    recipe = {
        "output": "run",
        "initial_model": "xlm_tiny",
        "training": {"steps": 4, "warmup_steps": 1, "evaluate_every": 2},
    }
    if command == "pretrain":
        recipe["data"] = {"monolingual": {"en": ["en.txt"]}}
        recipe["objectives"] = {"mlm": 1}
        recipe["training"] |= {"batch_size": 4, "sequence_length": 32}
    else:
        direction = {"source_language": "en", "target_language": "de"}
        recipe["data"] = [{**direction, "files": ["en_de.tsv"]}]
        recipe["training"] |= {"source_length": 32, "target_length": 32}
        recipe["training"] |= {"tokens_per_batch": 128}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    study = {"recipe": "recipe.yaml", "output": "study", "search": RATES, "trials": 2}
    study |= {} if folds is None else {"cross_validation": folds}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    assert main(["tune", str(tmp_path / "study.yaml"), "--quiet"]) == 0
    study = load_study(tmp_path / "study.yaml")
    rows = rows_of(study)
    scores = [float(row["score"]) for row in rows]
    assert len(scores) == 2
    best = load_recipe(study.output / "best.yaml", command=command)
    better = min if command == "pretrain" else max
    row = rows[scores.index(better(scores))]
    rate = float(row["training.learning_rate"])
    assert best.training.learning_rate == pytest.approx(rate)
    assert best.held_out_fold is None
    if folds is not None:
        of_folds = [float(row[f"fold-{number}"]) for number in (1, 2)]
        assert sum(of_folds) / 2 == pytest.approx(float(row["score"]))
        assert main([command, str(study.output / "best.yaml"), "--quiet"]) == 0
        assert (study.output / "best" / "model").is_dir()


def test_cross_validation_trains_on_every_fold(make_study, trained):
    trained.score_of = lambda recipe: 0.2 * recipe.held_out_fold.fold
    study = make_study(cross_validation={"folds": 3}, seeds=[0, 1], trials=1)
    result = tune(study, quiet=True)
    assert result.score == pytest.approx(0.4)
    runs = [
        (x.held_out_fold.fold, x.training.seed, x.held_out) for x in trained.recipes
    ]
    assert runs == [(fold, seed, None) for seed in (0, 1) for fold in (1, 2, 3)]
    (row,) = rows_of(study)
    assert float(row["fold-3-seed-1"]) == pytest.approx(0.6)
    # Beside what the recipe holds out itself.
    best = load_recipe(result.recipe)
    assert best.held_out == study.recipe.held_out
    assert best.held_out_fold is None


def test_a_stopped_cross_validation_keeps_its_folds(make_study, trained):
    study = make_study(cross_validation={"folds": 3}, trials=1)

    def interrupt(recipe):
        trained.interrupts = len(trained.recipes) == 2

    trained.before = interrupt
    assert not tune(study, quiet=True).finished
    assert tune(study, quiet=True).finished
    folds = [recipe.held_out_fold.fold for recipe in trained.recipes]
    assert folds == [1, 2, 2, 3]


PAIRS = {"source_language": "en", "target_language": "de", "files": ["train.tsv"]}


@pytest.mark.parametrize(
    ("data", "training"),
    [
        ({"monolingual": {"en": ["train.txt"]}}, {}),
        ([PAIRS], {"source_length": 16, "target_length": 16}),
    ],
)
def test_folds_of_documents_and_of_pairs(write_study, tmp_path, capsys, data, training):
    recipe = {
        "output": "run",
        "initial_model": "xlm_tiny",
        "data": data,
        "held_out": data,
        "training": {"steps": 4, **training},
    }
    (tmp_path / "train.txt").write_text("A text.\n")

    def write(**folds):
        path = write_study(cross_validation=folds, trials=1)
        (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
        return path

    study = load_study(write(folds=2))
    recipes = [study.trial_recipe({}, study.output, run) for run in study.runs()]
    assert [own.held_out_fold.fold for own in recipes] == [1, 2]
    assert [own.held_out for own in recipes] == [None, None]
    for name in ("stratify", "by_line"):
        assert main(["tune", str(write(folds=2, **{name: True}))]) == 2
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 1
        assert f"study.cross_validation.{name} is of tasks that classify" in said[0]
