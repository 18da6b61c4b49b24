"""`xlm-tf translate`: lines of text in, lines of text out, in their order.

For example `xlm-tf translate --model DIR --target-language fr < en.txt > fr.txt`.
"""

import contextlib
import functools
import itertools
import re
import statistics
import sys

from xlm_tf.cli.argument_types import whole
from xlm_tf.cli.cluster_arguments import (
    add_cluster_arguments,
    check_cluster_arguments,
    on_cluster,
)
from xlm_tf.cli.finished_blocks import finished_blocks
from xlm_tf.cli.language_columns import (
    add_column_arguments,
    check_columns,
    check_row_languages,
    generate_by_row,
    note_tables,
    read_rows,
)
from xlm_tf.cli.search_arguments import add_search_arguments, search_of
from xlm_tf.cli.text_jobs import add_job_arguments, open_job, text_jobs
from xlm_tf.cli.text_lines import STANDARD_STREAM, blocks, read_lines

# As models call the languages of texts, but where a row of a table names its own.
_LANGUAGE_ARGUMENT = re.compile(r"(?<!\d: )`?\b(source|target)_language\b`?")
UNKNOWN_CHARACTERS = ("copy", "mark", "omit")


def add_arguments(parser):
    """Add the arguments of `translate`."""
    add_shared_arguments(parser, "an XLMSeq2SeqLM")
    parser.add_argument(
        "--round-trip",
        action="store_true",
        help="translate back, too: chrF and BLEU of what comes back, the translation, "
        "and what comes back, tabs between; of all texts on stderr",
    )
    add_column_arguments(parser)
    add_cluster_arguments(parser)


def add_shared_arguments(parser, models):
    """Add the arguments that `translate` and `summarize` share.

    Args:
        parser: `argparse.ArgumentParser`.
        models: str, which models the command takes.
    """
    parser.add_argument(
        "--model",
        required=True,
        help=f"{models}, named as for trim",
    )
    add_job_arguments(parser)
    parser.add_argument(
        "--source-language",
        "--from",
        metavar="LANGUAGE",
        help="language of the input, if not one alone",
    )
    parser.add_argument(
        "--target-language",
        "--to",
        metavar="LANGUAGE",
        help="language to write, if not one alone",
    )
    add_search_arguments(parser)
    parser.add_argument(
        "--n-best",
        type=whole("n_best"),
        default=1,
        help="write the n best: number of the text, rank, score and text, tabs "
        "between; of a text longer than the model reads, which is split, the best",
    )
    parser.add_argument(
        "--scores", action="store_true", help="write the score and a tab before a text"
    )
    parser.add_argument(
        "--unknown-characters",
        choices=UNKNOWN_CHARACTERS,
        help="what is written for characters that the vocabulary does not have: those "
        "of the input, the mark U+2047, or nothing (default: as the model was saved)",
    )
    parser.add_argument("--batch-size", type=whole("batch_size"), default=64)
    parser.add_argument(
        "--max-length",
        type=whole("max_length"),
        help="tokens; default: half more than the input's",
    )


@contextlib.contextmanager
def languages_as_options():
    """Call languages in errors as the options of the command are called."""
    try:
        yield
    except ValueError as error:
        text = _LANGUAGE_ARGUMENT.sub(r"--\1-language", str(error))
        if text == str(error):
            raise
        raise ValueError(text) from error


@languages_as_options()
def run(args):
    """Translate, with progress on stderr.

    Args:
        args: `argparse.Namespace` with the arguments above.

    Returns:
        int, 0.

    Raises:
        ValueError, OSError: the model, a language or a file cannot be used.
    """
    columns = check_columns(args)
    if columns is None:
        note_tables(args.inputs)
    check_cluster_arguments(args)
    if args.cluster is not None and (args.round_trip or columns is not None):
        raise ValueError(
            "A cluster translates lines of text: leave --round-trip and the columns of "
            f"tables out. Received: --cluster {args.cluster}."
        )
    jobs = check_arguments(args, columns)
    if args.round_trip:
        _check_round_trip(args, columns)
    if jobs and args.cluster is not None:
        _write_from_cluster(args, jobs)
    elif jobs:
        model = load_model(args.model, "XLMSeq2SeqLM")
        if args.round_trip:
            _write_round_trips(args, jobs, model)
        else:
            write_targets(args, jobs, model, columns, long_texts="split")
    return 0


def check_arguments(args, columns=None):
    """See that arguments agree and files can be read and written, before the model is.

    Args:
        args: `argparse.Namespace`.
        columns: dict of the columns of tables, see `check_columns`; None of lines.

    Returns:
        list of `(input, output)`, see `text_jobs`.

    Raises:
        ValueError, OSError: they do not, or cannot.
    """
    if args.num_beams is not None and args.n_best > args.num_beams:
        raise ValueError(
            "A search returns as many texts as it has beams at most. Received: "
            f"--n-best {args.n_best}, --num-beams {args.num_beams}."
        )
    return text_jobs(
        args,
        lines_of_a_text=1 if args.n_best == 1 else None,
        rows_of=columns and functools.partial(read_rows, columns=columns),
    )


def load_model(name, *kinds):
    """Load a task with its preprocessor.

    Args:
        name: str, the model, as the user names it.
        *kinds: str, the classes that are meant.

    Raises:
        ValueError, OSError: it cannot be loaded, or is none of them.
    """
    from xlm_tf.models.loading import find_task, load_task
    from xlm_tf.quiet_start import without_banners

    found = find_task(name)[0].__name__
    if found not in kinds:
        expected = " or ".join(f"an {kind}" for kind in kinds)
        raise ValueError(f"{name} holds a {found}. Expected {expected}.")
    with without_banners():
        model = load_task(name)
    if model.preprocessor is None:
        raise ValueError(
            f"{name} was saved without its preprocessor, and cannot read text."
        )
    return model


