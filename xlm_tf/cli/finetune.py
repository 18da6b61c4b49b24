"""`xlm-tf finetune RECIPE.yaml`."""

from pathlib import Path


def add_arguments(parser):
    """Add the arguments of `finetune`."""
    parser.add_argument("recipe", type=Path, help="YAML file, see recipes/")
    parser.add_argument(
        "--data", type=Path, help="folder of the corpora, instead of the recipe's"
    )
    parser.add_argument(
        "--output", type=Path, help="directory of the results, instead of the recipe's"
    )
    parser.add_argument("--quiet", action="store_true", help="print errors alone")


def run(args):
    """Train, and leave the best model."""
    from xlm_tf.training.finetune import finetune
    from xlm_tf.training.finetuning_recipe import load_finetuning_recipe

    overrides = {"output": args.output} if args.output else {}
    finetune(
        load_finetuning_recipe(args.recipe, args.data, **overrides), quiet=args.quiet
    )
    return 0
