"""`xlm-tf pretrain RECIPE`."""

import os

from xlm_tf.cli.recipe_arguments import (
    add_recipe_arguments,
    exit_code_of,
    load_recipe_of,
    train_on_cluster_of,
)


def add_arguments(parser):
    """Add the arguments of `pretrain`."""
    add_recipe_arguments(parser)


def run(args):
    """Train, and leave the best model."""
    from xlm_tf.training.pretrain import pretrain

    recipe = load_recipe_of(args, "pretrain")
    if args.cluster is not None:
        return train_on_cluster_of(args, "pretrain", recipe)
    return exit_code_of(pretrain(recipe, quiet=args.quiet, processes=os.cpu_count()))
