"""Items on a cluster: in order, and done again where a worker dies."""

import os
import signal
import time

import pytest

from xlm_tf.cluster.connection import connected
from xlm_tf.cluster.crew import Crew

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ray(nodes):
    with connected(nodes.address) as ray:
        yield ray


def ordered_map(ray, make_function, items, **arguments):
    with Crew(ray, make_function, **arguments) as crew:
        yield from crew.map(items)


def test_results_come_in_the_order_of_the_items(ray):
    def make():
        def square(number):
            time.sleep(0.2 if number % 7 == 0 else 0)
            return number**2

        return square

    found = list(ordered_map(ray, make, range(100), num_workers=2))
    assert found == [number**2 for number in range(100)]
    assert list(ordered_map(ray, make, [], num_workers=2)) == []


def test_a_function_is_made_once_for_several_calls(ray, tmp_path):
    def make():
        (tmp_path / str(os.getpid())).touch()
        return abs

    with Crew(ray, make, num_workers=2) as crew:
        for last in (20, 0, 7):
            assert list(crew.map(range(-last, 0))) == list(range(last, 0, -1))
    assert 1 <= len(list(tmp_path.iterdir())) <= 2


def test_items_are_read_a_few_ahead(ray):
    read = []

    def items():
        for number in range(1000):
            read.append(number)
            yield number

    results = ordered_map(ray, lambda: abs, items(), num_workers=1)
    assert next(results) == 0
    assert len(read) <= 4
    results.close()


def test_what_a_dying_worker_had_is_done_again(ray, tmp_path):
    def make():
        def fragile(number):
            path = tmp_path / str(number)
            if number in (3, 40) and not path.exists():
                path.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return number

        return fragile

    said = []
    results = ordered_map(ray, make, range(60), num_workers=2, say=said.append)
    assert list(results) == list(range(60))
    assert len(said) == 2


def test_what_kills_every_worker_is_told(ray):
    def make():
        return lambda number: number if number < 2 else os._exit(1)

    results = ordered_map(ray, make, range(3), num_workers=1, say=str)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(RuntimeError, match="Part 3 of the input killed 4 workers"):
        next(results)


def test_errors_are_those_of_the_function(ray):
    def refuse():
        raise FileNotFoundError("There is no model here.")

    with pytest.raises(FileNotFoundError, match=r"^There is no model here\.$"):
        list(ordered_map(ray, refuse, range(3), num_workers=2))
    with pytest.raises(ZeroDivisionError):
        list(ordered_map(ray, lambda: lambda x: 1 / x, [1, 0, 1], num_workers=2))


def test_a_node_that_goes_takes_nothing_along(nodes, ray):
    third = nodes.add_node(num_cpus=2)

    def make():
        def slow(number):
            time.sleep(0.1)
            return number

        return slow

    results = ordered_map(ray, make, range(80), num_workers=4, say=str)
    found = [next(results) for _ in range(8)]
    nodes.remove_node(third, allow_graceful=False)
    assert found + list(results) == list(range(80))
