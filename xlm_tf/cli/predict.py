"""`xlm-tf predict MODEL FILE`: texts in, a model's answers out, in their order.

For example `xlm-tf predict sentiment reviews.csv --output answers.jsonl`.
"""

import itertools
import json
from pathlib import Path

from xlm_tf.cli.argument_types import whole
from xlm_tf.cli.text_lines import (
    STANDARD_STREAM,
    check_lines,
    check_output_of,
    encoding,
    open_output,
    read_lines,
)

# Batches that are read ahead, and sorted by length.
_AHEAD = 64


def add_arguments(parser):
    """Add the arguments of `predict`."""
    parser.add_argument(
        "model", help="a model with its preprocessor, named as for trim"
    )
    parser.add_argument(
        "input",
        nargs="?",
        default=STANDARD_STREAM,
        help=".csv, .tsv, .jsonl or .parquet; any other file, and - for stdin "
        "(default), holds one text per line; all but Parquet also .gz",
    )
    add_column_arguments(parser)
    parser.set_defaults(text=None)  # of lines of text there is no column
    parser.add_argument(
        "--encoding",
        type=encoding,
        default="utf-8",
        help="of lines of text (default: %(default)s)",
    )
    parser.add_argument(
        "--output",
        default=STANDARD_STREAM,
        help="file, which is replaced when all is written; - is stdout (default)",
    )
    parser.add_argument(
        "--format",
        choices=("jsonl", "tsv"),
        help="a JSON object per text, or, of a classifier, label and probability with "
        "a tab between (default: by the output's ending, otherwise jsonl)",
    )
    parser.add_argument(
        "--top-k",
        type=whole("top_k"),
        help="classes, or tokens of a masked LM, per text (default: all, or 5)",
    )
    parser.add_argument("--batch-size", type=whole("batch_size"), default=32)


def add_column_arguments(parser):
    """Add the names of the columns, which `evaluate` has as well."""
    parser.add_argument(
        "--text", default="text", help="column of the texts (default: text)"
    )
    parser.add_argument(
        "--text-pair", help="column of the second texts, of pairs (default: none)"
    )
    parser.add_argument(
        "--language", help="of all texts, where the model or its tokenizer needs it"
    )


