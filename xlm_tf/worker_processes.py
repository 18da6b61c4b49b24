"""A function of many items by several processes, of which items may kill some.

Extractors of text run C code on whatever the web holds, and memory may be short: what
takes too long or crashes ends a process, not the run.
"""

import collections
import contextlib
import multiprocessing
import multiprocessing.connection
import pickle
import signal
import traceback
import typing

# Items, and bytes of them, that go to a process together.
_ITEMS = 64
_BYTES = 1 << 20
# Batches on their way, for every process.
_BATCHES = 4


class Failure(typing.NamedTuple):
    """An item has no result: it ended the process, and that of a second attempt.

    Attributes:
        took_long: bool, whether it took more seconds than it may.
    """

    took_long: bool


class Workers:
    """Processes that compute a function, in a `with` block.

    Args:
        processes: int.
        begin: function, called in every process, which returns the function of an
            item. Goes there by pickle, as items and results do.
        seconds: int, of a processor that an item may take; 0: as many as it needs.
    """

    def __init__(self, processes, begin, seconds=0):
        self._begin = begin
        self._seconds = seconds
        self._processes = processes
        self._workers = []

    def __enter__(self):
        self._workers = [
            _Worker(self._begin, self._seconds) for _ in range(self._processes)
        ]
        return self

    def __exit__(self, *error):
        for worker in self._workers:
            worker.end()

    def map(self, items, in_order=True):
        """Compute the function of items, a bounded number of them ahead.

        Args:
            items: iterable of (tag, item, size in bytes).
            in_order: bool, whether results wait for those of the items before.

        Yields:
            (tag, result or `Failure`), in the order of the items, or as they come.

        Raises:
            ValueError: a process ends before it has begun.
            Exception: what the function raises; the process goes with it.
        """
        batches = _batches(items)
        window, waiting = [], collections.deque()
        is_more = True
        while is_more or window:
            if is_more and len(window) < _BATCHES * self._processes:
                batch = next(batches, None)
                is_more = batch is not None
                if is_more:
                    window.append(batch)
                    waiting.append(batch)
            for worker in self._workers:
                if waiting and worker.is_idle:
                    worker.give(waiting.popleft())
            busy = {w.connection: w for w in self._workers if not w.is_idle}
            has_room = is_more and len(window) < _BATCHES * self._processes
            for connection in multiprocessing.connection.wait(
                busy, 0 if has_room or not busy else None
            ):
                busy[connection].receive()
            for batch in [batch for batch in window if batch.is_done]:
                if in_order and batch is not window[0]:
                    break
                window.remove(batch)
                yield from batch.pairs()


class _Batch:
    def __init__(self, tags, items):
        self.tags = tags
        self.items = items
        self.results = []
        self.deaths = 0  # of the item that is next

    @property
    def is_done(self):
        return len(self.results) == len(self.items)

    def pairs(self):
        return zip(self.tags, self.results, strict=True)


def _batches(items):
    tags, batch, total = [], [], 0
    for tag, item, size in items:
        tags.append(tag)
        batch.append(item)
        total += size
        if len(batch) == _ITEMS or total >= _BYTES:
            yield _Batch(tags, batch)
            tags, batch, total = [], [], 0
    if batch:
        yield _Batch(tags, batch)


class _Worker:
    """A process, and the batch that it works on."""

    def __init__(self, begin, seconds):
        self._begin = begin
        self._seconds = seconds
        self.batch = None
        self._start()

    def _start(self):
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self._process = context.Process(
            target=_work, args=(other, self._begin, self._seconds), daemon=True
        )
        with _uninterrupted():
            self._process.start()
        other.close()
        self._has_begun = False

    @property
    def is_idle(self):
        return self.batch is None

    def give(self, batch):
        """Begin a batch, or go on with it."""
        self.batch = batch
        with contextlib.suppress(OSError):  # `receive` sees that the process ended
            self.connection.send(batch.items[len(batch.results) :])

    def receive(self):
        """Take what has come: a result, an error, or the end of the process."""
        try:
            answer = self.connection.recv()
        except (EOFError, OSError):
            self._bury()
            return
        if isinstance(answer, _Raised):
            raise answer.error from RuntimeError(answer.where)
        if not self._has_begun:
            self._has_begun = True
            return
        self.batch.results.append(answer)
        self.batch.deaths = 0
        if self.batch.is_done:
            self.batch = None

    def _bury(self):
        self._process.join()
        self.connection.close()
        code, batch = self._process.exitcode, self.batch
        if not self._has_begun:
            raise ValueError(
                f"A process ended while it began (exit code {code}), such as for want "
                "of memory. Start again with fewer processes."
            )
        batch.deaths += 1
        took_long = code == -getattr(signal, "SIGPROF", 0)
        # Somebody else may have ended it: once is no proof.
        if took_long or batch.deaths == 2:
            batch.results.append(Failure(took_long))
            batch.deaths = 0
        self._start()
        self.batch = None
        if not batch.is_done:
            self.give(batch)

    def end(self):
        """End the process, whatever it does."""
        self._process.terminate()
        self._process.join()
        self.connection.close()


@contextlib.contextmanager
def _uninterrupted():
    """Begin a process that Ctrl-C does not reach; the run ends it."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(connection, begin, seconds):
    """What a process does, until its connection ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGPROF"):
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
    with contextlib.suppress(EOFError, OSError):  # nobody is there any more
        try:
            function = begin()
        except Exception as error:
            connection.send(_raised(error))
            return
        connection.send(None)
        while True:
            for item in connection.recv():
                _limit(seconds)
                try:
                    result = function(item)
                except Exception as error:
                    result = _raised(error)
                _limit(0)
                connection.send(result)


class _Raised(typing.NamedTuple):
    """An error in a process, and where it was raised there."""

    error: Exception
    where: str


def _raised(error):
    where = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # one that does not travel
        error = RuntimeError(f"{type(error).__name__}: {error}")
    return _Raised(error, where)


def _limit(seconds):
    """Let the system end this process after so much time of a processor; 0: never."""
    if hasattr(signal, "setitimer"):  # not on Windows
        signal.setitimer(signal.ITIMER_PROF, seconds)
