"""`xlm-tf tune STUDY`."""

from pathlib import Path

from xlm_tf.cli.argument_types import whole
from xlm_tf.cli.errors import INTERRUPTED


def add_arguments(parser):
    """Add the arguments of `tune`."""
    parser.add_argument("study", type=Path, metavar="STUDY", help="YAML file")
    parser.add_argument(
        "--data", type=Path, help="folder of the corpora, instead of the study's"
    )
    parser.add_argument(
        "--output", type=Path, help="directory of the results, instead of the study's"
    )
    parser.add_argument(
        "--trials", type=whole("trials"), metavar="N", help="trials in all, instead too"
    )
    parser.add_argument("--quiet", action="store_true", help="print errors alone")


def run(args):
    """Try values, and leave the best recipe."""
    from xlm_tf.tuning.study_file import load_study
    from xlm_tf.tuning.tune import tune

    study = load_study(args.study, args.data, args.output, args.trials)
    result = tune(study, quiet=args.quiet)
    return INTERRUPTED if result.interrupted else 0
