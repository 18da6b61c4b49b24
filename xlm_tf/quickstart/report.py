"""What the quickstart found, as a picture and as Markdown."""

import json

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.ticker import StrMethodFormatter

STAGES = {
    "random": "random weights",
    "pretrained": "pretrained only",
    "scratch": "fine-tuned only",
    "finetuned": "pretrained, then fine-tuned",
}
COLORS = {
    "random": "#d4d4d4",
    "pretrained": "#9b9b9b",
    "scratch": "#7fb0d8",
    "finetuned": "#1b5e9c",
}
# Languages with fewer pairs of sentences are shown, and left out of the mean.
MIN_PAIRS = 500


def mean_accuracy(retrieval):
    """Mean of both directions over the languages with 500 sentence pairs or more."""
    values = [
        (result["from_english"] + result["to_english"]) / 2
        for result in retrieval.values()
        if result["training_sentences"] + result["queries"] >= MIN_PAIRS
    ]
    return float(np.mean(values))


def draw_picture(results, pretraining_metrics, contrastive_curves, path):
    """Four panels: retrieval, routing, and the curves of both trainings.

    Args:
        results: dict, see `xlm_tf.quickstart.results`.
        pretraining_metrics: Path of the pretraining's `metrics.jsonl`.
        contrastive_curves: dict from "scratch" and "finetuned" to Path, the curves of
            both fine-tunings.
        path: Path of the PNG.
    """
    figure, axes = plt.subplots(2, 2, figsize=(13, 8), constrained_layout=True)
    figure.suptitle(
        "xlm_tf quickstart: one small encoder, 15 languages, "
        f"{results['seconds']['total'] / 60:.0f} minutes",
        fontsize=15,
    )
    _draw_retrieval(axes[0, 0], results["retrieval"])
    _draw_routing(axes[0, 1], results["routing"])
    _draw_pretraining(axes[1, 0], _read_lines(pretraining_metrics))
    _draw_contrastive(
        axes[1, 1],
        {stage: _read_lines(path) for stage, path in contrastive_curves.items()},
    )
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="y", alpha=0.3)
        axis.set_axisbelow(True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _draw_retrieval(axis, retrieval):
    languages = _by_pairs(retrieval["random"])
    positions = np.arange(len(languages))
    for number, (stage, label) in enumerate(STAGES.items()):
        values = [
            100
            * np.mean([retrieval[stage][x][d] for d in ("from_english", "to_english")])
            for x in languages
        ]
        mean = 100 * mean_accuracy(retrieval[stage])
        axis.bar(
            positions + 0.21 * (number - 1.5),
            values,
            0.21,
            color=COLORS[stage],
            label=f"{label}: {mean:.0f} %",
        )
    axis.set_xticks(positions, languages)
    axis.set_ylim(0, 128)
    axis.set_yticks(range(0, 101, 20))
    axis.set_ylabel("top-1 accuracy, %")
    axis.set_title(
        "Which held-out message is the translation? (English ↔ language)", fontsize=11
    )
    axis.legend(loc="upper center", ncols=2, fontsize=8, frameon=False)


def _draw_routing(axis, routing):
    languages = ["en", *_by_messages(routing)]
    positions = np.arange(len(languages))
    axis.bar(
        positions,
        [100 * routing[x]["accuracy"] for x in languages],
        0.7,
        color=["#e08a2e", *["#1b5e9c"] * (len(languages) - 1)],
    )
    for number, language in enumerate(languages):
        majority = 100 * routing[language]["majority"]
        axis.plot([number - 0.4, number + 0.4], [majority] * 2, color="black", lw=2)
    axis.plot([], [], color="black", lw=2, label="majority class")
    axis.set_xticks(positions, languages)
    axis.set_ylim(0, 110)
    axis.set_yticks(range(0, 101, 20))
    axis.set_ylabel("accuracy, %")
    axis.set_title(
        "Which package is a message from? Learned in English only", fontsize=11
    )
    axis.legend(loc="upper right", fontsize=8, frameon=False)


def _draw_pretraining(axis, lines):
    steps = [line["step"] for line in lines]
    for objective, color in (("mlm", "#b0413e"), ("tlm", "#1b5e9c")):
        prefix = f"perplexity/{objective}/"
        values = [
            np.mean([value for name, value in line.items() if name.startswith(prefix)])
            for line in lines
        ]
        axis.plot(steps, values, marker="o", color=color, label=objective.upper())
    axis.set_yscale("log")
    for ticks in ("major", "minor"):  # 300, not 3 × 10²
        getattr(axis.yaxis, f"set_{ticks}_formatter")(StrMethodFormatter("{x:,.0f}"))
    axis.set_xlabel("pretraining step")
    axis.set_ylabel("perplexity, held-out text")
    axis.set_title("Pretraining: guess the masked tokens", fontsize=11)
    axis.legend(fontsize=8, frameon=False)


def _draw_contrastive(axis, curves):
    labels = {"scratch": "from random weights", "finetuned": "pretrained"}
    for stage, lines in curves.items():
        axis.plot(
            [line["step"] for line in lines],
            [100 * line["accuracy"] for line in lines],
            color=COLORS[stage],
            label=labels[stage],
        )
    axis.set_xlabel("fine-tuning step")
    axis.set_ylabel("accuracy within a batch, %")
    axis.set_title("Fine-tuning: find the translation in the batch", fontsize=11)
    axis.legend(loc="lower right", fontsize=8, frameon=False)


def write_report(results, path):
    """Write the Markdown report.

    Args:
        results: dict, see `xlm_tf.quickstart.results`.
        path: Path of the file.
    """
    retrieval, routing = results["retrieval"], results["routing"]
    lines = [
        "# Quickstart results",
        "",
        f"Made in {results['seconds']['total'] / 60:.1f} minutes (without "
        f"installation) from {results['corpus']['messages']:,} English messages of "
        "open-source packages and their translations into 14 languages; "
        f"{results['corpus']['held_out']:,} messages were held out, with all their "
        "translations and near copies.",
        "",
        "![Accuracy by language and training curves](results.png)",
        "",
        "## Retrieval",
        "",
        "Top-1 accuracy on held-out messages, English → language / language → English, "
        f"in %. The mean is over the languages with {MIN_PAIRS} pairs or more. Both "
        "fine-tunings are of the same steps on the same batches: the last two columns "
        "differ by what pretraining gives.",
        "",
        f"| language | training pairs | queries | candidates | "
        f"{' | '.join(STAGES.values())} |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for language in _by_pairs(retrieval["random"]):
        row = retrieval["random"][language]
        cells = [
            f"{100 * retrieval[stage][language]['from_english']:.0f} / "
            f"{100 * retrieval[stage][language]['to_english']:.0f}"
            for stage in STAGES
        ]
        lines.append(
            f"| {language} | {row['training_pairs']:,} | {row['queries']} | "
            f"{row['candidates']} | {' | '.join(cells)} |"
        )
    means = [f"**{100 * mean_accuracy(retrieval[stage]):.1f}**" for stage in STAGES]
    lines += [
        f"| **mean** | | | | {' | '.join(means)} |",
        "",
        "The int8 TFLite file, in French: "
        f"{100 * results['int8']['from_english']:.0f} / "
        f"{100 * results['int8']['to_english']:.0f}.",
        "",
        "## Zero-shot routing",
        "",
        "Which package a held-out message is from, by a classifier that was trained on "
        "English messages only.",
        "",
        "| language | messages | accuracy | majority class |",
        "|---|---|---|---|",
    ]
    for language in ["en", *_by_messages(routing)]:
        row = routing[language]
        lines.append(
            f"| {language} | {row['messages']} | {100 * row['accuracy']:.0f} % | "
            f"{100 * row['majority']:.0f} % |"
        )
    lines += ["", "## Artefacts", "", "| artefact | MB |", "|---|---|"]
    for name, (artefact, num_bytes) in results["artefacts"].items():
        lines.append(f"| {name}: `{artefact}` | {num_bytes / 1e6:.1f} |")
    lines += ["", "## Served", ""]
    for text, label, probability in results["served"]["routing"]:
        lines.append(f"- {text} → **{label}** ({100 * probability:.0f} %)")
    lines += ["", "| request | median ms | 95th percentile |", "|---|---|---|"]
    for name, latency in results["served"]["latency_ms"].items():
        lines.append(f"| {name} | {latency['median']} | {latency['p95']} |")
    lines += ["", "## Time", "", "| stage | seconds |", "|---|---|"]
    lines += [f"| {name} | {s:.0f} |" for name, s in results["seconds"].items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _by_pairs(retrieval):
    return sorted(retrieval, key=lambda x: -retrieval[x]["training_pairs"])


def _by_messages(routing):
    return sorted(set(routing) - {"en"}, key=lambda x: -routing[x]["messages"])


def _read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
