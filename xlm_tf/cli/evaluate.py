"""`xlm-tf evaluate MODEL --data en=FILE ...`: scores by language.

For example
`xlm-tf evaluate sentiment --data en=en.tsv --data de=de.tsv --trained-on en`.
"""

import functools
import math
import os
import re
from pathlib import Path

from xlm_tf.cli.argument_types import real, whole
from xlm_tf.cli.tables import print_table, table_console

# The arguments of one task, and what they are where they are not given.
_OF_TASKS = {
    "XLMTextClassifier": {
        "text": "text",
        "text_pair": None,
        "label": "label",
        "label_separator": None,
    },
    "XLMTokenClassifier": {"words": "tokens", "tags": "tags", "tag_column": None},
    "XLMQuestionAnswering": {
        "question": "question",
        "context": "context",
        "answers": "answers",
        "no_answer_threshold": None,
    },
    "XLMTextEmbedder": {
        "source": "source",
        "target": "target",
        "negatives": [],
        "score": None,
        "truncate_dim": None,
    },
}
# Of a pair of languages, SOURCE-TARGET: where the target's code begins.
_PAIR = re.compile(r"(.+?)-([a-z]{2,3}(?:[-_].+)?)")


def add_arguments(parser):
    """Add the arguments of `evaluate`."""
    parser.add_argument(
        "model",
        help="an XLMTextClassifier, XLMTokenClassifier, XLMQuestionAnswering or "
        "XLMTextEmbedder, named as for trim",
    )
    parser.add_argument(
        "--data",
        action="append",
        required=True,
        metavar="[LANGUAGE=]FILE",
        help="several are given one by one; texts: .csv, .tsv, .jsonl, .parquet; words "
        "with tags: .conll, .conllu, .jsonl, .parquet; questions: SQuAD's .json, "
        ".jsonl, .parquet; pairs, of which LANGUAGE is such as en-de: tables, or "
        "FILE,FILE of plain text, line by line; all but .parquet also .gz",
    )
    texts = parser.add_argument_group("of a classifier")
    texts.add_argument("--text", help="column of the texts (default: text)")
    texts.add_argument(
        "--text-pair", help="column of the second texts, of pairs (default: none)"
    )
    texts.add_argument(
        "--label",
        help="column of the classes, or of a regression's numbers (default: label)",
    )
    texts.add_argument(
        "--label-separator",
        help="what stands between the labels of a text, of a model whose classes do "
        "not exclude each other",
    )
    tags = parser.add_argument_group("of a tagger")
    tags.add_argument(
        "--words", help="column of the words in .jsonl and .parquet (default: tokens)"
    )
    tags.add_argument(
        "--tags", help="column of the tags in .jsonl and .parquet (default: tags)"
    )
    tags.add_argument(
        "--tag-column",
        help="column of the tags in CoNLL files: its number, from 1, or last (the "
        "default); of .conllu also its name (default: upos)",
    )
    answers = parser.add_argument_group("of question answering")
    for name in ("question", "context", "answers"):
        answers.add_argument(
            f"--{name}",
            help=f"column of the {name.rstrip('s')}s, but in SQuAD's .json (default: "
            f"{name})",
        )
    answers.add_argument(
        "--no-answer-threshold",
        type=real("no_answer_threshold"),
        help="how much an answer must be better than none (default: the model's)",
    )
    pairs = parser.add_argument_group("of an embedder")
    pairs.add_argument("--source", help="column of the sources (default: source)")
    pairs.add_argument("--target", help="column of the targets (default: target)")
    pairs.add_argument(
        "--negatives",
        nargs="+",
        action="extend",
        metavar="COLUMN",
        help="columns of texts that sources are told from, too (default: none)",
    )
    pairs.add_argument(
        "--score",
        help="column of numbers, the higher the nearer the texts, which cosines are "
        "compared with (default: none, targets are looked for)",
    )
    pairs.add_argument(
        "--truncate-dim",
        type=whole("truncate_dim"),
        help="numbers of a vector to keep, the first (default: the model's)",
    )
    parser.add_argument(
        "--language", help="of all texts, where the model or its tokenizer needs it"
    )
    parser.add_argument(
        "--language-column", help="column of the language, where --data names none"
    )
    parser.add_argument(
        "--trained-on",
        nargs="+",
        action="extend",
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

    from xlm_tf.evaluation.language_scores import compare_languages
    from xlm_tf.evaluation.model_scores import evaluation_of
    from xlm_tf.evaluation.score_report import Comparison, score_columns, write_report

    data = _check(args)
    task = _task_of(args)
    console = table_console()
    examples = _read(args, data, task, Console(stderr=True, markup=False))
    trained_on = _spelled(args.trained_on, examples)
    names = filter(None, [args.model, args.against])
    models = [_load(name, args.truncate_dim) for name in names]
    model = models[0]
    evaluation = evaluation_of(model)
    _check_classes(args, models, evaluation)
    _prepare(args, model, examples)
    results, errors = [], []
    for own in models:
        answer = evaluation.predict
        if args.no_answer_threshold is not None:
            answer = functools.partial(
                answer, no_answer_threshold=args.no_answer_threshold
            )
        _name_languages(args, own, examples)
        scores = []
        for language, rows in examples.items():
            predictions = answer(own, rows, args.batch_size)
            scores.append(evaluation.score(own, rows, predictions, language, args.seed))
            if own is model:
                errors += evaluation.errors(own, rows, predictions, language)
        results.append(scores)
    against = None
    if args.against:
        against = Comparison(args.against, compare_languages(*results, args.seed))
    print_table(
        console,
        f"{args.model}, in percent (95 % intervals)",
        *score_columns(results[0], trained_on, against),
    )
    if args.output:
        labels = getattr(model, "class_names", None)
        written = write_report(
            args.output, results[0], labels, errors, trained_on, against
        )
        console.print("Written: " + ", ".join(map(str, written)), soft_wrap=True)
    return 0


def _check(args):
    """Refuse what can be seen before a model is looked for.

    Returns:
        list of `(language, path)` of --data; the language may be None.
    """
    data = []
    for value in args.data:
        language, separator, path = value.partition("=")
        if separator and not language:
            raise ValueError(f"--data {value} has no language before the '='.")
        # The shell leaves ~ alone behind the sign.
        path = os.path.expanduser(path)
        data.append((language, path) if separator else (None, value))
    if args.language_column is None:
        for language, path in data:
            if language is None:
                raise ValueError(
                    f"--data {path} names no language: write LANGUAGE={path}, or "
                    "name the column by --language-column."
                )
    elif all(language is not None for language, _ in data):
        raise ValueError(
            "--language-column is of files without a language, and every --data names "
            f"one. Received: --language-column {args.language_column}."
        )
    _check_files([path for _, path in data])
    _check_output(args)
    return data


def _files_of(path):
    """The file of --data, or the two of FILE,FILE."""
    return [path] if Path(path).is_file() else path.split(",")


def _check_files(paths):
    seen = {}
    for path in paths:
        files = _files_of(path)
        for own in files:
            if not Path(own).is_file():
                kind = "is a folder" if Path(own).is_dir() else "does not exist"
                raise FileNotFoundError(f"--data {own} {kind}. Expected a file.")
        key = tuple(Path(own).resolve() for own in files)
        other = seen.setdefault(key, path)
        if other is not path or len(set(key)) < len(key):
            raise ValueError(
                f"--data has the same file twice, {other} and {path}: its examples "
                "would count twice."
            )


def _check_output(args):
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


def _task_of(args):
    """The name of the task, one of `_OF_TASKS`; its arguments get their defaults."""
    from xlm_tf.models.loading import find_task
    from xlm_tf.quiet_start import without_banners

    names = []
    for model in filter(None, [args.model, args.against]):
        with without_banners():
            names.append(find_task(model)[0].__name__)
        if names[-1] not in _OF_TASKS:
            raise ValueError(
                f"{model} holds a {names[-1]}. Evaluated are {', '.join(_OF_TASKS)}."
            )
        if names[-1] != names[0]:
            raise ValueError(
                f"--against compares models of one task. Received: {names[0]} and "
                f"{names[-1]}."
            )
    for task, arguments in _OF_TASKS.items():
        for name, default in arguments.items():
            option = f"--{name.replace('_', '-')}"
            value = getattr(args, name)
            if task == names[0]:
                setattr(args, name, default if value is None else value)
            elif value is not None:
                raise ValueError(
                    f"{option} is of {task}, and {args.model} holds a {names[0]}. "
                    f"Received: {option} {value}."
                )
    return names[0]


def _load(name, truncate_dim=None):
    from xlm_tf.models.loading import load_task
    from xlm_tf.quiet_start import without_banners

    with without_banners():
        arguments = {"truncate_dim": truncate_dim} if truncate_dim else {}
        model = load_task(name, **arguments)
    model.text_preprocessor("evaluate")
    return model


def _check_classes(args, models, evaluation):
    """Refuse models whose answers cannot be compared, or do not go with the labels."""
    from xlm_tf.evaluation.model_scores import evaluation_of

    if len(models) > 1:
        if evaluation_of(models[1]) is not evaluation:
            raise ValueError(
                f"{args.against} and {args.model} are classifiers of different kinds. "
                f"Received: problem_type={models[1].problem_type!r} and "
                f"{models[0].problem_type!r}."
            )
        one, other = (getattr(model, "class_names", None) for model in models)
        if one != other:
            raise ValueError(
                f"{args.against} has other classes than {args.model}. Received: "
                f"{', '.join(other)}; and {', '.join(one)}."
            )
    problem_type = getattr(models[0], "problem_type", None)
    has_sets = problem_type == "multi_label_classification"
    if has_sets and args.label_separator is None:
        raise ValueError(
            f"The classes of {args.model} do not exclude each other: name what stands "
            "between the labels of a text by --label-separator, such as ','."
        )
    if not has_sets and args.label_separator is not None:
        raise ValueError(
            "--label-separator is of models whose classes do not exclude each other, "
            f"and the problem_type of {args.model} is {problem_type!r}. Received: "
            f"--label-separator {args.label_separator!r}."
        )


def _prepare(args, model, examples):
    """Read the labels of rows as the model's, and refuse those that it lacks."""
    for language, rows in examples.items():
        if getattr(model, "problem_type", None) == "regression":
            for row in rows:
                row["number"] = _number(row["label"], args.label, language)
            continue
        labels = set()
        for row in rows:
            if args.label_separator is not None:
                parts = row["label"].split(args.label_separator)
                row["labels"] = [x.strip() for x in parts if x.strip()]
            labels.update(row.get("labels") or row.get("tags") or [row.get("label")])
        unknown = labels - {None, ""} - set(getattr(model, "class_names", labels))
        if unknown:
            raise ValueError(
                f"The examples of {language} have labels that the model does not have: "
                f"{', '.join(sorted(unknown)[:10])}. It has: "
                f"{', '.join(model.class_names)}."
            )


def _number(text, column, language):
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(
            f"The column {column!r} must hold numbers, as the model gives. Received: "
            f"{text!r}, in the examples of {language}."
        )
    return number


def _name_languages(args, model, examples):
    """Give every row the model's name of its language, before any is answered."""
    from xlm_tf.evaluation.row_languages import (
        name_languages,
        name_pair_languages,
        reads_languages,
    )

    if args.language is not None and not reads_languages(model.preprocessor):
        raise ValueError(
            f"--language {args.language}: neither the model nor its tokenizer has "
            "languages."
        )
    for language, rows in examples.items():
        if "source" in rows[0]:
            pair = _PAIR.fullmatch(args.language or language)
            pair = pair.groups() if pair else [args.language or language] * 2
            for row in rows:
                row["source_language"], row["target_language"] = pair
                row.pop("source_of_model", None)
                row.pop("target_of_model", None)
            name_pair_languages(rows, model.preprocessor)
            continue
        for row in rows:
            row.pop("of_model", None)
        name_languages(rows, model.preprocessor, args.language)


def _read(args, data, task, console):
    """dict from language to its rows, in the order of the arguments."""
    _check_columns(args, task, data)
    reader = {
        "XLMTextClassifier": _read_texts,
        "XLMTokenClassifier": _read_words,
        "XLMQuestionAnswering": _read_questions,
        "XLMTextEmbedder": _read_pairs,
    }[task]
    examples, spellings = {}, {}
    for language, path in data:
        column = args.language_column if language is None else None
        rows, report = reader(args, path, column)
        if report.broken:
            console.print(f"{path}: {report.summary()}", soft_wrap=True)
        for row in rows:
            own = _spelling(row.get("language", language), spellings)
            examples.setdefault(own, []).append({**row, "language": own})
    return examples


def _spelling(language, spellings):
    """A language as it was spelled first: `EN` is `en`."""
    from xlm_tf.text.language_codes import parse_language_code

    return spellings.setdefault(parse_language_code(language), language)


def _spelled(languages, examples):
    """--trained-on, as the examples spell them."""
    spellings = {}
    for language in examples:
        _spelling(language, spellings)
    found = [_spelling(language, dict(spellings)) for language in languages]
    for language in found:
        if language not in examples:
            raise ValueError(
                f"--trained-on {language}: there are no such examples. Expected "
                f"languages of {', '.join(examples)}, parted by spaces."
            )
    return found


def _check_columns(args, task, data):
    """Refuse columns that no file would be read by, or that are one."""
    paths = [path for _, path in data]
    for path in paths:
        if task != "XLMTextEmbedder" and len(_files_of(path)) > 1:
            raise ValueError(
                "Two files whose lines belong together are of XLMTextEmbedder, and "
                f"{args.model} holds a {task}. Received: --data {path}."
            )
    names = {
        "XLMTextClassifier": ("text", "text_pair", "label", "language_column"),
        "XLMTokenClassifier": ("words", "tags", "language_column"),
        "XLMQuestionAnswering": ("question", "context", "answers", "language_column"),
        "XLMTextEmbedder": ("source", "target", "score", "language_column"),
    }[task]
    columns = [getattr(args, name) for name in names]
    columns = [name for name in columns if name is not None] + (args.negatives or [])
    if len(set(columns)) != len(columns):
        options = ", ".join(f"--{name.replace('_', '-')}" for name in names)
        raise ValueError(
            f"{options} must be different columns. Received: {', '.join(columns)}."
        )
    if task != "XLMTokenClassifier":
        return
    from xlm_tf.data.tagged_words import tagged_words_format

    kinds = {tagged_words_format(path) for path in paths}
    defaults = _OF_TASKS[task]
    for name in ("words", "tags"):
        is_given = getattr(args, name) != defaults[name]
        if is_given and not kinds & {".jsonl", ".parquet"}:
            raise ValueError(
                f"--{name} is of .jsonl and .parquet files, and there is none. "
                f"Received: --{name} {getattr(args, name)}."
            )
    if args.tag_column is not None and kinds <= {".jsonl", ".parquet"}:
        raise ValueError(
            "--tag-column is of CoNLL files, and there is none: --tags names the "
            f"column. Received: --tag-column {args.tag_column}."
        )


def _read_texts(args, path, language_column):
    from xlm_tf.data.tables import iterate_table, read_table

    columns = {"text": args.text, "label": args.label}
    if args.text_pair is not None:
        columns["text_pair"] = args.text_pair
    if language_column is not None:
        columns["language"] = language_column
    if args.label_separator is None:
        return read_table(path, columns)
    next(iterate_table(path, columns), None)  # the columns must be there
    return read_table(path, columns, optional=["label"])  # and a text may have none


def _read_words(args, path, language_column):
    from xlm_tf.data.tagged_words import read_tagged_words, tagged_words_format

    is_table = tagged_words_format(path) in (".jsonl", ".parquet")
    return read_tagged_words(
        path,
        args.words,
        args.tags,
        None if is_table else args.tag_column,
        language_column,
    )


def _read_questions(args, path, language_column):
    from xlm_tf.data.questions import COLUMNS, read_questions

    columns = {name: getattr(args, name) for name in COLUMNS}
    return read_questions(path, language=language_column, columns=columns)


def _read_pairs(args, path, language_column):
    from xlm_tf.data.pairs import read_aligned_pairs, read_pair_table

    if args.negatives and args.score is not None:
        raise ValueError(
            "--score compares the texts of a pair alone: leave --negatives out."
        )
    files = _files_of(path)
    if len(files) == 1:
        return read_pair_table(
            path, args.source, args.target, args.negatives, args.score, language_column
        )
    if len(files) > 2 or args.score is not None or args.negatives:
        raise ValueError(
            "--data FILE,FILE is two files of plain text, without columns. "
            f"Received: --data {path}."
        )
    return read_aligned_pairs(*files)
