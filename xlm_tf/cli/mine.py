"""`xlm-tf mine A B`: sentences that translate each other, from two texts.

For example
`xlm-tf mine news.en.txt news.sw.txt --model embedder/model --output pairs.tsv`.
"""

from xlm_tf.cli.argument_types import real, whole
from xlm_tf.cli.text_lines import (
    STANDARD_STREAM,
    add_encoding_argument,
    check_output_of,
    open_output,
    read_lines,
)

STRATEGIES = ("max", "intersection", "forward", "backward")
# Sentences that are embedded between two steps of the progress bar.
_AT_ONCE = 1024


def add_arguments(parser):
    """Add the arguments of `mine`."""
    parser.add_argument("a", help="sentences of one language, one per line; also .gz")
    parser.add_argument("b", help="sentences of another language")
    parser.add_argument(
        "--model", required=True, help="an XLMTextEmbedder, named as for trim"
    )
    parser.add_argument(
        "--output",
        default=STANDARD_STREAM,
        help="TSV of score, sentence of A, sentence of B, the highest score first; "
        "- is stdout (default)",
    )
    parser.add_argument(
        "--threshold",
        type=real("threshold"),
        help="the lowest score that is written: a margin, 1 for a pair that is no "
        "nearer than others (default: every pair is written)",
    )
    parser.add_argument(
        "--strategy",
        choices=STRATEGIES,
        default="max",
        help="max: from the highest score down, each sentence once; intersection: "
        "each is the best for the other; forward: the best of B for each of A; "
        "backward: the best of A for each of B (default: %(default)s)",
    )
    parser.add_argument(
        "--neighbours",
        type=whole("neighbours"),
        default=4,
        help="that a pair is compared with (default: %(default)s)",
    )
    parser.add_argument(
        "--gold",
        metavar="FILE",
        help="TSV of the right pairs, A and B: says precision, recall and F1, and of "
        "which threshold F1 is best",
    )
    for side in ("a", "b"):
        parser.add_argument(
            f"--language-{side}",
            metavar="LANGUAGE",
            help=f"of {side.upper()}, where the model or its tokenizer needs it",
        )
    add_encoding_argument(parser, "A and B")
    parser.add_argument("--batch-size", type=whole("batch_size"), default=32)


def run(args):
    """Mine, with progress on stderr.

    Args:
        args: `argparse.Namespace` with the arguments above.

    Returns:
        int, 0.

    Raises:
        ValueError, OSError: the model or a file cannot be used.
    """
    inputs = [args.a, args.b, args.model, *([args.gold] if args.gold else [])]
    check_output_of(args.output, inputs)
    sides = [_read_sentences(path, args.encoding) for path in (args.a, args.b)]
    gold = _read_gold(args.gold, sides) if args.gold else None

    import numpy as np
    from rich.console import Console
    from rich.progress import Progress

    from xlm_tf.cli.predict import check_language
    from xlm_tf.evaluation.bitext_scores import score_bitext
    from xlm_tf.quiet_start import without_banners
    from xlm_tf.search.index import load_embedder
    from xlm_tf.search.mining import mine_pairs
    from xlm_tf.search.prompted_embedding import embed_sentences

    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    with without_banners():
        model = load_embedder(args.model)
    languages = (args.language_a, args.language_b)
    for language in languages:
        check_language(model, language)
    progress = Progress(
        console=console, transient=True, disable=not console.is_terminal
    )
    vectors = []
    with progress:
        task = progress.add_task("Sentences", total=sum(map(len, sides)))
        for texts, language in zip(sides, languages, strict=True):
            parts = []
            for begin in range(0, len(texts), _AT_ONCE):
                block = texts[begin : begin + _AT_ONCE]
                parts.append(embed_sentences(model, block, language, args.batch_size))
                progress.advance(task, len(block))
            vectors.append(np.concatenate(parts))
        progress.update(task, description="Neighbours")
        scores, rows_a, rows_b = mine_pairs(*vectors, args.neighbours, args.strategy)
    pairs = [
        (score, sides[0][a], sides[1][b])
        for score, a, b in zip(
            scores.tolist(), rows_a.tolist(), rows_b.tolist(), strict=True
        )
    ]
    written = [
        pair for pair in pairs if args.threshold is None or pair[0] >= args.threshold
    ]
    with open_output(args.output, inputs) as output:
        for score, a, b in written:
            print(f"{score:.4f}", a, b, sep="\t", file=output)
    console.print(
        f"{len(written):,} pairs of {len(sides[0]):,} and {len(sides[1]):,} different "
        "sentences."
    )
    if pairs and not written:
        console.print(
            f"The highest score is {pairs[0][0]:.4f}, below --threshold "
            f"{args.threshold:g}."
        )
    if gold is not None:
        thresholds = {"best": None}
        if args.threshold is not None:
            thresholds = {"as written": args.threshold, **thresholds}
        for name, threshold in thresholds.items():
            console.print(f"{name}: {score_bitext(pairs, gold, threshold)}")
    return 0


def _read_sentences(path, encoding):
    """The different sentences of a file, in their order."""
    sentences = dict.fromkeys(map(_sentence, read_lines(path, encoding)))
    sentences.pop("", None)
    if not sentences:
        raise ValueError(f"{path} holds no text.")
    return list(sentences)


def _sentence(line):
    """A line as it is compared and written: single spaces, no tabs."""
    return " ".join(line.split())


def _read_gold(path, sides):
    """The right pairs, a set of `(a, b)`."""
    known = [set(side) for side in sides]
    gold = set()
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        pair = tuple(map(_sentence, line.split("\t")))
        if len(pair) != 2:
            raise ValueError(
                f"{path}, line {number}: expected two sentences with a tab between. "
                f"Received: {len(pair)} columns."
            )
        for sentence, own, name in zip(pair, known, "AB", strict=True):
            if sentence not in own:
                raise ValueError(
                    f"{path}, line {number}: {name} does not hold {sentence!r}."
                )
        gold.add(pair)
    if not gold:
        raise ValueError(f"{path} holds no pair.")
    return gold
