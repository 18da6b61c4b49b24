"""`xlm-tf translate`: lines of text in, lines of text out, in their order.

For example `xlm-tf translate --model DIR --to fr < en.txt > fr.txt`.
"""

import contextlib
import sys
from pathlib import Path

from xlm_tf.cli.search_arguments import add_search_arguments, search_of


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
        "input", nargs="?", default="-", help="one text a line; - is stdin (default)"
    )
    parser.add_argument("--output", default="-", help="file; - is stdout (default)")
    add_search_arguments(parser)
    parser.add_argument(
        "--n-best",
        type=int,
        default=1,
        help="write the n best: number of the text, rank, score and text, tabs between",
    )
    parser.add_argument(
        "--scores", action="store_true", help="write the score and a tab before a text"
    )
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument(
        "--max-length", type=int, help="tokens; default: half more than the input's"
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
    if args.input != "-" and not Path(args.input).is_file():
        raise FileNotFoundError(f"There is no file {args.input}.")

    from rich.console import Console
    from rich.progress import track

    from xlm_tf.cli.quiet_start import without_banners
    from xlm_tf.models.generation_in_order import generate_in_order
    from xlm_tf.models.presets import load_task
    from xlm_tf.models.seq2seq_lm import XLMSeq2SeqLM

    search = search_of(args, args.n_best)
    with without_banners():
        model = load_task(args.model)
    if not isinstance(model, XLMSeq2SeqLM):
        raise ValueError(
            f"{args.model} holds a {type(model).__name__}. Expected an XLMSeq2SeqLM."
        )
    model.compile(sampler=search)
    targets = generate_in_order(
        model,
        _lines(args.input),
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
    with contextlib.ExitStack() as stack:
        output = sys.stdout
        if args.output != "-":
            output = stack.enter_context(Path(args.output).open("w", encoding="utf-8"))
        for number, candidates in enumerate(progress):
            for rank, (text, score) in enumerate(candidates):
                print(*_fields(args, number, rank, score, text), sep="\t", file=output)
            output.flush()
    return 0


def _lines(path):
    """Lines without their end; invalid UTF-8 reads as U+FFFD."""
    with contextlib.ExitStack() as stack:
        stream = sys.stdin.buffer
        if path != "-":
            stream = stack.enter_context(Path(path).open("rb"))
        for line in stream:
            yield line.decode("utf-8", errors="replace").rstrip("\r\n")


def _fields(args, number, rank, score, text):
    text = " ".join(text.split())
    if args.n_best > 1:
        return number, rank, f"{score:.4f}", text
    return (f"{score:.4f}", text) if args.scores else (text,)
