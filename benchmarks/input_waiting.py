"""How long the steps of a pretraining wait for their batches.

From text and from prepared shards: the share of the clock that goes by before a batch
is there, while the input works beside the steps.

python benchmarks/input_waiting.py --vocabulary vocabulary.spm --corpus en=news.en.txt
"""

import statistics
import tempfile
import time
from pathlib import Path

from input_pipeline import new_parser, recipes
from rich.progress import track

from xlm_tf.training.masked_lm_trainer import MaskedLMTrainer
from xlm_tf.training.optimizer import build_optimizer
from xlm_tf.training.pretrain import build_masked_lm
from xlm_tf.training.pretraining_data import PretrainingData

# Steps before a measurement.
WARM_UP = 20
# A small model: a larger one leaves the input more time.
MODEL = {"num_layers": 4, "num_heads": 4, "hidden_dim": 256, "intermediate_dim": 1024}


def main():
    """Train on both for some steps, and print what was waited."""
    parser = new_parser(__doc__)
    parser.add_argument("--steps", type=int, default=100)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        read = recipes(args, Path(folder), MODEL)
        for name in ("text", "prepared"):
            share = waited(read[name], args.steps)
            print(f"{name}: {share:.2f} % of the time waiting.", flush=True)


def waited(recipe, steps):
    """The share of the clock in which a step waits, in percent: the median of ten."""
    model = build_masked_lm(recipe)
    data = PretrainingData(recipe, model.preprocessor.tokenizer)
    data.begin(0, None, 0, 1)
    trainer = MaskedLMTrainer(model)
    trainer.compile(optimizer=build_optimizer(recipe.training))
    batches = iter(data.train_batches())
    for _ in range(WARM_UP):
        trainer.train_on_batch(*next(batches))
    shares = []
    for _ in track(range(10), description="Steps", transient=True):
        begun, waiting = time.perf_counter(), 0.0
        for _ in range(steps // 10):
            asked = time.perf_counter()
            batch = next(batches)
            waiting += time.perf_counter() - asked
            trainer.train_on_batch(*batch)
        shares.append(100 * waiting / (time.perf_counter() - begun))
    return statistics.median(shares)


if __name__ == "__main__":
    main()