def write_targets(args, jobs, model, columns=None, **how):
    """Write what a model generates of the inputs.

    Args:
        args: `argparse.Namespace`.
        jobs: list of `(input, output)`.
        model: `XLMSeq2SeqLM`.
        columns: dict of the columns of tables; None of lines.
        **how: `long_texts`, `embedder`, `counts`, see `generate_in_order`.
    """
    from xlm_tf.models.generation_in_order import generate_in_order

    how |= _generation_arguments(args, model)
    if columns is not None:
        languages = {name: how[name] for name in ("source_language", "target_language")}
        for path, _ in jobs:
            check_row_languages(model, path, columns, **languages)
    for path, output in jobs:
        if columns is None:
            targets = generate_in_order(model, read_lines(path, args.encoding), **how)
        else:
            own = (row for _, row in read_rows(path, columns))
            targets = generate_by_row(model, own, **how)
        write_rows(args, output, _rows(args, targets))


def _write_from_cluster(args, jobs):
    from xlm_tf.models.generation_in_order import WINDOW

    begin = functools.partial(_translating, args)
    with on_cluster(args, begin) as map_items:
        for path, output in jobs:
            lines = blocks(read_lines(path, args.encoding), WINDOW)
            with finished_blocks(args, output, [path, args.model]) as results_of:
                targets = itertools.chain.from_iterable(results_of(map_items, lines))
                write_rows(args, output, _rows(args, targets))


def _translating(args):
    """Load the model; gives the function from a list of texts to their targets."""
    from xlm_tf.models.generation_in_order import generate_in_order

    model = load_model(args.model, "XLMSeq2SeqLM")
    how = _generation_arguments(args, model)
    return lambda texts: list(generate_in_order(model, texts, **how))


def _rows(args, targets):
    for number, candidates in enumerate(targets):
        for rank, (text, score) in enumerate(candidates):
            yield _fields(args, number, rank, score, text)


def write_rows(args, output, rows):
    """Write rows of fields, with progress on stderr; tabs between.

    Args:
        args: `argparse.Namespace` of `text_jobs`.
        output: str, of a job.
        rows: iterable of tuples.
    """
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    progress = track(
        rows,
        "Texts",
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with open_job(args, output) as file:
        for fields in progress:
            print(*fields, sep="\t", file=file, flush=True)


def _generation_arguments(args, model):
    """Arguments of `generate_in_order`; the model is set to search as they say."""
    model.compile(sampler=search_of(args, model.decoding, args.n_best))
    if args.unknown_characters:
        model.preprocessor.unknown_characters = args.unknown_characters
    names = ("batch_size", "max_length", "source_language", "target_language")
    return {name: getattr(args, name) for name in names}


def _fields(args, number, rank, score, text):
    text = " ".join(text.split())
    if args.n_best > 1:
        return number, rank, f"{score:.4f}", text
    return (f"{score:.4f}", text) if args.scores else (text,)


def _check_round_trip(args, columns):
    """Refuse what does not go with --round-trip, before the model is loaded."""
    from xlm_tf.evaluation.translation_scores import translation_metrics

    if columns is not None:
        raise ValueError(
            "--round-trip reads lines of text in one language: leave the columns of "
            f"tables out. Received: {', '.join(columns.values())}."
        )
    if args.n_best > 1:
        raise ValueError(
            "--round-trip translates the best translation back: leave --n-best out. "
            f"Received: --n-best {args.n_best}."
        )
    if args.source_language is None or args.target_language is None:
        raise ValueError(
            "--round-trip goes from --source-language to --target-language and back: "
            f"name both. Received: {args.source_language} and {args.target_language}."
        )
    translation_metrics("13a")  # is sacreBLEU there?


def _write_round_trips(args, jobs, model):
    """Write translations, what comes back of them, and how near that is.

    Of every text: chrF and BLEU of what comes back, nothing of an empty text; with
    `--scores` the score; the translation; and what comes back. The scores of all are
    written to stderr.
    """
    from xlm_tf.evaluation.round_trip_scores import round_trips
    from xlm_tf.evaluation.translation_scores import (
        sentence_scores,
        translation_scores,
    )

    how = _generation_arguments(args, model)
    for path, output in jobs:
        trips = round_trips(model, read_lines(path, args.encoding), **how)
        texts, backs, by_text = [], [], []

        def rows(trips=trips, texts=texts, backs=backs, by_text=by_text):
            for trip in trips:
                figures = ("", "")
                if trip.text.strip():
                    texts.append(trip.text)
                    backs.append(trip.back_translation)
                    own = sentence_scores(backs[-1], texts[-1:], args.source_language)
                    by_text.append(own["chrf"])
                    figures = (f"{own['chrf']:.2f}", f"{own['bleu']:.2f}")
                ((translation, score),) = trip.translations
                fields = _fields(args, 0, 0, score, translation)
                yield (*figures, *fields, " ".join(trip.back_translation.split()))

        write_rows(args, output, rows())
        name = "stdin" if path == STANDARD_STREAM else path
        if not texts:
            print(f"{name}: no text went there and back.", file=sys.stderr)
            continue
        scores = translation_scores(
            backs, [[text] for text in texts], args.source_language
        )
        print(
            f"{name}: of {len(texts):,} texts, there and back: BLEU "
            f"{scores.bleu:.2f}, chrF {scores.chrf:.2f}; mean chrF of a text "
            f"{statistics.mean(by_text):.2f}. ({scores.signatures['bleu']}; "
            f"{scores.signatures['chrf']})",
            file=sys.stderr,
        )
