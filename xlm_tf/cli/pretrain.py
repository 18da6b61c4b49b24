"""`xlm-tf pretrain RECIPE`."""

from xlm_tf.cli.recipe_arguments import add_recipe_arguments, load_recipe_of


def add_arguments(parser):
    """Add the arguments of `pretrain`."""
    add_recipe_arguments(parser)


def run(args):
    """Train, and leave the best model."""
    from xlm_tf.training.pretrain import pretrain

    pretrain(load_recipe_of(args, "pretrain"), quiet=args.quiet)
    return 0
