"""A function of many items on a cluster: results in order, lost ones done again."""

import collections
import itertools

from xlm_tf.cluster.connection import ClusterError, alive_nodes, cause_of, check_version
from xlm_tf.version import __version__

# Of every worker: what it works on, and what lies ready.
_PER_WORKER = 2
# Workers that one item may lose.
_ATTEMPTS = 4
# Seconds without any worker.
_PATIENCE = 300


class _Worker:
    """Holds the function on a node of the cluster."""

    def begin(self, version, make_function):
        check_version(version)
        self.function = make_function()

    def call(self, item):
        return self.function(item)


class Crew:
    """Workers that make a function once, and hold it for as many items as come.

    They are spread over the nodes. What a worker that dies was working on goes to
    another, and a new worker takes its place. A context manager, which dismisses them.

    Args:
        ray: the module, connected; see `connection.connected`.
        make_function: function without arguments, which gives a function of one item.
            It and its results travel by pickle; the modules that they name must be
            installed on every node.
        num_workers: int; by default one on every node. On a cluster with GPUs each
            has one.
        say: function of a str, told of workers that died.
    """

    def __init__(self, ray, make_function, num_workers=None, say=print):
        self.ray = ray
        self.say = say
        self.size = num_workers or len(alive_nodes(ray))
        has_gpus = ray.cluster_resources().get("GPU", 0) > 0
        self.worker_class = ray.remote(_Worker).options(
            num_cpus=1, num_gpus=int(has_gpus), scheduling_strategy="SPREAD"
        )
        self.make_function = ray.put(make_function)
        self.workers = []
        self.running = {}  # reference: (worker, number of the item; None: starting)
        self.free = collections.deque()
        for _ in range(self.size):
            self._hire()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for worker in self.workers:
            self.ray.kill(worker)

    def _hire(self):
        worker = self.worker_class.remote()
        self.workers.append(worker)
        reference = worker.begin.remote(__version__, self.make_function)
        self.running[reference] = worker, None

    def map(self, items):
        """Yield the function of every item, in their order.

        Items are read a few ahead; what is held of items and results does not grow with
        them. One call after the other, each to its last result.

        Args:
            items: iterable.

        Raises:
            Exception: whatever the function, or what makes it, raises.
            ValueError: a node has another version of this package.
            ClusterError: an item killed several workers, or no worker could be had.
        """
        items = iter(items)
        held, attempts, results = {}, collections.Counter(), {}
        lost = collections.deque()
        begun, next_one, at_end = itertools.count(), 0, False
        window = 4 * self.size
        while True:
            while self.free and not at_end | (next_one + window <= len(attempts)):
                number = next(begun)
                try:
                    held[number] = next(items)
                except StopIteration:
                    at_end = True
                    break
                attempts[number] = 0
                lost.append(number)
            while self.free and lost:
                self._give(self.free.popleft(), lost.popleft(), held)
            if at_end and not held:
                return
            for worker, number, result in self._finished():
                if number is None:
                    continue
                if result is None:  # its worker died
                    attempts[number] += 1
                    if attempts[number] == _ATTEMPTS:
                        raise ClusterError(
                            f"Part {number + 1:,} of the input killed {_ATTEMPTS} "
                            "workers, one after the other. Have they memory enough?"
                        )
                    lost.appendleft(number)
                    continue
                results[number] = result[0]
                self.free.append(worker)
            while next_one in results:
                del held[next_one]
                yield results.pop(next_one)
                next_one += 1

    def _give(self, worker, number, held):
        self.running[worker.call.remote(held[number])] = worker, number

    def _finished(self):
        """Yield (worker, number, result in a tuple; None: the worker died)."""
        ray = self.ray
        ready, _ = ray.wait(list(self.running), timeout=_PATIENCE)
        if not ready and not self.free and self._all_starting():
            raise ClusterError(
                f"No worker could be had of the cluster in {_PATIENCE} seconds: "
                f"{_resources(ray)}. Every worker takes one CPU, and a GPU where the "
                "cluster has any."
            )
        for reference in ready:
            worker, number = self.running.pop(reference)
            try:
                result = ray.get(reference)
            except ray.exceptions.RayTaskError as error:
                raise cause_of(error) from None
            except ray.exceptions.RayError as error:
                self._replace(worker, error)
                yield worker, number, None
                continue
            if number is None:
                self.free.extend([worker] * _PER_WORKER)
            yield worker, number, (result,)

    def _all_starting(self):
        return all(number is None for _, number in self.running.values())

    def _replace(self, worker, error):
        if worker not in self.workers:
            return  # said already, with the other part that it had
        self.workers.remove(worker)
        while worker in self.free:
            self.free.remove(worker)
        self.say("A worker died; what it had goes to another.")
        self._hire()


def _resources(ray):
    total = ray.cluster_resources()
    return ", ".join(f"{total.get(name, 0):g} {name}s" for name in ("CPU", "GPU"))
