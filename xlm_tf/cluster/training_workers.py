"""A training on several machines: workers of one command, begun again when one dies."""

import collections
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

from xlm_tf.cluster.connection import ClusterError, alive_nodes, cause_of, check_version
from xlm_tf.version import __version__

# Attempts in a row that may end without a new checkpoint.
_ATTEMPTS = 3
# Seconds that the other workers have to end, or to be found dead, after one has.
_GRACE = 60
# Seconds to wait for room on the cluster.
_PATIENCE = 600
# The exit code of what a user can mend, see `xlm_tf.cli`.
_EXPECTED = 2
# How its lines begin then.
_ERROR = "error: "
# The command, which on Linux dies with the worker that runs it (PR_SET_PDEATHSIG).
_COMMAND = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
os.execv(sys.executable, [sys.executable, "-m", "xlm_tf.cli", *sys.argv[1:]])
"""


class _Worker:
    """Runs the command on a node of the cluster, in a process of its own."""

    def address(self, version):
        """An address for the other workers, with a port that is free."""
        import ray

        check_version(version)
        with socket.socket() as free:
            free.bind(("", 0))
            return f"{ray.util.get_node_ip_address()}:{free.getsockname()[1]}"

    def run(self, arguments, folder, tf_config):
        """Yield the lines of the output, and at last (exit code, last errors)."""
        environment = {**os.environ, "TF_CONFIG": json.dumps(tf_config)}
        environment.pop("OMP_NUM_THREADS", None)  # which Ray sets
        process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND, *arguments],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
        errors = collections.deque(maxlen=20)
        reader = threading.Thread(target=errors.extend, args=(process.stderr,))
        reader.start()
        yield from (line.rstrip("\n") for line in process.stdout)
        code = process.wait()
        reader.join()
        yield code, [line.rstrip("\n") for line in errors]


def train_on_cluster(ray, arguments, output, num_workers=None):
    """Run `xlm-tf pretrain` or `finetune` by several workers, to the end.

    Every worker runs the command with a `TF_CONFIG` of all of them
    (`MultiWorkerMirroredStrategy`), in the folder that this process runs in: that
    folder, the texts and the output must be the same on every node. The output of the
    first worker is shown. Where one dies, all begin again at the last checkpoint.

    Args:
        ray: the module, connected; see `connection.connected`.
        arguments: list of str, the command, such as ["pretrain", "recipe.yaml"].
        output: Path of the training's results.
        num_workers: int; by default one on every node.

    Returns:
        int, the exit code of the command: 0, or 130 where it was interrupted.

    Raises:
        ValueError: the command refuses its input.
        ClusterError: the workers died several times without a new checkpoint, or could
            not be had.
    """
    num_workers = num_workers or len(alive_nodes(ray))
    fruitless = 0
    while True:
        before = _last_checkpoint(output)
        team = _Team(ray, num_workers)
        try:
            code, errors, reason = team.run(arguments)
        finally:
            team.dismiss()
        if not reason:
            return code
        if _last_checkpoint(output) != before:
            fruitless = 0
        elif code == _EXPECTED:
            raise ValueError(_refusal(errors))
        else:
            fruitless += 1
        if fruitless == _ATTEMPTS:
            raise ClusterError(
                f"The workers died {_ATTEMPTS} times without a new checkpoint: "
                f"{reason}. What was trained before is in {output}; the same command "
                "goes on." + "".join(f"\n{line}" for line in errors)
            )
        print(f"{reason}; beginning again at the last checkpoint.", flush=True)


def _refusal(errors):
    """What a command said that refuses its input, without what TensorFlow said: str."""
    own = [line.removeprefix(_ERROR) for line in errors if line.startswith(_ERROR)]
    return "\n".join(own or errors)


def _last_checkpoint(output):
    """What changes with every checkpoint."""
    found = sorted(output.glob("**/checkpoints/last.safetensors"))
    return [(path, path.stat().st_mtime_ns) for path in found]


class _Team:
    """The workers of one attempt."""

    def __init__(self, ray, num_workers):
        self.ray = ray
        gpus = int(ray.cluster_resources().get("GPU", 0) // num_workers)
        needs = {"CPU": 1, "GPU": gpus} if gpus else {"CPU": 1}
        self.room = ray.util.placement_group([needs] * num_workers, strategy="SPREAD")
        if not self.room.wait(10):
            print(f"Waiting for room for {num_workers} workers.", flush=True)
            if not self.room.wait(_PATIENCE):
                ray.util.remove_placement_group(self.room)
                raise ClusterError(
                    f"The cluster had no room for {num_workers} workers, with {needs} "
                    f"each, in {_PATIENCE} seconds. It has {len(alive_nodes(ray))} "
                    f"nodes and {ray.cluster_resources()}."
                )
        in_room = ray.util.scheduling_strategies.PlacementGroupSchedulingStrategy
        worker_class = ray.remote(_Worker)
        self.workers = [
            worker_class.options(
                num_cpus=1,
                num_gpus=gpus,
                scheduling_strategy=in_room(self.room, number),
            ).remote()
            for number in range(num_workers)
        ]

    def run(self, arguments):
        """See the command to its end.

        Returns:
            `(code, errors, reason)`: the exit code; the last lines of its errors; and
            what happened, where it is to be run again, otherwise None.
        """
        ray = self.ray
        try:
            addresses = ray.get(
                [worker.address.remote(__version__) for worker in self.workers]
            )
        except ray.exceptions.RayTaskError as error:
            raise cause_of(error) from None
        except ray.exceptions.RayError as error:
            return None, [], f"A worker died ({type(error).__name__})"
        streams = {}
        for number, worker in enumerate(self.workers):
            tf_config = {
                "cluster": {"worker": addresses},
                "task": {"type": "worker", "index": number},
            }
            run = worker.run.options(num_returns="streaming")
            streams[run.remote(arguments, os.getcwd(), tf_config)] = number
        return self._follow(streams)

    def _follow(self, streams):
        ray, codes, errors, limit = self.ray, {}, {}, None
        with _noted_signals() as signals:
            while streams and not (limit and time.monotonic() > limit):
                ready, _ = ray.wait(list(streams), timeout=1)
                if signals:
                    print("Stopped. The same command goes on at the last checkpoint.")
                    return 130, [], None
                for stream in ready:
                    number = streams[stream]
                    try:
                        item = ray.get(next(stream))
                    except StopIteration:
                        del streams[stream]
                        continue
                    except ray.exceptions.RayError:
                        return None, [], f"Worker {number} was lost"
                    if isinstance(item, str):
                        if number == 0:
                            print(item, flush=True)
                        continue
                    codes[number], errors[number] = item
                    limit = limit or time.monotonic() + _GRACE
                for number, code in codes.items():
                    if code not in (0, _EXPECTED):
                        how = f"signal {-code}" if code < 0 else f"exit code {code}"
                        reason = f"Worker {number} of {len(self.workers)} died ({how})"
                        return code, errors[number], reason
        if any(codes.values()):
            number = next(number for number, code in codes.items() if code)
            return codes[number], errors[number], f"Worker {number} could not go on"
        return 0, [], None

    def dismiss(self):
        for worker in self.workers:
            self.ray.kill(worker)
        self.ray.util.remove_placement_group(self.room)


@contextlib.contextmanager
def _noted_signals():
    """A list that Ctrl-C and SIGTERM are added to: Ray may lose what they raise."""
    noted = []
    handlers = {
        number: signal.signal(number, lambda number, frame: noted.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield noted
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
