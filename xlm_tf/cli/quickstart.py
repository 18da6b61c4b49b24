"""`xlm-tf quickstart`: the whole path once, on real text, in minutes."""

from pathlib import Path


def add_arguments(parser):
    """Add the arguments of `quickstart`."""
    parser.add_argument(
        "--output",
        default="quickstart-results",
        help="folder of everything that is made (default: %(default)s)",
    )
    parser.add_argument(
        "--tiny",
        action="store_true",
        help="a few steps of a tiny model: to see that all works, not what it reaches",
    )


def run(args):
    """Run the quickstart, see `xlm_tf.quickstart.run.run`.

    Args:
        args: `argparse.Namespace` with the arguments above.

    Returns:
        int, 0.

    Raises:
        ValueError: as `xlm_tf.quickstart.run.run`; a path with wild cards; or the extra
            `quickstart` is not installed.
    """
    directory = Path(args.output)
    if set("*?[") & set(str(directory.absolute())):
        # TensorFlow takes the path of a checkpoint for a pattern.
        raise ValueError(
            "--output must lie in a path without '*', '?' and '[', in which TensorFlow "
            f"finds no SavedModel. Received: {directory.absolute()}"
        )
    try:
        from xlm_tf.quickstart.run import run as run_quickstart
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{error}. The quickstart needs: pip install 'xlm-tf[quickstart]'"
        ) from error
    run_quickstart(directory, args.tiny)
    return 0
