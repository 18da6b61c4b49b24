"""`xlm-tf finetune RECIPE`."""

from xlm_tf.cli.recipe_arguments import add_recipe_arguments, load_recipe_of


def add_arguments(parser):
    """Add the arguments of `finetune`."""
    add_recipe_arguments(parser)


def run(args):
    """Train, and leave the best model."""
    from xlm_tf.training.classification import finetune_classifier
    from xlm_tf.training.finetune import finetune

    recipe = load_recipe_of(args, "finetune")
    is_classifier = recipe.task == "classification"
    (finetune_classifier if is_classifier else finetune)(recipe, quiet=args.quiet)
    return 0
