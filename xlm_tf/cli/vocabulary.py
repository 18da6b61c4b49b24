"""`xlm-tf vocabulary`: train one shared SentencePiece vocabulary from many languages.

For example `xlm-tf vocabulary --corpus en=en.txt --corpus fr=fr.txt.gz --size 8000
--output vocabulary.spm`.
"""

import sys
from pathlib import Path

from xlm_tf.cli.argument_types import real, whole
from xlm_tf.cli.corpus_arguments import add_corpus_argument, corpus_files
from xlm_tf.output_files import check_output, check_place


def add_arguments(parser):
    """Add the arguments of `vocabulary`."""
    add_corpus_argument(parser, "text of a language", required=True)
    parser.add_argument(
        "--size",
        type=whole("size"),
        required=True,
        help="tokens, specials and <mask> included",
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        help="SentencePiece model to write (.spm or .model), or a folder, for "
        "vocabulary.spm in it; the report is written beside it as JSON",
    )
    parser.add_argument(
        "--alpha",
        type=real("alpha", minimum=0),
        default=0.5,
        help="smoothing of the languages' shares: 1 by size, 0 all alike "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--character-coverage",
        type=real("character_coverage", minimum=0.98, maximum=1),
        default=0.9995,
        help="share of the characters that get a piece, 0.98 to 1 "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--max-sentences",
        type=whole("max_sentences"),
        default=5_000_000,
        help="sentences to train on at most, held in memory (default: %(default)s)",
    )
    parser.add_argument(
        "--memory",
        type=real("memory", minimum=0.01),
        metavar="GB",
        help="memory that training may take: fewer sentences where they do not fit "
        "(default: half of what is free)",
    )
    parser.add_argument(
        "--normalization",
        choices=("nmt_nfkc", "keep_joiners", "identity"),
        help="how text is normalised: as in XLM-R; the same with the zero-width "
        "non-joiners of Persian and others; or not at all (default: what the languages "
        "need, one of the first two)",
    )
    parser.add_argument(
        "--user-defined-symbol",
        action="append",
        default=[],
        metavar="TEXT",
        help="text that is always one token; may be repeated",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace an existing output"
    )
    parser.add_argument("--quiet", action="store_true", help="print errors alone")


def run(args):
    """Count the text, train, write the model and its report, and print the report.

    Args:
        args: `argparse.Namespace` with the arguments above.

    Returns:
        int, 0.

    Raises:
        FileExistsError: the output exists.
        NotADirectoryError: it would be in a file.
        FileNotFoundError: a corpus does not exist.
        ValueError: a corpus or the size cannot be used.
    """
    files = corpus_files(args.corpus)
    output = args.output
    if output.suffix not in (".spm", ".model"):
        output = output / "vocabulary.spm"
    above = next(path for path in output.absolute().parents if path.exists())
    if not above.is_dir():
        raise NotADirectoryError(
            f"--output {args.output}: {above} is a file. Expected a folder, or a file "
            "that ends with .spm or .model."
        )
    if output.exists() and not args.overwrite:
        raise FileExistsError(
            f"{output} exists. Choose another --output, or replace it with --overwrite."
        )
    report_path = output.with_name(output.name + ".json")
    read = [path for paths in files.values() for path in paths]
    for path in (output, report_path):
        if path.exists():
            check_output(path, inputs=read)
        else:
            check_place(path)

    from rich.console import Console
    from rich.progress import track

    from xlm_tf.data.plain_text import iterate_plain_text, scan_plain_text
    from xlm_tf.text.vocabulary import train_vocabulary

    # Without a terminal no line is cut to one's width.
    console = Console(quiet=args.quiet, width=None if sys.stdout.isatty() else 200)
    reports = {
        language: scan_plain_text(paths)
        for language, paths in track(
            files.items(), "Counting sentences", console=console, transient=True
        )
    }
    for language, report in reports.items():
        console.print(f"{language}: {report.summary()}", highlight=False, markup=False)
    corpora = {
        language: (lambda paths=paths: iterate_plain_text(paths))
        for language, paths in files.items()
    }
    with console.status(f"Training a vocabulary of {args.size:,} tokens..."):
        report = train_vocabulary(
            corpora,
            args.size,
            output,
            alpha=args.alpha,
            character_coverage=args.character_coverage,
            max_sentences=args.max_sentences,
            user_defined_symbols=args.user_defined_symbol,
            overwrite=args.overwrite,
            normalization=args.normalization,
            memory=args.memory,
            say=lambda text: console.print(text, highlight=False, markup=False),
        )
    report.save_json(report_path)
    console.print(report.table())
    console.print(f"Wrote {output} and its report {report_path}.", highlight=False)
    return 0
