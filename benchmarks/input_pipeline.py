"""From text, and from prepared shards, to masked batches: tokens per second.

python benchmarks/input_pipeline.py --vocabulary vocabulary.spm --corpus en=news.en.txt
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import yaml
from timing import report, time_interleaved

from xlm_tf.cli.corpus_arguments import add_corpus_argument, corpus_files
from xlm_tf.training.prepare import prepare
from xlm_tf.training.pretraining_data import PretrainingData
from xlm_tf.training.recipe_loader import load_recipe
from xlm_tf.training.recipe_tokenizer import read_tokenizer

# Batches of a measurement.
BATCHES = 40


def main():
    """Prepare the texts in a temporary folder, and read both in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_corpus_argument(parser, "text of a language", required=True)
    parser.add_argument("--vocabulary", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=64, help="rows of a batch")
    parser.add_argument("--sequence-length", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--output", default="input_pipeline.json")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        engines = {
            name: reader(recipe) for name, recipe in recipes(args, Path(folder)).items()
        }
        seconds = time_interleaved(engines, args.seconds)
    # As many tokens in the one as in the other, but for what fills no row.
    values = {name: engines[name]() / took for name, took in seconds.items()}
    report(
        "Input pipeline",
        "tokens/s",
        {f"{args.rows}x{args.sequence_length}": values},
        "text",
        args.output,
    )


def recipes(args, folder):
    """The recipe of the texts, and the same of their shards."""
    content = {
        "output": str(folder / "run"),
        "vocabulary": str(args.vocabulary.absolute()),
        "model": {
            "num_layers": 1,
            "num_heads": 1,
            "hidden_dim": 8,
            "intermediate_dim": 8,
        },
        "data": {
            "monolingual": {
                language: [str(Path(path).absolute()) for path in paths]
                for language, paths in corpus_files(args.corpus).items()
            }
        },
        "training": {
            "steps": 1,
            "batch_size": args.rows,
            "sequence_length": args.sequence_length,
        },
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    text = load_recipe(path)
    prepare(text, folder / "prepared")
    content["data"] = {"prepared": str(folder / "prepared")}
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return {"text": text, "prepared": load_recipe(path)}


def reader(recipe):
    """A function that reads batches and returns their number of tokens."""
    data = PretrainingData(recipe, read_tokenizer(recipe))
    data.begin(0, None)
    batches = data.train_batches().as_numpy_iterator()

    def read():
        return sum(
            int(np.sum(next(batches)[0]["padding_mask"])) for _ in range(BATCHES)
        )

    return read


if __name__ == "__main__":
    main()
