"""A training with several seeds, and how far its scores depend on them."""

import dataclasses
import gc
import json

import numpy as np

from xlm_tf.output_files import unlock_folder, whole_file
from xlm_tf.training.reporting import Reporter
from xlm_tf.training.run import claim_output
from xlm_tf.training.strategy import is_chief


@dataclasses.dataclass(frozen=True)
class SeedsResult:
    """What the runs of several seeds left behind.

    Attributes:
        runs: list of the results of the runs, in the order of the seeds.
        scores: dict from a score, such as "macro_f1/de", to a dict of `mean`,
            `deviation` and `values`; None where a run was interrupted.
        finished: bool, False where a run was interrupted.
    """

    runs: list
    scores: dict | None
    finished: bool


def finetune_seeds(recipe, finetune_one, quiet=False):
    """Run a recipe with each of its seeds, from where it stopped.

    Every run is in `seed-N` of the output. At the end there are `seeds.json` and
    `seeds.md`: by score, such as that of a language, the mean and the deviation over
    the seeds (of a sample: n - 1), of the test, or, without one, of the held-out texts
    by the best model.

    Args:
        recipe: a recipe with `training.seeds`.
        finetune_one: function from a recipe of one seed, and `quiet`, to its result,
            which has `test_scores`, `held_out_scores` and `finished`.
        quiet: bool, say nothing on the standard output.

    Returns:
        `SeedsResult`.

    Raises:
        ValueError: see `claim_output`; or what a run raises.
    """
    reporter = Reporter(quiet)
    if is_chief():
        claim_output(recipe)
        unlock_folder(recipe.output)  # the runs lock their own
    runs = []
    for seed in recipe.training.seeds:
        reporter.say(f"Seed {seed}, in {recipe.output / f'seed-{seed}'}:")
        training = recipe.training.model_copy(update={"seed": seed, "seeds": None})
        output = recipe.output / f"seed-{seed}"
        own = recipe.model_copy(update={"training": training, "output": output})
        runs.append(finetune_one(own, quiet))
        gc.collect()  # a model refers to itself, and fills memory until it is found
        if not runs[-1].finished:
            return SeedsResult(runs, None, False)
    scores = None
    if is_chief():
        scores = [dict(run.test_scores or run.held_out_scores) for run in runs]
        scores = _summary(scores)
        _write(recipe, scores, reporter)
    return SeedsResult(runs, scores, True)


def _summary(scores):
    """dict from the names that all have to mean, deviation and values."""
    metrics = {name.partition("/")[0] for own in scores for name in own}
    for own in scores if len(scores[0]) > len(metrics) else ():  # several languages
        for metric in metrics:
            of_metric = [own[x] for x in own if x.startswith(f"{metric}/")]
            own[f"{metric}/mean"] = float(np.mean(of_metric))
    summary = {}
    for name in scores[0]:
        values = [own[name] for own in scores if name in own]
        if len(values) == len(scores):
            summary[name] = {
                "mean": float(np.mean(values)),
                "deviation": float(np.std(values, ddof=1)),
                "values": values,
            }
    return summary


def _write(recipe, scores, reporter):
    seeds, output = recipe.training.seeds, recipe.output
    metrics = list(dict.fromkeys(name.partition("/")[0] for name in scores))
    rows = {}
    for name, own in scores.items():
        metric, _, language = name.partition("/")
        cell = f"{100 * own['mean']:.1f} ± {100 * own['deviation']:.1f}"
        rows.setdefault(language, dict.fromkeys(metrics, ""))[metric] = cell
    lines = [
        f"# Scores over the seeds {', '.join(map(str, seeds))}",
        "",
        "In percent: the mean, and the standard deviation of a run.",
        "",
        "| language | " + " | ".join(metrics) + " |",
        "|---|" + "---:|" * len(metrics),
        *(
            f"| {name} | " + " | ".join(row.values()) + " |"
            for name, row in rows.items()
        ),
    ]
    with whole_file(output / "seeds.json") as partial:
        partial.write_text(
            json.dumps({"seeds": seeds, "scores": scores}, indent=2), encoding="utf-8"
        )
    with whole_file(output / "seeds.md") as partial:
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
    reporter.table(
        f"Mean and deviation over {len(seeds)} seeds, in percent",
        metrics,
        {name: list(row.values()) for name, row in rows.items()},
    )
    reporter.say(f"The table is in {output / 'seeds.md'}.")
