"""What `pretrain` and `finetune` ask: a recipe, and what stands in its place."""

from pathlib import Path


def add_recipe_arguments(parser):
    """Add the recipe, `--data`, `--output` and `--quiet`."""
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


def load_recipe_of(args, command):
    """The recipe that the arguments name, checked.

    Args:
        args: of `add_recipe_arguments`.
        command: "pretrain" or "finetune".

    Returns:
        See `xlm_tf.training.recipe_loader.load_recipe`.
    """
    from xlm_tf.training.recipe_loader import load_recipe

    overrides = {"output": args.output} if args.output else {}
    return load_recipe(args.recipe, args.data, command, **overrides)
