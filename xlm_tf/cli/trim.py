"""`xlm-tf trim`: a model with only the tokens that some languages or texts need.

For example `xlm-tf trim xlm_roberta_base trimmed --corpus en=a.txt --corpus fr=b.txt`.
"""

from pathlib import Path

from xlm_tf.cli.argument_types import whole
from xlm_tf.cli.corpus_arguments import add_corpus_argument, corpus_files
from xlm_tf.output_files import check_new, whole_folder

# Texts of each corpus on which the trimmed model is compared with the whole one.
CHECKED_TEXTS = 64


def add_arguments(parser):
    """Add the arguments of `trim`."""
    parser.add_argument(
        "model",
        help="a saved model: a folder of save_to_preset, of a training or of "
        "transformers, hf://OWNER/NAME, or a released model's name",
    )
    parser.add_argument("output", type=Path, help="folder to write; must not exist")
    add_corpus_argument(parser, "keep the tokens that a text uses")
    parser.add_argument(
        "--languages",
        nargs="+",
        action="extend",
        default=[],
        metavar="LANGUAGE",
        help="keep all tokens in the scripts of these languages",
    )
    parser.add_argument(
        "--min-count",
        type=whole("min_count"),
        default=1,
        help="how often the corpora must use a token (default: %(default)s)",
    )


def run(args):
    """Trim, compare on the corpora, save, and say what was kept.

    Args:
        args: `argparse.Namespace` with the arguments above.

    Returns:
        int, 0.

    Raises:
        FileExistsError: the output exists.
        ValueError, OSError: the model, a corpus or a language cannot be used.
    """
    files = corpus_files(args.corpus)
    check_new(args.output)
    if not files and not args.languages:
        raise ValueError("Say what the vocabulary is for: --corpus or --languages.")

    import itertools

    from rich.console import Console

    from xlm_tf.data.plain_text import iterate_plain_text, scan_plain_text
    from xlm_tf.models.loading import load_task
    from xlm_tf.models.vocabulary_surgery import same_states, trim_vocabulary
    from xlm_tf.quiet_start import without_banners

    console = Console(highlight=False)
    for language, paths in files.items():
        report = scan_plain_text(paths)
        if report.broken:
            console.print(f"{language}: {report.summary()}", markup=False)
    with without_banners():
        task = load_task(args.model)
    with console.status("Reading the corpora"):
        corpora = {x: iterate_plain_text(paths) for x, paths in files.items()}
        trimmed, report = trim_vocabulary(task, corpora, args.languages, args.min_count)
    for language, paths in files.items():
        texts = list(itertools.islice(iterate_plain_text(paths), CHECKED_TEXTS))
        same = same_states(task, trimmed, texts, language)
        console.print(
            f"{language}: {report.uses[language]:,} tokens used; hidden states of "
            f"{len(texts)} texts are {'bit-exactly the same' if same else 'different'}."
        )
        if not same and args.min_count == 1:
            raise ValueError(
                "The trimmed model computes something else; nothing was written."
            )
    with whole_folder(args.output) as folder:
        trimmed.save_to_preset(folder)
    console.print(
        f"{report.tokens_before:,} tokens -> {report.tokens_after:,}; weights of "
        f"{report.bytes_before / 1e6:,.1f} MB -> {report.bytes_after / 1e6:,.1f} MB, "
        f"in {args.output}."
    )
    return 0
