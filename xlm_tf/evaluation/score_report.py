"""Scores by language: as a table, a page, numbers and a picture."""

import dataclasses
import json
from pathlib import Path

import numpy as np

from xlm_tf.optional_packages import import_optional
from xlm_tf.output_files import whole_file

WORST_ERRORS = 20
# Larger confusions are in the numbers alone; of more classes a picture has no figures.
_CLASSES_OF_A_TABLE = 30
_CLASSES_WITH_FIGURES = 12
_TEXT_OF_AN_ERROR = 300
_NAMES = {
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "f1": "F1",
    "exact": "exact match",
    "pearson": "Pearson",
    "spearman": "Spearman",
    "mse": "mean squared error",
}
_NOT_IN_PERCENT = {"mse"}
# What an error is sorted by, and whether much of it is bad.
_BADNESS = {"probability": True, "wrong": True, "difference": True, "f1": False}


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A second model on the same rows.

    Attributes:
        model: str, its name.
        differences: list of `(difference, p_value)` by language, as
            `compare_languages` returns it.
    """

    model: str
    differences: list


def score_columns(scores, training_languages=(), against=None):
    """The rows of the table of language and metric.

    Args:
        scores: list of `LanguageScores` of one task, one at least.
        training_languages: languages that the model was trained on, to compare with.
        against: `Comparison` or None.

    Returns:
        `(names, rows)`: lists of str; a row for every language and, of several, their
        mean. A score reads "61.3 (57.9-64.6)", in percent.
    """
    metrics, main = list(scores[0].scores), scores[0].main
    of_baseline = _baseline_metrics(scores)
    columns = {
        "language": [own.language for own in scores],
        "examples": [f"{own.num_examples:,}" for own in scores],
    }
    for name in metrics:
        columns[_name(name)] = [
            _with_interval(name, own.scores[name]) for own in scores
        ]
    if of_baseline:
        columns[scores[0].baseline_name] = [
            " / ".join(_figure(name, own.baseline[name]) for name in of_baseline)
            if own.baseline
            else ""
            for own in scores
        ]
    if training_languages:
        columns[f"{_name(main)} against trained"] = _gaps(scores, training_languages)
    if against is not None:
        columns[f"the other's {_name(main)}"] = [
            _figure(main, difference, "+") for difference, _ in against.differences
        ]
        columns["p"] = [f"{p_value:.3f}" for _, p_value in against.differences]
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    if len(scores) > 1:
        means = {name: _figure(name, _mean(scores, name)) for name in metrics}
        total = f"{sum(own.num_examples for own in scores):,}"
        mean = {"language": "mean", "examples": total}
        mean |= {_name(name): figure for name, figure in means.items()}
        rows.append([mean.get(name, "") for name in columns])
    return list(columns), rows


def write_report(folder, scores, labels, errors, training_languages=(), against=None):
    """Write `scores.json`, `report.md` and, where matplotlib is, `scores.png`.

    An older picture is removed where none can be drawn.

    Args:
        folder: str or Path, is made.
        scores: list of `LanguageScores` of one task.
        labels: list of str, names of the classes; None of a task without.
        errors: list of dict with `language`, `text` or `question`, `target` and
            `prediction`, and by what they are sorted: `probability`, `wrong`,
            `difference` or `f1`. The worst are shown.
        training_languages, against: as for `score_columns`.

    Returns:
        List of Path, of what was written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "scores.json", folder / "report.md"]
    picture = folder / "scores.png"
    try:
        import_optional("matplotlib.figure", "Pictures", "pip install matplotlib")
    except ModuleNotFoundError:
        picture.unlink(missing_ok=True)
    else:
        _draw(picture, scores, labels, training_languages)
        written.append(picture)
    document = {
        "labels": labels,
        "training_languages": list(training_languages),
        "languages": {own.language: _numbers(own) for own in scores},
        "mean": {name: _mean(scores, name) for name in scores[0].scores},
    }
    if against is not None:
        document["against"] = {
            "model": against.model,
            "metric": scores[0].main,
            "languages": {
                own.language: {"difference": difference, "p_value": p_value}
                for own, (difference, p_value) in zip(
                    scores, against.differences, strict=True
                )
            },
        }
    with whole_file(written[0]) as partial:
        partial.write_text(
            json.dumps(document, indent=2, ensure_ascii=False), encoding="utf-8"
        )
    page = _page(scores, labels, errors, training_languages, against, len(written) > 2)
    with whole_file(written[1]) as partial:
        partial.write_text(page, encoding="utf-8")
    return written


