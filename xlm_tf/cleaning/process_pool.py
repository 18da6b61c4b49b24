"""A function of many items on several processes of this machine, results in order."""

import collections
import concurrent.futures
import contextlib
import multiprocessing
import signal

# Items on their way to a process, or waiting behind one that takes longer.
_PER_PROCESS = 4


@contextlib.contextmanager
def mapped_on_processes(make_function, processes):
    """Begin a function on several processes.

    Args:
        make_function: function without arguments, which gives a function of one item.
            It is called once in every process, to which it travels by pickle.
        processes: int; 1: this one.

    Yields:
        Function from an iterable of items to an iterator over their results, in their
        order. A few items are read ahead.

    Raises:
        ValueError: a process was killed.
    """
    if processes == 1:
        function = make_function()
        yield lambda items: map(function, items)
        return
    pool = concurrent.futures.ProcessPoolExecutor(
        processes,
        # What has threads, such as TensorFlow's, cannot be forked.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(make_function,),
    )
    try:
        yield lambda items: _map(pool, items, _PER_PROCESS * processes)
    except concurrent.futures.process.BrokenProcessPool as error:
        raise ValueError(
            "A process ended before its work, such as for want of memory. Start again "
            "with fewer processes: it goes on where it stopped."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _map(pool, items, window):
    waiting = collections.deque()
    for item in items:
        waiting.append(pool.submit(_call, item))
        if len(waiting) >= window:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _begin(make_function):
    # After Ctrl-C the process that began the others ends them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _begun.append(make_function())


_begun = []


def _call(item):
    return _begun[-1](item)
