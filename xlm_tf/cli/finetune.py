"""`xlm-tf finetune RECIPE`."""

from xlm_tf.cli.recipe_arguments import add_recipe_arguments, load_recipe_of


def add_arguments(parser):
    """Add the arguments of `finetune`."""
    add_recipe_arguments(parser)


def run(args):
    """Train, and leave the best model."""
    from xlm_tf.training.finetune import finetune

    finetune(load_recipe_of(args, "finetune"), quiet=args.quiet)
    return 0
