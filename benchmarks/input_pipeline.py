"""From text, and from prepared shards, to masked batches: tokens per second.

python benchmarks/input_pipeline.py --vocabulary vocabulary.spm --corpus en=news.en.txt
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import yaml
from timing import report

from xlm_tf.cli.corpus_arguments import add_corpus_argument, corpus_files
from xlm_tf.training.prepare import prepare
from xlm_tf.training.pretraining_data import PretrainingData
from xlm_tf.training.recipe_loader import load_recipe
from xlm_tf.training.recipe_tokenizer import read_tokenizer

# Batches before a measurement, and in it.
WARM_UP, BATCHES = 50, 200


def main():
    """Prepare the texts in a temporary folder, and read both in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_corpus_argument(parser, "text of a language", required=True)
    parser.add_argument("--vocabulary", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=64, help="rows of a batch")
    parser.add_argument("--sequence-length", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", default="input_pipeline.json")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = {
            name: PretrainingData(recipe, read_tokenizer(recipe))
            for name, recipe in recipes(args, Path(folder)).items()
        }
        rates = {name: [] for name in data}
        for _ in range(args.rounds):
            for name, own in data.items():
                rates[name].append(tokens_per_core_second(own))
    values = {name: statistics.median(own) for name, own in rates.items()}
    report(
        "Input pipeline on one core",
        "tokens/s",
        {f"{args.rows}x{args.sequence_length}": values},
        "text",
        args.output,
    )


def tokens_per_core_second(data):
    """Tokens of batches by the processor time of all threads.

    Both read ahead while they are not asked: of the clock, one would have the time of
    the other.
    """
    data.begin(0, None)
    batches = data.train_batches().as_numpy_iterator()
    for _ in range(WARM_UP):
        next(batches)
    begun = time.process_time()
    tokens = sum(int(next(batches)[0]["padding_mask"].sum()) for _ in range(BATCHES))
    return tokens / (time.process_time() - begun)


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


if __name__ == "__main__":
    main()
