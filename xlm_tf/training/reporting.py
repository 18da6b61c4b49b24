"""What a training says: moving on a terminal, plain lines elsewhere, or nothing."""

import sys
import time

import keras
from rich.console import Console
from rich.table import Table

from xlm_tf.training.strategy import is_chief


class Reporter:
    """Where a training says how it goes: the standard output.

    Args:
        quiet: bool, say nothing. Of several workers all but the first are quiet.
    """

    def __init__(self, quiet=False):
        self.quiet = quiet or not is_chief()
        self.is_terminal = sys.stdout.isatty()

    @property
    def fit_verbosity(self):
        """`verbose` of Keras' `fit`, whose bar is for terminals."""
        return int(self.is_terminal and not self.quiet)

    def say(self, text):
        """Print a line."""
        if not self.quiet:
            print(text, flush=True)

    def say_broken(self, reports):
        """Say what could not be read of some corpora, list of `CorpusReport`."""
        for report in reports:
            if report.broken:
                self.say(report.summary())

    def say_split(self, fold, sizes):
        """Say what is held out of the texts, and what that leaves.

        Args:
            fold: `Fold`, or None where a share is held out.
            sizes: dict from languages, or directions, to how many texts are trained on,
                left out and scored; nothing is said of none.
        """
        if sizes:
            title = "Texts"
            if fold is not None:
                title += f" of fold {fold.fold} of {fold.folds}"
            columns = ["to train on", "left out", "scored"]
            rows = {name: [f"{x:,}" for x in own] for name, own in sizes.items()}
            self.table(title, columns, rows)

    def table(self, title, columns, rows):
        """Print a table, of no rows nothing; without a terminal one line per row.

        Args:
            title: str.
            columns: list of str, after the first, which has no name.
            rows: dict from the first column to a list of str.
        """
        if self.quiet or not rows:
            return
        if self.is_terminal:
            table = Table(title=title)
            table.add_column("")
            for column in columns:
                table.add_column(column, justify="right")
            for name, row in rows.items():
                table.add_row(name, *row)
            Console().print(table)
            return
        self.say(f"{title}:")
        for name, row in rows.items():
            values = (
                f"{column} {value}"
                for column, value in zip(columns, row, strict=True)
                if value
            )
            self.say(f"  {name}: {', '.join(values)}")

    def progress(self, run):
        """Callbacks for `fit`, beside its bar.

        Args:
            run: `TrainingRun`.
        """
        if self.quiet or self.is_terminal:
            return []
        return [_Lines(self, run)]


class _Lines(keras.callbacks.Callback):
    """A line ten times between two evaluations."""

    def __init__(self, reporter, run):
        super().__init__()
        self.reporter = reporter
        self.run = run
        self.every = max(run.training.evaluate_every // 10, 1)
        self.begun = None

    def on_epoch_begin(self, epoch, logs=None):
        if self.begun is not None:  # an evaluation is no step
            self.begun = (self.run.step, time.perf_counter())

    def on_train_batch_end(self, batch, logs=None):
        step = self.run.step
        if step % self.every and step != self.run.training.steps:
            return
        now = time.perf_counter()
        parts = [f"loss {logs['loss']:.4f}", f"accuracy {logs['accuracy']:.1%}"]
        if self.begun is not None:
            first, at = self.begun
            parts.append(f"{(step - first) / (now - at):.2f} steps/s")
        self.begun = (step, now)
        self.reporter.say(
            f"step {step} of {self.run.training.steps}: {', '.join(parts)}"
        )
