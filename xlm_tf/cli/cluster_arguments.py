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


def check_cluster_arguments(args):
    """Raise a ValueError where there are workers of no cluster."""
    if args.workers is not None and args.cluster is None:
        raise ValueError(
            f"--workers is of a cluster: name it by --cluster. Received: --workers "
            f"{args.workers}."
        )


@contextlib.contextmanager
def on_cluster(args):
    """Connect with the cluster that the arguments name.

    Args:
        args: of `add_cluster_arguments`.

    Yields:
        `map_items(make_function, items)`, see `xlm_tf.cluster.ordered_map`: an iterator
        over the results of the items, in their order. None where there is no cluster.
    """
    if args.cluster is None:
        yield None
        return
    from xlm_tf.cluster.connection import connected
    from xlm_tf.cluster.ordered_map import ordered_map

    with connected(args.cluster) as ray:
        yield lambda make_function, items: ordered_map(
            ray, make_function, items, args.workers, _say
        )


@contextlib.contextmanager
def mapped(args, make_function, items):
    """A function of many items, here or on the cluster that the arguments name.

    Args:
        args: of `add_cluster_arguments`.
        make_function: see `xlm_tf.cluster.ordered_map`; here it is made once.
        items: iterable.

    Yields:
        An iterator over the results, in the order of the items.
    """
    with on_cluster(args) as map_items:
        if map_items is None:
            yield map(make_function(), items)
        else:
            yield map_items(make_function, items)


def _say(text):
    print(text, file=sys.stderr)
