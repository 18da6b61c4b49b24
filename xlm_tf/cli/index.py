"""`xlm-tf index`: an index that finds documents by their meaning, in any language.

For example `xlm-tf index news.txt --model embedder/model --index news`.
"""

import time
from pathlib import Path

from xlm_tf.cli.argument_types import whole
from xlm_tf.cli.document_files import UNITS, check_documents, iterate_documents
from xlm_tf.cli.text_lines import add_encoding_argument


def add_arguments(parser):
    """Add the arguments of `index`."""
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="texts, or .jsonl with id, text and any other fields; also .gz. Without "
        "files, an index is finished that was interrupted",
    )
    parser.add_argument(
        "--index",
        required=True,
        metavar="DIR",
        help="folder of the index: a new one, or one to add to",
    )
    parser.add_argument(
        "--model",
        help="an XLMTextEmbedder, named as for trim (default: that of the index)",
    )
    parser.add_argument(
        "--documents",
        choices=UNITS,
        default="lines",
        help="what a document is in files of text; longer ones than the model reads "
        "are cut into passages (default: %(default)s)",
    )
    parser.add_argument(
        "--remove",
        nargs="+",
        action="extend",
        default=[],
        metavar="ID",
        help="documents to remove, before files are added",
    )
    parser.add_argument(
        "--language", help="of all texts, where the model or its tokenizer needs it"
    )
    add_encoding_argument(parser, "files of text")
    parser.add_argument("--batch-size", type=whole("batch_size"), default=32)


def run(args):
    """Index, with progress on stderr.

    Args:
        args: `argparse.Namespace` with the arguments above.

    Returns:
        int, 0.

    Raises:
        ValueError, OSError: the model, the index or a file cannot be used.
    """
    from rich.console import Console
    from rich.progress import Progress

    from xlm_tf.cli.predict import check_language
    from xlm_tf.quiet_start import without_banners
    from xlm_tf.search.documents import Changes
    from xlm_tf.search.graph import GRAPH_FROM, check_installed
    from xlm_tf.search.index import Index, is_index

    is_new = not is_index(args.index)
    if is_new and args.model is None:
        raise ValueError(
            f"There is no index in {args.index}. Name a model for a new one by --model."
        )
    if is_new and (args.remove or not args.files):
        raise FileNotFoundError(f"There is no index in {args.index}.")
    total = 0
    if args.files:
        total = check_documents(args.files, args.documents, args.encoding)
    if total >= GRAPH_FROM:
        check_installed()
    begun = time.monotonic()
    open_index = Index.create if is_new else Index.open
    console = Console(highlight=False, markup=False, soft_wrap=True)
    errors = Console(stderr=True)
    with without_banners():
        index = open_index(args.index, args.model)
        if args.files:
            check_language(index.embedder, args.language)
    if args.remove:
        index.remove(args.remove)
    progress = Progress(console=errors, transient=True, disable=not errors.is_terminal)
    with progress:
        task = progress.add_task("Documents", total=total)

        def documents():
            for path in args.files:
                for _, document in iterate_documents(
                    path, args.documents, args.encoding
                ):
                    yield document
                    progress.advance(task)
            progress.update(task, description="The graph")

        if args.files:
            changes = index.add(documents(), args.language, args.batch_size)
        else:
            index.finish()
            changes = Changes()
    seconds = time.monotonic() - begun
    changes.removed += len(args.remove)
    console.print(
        f"{changes.added:,} documents added, {changes.replaced:,} replaced, "
        f"{changes.unchanged:,} unchanged, {changes.removed:,} removed, "
        f"{changes.empty:,} without text left out."
    )
    console.print(
        f"{Path(args.index)}: {len(index):,} documents, {index.num_passages:,} "
        f"passages, {index.size() / 1e6:,.1f} MB, in {seconds:,.1f} s."
    )
    return 0
