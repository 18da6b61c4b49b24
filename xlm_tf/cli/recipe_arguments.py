"""What `pretrain` and `finetune` ask: a recipe, and what stands in its place."""

from pathlib import Path

from xlm_tf.cli.cluster_arguments import (
    add_cluster_arguments,
    check_cluster_arguments,
)
from xlm_tf.cli.errors import INTERRUPTED


def add_recipe_arguments(parser):
    """Add the recipe, `--data`, `--output`, `--quiet` and those of a cluster."""
    parser.add_argument(
        "recipe", help="YAML file, or a name of `xlm-tf recipes list`", metavar="RECIPE"
    )
    parser.add_argument(
        "--data", type=Path, help="folder of the corpora, instead of the recipe's"
    )
    parser.add_argument(
        "--output", type=Path, help="directory of the results, instead of the recipe's"
    )
    parser.add_argument("--quiet", action="store_true", help="print errors alone")
    add_cluster_arguments(parser)


def load_recipe_of(args, command):
    """The recipe that the arguments name, checked.

    Args:
        args: of `add_recipe_arguments`.
        command: "pretrain" or "finetune".

    Returns:
        See `xlm_tf.training.recipe_loader.load_recipe`.

    Raises:
        ValueError: the recipe or an argument cannot be used.
    """
    from xlm_tf.training.recipe_loader import load_recipe

    check_cluster_arguments(args)
    overrides = {"output": args.output} if args.output else {}
    return load_recipe(args.recipe, args.data, command, **overrides)


def exit_code_of(result):
    """0 where a training is over; 130 where a signal stopped it, and it is to go on.

    Args:
        result: what the training gave, with `finished`.
    """
    return 0 if result.finished else INTERRUPTED


def train_on_cluster_of(args, command, recipe):
    """Train on the cluster that the arguments name.

    Args:
        args: of `add_recipe_arguments`, with a cluster.
        command: "pretrain" or "finetune".
        recipe: the one that they name.

    Returns:
        int, the exit code.
    """
    from xlm_tf.cluster.connection import connected
    from xlm_tf.cluster.training_workers import train_on_cluster

    arguments = [command, args.recipe]
    for option, value in (("--data", args.data), ("--output", args.output)):
        if value is not None:
            arguments += [option, str(value)]
    if args.quiet:
        arguments.append("--quiet")
    with connected(args.cluster) as ray:
        return train_on_cluster(ray, arguments, recipe.output, args.workers)
