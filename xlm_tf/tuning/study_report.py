"""What a study found, to look at: two pictures, and a page that holds all."""

import base64
import html
import json

import numpy as np

from xlm_tf.optional_packages import import_optional
from xlm_tf.output_files import whole_file
from xlm_tf.tuning.study_results import (
    best_first,
    deviation_of,
    scores_of,
    shown,
    shown_values,
)
from xlm_tf.tuning.trial_store import SECONDS, State

_NEEDED = ("Pictures of a study", "pip install 'xlm-tf[tune]'")
_STYLE = (
    "body{font:15px sans-serif;margin:2em auto;max-width:70em}"
    "table{border-collapse:collapse}td,th{padding:.2em .7em;text-align:right;"
    "border-bottom:1px solid #ddd}img{max-width:100%}pre{background:#f4f4f4;"
    "padding:1em;overflow:auto}"
)


def write_report(store):
    """Write `parallel.png`, `importance.png` and `report.html`.

    The page holds the pictures, the table and the best recipe; it asks for no other
    file. A picture that there is nothing for, such as of one trial, is left out.

    Args:
        store: `TrialStore`.
    """
    figures = import_optional("matplotlib.figure", *_NEEDED)
    complete = [x for x in best_first(store) if x.state == State.COMPLETE]
    importances = store.importances()
    pictures = {}
    if complete:
        pictures["parallel.png"] = _parallel(figures, store, complete)
    if importances:
        pictures["importance.png"] = _importance(figures, importances)
    for name in ("parallel.png", "importance.png"):
        path = store.output / name
        if name not in pictures:
            path.unlink(missing_ok=True)
            continue
        with whole_file(path) as partial:
            pictures[name].savefig(partial, format="png", dpi=120)
    with whole_file(store.output / "report.html") as partial:
        partial.write_text(_page(store, list(pictures)), encoding="utf-8")


def _parallel(figures, store, complete):
    """A line per complete trial over an axis per dimension, and the score."""
    names = list(store.study.space.dimensions)
    figure = figures.Figure(figsize=(2.2 * len(names) + 2.5, 4.5))
    axes = figure.subplots()
    columns = [_positions(store, name, complete) for name in names]
    scores = np.array([trial.value for trial in complete])
    low, high = scores.min(), scores.max()
    columns.append((scores - low) / (high - low or 1))
    ranks = np.linspace(1, 0, len(complete)) if len(complete) > 1 else [1.0]
    lines = np.array(columns).T
    colours = import_optional("matplotlib", *_NEEDED).colormaps["viridis"]
    for line, rank in zip(lines[::-1], ranks[::-1], strict=True):
        axes.plot(line, color=colours(rank), alpha=0.8)
    axes.set_xticks(range(len(columns)), [*map(_short, names), "score"])
    axes.set_yticks([])
    for number, name in enumerate(names):
        axes.axvline(number, color="lightgrey", zorder=0)
        for place, label in _labels(store, name):
            axes.annotate(label, (number, place), fontsize=8)
    for place, value in ((0, low), (1, high)):
        axes.annotate(f"{value:.4g}", (len(names), place), fontsize=8)
    axes.set_title("Complete trials, the best in yellow")
    figure.tight_layout()
    return figure


def _positions(store, name, complete):
    """Where trials are on the axis of a dimension, from 0 to 1; below it: not set."""
    dimension = store.study.space.dimensions[name]
    places = []
    for trial in complete:
        values = trial.user_attrs["values"]
        if name not in values:
            places.append(-0.15)
        elif dimension.choices is not None:
            texts = [json.dumps(x) for x in dimension.choices]
            place = texts.index(json.dumps(values[name]))
            places.append(place / max(len(texts) - 1, 1))
        else:
            scale = np.log if dimension.log else float
            low, high, value = map(scale, (dimension.low, dimension.high, values[name]))
            places.append((value - low) / (high - low))
    return np.array(places)


def _labels(store, name):
    dimension = store.study.space.dimensions[name]
    if dimension.choices is None:
        labels = [(0, shown(dimension.low)), (1, shown(dimension.high))]
    else:
        last = max(len(dimension.choices) - 1, 1)
        labels = [(n / last, shown(x)) for n, x in enumerate(dimension.choices)]
    return [*labels, (-0.15, "not set")] if dimension.when else labels


def _importance(figures, importances):
    names = list(importances)[::-1]
    figure = figures.Figure(figsize=(7, 0.5 * len(names) + 1.5))
    axes = figure.subplots()
    axes.barh([_short(name) for name in names], [importances[x] for x in names])
    axes.set_title("Importance for a score among the best (PED-ANOVA)")
    figure.tight_layout()
    return figure


def _short(name):
    return name.rpartition(".")[2]


def _page(store, pictures):
    best = store.best()
    title = html.escape(f"Study {store.output.name}")
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>",
    ]
    trials = best_first(store)
    states = [trial.state.name.lower() for trial in trials]
    counts = ", ".join(f"{states.count(x)} {x}" for x in sorted(set(states)))
    seconds = sum(trial.user_attrs.get(SECONDS, 0) for trial in trials)
    parts.append(f"<p>Trials: {counts or 'none'}, in {seconds:,.0f} seconds.</p>")
    if best is not None:
        values = html.escape(shown_values(best.user_attrs["values"]))
        parts.append(
            f"<p>The best, trial {best.number}, has <b>{best.value:.4f}</b>: {values}."
            "</p>"
        )
    for name in pictures:
        data = base64.b64encode((store.output / name).read_bytes()).decode("ascii")
        parts.append(f'<p><img alt="{name}" src="data:image/png;base64,{data}"></p>')
    if "importance.png" not in pictures:
        fewest = store.fewest_for_importances
        parts.append(
            f"<p>Of fewer than {fewest} complete trials, or of equal ones, nothing can "
            "be said of the importance of fields.</p>"
        )
    names = list(store.study.space.dimensions)
    head = ["trial", "state", "score", "deviation", "seconds", *names, "reason"]
    parts += ["<table>", _table_row("th", head)]
    parts += [_table_row("td", _cells(trial, names)) for trial in trials]
    parts.append("</table>")
    recipe = store.output / "best.yaml"
    if best is not None and recipe.exists():
        text = html.escape(recipe.read_text(encoding="utf-8"))
        parts.append(f"<h2>best.yaml</h2><pre>{text}</pre>")
    return "\n".join([*parts, "</body></html>", ""])


def _cells(trial, names):
    values = trial.user_attrs.get("values", {})
    deviation = deviation_of(scores_of(trial))
    return [
        trial.number,
        trial.state.name.lower(),
        f"{trial.value:.4f}" if trial.state == State.COMPLETE else "",
        "" if deviation is None else f"{deviation:.4f}",
        trial.user_attrs.get(SECONDS, ""),
        *(shown(values[name]) if name in values else "" for name in names),
        trial.user_attrs.get("reason", ""),
    ]


def _table_row(tag, cells):
    row = "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in cells)
    return f"<tr>{row}</tr>"
