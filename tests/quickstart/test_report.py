"""The quickstart's report, of results as the stages leave them."""

import json

import pytest

from xlm_tf.quickstart import report

RESULT = {
    "training_pairs": 1000,
    "training_sentences": 800,
    "queries": 50,
    "candidates": 200,
    "from_english": 0.5,
    "to_english": 0.7,
}


@pytest.fixture
def results():
    few = {**RESULT, "training_sentences": 300, "from_english": 0.0}
    routing = {"messages": 40, "accuracy": 0.75, "majority": 0.25}
    return {
        "seconds": {"corpus": 30.0, "total": 90.0},
        "corpus": {"messages": 6000, "held_out": 400},
        "retrieval": {stage: {"fr": RESULT, "th": few} for stage in report.STAGES},
        "routing": {"en": routing, "fr": routing},
        "int8": RESULT,
        "artefacts": {"embedder int8 TFLite": ["embedder.int8.tflite", 1_500_000]},
        "served": {
            "routing": [["Votre panier", "django-oscar", 0.9]],
            "latency_ms": {"HTTP, 1 text": {"median": 1.5, "p95": 2.5}},
        },
    }


def test_languages_with_few_sentences_are_left_out_of_the_mean(results):
    assert report.mean_accuracy(results["retrieval"]["random"]) == pytest.approx(0.6)


def test_the_report_holds_every_stage_and_answer(results, tmp_path):
    report.write_report(results, tmp_path / "report.md")
    text = (tmp_path / "report.md").read_text()
    cells = " | ".join(["50 / 70"] * 4)
    assert f"| fr | 1,000 | 50 | 200 | {cells} |" in text
    assert "Made in 1.5 minutes" in text
    assert "- Votre panier → **django-oscar** (90 %)" in text
    assert "| embedder int8 TFLite: `embedder.int8.tflite` | 1.5 |" in text


def test_the_picture_is_drawn_from_the_curves(results, tmp_path):
    metrics = tmp_path / "metrics.jsonl"
    line = {"step": 10, "perplexity/mlm/en": 300.0, "perplexity/tlm/en-fr": 200.0}
    metrics.write_text(json.dumps(line) + "\n")
    curve = tmp_path / "curve.jsonl"
    curve.write_text(json.dumps({"step": 25, "loss": 1.0, "accuracy": 0.5}) + "\n")
    curves = {"scratch": curve, "finetuned": curve}
    report.draw_picture(results, metrics, curves, tmp_path / "results.png")
    assert (tmp_path / "results.png").read_bytes().startswith(b"\x89PNG")