def run(args):
    """Predict, with progress on stderr.

    Args:
        args: `argparse.Namespace` with the arguments above.

    Returns:
        int, 0.

    Raises:
        ValueError, OSError: the model or a file cannot be used.
    """
    inputs = [args.input, args.model]
    check_output_of(args.output, inputs)
    check_rows(args)

    from rich.console import Console
    from rich.progress import track

    from xlm_tf.models.loading import load_task
    from xlm_tf.quiet_start import without_banners

    with without_banners():
        model = load_task(args.model)
    check_language(model, args.language)
    answer = answerer(model, args)
    console = Console(stderr=True)
    progress = track(
        _in_order(read_rows(args), answer, args.batch_size),
        "Texts",
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    counts = {"read": 0, "broken": 0}
    is_tsv = _format(args) == "tsv"
    with open_output(args.output, inputs) as output:
        for result in progress:
            counts["read"] += 1
            counts["broken"] += "error" in result
            if is_tsv:
                cells = result.get("label", ""), result.get("probability", "")
                print(*(" ".join(str(x).split()) for x in cells), sep="\t", file=output)
            else:
                print(json.dumps(result, ensure_ascii=False), file=output)
    if counts["broken"]:
        console.print(
            f"{counts['broken']:,} of {counts['read']:,} rows could not be read; their "
            "answers say why." + (" Those of TSV are empty." if is_tsv else "")
        )
    return 0


def check_rows(args):
    """Refuse an input, or columns of it, before a model is loaded.

    Raises:
        ValueError, OSError: the input cannot be read, or has no such columns.
    """
    from xlm_tf.data.tables import check_table

    columns = _columns(args)
    if columns is None:
        for option, column in (("--text", args.text), ("--text-pair", args.text_pair)):
            if column is not None:
                raise ValueError(
                    f"{option} is a column of a table, and lines of text have none. "
                    f"Received: {option} {column}, {args.input}."
                )
        check_lines(args.input, args.encoding)
        return
    if args.encoding != "utf-8":
        raise ValueError(
            f"--encoding is of lines of text; tables are UTF-8. Received: "
            f"--encoding {args.encoding}, {args.input}."
        )
    check_table(args.input, columns)


def read_rows(args):
    """The rows of the input: `(row, reason)`, see `iterate_table`."""
    from xlm_tf.data.tables import iterate_table

    columns = _columns(args)
    if columns is None:
        for line in read_lines(args.input, args.encoding):
            yield {"text": line}, None
        return
    for number, row, reason in iterate_table(args.input, columns):
        yield row, reason and f"line {number}: {reason}"


def _columns(args):
    """What columns of the input are read; None where it is lines of text."""
    from xlm_tf.data.tables import FORMATS

    name = Path(args.input).name.lower().removesuffix(".gz")
    if args.input == STANDARD_STREAM or not name.endswith(FORMATS):
        return None
    columns = {"text": args.text or "text"}
    if args.text_pair is not None:
        columns["text_pair"] = args.text_pair
    return columns


def check_language(model, language):
    """See that a model reads the language of all texts, or needs none.

    Raises:
        ValueError: it does not, or there is no preprocessor to read texts.
    """
    preprocessor = model.text_preprocessor("predict")
    if language is not None:
        preprocessor.check_language(language)
    elif preprocessor.languages and preprocessor.language is None:
        raise ValueError(
            "This model needs to know the language of the texts: name it by "
            f"--language, one of {', '.join(preprocessor.languages)}."
        )


def columns_of(rows, language=None):
    """What models take: dict of lists."""
    fields = {name: [row[name] for row in rows] for name in rows[0]}
    if language is not None:
        fields["language"] = [language] * len(rows)
    return fields


def answerer(model, args):
    """Function from rows to their answers, dicts that JSON can hold.

    Raises:
        ValueError: a model whose answers are no answers to a text, or an argument that
            it does not read.
    """
    from xlm_tf.models.masked_lm import XLMMaskedLM
    from xlm_tf.models.text_classifier import XLMTextClassifier
    from xlm_tf.models.text_embedder import XLMTextEmbedder
    from xlm_tf.models.token_classifier import XLMTokenClassifier

    name = type(model).__name__
    is_regression = getattr(model, "problem_type", None) == "regression"
    is_classifier = isinstance(model, XLMTextClassifier)
    unread = {
        "--text-pair": args.text_pair is not None and not is_classifier,
        "--top-k": args.top_k is not None
        and (is_regression or not isinstance(model, XLMTextClassifier | XLMMaskedLM)),
        "--format tsv": _format(args) == "tsv" and (is_regression or not is_classifier),
    }
    for argument, is_given in unread.items():
        if is_given:
            raise ValueError(f"{argument} is not for {args.model}, which is a {name}.")

    def classify(rows):
        for classes in model.classify(
            columns_of(rows, args.language), args.top_k, args.batch_size
        ):
            label, probability = classes[0]
            yield {
                "label": label,
                "probability": probability,
                "probabilities": dict(classes),
            }

    def score(rows):
        fields = columns_of(rows, args.language)
        for values in model.predict(fields, args.batch_size, verbose=0):
            yield {"scores": values.tolist()}

    def tag(rows):
        for row in model.tag([row["text"] for row in rows], args.language):
            yield {"tokens": [x for x, _ in row], "labels": [x for _, x in row]}

    def embed(rows):
        fields = columns_of(rows, args.language)
        for vector in model.predict(fields, args.batch_size, verbose=0):
            yield {"embedding": vector.tolist()}

    def fill_mask(rows):
        texts = [row["text"] for row in rows]
        for candidates in model.fill_mask(texts, args.top_k or 5, args.language):
            yield {
                "tokens": [token for token, _ in candidates],
                "probabilities": [probability for _, probability in candidates],
            }

    for task, function in (
        (XLMTextClassifier, score if is_regression else classify),
        (XLMTokenClassifier, tag),
        (XLMTextEmbedder, embed),
        (XLMMaskedLM, fill_mask),
    ):
        if isinstance(model, task):
            return function
    raise ValueError(
        f"{args.model} holds a {name}. Expected a classifier, a tagger, an embedder or "
        "a masked language model; `xlm-tf translate` and `summarize` write texts."
    )


def _in_order(rows, answer, batch_size):
    """The answers of rows in their order; batches are of texts of similar length."""
    rows = iter(rows)
    while block := list(itertools.islice(rows, _AHEAD * batch_size)):
        answers = [reason and {"error": reason} for _, reason in block]
        usable = [number for number, (_, reason) in enumerate(block) if reason is None]
        usable.sort(key=lambda number: sum(map(len, block[number][0].values())))
        for begun in range(0, len(usable), batch_size):
            numbers = usable[begun : begun + batch_size]
            results = answer([block[number][0] for number in numbers])
            for number, result in zip(numbers, results, strict=True):
                answers[number] = result
        yield from answers


def _format(args):
    if args.format is not None:
        return args.format
    is_tsv = args.output.lower().removesuffix(".gz").endswith(".tsv")
    return "tsv" if is_tsv else "jsonl"
