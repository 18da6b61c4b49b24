"""`xlm-tf prepare RECIPE --output FOLDER`: tokenise the texts of a pretraining once."""

import functools
import os
from pathlib import Path

from xlm_tf.cli.argument_types import whole
from xlm_tf.cli.cluster_arguments import (
    add_cluster_arguments,
    check_cluster_arguments,
    on_cluster,
)


def add_arguments(parser):
    """Add the arguments of `prepare`."""
    parser.add_argument(
        "recipe",
        help="YAML file of a pretraining, or a name of `xlm-tf recipes list`",
        metavar="RECIPE",
    )
    parser.add_argument(
        "--data", type=Path, help="folder of the corpora, instead of the recipe's"
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        help="folder to write; what was interrupted goes on there",
    )
    parser.add_argument(
        "--threads",
        type=whole("threads"),
        help="cores to use: processes that read, where there is much, and blocks of "
        "texts that are tokenised at once (default: all)",
    )
    parser.add_argument("--quiet", action="store_true", help="print errors alone")
    add_cluster_arguments(parser)


def run(args):
    """Tokenise, and say how to train on it."""
    from xlm_tf.training.prepare import prepare, tokenizing
    from xlm_tf.training.recipe_loader import load_recipe

    check_cluster_arguments(args, local="threads")
    # Nothing goes to the output of the recipe, which may have none.
    recipe = load_recipe(args.recipe, args.data, "pretrain", output=args.output)
    begin = functools.partial(tokenizing, recipe)
    processes = args.threads or os.cpu_count()
    with on_cluster(args, begin) as map_blocks:
        prepare(
            recipe,
            args.output,
            args.threads,
            args.quiet,
            map_blocks=map_blocks,
            processes=processes,
        )
    return 0
