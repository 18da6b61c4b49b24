"""`xlm-tf collect INPUT... --output FOLDER`: web text on disk, as documents of text."""

import sys
from pathlib import Path

from xlm_tf.cli.argument_types import whole

USES_TENSORFLOW = False


def add_arguments(parser):
    """Add the arguments of `collect`."""
    parser.add_argument(
        "inputs",
        nargs="+",
        type=Path,
        metavar="INPUT",
        help="WARC or WET file, HTML, dump of MediaWiki, RSS or Atom, plain, gzip or "
        "bzip2, or a folder of them",
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        help="folder to write; what was interrupted goes on there",
    )
    parser.add_argument(
        "--languages",
        metavar="LANGUAGE,...",
        help="a file for each of these, and one for the rest (default: one file)",
    )
    parser.add_argument(
        "--processes",
        type=whole("processes"),
        metavar="N",
        help="processes that extract text (default: the number of cores)",
    )
    parser.add_argument(
        "--min-characters",
        type=whole("min_characters"),
        default=200,
        metavar="N",
        help="leave shorter documents out (default: 200)",
    )
    parser.add_argument("--quiet", action="store_true", help="print errors alone")


def run(args):
    """Collect, and say what was read, kept and left out."""
    from xlm_tf.collecting.collect import collect

    languages = args.languages
    if languages is not None:
        languages = [language.strip() for language in languages.split(",")]
    counts = collect(
        args.inputs,
        args.output,
        languages,
        args.processes,
        args.min_characters,
        args.quiet,
    )
    for own in counts:
        for note in own.notes:
            print(f"warning: {note}", file=sys.stderr)
    if not any(own.documents for own in counts):
        print("warning: no document was kept", file=sys.stderr)
    return 0
