"""The state of a training run in one file, written so that a crash loses nothing."""

import json
import os
import re
from pathlib import Path

import numpy as np
import safetensors

from xlm_tf.checkpoints.tensor_files import write_safetensors

_STATE_KEY = "training_state"
_COUNTED = re.compile(r"(?<=seed_generator)_\d+")


class TrainingCheckpoint:
    """Saves and restores variables and a small JSON state, atomically.

    The state of a run is everything that its future depends on: weights, optimizer
    slots, the state of the dropout generators, and the counters in `state`. It goes
    to one safetensors file, written under another name, flushed to the disk and then
    renamed; the checkpoint before it is kept until the next one.

    Args:
        directory: str or Path, made where it does not exist.
        variables: list of Keras variables, always in the same order.
    """

    def __init__(self, directory, variables):
        self.directory = Path(directory)
        self.variables = list(variables)
        self.last = self.directory / "last.safetensors"
        self.previous = self.directory / "previous.safetensors"

    def save(self, state):
        """Write the variables and `state`, a dict of plain values.

        Raises:
            OSError: the disk is full, or the directory cannot be written; the
                checkpoint before stays as it was.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        tensors = {
            self._key(number, variable): np.asarray(variable)
            for number, variable in enumerate(self.variables)
        }
        unfinished = self.directory / "unfinished.safetensors"
        try:
            write_safetensors(tensors, unfinished, {_STATE_KEY: json.dumps(state)})
            with open(unfinished, "rb+") as file:
                os.fsync(file.fileno())
            if self.last.exists():
                os.replace(self.last, self.previous)
            os.replace(unfinished, self.last)
        finally:
            unfinished.unlink(missing_ok=True)

    def restore(self):
        """Read the newest whole checkpoint into the variables.

        Returns:
            The state that was saved with it, or None where there is no checkpoint. A
            message on the standard output tells of a damaged file that was skipped.

        Raises:
            ValueError: all checkpoints are damaged, or of another model.
        """
        paths = [path for path in (self.last, self.previous) if path.exists()]
        damaged = []
        for path in paths:
            try:
                tensors, state = self._read(path)
            except (safetensors.SafetensorError, json.JSONDecodeError) as error:
                damaged.append(f"{path} is damaged ({error})")
                print(f"{damaged[-1]}; trying the one before it.")
                continue
            self._assign(tensors, path)
            return state
        if damaged:
            raise ValueError(
                "No checkpoint can be read: " + "; ".join(damaged) + ". Delete "
                f"{self.directory} to start the run again."
            )
        return None

    def _read(self, path):
        with safetensors.safe_open(path, framework="numpy") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            return tensors, json.loads((file.metadata() or {}).get(_STATE_KEY, ""))

    def _assign(self, tensors, path):
        expected = {
            self._key(number, variable): tuple(variable.shape)
            for number, variable in enumerate(self.variables)
        }
        actual = {key: tensor.shape for key, tensor in tensors.items()}
        if actual != expected:
            differing = sorted(
                key
                for key in {*actual, *expected}
                if actual.get(key) != expected.get(key)
            )
            raise ValueError(
                f"{path} is a checkpoint of another model. First variables that "
                f"differ: {', '.join(differing[:3])}."
            )
        for number, variable in enumerate(self.variables):
            variable.assign(tensors[self._key(number, variable)])

    @staticmethod
    def _key(number, variable):
        # Keras counts what has no name of its own within a process: a second model of
        # one process is none the less the same.
        return f"{number:04d}/{_COUNTED.sub('', variable.path)}"
