"""`xlm-tf search QUERY --index DIR`: documents of an index, the nearest first.

For example `xlm-tf search "file not found" --index news --top 5`.
"""

import json
import sys

from xlm_tf.cli.argument_types import whole
from xlm_tf.cli.text_lines import (
    STANDARD_STREAM,
    add_encoding_argument,
    check_lines,
    check_stdout,
    read_lines,
    standard_output,
)

CANDIDATES = 50
# Queries that are answered together.
_AT_ONCE = 256


def add_arguments(parser):
    """Add the arguments of `search`."""
    parser.add_argument("query", nargs="?", help="what is looked for")
    parser.add_argument("--index", required=True, metavar="DIR", help="made by `index`")
    parser.add_argument(
        "--queries", metavar="FILE", help="queries, one per line; - is stdin"
    )
    parser.add_argument(
        "--top", type=whole("top"), default=10, help="documents (default: %(default)s)"
    )
    parser.add_argument(
        "--model",
        help="the model of the index, where it has moved to (default: where it was)",
    )
    parser.add_argument(
        "--rerank",
        metavar="MODEL",
        help="a cross-encoder: an XLMTextClassifier with one output, which reads a "
        "query and a text, and orders the candidates anew",
    )
    parser.add_argument(
        "--candidates",
        type=whole("candidates"),
        help=f"documents that --rerank reads (default: {CANDIDATES}, or --top)",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="an object per line, as where the output is no terminal",
    )
    parser.add_argument(
        "--language", help="of the queries, where the model or its tokenizer needs it"
    )
    add_encoding_argument(parser, "--queries")
    parser.add_argument("--batch-size", type=whole("batch_size"), default=32)


def run(args):
    """Search.

    Args:
        args: `argparse.Namespace` with the arguments above.

    Returns:
        int, 0.

    Raises:
        ValueError, OSError: the index, a model, a query or a file cannot be used.
    """
    _check(args)

    from xlm_tf.cli.predict import check_language
    from xlm_tf.models.loading import find_task, load_task
    from xlm_tf.quiet_start import without_banners
    from xlm_tf.search.index import Index
    from xlm_tf.search.reranking import check_reranker, rerank

    reranker = None
    with without_banners():
        if args.rerank:
            check_reranker(find_task(args.rerank)[0], args.rerank)
        index = Index.open(args.index, args.model)
        index.check_whole()
        check_language(index.embedder, args.language)
        if args.rerank:
            reranker = load_task(args.rerank)
            check_reranker(reranker, args.rerank)
            check_language(reranker, None)
    count = args.top
    if reranker is not None:
        count = max(args.top, args.candidates or CANDIDATES)
    is_table = sys.stdout.isatty() and not args.json
    output = standard_output()
    for queries in _blocks(_queries(args)):
        found = index.search(queries, count, args.language, args.batch_size)
        for query, hits in zip(queries, found, strict=True):
            best = hits
            if reranker is not None:
                best = rerank(reranker, query, hits, args.top, args.batch_size)
            if is_table:
                _print_table(query, best)
            else:
                _print_lines(query, best, output)
    return 0


def _check(args):
    if (args.query is None) == (args.queries is None):
        raise ValueError("Give one query, or a file of them by --queries.")
    if args.query is not None and not args.query.strip():
        raise ValueError("The query is empty.")
    if args.candidates is not None and args.rerank is None:
        raise ValueError(
            f"--candidates is of --rerank. Received: --candidates {args.candidates}."
        )
    if args.candidates is not None and args.candidates < args.top:
        raise ValueError(
            "--rerank reads at least as many documents as are wanted. Received: "
            f"--candidates {args.candidates}, --top {args.top}."
        )
    if args.queries is None:
        return
    check_stdout([args.queries])
    if args.queries != STANDARD_STREAM:
        check_lines(args.queries, args.encoding)
        for number, query in enumerate(read_lines(args.queries, args.encoding), 1):
            _check_query(args.queries, number, query)


def _check_query(path, number, query):
    if not query.strip():
        raise ValueError(f"{path}, line {number}: the query is empty.")


def _queries(args):
    if args.query is not None:
        yield args.query
        return
    lines = read_lines(args.queries, args.encoding)
    for number, query in enumerate(lines, start=1):
        _check_query(args.queries, number, query)
        yield query


def _blocks(queries):
    block = []
    for query in queries:
        block.append(query)
        if len(block) == _AT_ONCE:
            yield block
            block = []
    if block:
        yield block


def _print_lines(query, hits, output):
    for rank, hit in enumerate(hits, start=1):
        line = {
            "query": query,
            "rank": rank,
            "score": hit.score,
            "id": hit.id,
            "text": hit.text,
            "start": hit.start,
            "end": hit.end,
            "fields": hit.fields,
        }
        print(json.dumps(line, ensure_ascii=False), file=output)


def _print_table(query, hits):
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(query))
    table.add_column("", justify="right")
    table.add_column("score", justify="right")
    table.add_column("id")
    table.add_column("text")
    for rank, hit in enumerate(hits, start=1):
        cells = (str(rank), f"{hit.score:.3f}", hit.id, " ".join(hit.text.split()))
        table.add_row(*map(Text, cells))
    Console().print(table)
