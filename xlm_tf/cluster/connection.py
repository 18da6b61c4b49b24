"""A Ray cluster to work on."""

import contextlib
import socket
import threading

from xlm_tf.optional_packages import import_optional
from xlm_tf.version import __version__

# Seconds that a cluster has to answer.
PATIENCE = 30


class ClusterError(RuntimeError):
    """The cluster cannot do the work."""


@contextlib.contextmanager
def connected(address):
    """Work on a Ray cluster; left when the block ends.

    Args:
        address: str, "host:port" of its head, as `ray start` says it, or "auto": the
            cluster that this machine belongs to.

    Yields:
        The module `ray`.

    Raises:
        ModuleNotFoundError: Ray is not installed.
        ConnectionError: no cluster answers there, this machine is none of its nodes,
            or its Ray or Python is another version.
    """
    ray = import_optional("ray", "Clusters", "pip install 'xlm-tf[cluster]'")
    if address != "auto":
        _check_address(address)
    failure = []

    def connect():
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except Exception as error:  # said by the thread that waits
            failure.append(error)

    # `ray.init` has no time limit of its own.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if thread.is_alive() or failure:
        reason = f" ({_in_one_line(failure[0])})" if failure else ""
        raise ConnectionError(
            f"There is no Ray cluster to work on at {address}{reason}. Start one by "
            "`ray start --head`, let this machine join it by `ray start "
            "--address=HOST:PORT`, and give --cluster that HOST:PORT."
        )
    try:
        yield ray
    finally:
        ray.shutdown()


def alive_nodes(ray):
    """The nodes of the cluster that can be worked on: a list of dict."""
    return [node for node in ray.nodes() if node["Alive"]]


def check_version(version):
    """See, on a node, that it has the package of the machine that asks it.

    Args:
        version: str, of that machine.

    Raises:
        ValueError: it has another.
    """
    if version != __version__:
        raise ValueError(
            f"A node of the cluster has xlm_tf {__version__}, the machine that asks it "
            f"{version}. Install the same version on all."
        )


def cause_of(error):
    """What a `RayTaskError` was raised for, as it was raised there."""
    cause = error.cause
    return cause if isinstance(cause, Exception) else RuntimeError(str(error))


def _check_address(address):
    host, _, port = address.rpartition(":")
    if "/" in address or not host or not port.isdigit():
        raise ValueError(
            "A cluster is HOST:PORT of its head, as `ray start` says it, or auto. "
            f"Received: --cluster {address}."
        )
    try:
        socket.create_connection((host, int(port)), timeout=PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise ConnectionError(
            f"Nothing answers at {address} ({error}). Is the head of the Ray cluster "
            "running there (`ray status`)?"
        ) from error


def _in_one_line(error):
    return " ".join(str(error).split())