def _numbers(own):
    numbers = {
        "examples": own.num_examples,
        "baseline": own.baseline,
        **{name: dataclasses.asdict(x) for name, x in own.scores.items()},
    }
    if own.by_type is not None:
        numbers["by_type"] = own.by_type
    if own.confusion is not None:
        numbers["confusion"] = own.confusion.tolist()
    return numbers


def _page(scores, labels, errors, training_languages, against, has_picture):
    lines = [
        "# Scores by language",
        "",
        "In percent; in brackets, where 95 % of the resampled test sets score.",
    ]
    of_baseline = _baseline_metrics(scores)
    if of_baseline:
        names = " / ".join(map(_name, of_baseline))
        lines.append(f'"{scores[0].baseline_name}": {names} of answering that always.')
    if against is not None:
        lines.append(
            f'"The other" is {against.model}: its score less this model\'s, and the '
            "p-value of a paired bootstrap."
        )
    lines += ["", *_markdown(*score_columns(scores, training_languages, against))]
    if has_picture:
        lines += ["", "![Scores by language](scores.png)"]
    lines += _type_tables(scores) + _confusions(scores, labels)
    key = _badness_of(errors)
    what = "surest" if key == "probability" else "worst"
    lines += ["", f"## The {what} of {len(errors):,} errors", ""]
    worst = sorted(errors, key=lambda x: -x[key] if _BADNESS[key] else x[key])
    if worst:
        names = list(worst[0])
        rows = [[_cell(name, x[name]) for name in names] for x in worst[:WORST_ERRORS]]
        lines += _markdown(names, rows, are_numbers=False)
    return "\n".join(lines) + "\n"


def _type_tables(scores):
    if scores[0].by_type is None:
        return []
    names = ["language", "type", "entities", "precision", "recall", "F1"]
    rows = [
        [
            *(own.language, kind, f"{x['entities']:,}"),
            *(f"{100 * x[name]:.1f}" for name in ("precision", "recall", "f1")),
        ]
        for own in scores
        for kind, x in own.by_type.items()
    ]
    return ["", "## Types of entities", "", *_markdown(names, rows)]


def _confusions(scores, labels):
    if not _has_confusions(scores):
        return []
    lines = ["", "## Confusions"]
    for own in scores:
        cells = [
            [label, *map(str, row)]
            for label, row in zip(labels, own.confusion.tolist(), strict=True)
        ]
        head = ["target \\ prediction", *labels]
        lines += ["", f"### {own.language}", "", *_markdown(head, cells)]
    return lines


def _has_confusions(scores):
    confusion = scores[0].confusion
    return confusion is not None and len(confusion) <= _CLASSES_OF_A_TABLE


def _badness_of(errors):
    keys = [key for key in _BADNESS if errors and key in errors[0]]
    return keys[0] if keys else "wrong"


def _cell(name, value):
    if name == "probability":
        return f"{100 * value:.0f} %"
    if isinstance(value, float):
        return f"{value:.2f}"
    text = str(value)
    too_long = len(text) > _TEXT_OF_AN_ERROR
    return text[: _TEXT_OF_AN_ERROR - 3] + "..." if too_long else text


def _markdown(names, rows, are_numbers=True):
    def line(cells):
        return (
            "| "
            + " | ".join(" ".join(x.replace("|", "\\|").split()) for x in cells)
            + " |"
        )

    other = "---:" if are_numbers else "---"
    rule = "|---|" + "|".join([other] * (len(names) - 1)) + "|"
    return [line(names), rule, *map(line, rows)]


