"""`xlm-tf evaluate MODEL --data en=FILE ...`: scores by language.

For example
`xlm-tf evaluate sentiment --data en=en.tsv --data de=de.tsv --trained-on en`.
"""

from pathlib import Path

from xlm_tf.cli.argument_types import whole
from xlm_tf.cli.predict import add_column_arguments


def add_arguments(parser):
    """Add the arguments of `evaluate`."""
    parser.add_argument("model", help="an XLMTextClassifier, named as for trim")
    parser.add_argument(
        "--data",
        action="append",
        required=True,
        metavar="[LANGUAGE=]FILE",
        help=".csv, .tsv, .jsonl (also .gz) or .parquet; several are given one by one",
    )
    add_column_arguments(parser)
    parser.add_argument(
        "--label", default="label", help="column of the classes (default: %(default)s)"
    )
    parser.add_argument(
        "--language-column", help="column of the language, where --data names none"
    )
    parser.add_argument(
        "--trained-on",
        nargs="+",
        default=[],
        metavar="LANGUAGE",
        help="languages that the model was trained on, which others are compared with",
    )
    parser.add_argument(
        "--against",
        metavar="MODEL",
        help="a second model: difference and p-value by language (paired bootstrap)",
    )
    parser.add_argument(
        "--output",
        help="folder for scores.json, report.md (confusions, errors) and scores.png",
    )
    parser.add_argument("--batch-size", type=whole("batch_size"), default=32)
    parser.add_argument(
        "--seed", type=whole("seed", 0), default=0, help="of the resampling"
    )


def run(args):
    """Evaluate, print the table, write the report.

    Args:
        args: `argparse.Namespace` with the arguments above.

    Returns:
        int, 0.

    Raises:
        ValueError, OSError: the model or a file cannot be used.
    """
    from rich.console import Console
    from rich.table import Table

    from xlm_tf.evaluation.class_report import score_columns, write_report
    from xlm_tf.evaluation.class_scores import (
        classify_rows,
        compare_paired,
        name_languages,
        reads_languages,
        score_probabilities,
    )

    _check(args)
    model = _load(args.model)
    labels = model.class_names
    # Names of files and languages are no markup.
    console = Console(width=None if Console().is_terminal else 120, markup=False)
    examples = _read(args, labels, Console(stderr=True, markup=False))
    for language in args.trained_on:
        if language not in examples:
            raise ValueError(
                f"--trained-on {language}: there are no such examples. "
                f"Received: {', '.join(examples)}."
            )
    other = _load(args.against) if args.against else None
    if other is not None and (
        (other.num_classes, other.labels) != (model.num_classes, model.labels)
    ):
        raise ValueError(
            f"{args.against} has other classes than {args.model}. Received: "
            f"{other.labels or other.num_classes} and "
            f"{model.labels or model.num_classes}."
        )
    scores, errors, compared = [], [], []
    for either in filter(None, [model, other]):
        if args.language is not None and not reads_languages(either.preprocessor):
            raise ValueError(
                f"--language {args.language}: neither the model nor its tokenizer has "
                "languages."
            )
    for language, rows in examples.items():
        name_languages(rows, model.preprocessor, args.language)
        probabilities = classify_rows(model, rows, args.batch_size)
        own, wrong = score_probabilities(
            probabilities, rows, labels, language, args.seed
        )
        scores.append(own)
        errors += wrong
        if other is not None:
            targets = [labels.index(row["label"]) for row in rows]
            one = probabilities.argmax(-1)
            two = classify_rows(other, rows, args.batch_size).argmax(-1)
            compared.append(
                compare_paired(targets, one, two, len(labels), "macro_f1", args.seed)
            )
    names, rows = score_columns(scores, args.trained_on)
    if compared:
        names = [*names, "the other's macro-F1", "p"]
        cells = [(f"{100 * x:+.1f}", f"{p:.3f}") for x, p in compared]
        cells += [("", "")] * (len(rows) - len(cells))
        rows = [[*row, *own] for row, own in zip(rows, cells, strict=True)]
    table = Table(title=f"{args.model}, in percent (95 % intervals)")
    for number, name in enumerate(names):
        table.add_column(name, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    if args.output:
        written = write_report(args.output, scores, labels, errors, args.trained_on)
        console.print("Written: " + ", ".join(map(str, written)), soft_wrap=True)
    return 0


def _check(args):
    """Refuse what can be seen before a model is loaded."""
    is_named = all("=" in value for value in args.data)
    if args.language_column is not None and is_named:
        raise ValueError(
            "--language-column is of files without a language, and every --data names "
            f"one. Received: --language-column {args.language_column}."
        )
    columns = [args.text, args.label, args.text_pair, args.language_column]
    columns = [name for name in columns if name is not None]
    if len(set(columns)) != len(columns):
        raise ValueError(
            "--text, --text-pair, --label and --language-column must be different "
            f"columns. Received: {', '.join(columns)}."
        )
    if args.output is None:
        return
    folder = Path(args.output)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"--output {folder} is a file. Name a folder.")
    for model in filter(None, [args.model, args.against]):
        if folder.is_dir() and Path(model).is_dir() and folder.samefile(model):
            raise ValueError(
                f"--output {folder} is the folder of the model. Name another one."
            )


def _load(name):
    from xlm_tf.models.loading import load_task
    from xlm_tf.models.text_classifier import XLMTextClassifier
    from xlm_tf.quiet_start import without_banners

    with without_banners():
        model = load_task(name)
    if not isinstance(model, XLMTextClassifier) or (
        model.problem_type != "single_label_classification"
    ):
        kind = getattr(model, "problem_type", None)
        raise ValueError(
            f"{name} holds a {type(model).__name__}{f' of {kind}' if kind else ''}. "
            "Expected an XLMTextClassifier whose classes exclude each other."
        )
    model.text_preprocessor("evaluate")
    return model


def _read(args, labels, console):
    """dict from language to its rows, in the order of the arguments."""
    from xlm_tf.data.tables import read_table

    columns = {"text": args.text, "label": args.label}
    if args.text_pair is not None:
        columns["text_pair"] = args.text_pair
    examples = {}
    for value in args.data:
        language, separator, path = value.partition("=")
        if not separator:
            language, path = None, value
        elif not language:
            raise ValueError(f"--data {value} has no language before the '='.")
        own = dict(columns)
        if language is None:
            if args.language_column is None:
                raise ValueError(
                    f"--data {value} names no language: write LANGUAGE={value}, or "
                    "name the column by --language-column."
                )
            own["language"] = args.language_column
        rows, report = read_table(path, own)
        if report.broken:
            console.print(f"{path}: {report.summary()}", soft_wrap=True)
        unknown = {row["label"] for row in rows} - set(labels)
        if unknown:
            raise ValueError(
                f"{path} has labels that the model does not have: "
                f"{', '.join(sorted(unknown)[:10])}. It has: {', '.join(labels)}."
            )
        for row in rows:
            row.setdefault("language", language)
            examples.setdefault(row["language"], []).append(row)
    return examples
