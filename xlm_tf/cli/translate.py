"""`xlm-tf translate`: lines of text in, lines of text out, in their order.

For example `xlm-tf translate --model DIR --to fr < en.txt > fr.txt`.
"""

from xlm_tf.cli.argument_types import whole
from xlm_tf.cli.search_arguments import add_search_arguments, search_of
from xlm_tf.cli.text_lines import (
    add_encoding_argument,
    check_lines,
    check_output_of,
    open_output,
    read_lines,
)

UNKNOWN_CHARACTERS = ("copy", "mark", "omit")


def add_arguments(parser):
    """Add the arguments of `translate`."""
    add_shared_arguments(parser, "an XLMSeq2SeqLM")


def add_shared_arguments(parser, models):
    """Add the arguments that `translate` and `summarize` share.

    Args:
        parser: `argparse.ArgumentParser`.
        models: str, which models the command takes.
    """
    parser.add_argument(
        "--model",
        required=True,
        help=f"{models}, named as for trim",
    )
    parser.add_argument(
        "input",
        nargs="?",
        default="-",
        help="one text per line, plain or .gz; - is stdin (default)",
    )
    add_encoding_argument(
        parser, "the input, such as latin-1 or utf-16; the output is UTF-8"
    )
    parser.add_argument(
        "--output",
        default="-",
        help="file, which is replaced when all is written; - is stdout (default)",
    )
    parser.add_argument(
        "--from", dest="source_language", help="language of the input, if not one alone"
    )
    parser.add_argument(
        "--to", dest="target_language", help="language to write, if not one alone"
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
    check_arguments(args)
    write_targets(args, load_model(args.model, "XLMSeq2SeqLM"), long_texts="split")
    return 0


def check_arguments(args):
    """See that arguments agree and files can be read and written, before the model is.

    Raises:
        ValueError, OSError: they do not, or cannot.
    """
    if args.num_beams is not None and args.n_best > args.num_beams:
        raise ValueError(
            "A search returns as many texts as it has beams at most. Received: "
            f"--n-best {args.n_best}, --num-beams {args.num_beams}."
        )
    check_output_of(args.output, [args.input, args.model])
    check_lines(args.input, args.encoding)


def load_model(name, *kinds):
    """Load a task with its preprocessor.

    Args:
        name: str, the model, as the user names it.
        *kinds: str, the classes that are meant.

    Raises:
        ValueError, OSError: it cannot be loaded, or is none of them.
    """
    from xlm_tf.models.loading import find_task, load_task
    from xlm_tf.quiet_start import without_banners

    found = find_task(name)[0].__name__
    if found not in kinds:
        expected = " or ".join(f"an {kind}" for kind in kinds)
        raise ValueError(f"{name} holds a {found}. Expected {expected}.")
    with without_banners():
        model = load_task(name)
    if model.preprocessor is None:
        raise ValueError(
            f"{name} was saved without its preprocessor, and cannot read text."
        )
    return model


def write_targets(args, model, **how):
    """Write what a model generates of the input.

    Args:
        args: `argparse.Namespace`.
        model: `XLMSeq2SeqLM`.
        **how: `long_texts`, `embedder`, `counts`, see `generate_in_order`.
    """
    from xlm_tf.models.generation_in_order import generate_in_order

    model.compile(sampler=search_of(args, model.decoding, args.n_best))
    if args.unknown_characters:
        model.preprocessor.unknown_characters = args.unknown_characters
    targets = generate_in_order(
        model,
        read_lines(args.input, args.encoding),
        batch_size=args.batch_size,
        max_length=args.max_length,
        source_language=args.source_language,
        target_language=args.target_language,
        **how,
    )
    rows = (
        _fields(args, number, rank, score, text)
        for number, candidates in enumerate(targets)
        for rank, (text, score) in enumerate(candidates)
    )
    write_rows(args, rows)


def write_rows(args, rows):
    """Write rows of fields, with progress on stderr; tabs between.

    Args:
        args: `argparse.Namespace` with `output`, and what is read.
        rows: iterable of tuples.
    """
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    progress = track(
        rows,
        "Texts",
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with open_output(args.output, [args.input, args.model]) as output:
        for fields in progress:
            print(*fields, sep="\t", file=output, flush=True)


def _fields(args, number, rank, score, text):
    text = " ".join(text.split())
    if args.n_best > 1:
        return number, rank, f"{score:.4f}", text
    return (f"{score:.4f}", text) if args.scores else (text,)
