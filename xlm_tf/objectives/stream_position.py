"""How far the streams of batches have come in what they read."""

import itertools

import numpy as np


class StreamPosition:
    """Where each batch of an objective begins: to go on there, not at the start.

    Windows of examples are dealt to streams, one after the other. They become as many
    rows as they need, and a batch has as many rows of every stream: which windows a
    batch begins in is known once those before it were packed.

    Args:
        batch_size: int, rows of a batch; None where batches have as many tokens, and
            come of no window alone: then only they are counted.
        batches: int, how many there are before the position.
        window, row: int, where the stream begins there: in this window, at this row of
            it. Of several streams lists of int.
        own: the numbers of the streams that this process reads; None: of all.
    """

    def __init__(self, batch_size, batches=0, window=0, row=0, own=None):
        self.batch_size = batch_size
        self.batches = batches
        self.places = np.array([window, row], "int64").reshape(2, -1)
        self.num_streams = self.places.shape[1]
        self.own = range(self.num_streams) if own is None else own
        self._rows = {}  # of windows, from the position on

    def note(self, window, num_rows):
        """Remember how many rows a window has; in any order."""
        if window >= self.places[0, window % self.num_streams]:
            self._rows[int(window)] = int(num_rows)

    def advance(self, batches):
        """Go to the beginning of a later batch, which has been read.

        The streams of other processes stay where they were.

        Args:
            batches: int, how many are before it.
        """
        if batches == self.batches or self.batch_size is None:
            self.batches = batches
            return
        size = self.batch_size // self.num_streams
        for stream in self.own:
            window, row = self.places[:, stream].tolist()
            row += (batches - self.batches) * size
            while row and row >= self._rows[window]:
                row -= self._rows.pop(window)
                window += self.num_streams
            self.places[:, stream] = window, row
        self.batches = batches

    def state(self):
        """The arguments of a position that begins here: a dict of plain values."""
        places = self.places[:, 0] if self.num_streams == 1 else self.places
        window, row = places.tolist()
        return {"batches": self.batches, "window": window, "row": row}


class MixPosition:
    """Where the streams of several objectives are at a step of the training.

    Args:
        batch_sizes: dict from the objectives to the rows of a batch, see
            `StreamPosition`.
        choices: function from a step to the endless dataset of the numbers of the
            objectives from there on, see `xlm_tf.objectives.mixing.choices_of`.
        step: int, where to begin.
        states: dict, the `states()` of that step; None at step 0.
        num_streams: int, of every objective.
        own: the numbers of those that this process reads; None: all.
    """

    def __init__(
        self, batch_sizes, choices, step=0, states=None, num_streams=1, own=None
    ):
        self.step = step
        begin = {"window": list(range(num_streams)), "row": [0] * num_streams}
        self.streams = {
            name: StreamPosition(batch_size, **(states or {}).get(name, begin), own=own)
            for name, batch_size in batch_sizes.items()
        }
        self._choices = choices(step).as_numpy_iterator()

    def go_to(self, step):
        """Go to a later step, up to which all batches have been read."""
        batches = [stream.batches for stream in self.streams.values()]
        for number in itertools.islice(self._choices, step - self.step):
            batches[number] += 1
        for stream, own in zip(self.streams.values(), batches, strict=True):
            stream.advance(own)
        self.step = step

    def share(self, total):
        """Learn of the other processes where their streams are.

        Args:
            total: function that sums an int64 array over the processes; all of them
                call this at the same step.
        """
        for stream in self.streams.values():
            own = np.zeros_like(stream.places)
            own[:, stream.own] = stream.places[:, stream.own]
            stream.places = total(own)

    def states(self):
        """What a position at this step is made of again: a dict of plain values."""
        return {name: stream.state() for name, stream in self.streams.items()}
