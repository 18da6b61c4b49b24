"""`xlm-tf finetune RECIPE`."""

import os

from xlm_tf.cli.recipe_arguments import (
    add_recipe_arguments,
    exit_code_of,
    load_recipe_of,
    train_on_cluster_of,
)


def add_arguments(parser):
    """Add the arguments of `finetune`."""
    add_recipe_arguments(parser)


def run(args):
    """Train, and leave the best model."""
    from xlm_tf.training.finetune import finetune
    from xlm_tf.training.task_finetuning import finetune_task
    from xlm_tf.training.task_recipe import TaskRecipe

    recipe = load_recipe_of(args, "finetune")
    if args.cluster is not None:
        return train_on_cluster_of(args, "finetune", recipe)
    if isinstance(recipe, TaskRecipe):
        return exit_code_of(finetune_task(recipe, quiet=args.quiet))
    return exit_code_of(finetune(recipe, quiet=args.quiet, processes=os.cpu_count()))
