"""`xlm-tf predict MODEL FILE`: texts in, a model's answers out, in their order.

For example `xlm-tf predict sentiment reviews.csv --output answers.jsonl`.
"""

import functools
import itertools
import json

from xlm_tf.cli.argument_types import whole
from xlm_tf.cli.cluster_arguments import (
    add_cluster_arguments,
    check_cluster_arguments,
    mapped,
)
from xlm_tf.cli.finished_blocks import finished_blocks
from xlm_tf.cli.text_lines import (
    STANDARD_STREAM,
    add_encoding_argument,
    blocks,
    check_output_of,
    open_output,
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
        help="texts: .csv, .tsv, .jsonl or .parquet; any other file, and - for stdin "
        "(default), holds one text per line. Words to tag: .conll, .conllu, --words. "
        "Questions: SQuAD's .json, .jsonl, .parquet, .csv or .tsv. All but Parquet "
        "also .gz",
    )
    parser.add_argument("--text", help="column of the texts (default: text)")
    parser.add_argument(
        "--text-pair", help="column of the second texts, of pairs (default: none)"
    )
    parser.add_argument(
        "--words",
        help="column of lists of words in .jsonl or .parquet, which a tagger tags",
    )
    parser.add_argument(
        "--question", help="column of the questions (default: question)"
    )
    parser.add_argument("--context", help="column of their contexts (default: context)")
    parser.add_argument(
        "--language", help="of all texts, where the model or its tokenizer needs it"
    )
    add_encoding_argument(parser, "lines of text")
    parser.add_argument(
        "--output",
        default=STANDARD_STREAM,
        help="file, which is replaced when all is written; - is stdout (default)",
    )
    parser.add_argument(
        "--format",
        choices=("jsonl", "tsv", "conll", "json"),
        help="jsonl: an object per text (default); tsv: label and probability of a "
        "classifier, answer and score of questions; conll: of words, with their tags; "
        "json: of questions, one object with the answers by id, as SQuAD's script "
        "reads it (default: by the output's ending)",
    )
    parser.add_argument(
        "--top-k",
        type=whole("top_k"),
        help="classes, tokens of a masked LM, or answers, per text (default: all, 5, "
        "1)",
    )
    parser.add_argument(
        "--prompt-name",
        help="prompt of an embedder that is put before the texts, such as query "
        "(default: the model's own, if it has any)",
    )
    parser.add_argument("--batch-size", type=whole("batch_size"), default=32)
    add_cluster_arguments(parser)


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
    check_cluster_arguments(args)

    from rich.console import Console
    from rich.progress import track

    from xlm_tf.cli.prediction_tasks import prediction_of
    from xlm_tf.models.loading import find_task

    written = _format(args)
    # What cannot be read is said before the weights are.
    prediction = prediction_of(find_task(args.model)[0], args, written)
    console = Console(stderr=True)
    counts = {"read": 0, "broken": 0}
    by_id = {}
    rows = blocks(prediction.rows(), _AHEAD * args.batch_size)
    begin = functools.partial(_answering, args, prediction)
    with (
        mapped(args, begin) as map_blocks,
        finished_blocks(args, args.output, inputs) as results_of,
        open_output(args.output, inputs) as output,
    ):
        progress = track(
            itertools.chain.from_iterable(results_of(map_blocks, rows)),
            "Texts",
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        for result in progress:
            counts["read"] += 1
            counts["broken"] += "error" in result
            if written == "tsv":
                cells = (result.get(name, "") for name in prediction.columns)
                print(*(" ".join(str(x).split()) for x in cells), sep="\t", file=output)
            elif written == "conll":
                for pair in zip(
                    result.get("words", ()), result.get("tags", ()), strict=True
                ):
                    print(*pair, sep="\t", file=output)
                print(file=output)
            elif written == "json":
                if "error" not in result:
                    by_id[result["id"]] = result["answer"]
            else:
                print(json.dumps(result, ensure_ascii=False), file=output)
        if written == "json":
            print(json.dumps(by_id, ensure_ascii=False, indent=2), file=output)
    if counts["broken"]:
        lost = {
            "tsv": "their lines are empty.",
            "conll": "they have no words.",
            "json": "they are left out.",
        }
        console.print(
            f"{counts['broken']:,} of {counts['read']:,} rows could not be read; "
            + lost.get(written, "their answers say why.")
        )
    return 0


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


def _answering(args, prediction):
    """Load the model; gives the function from a block of rows to their answers."""
    from xlm_tf.models.loading import load_task
    from xlm_tf.quiet_start import without_banners

    with without_banners():
        model = load_task(args.model)
    check_language(model, args.language)

    def answers(block):
        return _in_order(
            block, lambda rows: prediction.answers(model, rows), args.batch_size
        )

    return answers


def _in_order(block, answer, batch_size):
    """The answers of rows in their order; batches are of texts of similar length."""
    answers = [reason and {"error": reason} for _, reason in block]
    usable = [number for number, (_, reason) in enumerate(block) if reason is None]
    usable.sort(key=lambda number: sum(map(len, block[number][0].values())))
    for begun in range(0, len(usable), batch_size):
        numbers = usable[begun : begun + batch_size]
        results = answer([block[number][0] for number in numbers])
        for number, result in zip(numbers, results, strict=True):
            answers[number] = result
    return answers


def _format(args):
    if args.format is not None:
        return args.format
    name = args.output.lower().removesuffix(".gz")
    for ending in ("tsv", "conll", "json"):
        if name.endswith(f".{ending}"):
            return ending
    return "jsonl"
