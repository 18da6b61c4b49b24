"""`xlm-tf vocabulary --corpus en=en.txt --corpus fr=fr.txt.gz --size 8000 ...`."""

import collections
from pathlib import Path


def add_arguments(parser):
    parser.add_argument(
        "--corpus",
        action="append",
        required=True,
        metavar="LANGUAGE=FILE",
        help="text of a language, one sentence a line, plain or .gz; may be repeated",
    )
    parser.add_argument(
        "--size", type=int, required=True, help="tokens, specials and <mask> included"
    )
    parser.add_argument(
        "--output", type=Path, required=True, help="SentencePiece model to write"
    )
    parser.add_argument(
        "--alpha",
        type=float,
        default=0.5,
        help="smoothing of the languages' shares: 1 by size, 0 all alike (default 0.5)",
    )
    parser.add_argument("--character-coverage", type=float, default=0.9995)
    parser.add_argument(
        "--max-sentences",
        type=int,
        default=5_000_000,
        help="sentences to train on, held in memory (default 5 million)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace an existing output"
    )


def run(args):
    from rich.console import Console

    from xlm_tf.data.plain_text import iterate_plain_text, scan_plain_text
    from xlm_tf.text.vocabulary import train_vocabulary

    files = collections.defaultdict(list)
    for corpus in args.corpus:
        language, separator, path = corpus.partition("=")
        if not (language and separator and path):
            raise ValueError(
                f"--corpus must be LANGUAGE=FILE, such as en=news.txt. Received: {corpus}"
            )
        files[language].append(path)
    console = Console()
    for language, paths in files.items():
        report = scan_plain_text(paths)
        console.print(f"{language}: {report.summary()}", highlight=False)
    corpora = {
        language: (lambda paths=paths: iterate_plain_text(paths))
        for language, paths in files.items()
    }
    with console.status(f"Training a vocabulary of {args.size:,} tokens..."):
        report = train_vocabulary(
            corpora,
            args.size,
            args.output,
            alpha=args.alpha,
            character_coverage=args.character_coverage,
            max_sentences=args.max_sentences,
            overwrite=args.overwrite,
        )
    report_path = args.output.with_name(args.output.name + ".json")
    report.save_json(report_path)
    console.print(report.table())
    console.print(f"Wrote {args.output} and its report {report_path}.")
    return 0
