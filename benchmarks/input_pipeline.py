"""From text, and from prepared shards, to masked batches: tokens per second.

Of one of several workers, which reads its own streams of the shards: the tokens of the
whole batches that its rows are of.

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
MODEL = {"num_layers": 1, "num_heads": 1, "hidden_dim": 8, "intermediate_dim": 8}


def main():
    """Prepare the texts in a temporary folder, and read both in turn."""
    parser = new_parser(__doc__)
    parser.add_argument("--workers", type=int, default=8, help="of input streams")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", default="input_pipeline.json")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = {
            name: PretrainingData(recipe, read_tokenizer(recipe))
            for name, recipe in recipes(args, Path(folder), MODEL, args.workers).items()
        }
        runs = {
            "text": ("text", 1),
            "prepared": ("prepared", 1),
            f"prepared, {args.workers} streams": ("streams", 1),
            f"prepared, one of {args.workers} workers": ("streams", args.workers),
        }
        rates = {name: [] for name in runs}
        for _ in range(args.rounds):
            for name, (kind, num_workers) in runs.items():
                rates[name].append(tokens_per_core_second(data[kind], num_workers))
    values = {name: statistics.median(own) for name, own in rates.items()}
    report(
        "Input pipeline on one core",
        "tokens/s",
        {f"{args.rows}x{args.sequence_length}": values},
        "text",
        args.output,
    )


def new_parser(description):
    """A parser that asks what is read, and in which batches."""
    parser = argparse.ArgumentParser(description=description)
    add_corpus_argument(parser, "text of a language", required=True)
    parser.add_argument("--vocabulary", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=64, help="rows of a batch")
    parser.add_argument("--sequence-length", type=int, default=128)
    return parser


def tokens_per_core_second(data, num_workers):
    """Tokens of whole batches by the processor time of all threads of the first worker.

    Both read ahead while they are not asked: of the clock, one would have the time of
    the other.
    """
    data.begin(0, None, 0, num_workers)
    batches = data.train_batches().as_numpy_iterator()
    for _ in range(WARM_UP):
        next(batches)
    begun = time.process_time()
    tokens = sum(int(next(batches)[0]["padding_mask"].sum()) for _ in range(BATCHES))
    return tokens * num_workers / (time.process_time() - begun)


def recipes(args, folder, model, workers=1):
    """The recipe of the texts, and the same of their shards, in a stream or several."""
    content = {
        "output": str(folder / "run"),
        "vocabulary": str(args.vocabulary.absolute()),
        "model": model,
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
    prepared = load_recipe(path)
    content["training"]["input_streams"] = workers
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return {"text": text, "prepared": prepared, "streams": load_recipe(path)}


if __name__ == "__main__":
    main()
