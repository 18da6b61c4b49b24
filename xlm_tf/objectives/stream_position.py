"""How far the streams of batches have come in what they read."""

import itertools


class StreamPosition:
    """Where each batch of a packed stream begins: to go on there, not at the start.

    Windows of examples become as many rows as they need, and rows become batches: which
    window a batch begins in is known once those before it were packed.

    Args:
        batch_size: int, rows of a batch; None where batches have as many tokens, and
            come of no window alone: then only they are counted.
        batches, window, row: int, where the stream begins: after so many batches, in
            this window, at this row of it.
    """

    def __init__(self, batch_size, batches=0, window=0, row=0):
        self.batch_size = batch_size
        self.batches, self.window, self.row = batches, window, row
        self._rows = {}  # of windows, from the position on

    def note(self, window, num_rows):
        """Remember how many rows a window has; in any order."""
        if window >= self.window:
            self._rows[int(window)] = int(num_rows)

    def advance(self, batches):
        """Go to the beginning of a later batch, which has been read.

        Args:
            batches: int, how many are before it.
        """
        if batches == self.batches or self.batch_size is None:
            self.batches = batches
            return
        row = self.row + (batches - self.batches) * self.batch_size
        window = self.window
        while row and row >= self._rows[window]:
            row -= self._rows.pop(window)
            window += 1
        self.batches, self.window, self.row = batches, window, row

    def state(self):
        """The arguments of a position that begins here, but the batch size: a dict."""
        return {"batches": self.batches, "window": self.window, "row": self.row}


class MixPosition:
    """Where the streams of several objectives are at a step of the training.

    Args:
        batch_sizes: dict from the objectives to the rows of a batch, see
            `StreamPosition`.
        choices: function from a step to the endless dataset of the numbers of the
            objectives from there on, see `xlm_tf.objectives.mixing.choices_of`.
        step: int, where to begin.
        states: dict, the `states()` of that step; None at step 0.
    """

    def __init__(self, batch_sizes, choices, step=0, states=None):
        self.step = step
        self.streams = {
            name: StreamPosition(batch_size, **(states or {}).get(name, {}))
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

    def states(self):
        """What a position at this step is made of again: a dict of plain values."""
        return {name: stream.state() for name, stream in self.streams.items()}
