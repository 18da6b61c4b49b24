"""`xlm-tf translate`: lines of text in, lines of text out, in their order.

For example `xlm-tf translate --model DIR --to fr < en.txt > fr.txt`.
"""

from xlm_tf.cli.argument_types import whole
from xlm_tf.cli.search_arguments import add_search_arguments, search_of
from xlm_tf.cli.text_lines import (
    check_lines,
    check_output_of,
    encoding,
    open_output,
    read_lines,
)

UNKNOWN_CHARACTERS = ("copy", "mark", "omit")


def add_arguments(parser):
    """Add the arguments of `translate`."""
    add_shared_arguments(parser)
    parser.add_argument(
        "--from", dest="source_language", help="language of the input, if not one alone"
    )
    parser.add_argument(
        "--to", dest="target_language", help="language to write, if not one alone"
    )


def add_shared_arguments(parser):
    """Add the arguments that `translate` and `summarize` share."""
    parser.add_argument(
        "--model",
        required=True,
        help="an XLMSeq2SeqLM, named as for trim",
    )
    parser.add_argument(
        "input",
        nargs="?",
        default="-",
        help="one text per line, plain or .gz; - is stdin (default)",
    )
    parser.add_argument(
        "--encoding",
        type=encoding,
        default="utf-8",
        help="of the input, such as latin-1 or utf-16; the output is UTF-8 "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--output",
        default="-",
        help="file, which is replaced when all is written; - is stdout (default)",
    )
    add_search_arguments(parser)
    parser.add_argument(
        "--n-best",
        type=whole("n_best"),
        default=1,
        help="write the n best: number of the text, rank, score and text, tabs between",
    )
    parser.add_argument(
        "--scores", action="store_true", help="write the score and a tab before a text"
    )
    parser.add_argument(
        "--unknown-characters",
        choices=UNKNOWN_CHARACTERS,
        help="what is written for characters that the vocabulary does not have: those "
        "of the input, the mark U+2047, or nothing (default: as the model was saved)",
    )
    parser.add_argument("--batch-size", type=whole("batch_size"), default=64)
    parser.add_argument(
        "--max-length",
        type=whole("max_length"),
        help="tokens; default: half more than the input's",
    )


def run(args):
    """Translate, with progress on stderr.

    Args:
        args: `argparse.Namespace` with the arguments above.

    Returns:
        int, 0.

    Raises:
        ValueError, OSError: the model, a language or a file cannot be used.
    """
    if args.num_beams is not None and args.n_best > args.num_beams:
        raise ValueError(
            "A search returns as many texts as it has beams at most. Received: "
            f"--n-best {args.n_best}, --num-beams {args.num_beams}."
        )
    inputs = [args.input, args.model]
    check_output_of(args.output, inputs)
    check_lines(args.input, args.encoding)

    from rich.console import Console
    from rich.progress import track

    from xlm_tf.models.generation_in_order import generate_in_order
    from xlm_tf.models.loading import load_task
    from xlm_tf.models.seq2seq_lm import XLMSeq2SeqLM
    from xlm_tf.quiet_start import without_banners

    with without_banners():
        model = load_task(args.model)
    if not isinstance(model, XLMSeq2SeqLM):
        raise ValueError(
            f"{args.model} holds a {type(model).__name__}. Expected an XLMSeq2SeqLM."
        )
    if model.preprocessor is None:
        raise ValueError(
            f"{args.model} was saved without its preprocessor, and cannot read text."
        )
    model.compile(sampler=search_of(args, model.decoding, args.n_best))
    if args.unknown_characters:
        model.preprocessor.unknown_characters = args.unknown_characters
    targets = generate_in_order(
        model,
        read_lines(args.input, args.encoding),
        batch_size=args.batch_size,
        max_length=args.max_length,
        source_language=getattr(args, "source_language", None),
        target_language=getattr(args, "target_language", None),
    )
    console = Console(stderr=True)
    progress = track(
        targets,
        "Texts",
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with open_output(args.output, inputs) as output:
        for number, candidates in enumerate(progress):
            for rank, (text, score) in enumerate(candidates):
                print(*_fields(args, number, rank, score, text), sep="\t", file=output)
            output.flush()
    return 0


def _fields(args, number, rank, score, text):
    text = " ".join(text.split())
    if args.n_best > 1:
        return number, rank, f"{score:.4f}", text
    return (f"{score:.4f}", text) if args.scores else (text,)
