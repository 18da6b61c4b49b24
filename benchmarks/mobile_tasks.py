"""Classifiers, taggers and question answering by LiteRT: scores, time and size.

python benchmarks/mobile_tasks.py MODEL --data en=FILE --data de=FILE

A trained task on labelled files, read as `xlm-tf evaluate` does: by the model, and by
its float32, float16 and int8 files on one thread, one text (or window) at a time as on
a phone. The scores are those of `xlm-tf evaluate`.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from ai_edge_litert import interpreter as litert
from rich.console import Console
from rich.table import Table

import export
from xlm_tf.data.questions import read_questions
from xlm_tf.data.tables import read_table
from xlm_tf.data.tagged_words import read_tagged_words
from xlm_tf.evaluation.model_scores import score_languages
from xlm_tf.evaluation.row_languages import name_languages
from xlm_tf.models.loading import load_task


def main():
    """Score with every engine and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="preset of the task")
    parser.add_argument("--data", action="append", required=True)
    parser.add_argument("--text", default="text", help="column of the texts")
    parser.add_argument("--text-pair", help="column of the second texts")
    parser.add_argument("--label", default="label", help="column of the classes")
    parser.add_argument("--number", type=int, help="rows of a language; default: all")
    parser.add_argument("--output", default="mobile_tasks.json")
    args = parser.parse_args()
    model = load_task(args.model)
    rows = read_rows(args, type(model).__name__)
    name_languages(rows, model.preprocessor)
    compiled = tf.function(model.call, reduce_retracing=True)
    timed = Timed(compiled)
    model.call = timed
    results = [measure("model", model, rows, timed, None)]
    with tempfile.TemporaryDirectory() as folder:
        for quantization in (None, "float16", "int8"):
            name = quantization or "float32"
            path = Path(folder, f"{name}.tflite")
            del model.call  # its own again
            report = export.to_tflite(model, path, quantization=quantization)
            timed = Timed(interpreted(path))
            model.call = timed
            results.append(measure(name, model, rows, timed, report.num_bytes))
    table = Table(title=f"{len(rows)} rows, {', '.join(results[0]['scores'])}")
    for column in ("engine", "mean", "scores", "ms a row", "megabytes"):
        table.add_column(column, justify="right")
    for row in results:
        scores = "  ".join(f"{value:.1%}" for value in row["scores"].values())
        size = "-" if row["megabytes"] is None else f"{row['megabytes']:.2f}"
        table.add_row(
            row["engine"], f"{row['mean']:.2%}", scores, f"{row['ms']:.2f}", size
        )
    Console(width=140).print(table)
    Path(args.output).write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(f"Written to {args.output}.")


def read_rows(args, task):
    """The rows of all files, each with its language."""
    rows = []
    for value in args.data:
        language, _, path = value.partition("=")
        if task == "XLMTokenClassifier":
            own, _ = read_tagged_words(path)
        elif task == "XLMQuestionAnswering":
            own, _ = read_questions(path)
        else:
            columns = {"text": args.text, "label": args.label}
            if args.text_pair:
                columns["text_pair"] = args.text_pair
            own, _ = read_table(path, columns)
        rows += [{**row, "language": language} for row in own[: args.number]]
    return rows


class Timed:
    """A model's call in Python, that counts rows and seconds; one row at a time."""

    def __init__(self, call):
        self.call_of_one = call
        self.seconds, self.count = 0.0, 0

    def __call__(self, inputs, training=None, mask=None):
        names = sorted(inputs)

        def all_rows(*values):
            begun = time.perf_counter()
            padding_mask = values[names.index("padding_mask")]
            outputs = []
            for row, length in enumerate(padding_mask.sum(axis=1)):
                own = {
                    name: tf.constant(value[row : row + 1, :length])
                    for name, value in zip(names, values, strict=True)
                }
                output = np.asarray(self.call_of_one(own))
                if output.ndim == 3:  # logits of every token
                    padding = values[0].shape[1] - length
                    output = np.pad(
                        output, ((0, 0), (0, padding), (0, 0)), constant_values=-1e9
                    )
                outputs.append(output)
            self.seconds += time.perf_counter() - begun
            self.count += len(outputs)
            return np.concatenate(outputs).astype("float32")

        return tf.numpy_function(all_rows, [inputs[x] for x in names], "float32")


def interpreted(path):
    """A file's answers as the model's: logits, or what is as good."""
    interpreter = litert.Interpreter(model_content=path.read_bytes(), num_threads=1)
    runner = interpreter.get_signature_runner("serving_default")
    names = runner.get_input_details()

    def call(inputs):
        outputs = runner(**{name: inputs[name].numpy() for name in names})
        if "start_logits" in outputs:
            return np.stack([outputs["start_logits"], outputs["end_logits"]], axis=-1)
        if "probabilities" in outputs:
            return np.log(np.maximum(outputs["probabilities"], 1e-30))
        return outputs["scores"]

    return call


def measure(engine, model, rows, timed, num_bytes):
    """Scores, time and size of an engine, dict."""
    vars(model).pop("_packed_step", None)  # traced with another engine
    model.predict_function = None
    scores, _ = score_languages(model, rows, intervals=False)
    by_language = {own.language: own.scores[own.main].value for own in scores}
    return {
        "engine": engine,
        "scores": by_language,
        "mean": float(np.mean(list(by_language.values()))),
        "ms": 1000 * timed.seconds / timed.count,
        "megabytes": None if num_bytes is None else num_bytes / 1e6,
    }


if __name__ == "__main__":
    main()
