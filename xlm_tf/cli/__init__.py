"""The `xlm-tf` command: every subcommand is one file of this folder.

A subcommand module has `add_arguments(parser)` and `run(args) -> int`, and imports
TensorFlow inside `run`, so that `xlm-tf --help` answers at once. One that needs no
TensorFlow at all says so: `USES_TENSORFLOW = False`.
"""

import contextlib
import importlib
import os
import sys

from xlm_tf.cli.errors import (
    EXIT_CODE,
    INTERRUPTED,
    OneLineParser,
    error_lines,
    is_expected,
)
from xlm_tf.freed_memory import keep_freed_memory
from xlm_tf.quiet_start import start_tensorflow
from xlm_tf.version import __version__

SUBCOMMANDS = {
    "quickstart": "the whole path once, on real text: train, evaluate, export, serve",
    "vocabulary": "train one shared SentencePiece vocabulary from many languages",
    "vectors": "word vectors of two languages in one space, from text alone",
    "collect": "documents of plain text from WARC, WET, HTML, wiki dumps and feeds",
    "clean": "texts without noise, duplicates and other languages",
    "prepare": "tokenise the texts of a pretraining once, to train on them faster",
    "pretrain": "pretrain a model with the recipe of a YAML file",
    "finetune": "train a model to classify, tag, answer questions, translate or "
    "summarise, with a recipe",
    "predict": "a model's answers to texts, one by one",
    "evaluate": "scores by language of a classifier, a tagger or question answering",
    "tune": "search for the best values of fields of a recipe",
    "recipes": "list, copy and check recipes; their schema for an editor",
    "trim": "cut a model's vocabulary to what some languages or texts need",
    "extend": "add words to a model's vocabulary",
    "index": "an index that finds documents by their meaning, in any language",
    "search": "documents of an index, the nearest to a query first",
    "mine": "sentences of two texts that translate each other",
    "translate": "translate lines of text",
    "score": "BLEU and chrF of files of translations, compared with each other",
    "summarize": "summarise texts, one per line",
    "export": "export a model as a SavedModel or a TFLite file",
    "serve": "serve exported models by HTTP and gRPC, as TF Serving does",
}


def make_parser():
    """The parser of the whole program.

    Returns:
        `argparse.ArgumentParser`; what it parses has `run`, of the subcommand.
    """
    parser = OneLineParser(
        prog="xlm-tf", description="Cross-lingual language models in TensorFlow."
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of an error"
    )
    subparsers = parser.add_subparsers(dest="subcommand", required=True)
    for name, help_text in SUBCOMMANDS.items():
        module = importlib.import_module(f"xlm_tf.cli.{name}")
        subparser = subparsers.add_parser(name, help=help_text, description=help_text)
        module.add_arguments(subparser)
        uses_tensorflow = getattr(module, "USES_TENSORFLOW", True)
        subparser.set_defaults(run=module.run, uses_tensorflow=uses_tensorflow)
    return parser


def main(argv=None):
    """Run one subcommand.

    Args:
        argv: list of str, the arguments after the program's name. Defaults to
            those of the process.

    Returns:
        int, the exit code: 0 for success, 2 for an input that cannot be used,
        130 when interrupted, 141 when nobody reads the output.

    Raises:
        Exception: a bug of the program; with `--debug` whatever was raised.
    """
    argv = sys.argv[1:] if argv is None else argv
    for stream in (sys.stdout, sys.stderr):
        if getattr(stream, "errors", None) == "strict":
            # What a terminal cannot show is no reason to stop.
            stream.reconfigure(errors="backslashreplace")
    args = make_parser().parse_args(argv)
    try:
        if args.uses_tensorflow:
            keep_freed_memory()
            start_tensorflow()
        return args.run(args)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has enough. Python flushes it once more at its end.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        if args.debug or not is_expected(error):
            raise
        for line in error_lines(error):
            print(f"error: {line}", file=sys.stderr)
        return EXIT_CODE
