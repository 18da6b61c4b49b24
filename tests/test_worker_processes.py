"""Items that kill the process that works on them."""

import os
import signal
import time

import pytest

from xlm_tf.worker_processes import Failure, Workers


class OfTwo(Exception):
    """An error that pickle cannot make again."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def twice(item):
    if item == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if item == "hang":
        while True:
            pass
    if item == "raise":
        raise FileNotFoundError(2, "No such thing", "a.txt")
    if item == "raise what stays here":
        raise OfTwo("one", "two")
    if isinstance(item, str) and os.path.dirname(item) and not os.path.exists(item):
        open(item, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)  # as somebody else might, once
    if isinstance(item, float):
        time.sleep(item)
    return item * 2


def begin():
    return twice


def begin_badly():
    raise ValueError("nothing to begin with")


def run(items, processes, seconds=30):
    with Workers(processes, begin, seconds) as workers:
        return list(workers.map((i, x, 1000) for i, x in enumerate(items)))


@pytest.mark.parametrize("processes", [1, 3])
def test_results_come_in_order(processes):
    items = [0.3, *range(500), 0.1, *range(500)]
    assert run(items, processes) == [(i, x * 2) for i, x in enumerate(items)]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no such timer")
def test_items_that_crash_or_hang_fail_alone(tmp_path):
    killed = str(tmp_path / "killed")
    items = [1, "crash", 2, "hang", killed, 3, *["x"] * 100]
    found = [result for _, result in run(items, 2, seconds=1)]
    assert found[:4] == [2, Failure(False), 4, Failure(True)]
    assert found[4:] == [killed * 2, 6, *["xx"] * 100]


def test_errors_of_the_function_are_raised():
    with pytest.raises(FileNotFoundError, match=r"a\.txt") as caught:
        run([1, "raise", 2], 2)
    assert "in twice" in str(caught.value.__cause__)
    with pytest.raises(RuntimeError, match="OfTwo: one and two"):
        run(["raise what stays here"], 1)


def test_what_cannot_begin_is_said():
    with (
        pytest.raises(ValueError, match="nothing to begin with"),
        Workers(2, begin_badly) as workers,
    ):
        list(workers.map([(0, 1, 1)]))


def wait_for(path):
    while path and not os.path.exists(path):
        time.sleep(0.01)
    return path


def begin_to_wait():
    return wait_for


def test_results_as_they_come(tmp_path):
    """Those of all other items, though the first has none."""
    first = str(tmp_path / "others are done")
    items = [(0, first, 1 << 20), *((i, "", 1 << 20) for i in range(1, 40))]
    found = []
    with Workers(2, begin_to_wait) as workers:
        for tag, _ in workers.map(items, in_order=False):
            found.append(tag)
            if len(found) == 39:
                open(first, "w").close()
    assert sorted(found) == list(range(40))
    assert found[-1] == 0


def end_at_once():
    os._exit(3)


def test_a_process_that_ends_before_it_begins_is_no_loop():
    with (
        pytest.raises(ValueError, match=r"began \(exit code 3\).* fewer processes"),
        Workers(2, end_at_once) as workers,
    ):
        list(workers.map([(0, 1, 1)]))


def test_few_items_are_read_ahead():
    read = []

    def items():
        for number in range(3000):
            read.append(number)
            yield number, number, 100_000

    with Workers(1, begin) as workers:
        results = workers.map(items())
        next(results)
        assert len(read) < 100
        results.close()
