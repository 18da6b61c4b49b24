"""`xlm-tf summarize`: texts in, summaries out, one per line.

For example `xlm-tf summarize --model DIR articles.txt --no-repeat-ngram-size 3`.
"""

from xlm_tf.cli import translate


def add_arguments(parser):
    """Add the arguments of `summarize`."""
    translate.add_shared_arguments(parser)


def run(args):
    """Summarise, see `xlm_tf.cli.translate.run`.

    Args:
        args: `argparse.Namespace` with the arguments above.

    Returns:
        int, 0.
    """
    return translate.run(args)
