"""`xlm-tf clean RECIPE`: texts without noise, duplicates and other languages."""

import os
import sys
from pathlib import Path

from xlm_tf.cli.argument_types import whole
from xlm_tf.cli.cluster_arguments import (
    add_cluster_arguments,
    check_cluster_arguments,
    on_cluster,
)
from xlm_tf.freed_memory import keep_freed_memory
from xlm_tf.quiet_start import start_tensorflow

# But by rules that are models, which start it.
USES_TENSORFLOW = False


def add_arguments(parser):
    """Add the arguments of `clean`."""
    parser.add_argument("recipe", help="YAML file of a cleaning", metavar="RECIPE")
    parser.add_argument(
        "--data", type=Path, help="folder of the texts, instead of the recipe's"
    )
    parser.add_argument(
        "--output",
        type=Path,
        help="folder of the results, instead of the recipe's; what was interrupted "
        "goes on there",
    )
    parser.add_argument(
        "--rejected",
        action="store_true",
        help="keep what is removed, with the reason, in the folder `rejected`",
    )
    parser.add_argument(
        "--processes",
        type=whole("processes"),
        help="processes on this machine (default: the number of cores)",
    )
    parser.add_argument("--quiet", action="store_true", help="print errors alone")
    add_cluster_arguments(parser)


def run(args):
    """Clean, and say what was removed."""
    from xlm_tf.cleaning.clean import clean, cleaning
    from xlm_tf.cleaning.cleaning_recipe import load_cleaning_recipe
    from xlm_tf.cleaning.cleaning_report import doubts

    check_cluster_arguments(args, local="processes")
    overrides = {"output": args.output} if args.output else {}
    if args.rejected:
        overrides["rejected"] = True
    recipe = load_cleaning_recipe(args.recipe, args.data, **overrides)
    if recipe.rules.has_models:
        keep_freed_memory()
        start_tensorflow()
    processes = args.processes or os.cpu_count()
    if args.cluster is None:
        reports = clean(recipe, processes, args.quiet)
    else:
        with on_cluster(args, cleaning(recipe)) as map_blocks:
            reports = clean(recipe, quiet=args.quiet, map_blocks=map_blocks)
    for doubt in doubts(reports):
        print(f"warning: {doubt}", file=sys.stderr)
    return 0
