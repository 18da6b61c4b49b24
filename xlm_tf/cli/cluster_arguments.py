"""What commands ask that can work on a cluster."""

import contextlib
import sys

from xlm_tf.cli.argument_types import whole


def add_cluster_arguments(parser):
    """Add `--cluster` and `--workers`."""
    parser.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="Ray cluster to work on, HOST:PORT of its head, or auto: the one that "
        "this machine belongs to (default: this machine alone)",
    )
    parser.add_argument(
        "--workers",
        type=whole("workers"),
        help="processes on the cluster (default: one on every node)",
    )


def check_cluster_arguments(args, local=None):
    """Raise a ValueError where there are workers of no cluster.

    Args:
        args: of `add_cluster_arguments`.
        local: str, the argument that is of this machine alone, if there is one.
    """
    if args.workers is not None and args.cluster is None:
        raise ValueError(
            f"--workers is of a cluster: name it by --cluster. Received: --workers "
            f"{args.workers}."
        )
    if local is not None and None not in (args.cluster, getattr(args, local)):
        raise ValueError(
            f"--{local} are of this machine, and a cluster has --workers. Received: "
            f"--{local} {getattr(args, local)}."
        )


@contextlib.contextmanager
def on_cluster(args, make_function):
    """Begin a function on the cluster that the arguments name.

    Args:
        args: of `add_cluster_arguments`.
        make_function: see `xlm_tf.cluster.crew`.

    Yields:
        Function from items to an iterator over their results, in their order, see
        `Crew.map`. None where there is no cluster.
    """
    if args.cluster is None:
        yield None
        return
    from xlm_tf.cluster.connection import connected
    from xlm_tf.cluster.crew import Crew

    with (
        connected(args.cluster) as ray,
        Crew(ray, make_function, args.workers, _say) as crew,
    ):
        yield crew.map


@contextlib.contextmanager
def mapped(args, make_function):
    """Begin a function here, or on the cluster that the arguments name.

    Args:
        args: of `add_cluster_arguments`.
        make_function: see `xlm_tf.cluster.crew`; here it is made once.

    Yields:
        Function from items to an iterator over their results, in their order.
    """
    with on_cluster(args, make_function) as map_items:
        if map_items is None:
            function = make_function()
            yield lambda items: map(function, items)
        else:
            yield map_items


def _say(text):
    print(text, file=sys.stderr)