def _draw(path, scores, labels, training_languages):
    from matplotlib.figure import Figure

    has_confusions = _has_confusions(scores)
    width = 7 + (2 + 0.5 * len(labels) if has_confusions else 0)
    figure = Figure(
        figsize=(width, max(3, 0.45 * len(scores) + 1.8)), layout="constrained"
    )
    if has_confusions:
        bars, matrix = figure.subplots(1, 2, width_ratios=[3, 2])
        _draw_confusion(matrix, sum(own.confusion for own in scores), labels)
    else:
        bars = figure.subplots()
    _draw_bars(bars, scores, training_languages)
    with whole_file(path) as partial:
        figure.savefig(partial, format="png", dpi=150)


def _draw_bars(bars, scores, training_languages):
    main = scores[0].main
    places = np.arange(len(scores))
    own = [x.scores[main] for x in scores]
    values = np.array([x.value for x in own])
    spans = None
    if all(x.low is not None for x in own):
        # A percentile may lie on the other side of a value that ties.
        spans = 100 * np.maximum(
            [[x.value - x.low for x in own], [x.high - x.value for x in own]], 0
        )
    is_trained = np.array([x.language in training_languages for x in scores])
    for name, colour, chosen in (
        ("trained on", "C0", is_trained),
        ("zero-shot", "C1", ~is_trained),
    ):
        if chosen.any():
            bars.barh(
                places[chosen],
                100 * values[chosen],
                xerr=None if spans is None else spans[:, chosen],
                color=colour,
                capsize=2,
                label=name if training_languages else None,
            )
    marks = [
        (100 * x.baseline[main], place)
        for x, place in zip(scores, places, strict=True)
        if main in x.baseline
    ]
    if marks:
        bars.plot(*zip(*marks, strict=True), "k|", ms=12, label=scores[0].baseline_name)
    bars.set_yticks(places, [_plain(x.language) for x in scores])
    bars.invert_yaxis()
    # A correlation may be below 0.
    lowest = min(x.value if x.low is None else x.low for x in own)
    bars.set_xlim(min(0, 100 * lowest), 100)
    bars.set_xlabel(f"{_name(main)}, %")
    if bars.get_legend_handles_labels()[0]:
        # Above the bars, where it covers none.
        bars.legend(
            fontsize=7, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False
        )


def _draw_confusion(matrix, total, labels):
    shares = total / np.maximum(total.sum(1, keepdims=True), 1)
    matrix.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(labels) <= _CLASSES_WITH_FIGURES:
        for (row, column), share in np.ndenumerate(shares):
            colour = "white" if share > 0.5 else "black"
            figure = f"{100 * share:.0f}"
            matrix.text(column, row, figure, ha="center", va="center", color=colour)
    names = [_plain(label) for label in labels]
    matrix.set_xticks(range(len(names)), names, rotation=45, ha="right", fontsize=8)
    matrix.set_yticks(range(len(names)), names, fontsize=8)
    matrix.set_xlabel("prediction")
    matrix.set_ylabel("target")
    matrix.set_title("all languages, % of the target", fontsize=9)


def _plain(text):
    """matplotlib reads what stands between two dollar signs as mathematics."""
    return text.replace("$", "\\$")


def _gaps(scores, training_languages):
    main = scores[0].main
    trained = [own for own in scores if own.language in training_languages]
    best = _mean(trained, main) if trained else None
    return [
        "trained on"
        if own.language in training_languages
        else _figure(main, own.scores[main].value - best, "+")
        if trained
        else ""
        for own in scores
    ]


def _baseline_metrics(scores):
    """The metrics of which there is a baseline, in their order."""
    found = {name for own in scores for name in own.baseline}
    return [name for name in scores[0].scores if name in found]


def _name(metric):
    return _NAMES.get(metric, metric)


def _figure(metric, value, sign=""):
    if metric in _NOT_IN_PERCENT:
        return f"{value:{sign}.3f}"
    return f"{100 * value:{sign}.1f}"


def _with_interval(metric, score):
    value = _figure(metric, score.value)
    if score.low is None:
        return value
    low, high = (_figure(metric, bound) for bound in (score.low, score.high))
    return f"{value} ({low} to {high})" if score.low < 0 else f"{value} ({low}-{high})"


def _mean(scores, metric):
    return float(np.mean([own.scores[metric].value for own in scores]))
