"""`xlm-tf pretrain RECIPE.yaml`."""

from pathlib import Path


def add_arguments(parser):
    parser.add_argument("recipe", type=Path, help="YAML file, see recipes/")
    parser.add_argument(
        "--data", type=Path, help="folder of the corpora, instead of the recipe's"
    )
    parser.add_argument(
        "--output", type=Path, help="directory of the results, instead of the recipe's"
    )
    parser.add_argument("--quiet", action="store_true", help="print errors alone")


def run(args):
    from xlm_tf.training.pretrain import pretrain
    from xlm_tf.training.recipe import load_recipe

    overrides = {"output": args.output} if args.output else {}
    pretrain(load_recipe(args.recipe, args.data, **overrides), quiet=args.quiet)
    return 0
