"""What a study writes: the table of its trials, and the best recipe."""

import csv
import json

import numpy as np

from xlm_tf.output_files import whole_file
from xlm_tf.training.recipe_loader import load_recipe
from xlm_tf.training.recipe_yaml import write_yaml
from xlm_tf.tuning.trial_runs import trial_folder
from xlm_tf.tuning.trial_store import SECONDS, State

# On screen; all are in the file.
SHOWN_TRIALS = 10


def shown_values(values):
    """Values of a trial in one line: str."""
    return ", ".join(f"{name} {shown(value)}" for name, value in values.items())


def shown(value):
    """A value for the eye: str."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)


def deviation_of(scores):
    """The standard deviation of a run (n - 1), or None of one run."""
    return float(np.std(scores, ddof=1)) if len(scores) > 1 else None


def scores_of(trial):
    """The scores of the runs of a trial: a list of float."""
    return [run["score"] for run in trial.user_attrs.get("runs", [])]


def best_first(store):
    """The trials, the complete ones before others, the best first."""
    sign = -1 if store.maximize else 1
    return sorted(
        store.trials(),
        key=lambda x: (
            x.state != State.COMPLETE,
            sign * x.value if x.state == State.COMPLETE else 0,
            x.number,
        ),
    )


def write_trials(store):
    """Write `trials.csv`: a row per trial, in the order of their beginning."""
    names = list(store.study.space.dimensions)
    runs = [run.name for run in store.study.runs()]
    head = ["trial", "state", "score", "deviation", "last_step", "seconds"]
    rows = [_row(store, trial, names, runs) for trial in store.trials()]
    with (
        whole_file(store.output / "trials.csv") as partial,
        partial.open("w", encoding="utf-8", newline="") as file,
    ):
        csv.writer(file).writerows([[*head, *names, *runs, "folder", "reason"], *rows])


def _row(store, trial, names, runs):
    scores = scores_of(trial)
    of_run = {run["name"]: run["score"] for run in trial.user_attrs.get("runs", [])}
    values = trial.user_attrs.get("values", {})
    folder = ""
    if values:
        folder = trial_folder(store.study, values).relative_to(store.study.output)
    return [
        trial.number,
        trial.state.name.lower(),
        trial.value if trial.state == State.COMPLETE else "",  # pruned ones have one
        deviation_of(scores) if len(scores) > 1 else "",
        max(trial.intermediate_values, default=""),
        trial.user_attrs.get(SECONDS, ""),
        *(_cell(values[name]) if name in values else "" for name in names),
        *(of_run.get(name, "") for name in runs),
        folder,
        trial.user_attrs.get("reason", ""),
    ]


def _cell(value):
    return value if isinstance(value, str | float | int) else json.dumps(value)


def say_trials(store, reporter):
    """Print the best trials, and how the others ended."""
    trials = best_first(store)
    names = list(store.study.space.dimensions)
    rows = {}
    for trial in trials[:SHOWN_TRIALS]:
        values = trial.user_attrs.get("values", {})
        score = trial.state.name.lower()
        if trial.state == State.COMPLETE:
            deviation = deviation_of(scores_of(trial))
            score = f"{trial.value:.4f}"
            score += "" if deviation is None else f" ± {deviation:.4f}"
        rows[str(trial.number)] = [
            score,
            *(shown(values[name]) if name in values else "-" for name in names),
        ]
    reporter.table("Trials, the best first", ["score", *names], rows)
    states = [trial.state.name.lower() for trial in trials]
    counts = {state: states.count(state) for state in sorted(set(states))}
    said = ", ".join(f"{count} {state}" for state, count in counts.items())
    reporter.say(
        f"Trials: {said or 'none'}. All of them: {store.output / 'trials.csv'}"
    )


def write_best(store, trial):
    """Write `best.yaml`: the whole recipe with the values of a trial.

    Its paths are absolute, its output is `best` beside it.

    Raises:
        RecipeError: it cannot be read as it was written.
    """
    study = store.study
    values = trial.user_attrs["values"]
    fields = study.space.fields(values)
    output = (store.output / "best").absolute()
    recipe = study.recipe_with(fields, output=str(output))
    content = recipe.model_dump(mode="json", exclude_unset=True)
    deviation = deviation_of(scores_of(trial))
    runs = "" if deviation is None else f" ± {deviation:.4f}"
    head = [
        f"# The best of {len(store.trials())} trials, trial {trial.number}: "
        f"{trial.value:.4f}{runs} on the held-out texts.",
        *(f"#   {name}: {json.dumps(value)}" for name, value in values.items()),
        f"# xlm-tf {recipe.command} {store.output / 'best.yaml'}",
    ]
    with whole_file(store.output / "best.yaml") as partial:
        lines = [" ".join(line.splitlines()) for line in head]  # as names may have
        partial.write_text(
            "\n".join([*lines, "", write_yaml(content)]), encoding="utf-8"
        )
        load_recipe(partial, command=recipe.command)
