"""The scores of a classifier by language: as a table, a page, numbers and a picture."""

import json
from pathlib import Path

import numpy as np

from xlm_tf.evaluation.class_scores import METRICS
from xlm_tf.optional_packages import import_optional
from xlm_tf.output_files import whole_file

WORST_ERRORS = 20
_NAMES = {"accuracy": "accuracy", "macro_f1": "macro-F1"}


def score_columns(scores, training_languages=()):
    """The rows of the table of language and metric.

    Args:
        scores: list of `LanguageScores`.
        training_languages: languages that the model was trained on, to compare with.

    Returns:
        `(names, rows)`: lists of str; a row for every language and, of several, their
        mean. A score reads "61.3 (57.9-64.6)", in percent.
    """
    names = ["language", "examples", *(_NAMES[name] for name in METRICS), "majority"]
    if training_languages:
        names.append("macro-F1 against trained")
    trained = [x for x in scores if x.language in training_languages]
    best = _mean(trained, "macro_f1") if trained else None
    rows = []
    for own in scores:
        row = [own.language, f"{own.num_examples:,}"]
        row += [_percent(own.scores[name]) for name in METRICS]
        row.append(f"{100 * own.majority:.1f}")
        if training_languages:
            is_trained = own.language in training_languages
            gap = 100 * (own.scores["macro_f1"].value - (best or 0))
            row.append("trained on" if is_trained else f"{gap:+.1f}" if best else "")
        rows.append(row)
    if len(scores) > 1:
        total = sum(own.num_examples for own in scores)
        means = [f"{100 * _mean(scores, name):.1f}" for name in METRICS]
        majority = 100 * np.mean([own.majority for own in scores])
        row = ["mean", f"{total:,}", *means, f"{majority:.1f}"]
        rows.append(row + [""] * (len(names) - len(row)))
    return names, rows


def write_report(folder, scores, labels, errors, training_languages=()):
    """Write `scores.json`, `report.md` and, where matplotlib is, `scores.png`.

    Args:
        folder: str or Path, is made.
        scores: list of `LanguageScores`.
        labels: list of str, names of the classes.
        errors: list of dict with `language`, `text`, `target`, `prediction` and
            `probability`; the surest are shown.
        training_languages: as for `score_columns`.

    Returns:
        List of Path, of what was written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "scores.json", folder / "report.md"]
    document = {
        "labels": labels,
        "training_languages": list(training_languages),
        "languages": {own.language: _numbers(own) for own in scores},
        "mean": {name: _mean(scores, name) for name in METRICS},
    }
    with whole_file(written[0]) as partial:
        partial.write_text(
            json.dumps(document, indent=2, ensure_ascii=False), encoding="utf-8"
        )
    with whole_file(written[1]) as partial:
        partial.write_text(
            _page(scores, labels, errors, training_languages), encoding="utf-8"
        )
    try:
        import_optional("matplotlib.figure", "Pictures", "pip install matplotlib")
    except ModuleNotFoundError:
        return written
    written.append(folder / "scores.png")
    _draw(written[-1], scores, labels, training_languages)
    return written


def _numbers(own):
    return {
        "examples": own.num_examples,
        "majority": own.majority,
        **{
            name: {"value": x.value, "low": x.low, "high": x.high}
            for name, x in own.scores.items()
        },
        "confusion": own.confusion.tolist(),
    }


def _page(scores, labels, errors, training_languages):
    names, rows = score_columns(scores, training_languages)
    lines = [
        "# Scores by language",
        "",
        "In percent; in brackets, where 95 % of the resampled test sets score.",
        '"Majority" is the accuracy of always answering the most frequent class.',
        "",
        *_markdown(names, rows),
        "",
        "![Scores and confusions](scores.png)",
        "",
        "## Confusions",
    ]
    for own in scores:
        lines += ["", f"### {own.language}", ""]
        head = ["target \\ prediction", *labels]
        cells = [
            [label, *map(str, row)]
            for label, row in zip(labels, own.confusion.tolist(), strict=True)
        ]
        lines += _markdown(head, cells)
    lines += ["", f"## The surest of {len(errors):,} errors", ""]
    surest = sorted(errors, key=lambda x: -x["probability"])[:WORST_ERRORS]
    lines += _markdown(
        ["language", "text", "target", "prediction", "probability"],
        [
            [
                x["language"],
                x["text"],
                x["target"],
                x["prediction"],
                f"{100 * x['probability']:.0f} %",
            ]
            for x in surest
        ],
        are_numbers=False,
    )
    return "\n".join(lines) + "\n"


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

    # matplotlib reads what stands between two dollar signs as mathematics.
    languages = [own.language.replace("$", "\\$") for own in scores]
    labels = [label.replace("$", "\\$") for label in labels]
    figure = Figure(
        figsize=(6 + 0.5 * len(labels) + 2, max(3, 0.45 * len(scores) + 1.5))
    )
    bars, matrix = figure.subplots(1, 2, width_ratios=[3, 2])
    places = np.arange(len(scores))
    values = np.array([own.scores["macro_f1"].value for own in scores])
    spans = np.abs(
        [
            [
                own.scores["macro_f1"].value - own.scores["macro_f1"].low
                for own in scores
            ],
            [
                own.scores["macro_f1"].high - own.scores["macro_f1"].value
                for own in scores
            ],
        ]
    )
    colours = ["C0" if x.language in training_languages else "C1" for x in scores]
    bars.barh(places, 100 * values, xerr=100 * spans, color=colours, capsize=2)
    bars.plot(
        [100 * own.majority for own in scores],
        places,
        "k|",
        ms=12,
        label="majority class",
    )
    bars.set_yticks(places, languages)
    bars.invert_yaxis()
    bars.set_xlim(0, 100)
    bars.set_xlabel("macro-F1, %")
    if training_languages:
        bars.barh([0], [0], color="C0", label="trained on")
        bars.barh([0], [0], color="C1", label="zero-shot")
    bars.legend(fontsize=7, loc="lower right")
    total = sum(own.confusion for own in scores)
    shares = total / np.maximum(total.sum(1, keepdims=True), 1)
    matrix.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        colour = "white" if share > 0.5 else "black"
        matrix.text(
            column, row, f"{100 * share:.0f}", ha="center", va="center", color=colour
        )
    matrix.set_xticks(range(len(labels)), labels, rotation=45, ha="right", fontsize=8)
    matrix.set_yticks(range(len(labels)), labels, fontsize=8)
    matrix.set_xlabel("prediction")
    matrix.set_ylabel("target")
    matrix.set_title("all languages, % of the target", fontsize=9)
    figure.tight_layout()
    with whole_file(path) as partial:
        figure.savefig(partial, format="png", dpi=150)


def _percent(score):
    return f"{100 * score.value:.1f} ({100 * score.low:.1f}-{100 * score.high:.1f})"


def _mean(scores, metric):
    return float(np.mean([own.scores[metric].value for own in scores]))
