"""`xlm-tf score`: files of translations against references, and with each other.

For example `xlm-tf score --references ref.de --systems old.de new.de --language de`.
"""

import dataclasses
import json
import sys
from pathlib import Path

from xlm_tf.cli.argument_types import whole
from xlm_tf.cli.tables import print_table, table_console
from xlm_tf.cli.text_lines import add_encoding_argument, read_lines
from xlm_tf.output_files import check_output, whole_file
from xlm_tf.text.language_codes import is_language

_NAMES = {"bleu": "BLEU", "chrf": "chrF"}


def add_arguments(parser):
    """Add the arguments of `score`."""
    parser.add_argument(
        "--references",
        nargs="+",
        action="extend",
        required=True,
        metavar="FILE",
        help="translations by people, a line each, plain or .gz; of several files each "
        "has one of every text",
    )
    parser.add_argument(
        "--systems",
        nargs="+",
        action="extend",
        required=True,
        metavar="FILE",
        help="translations to score, line by line, plain or .gz; all others are "
        "compared with the first; - is stdin",
    )
    parser.add_argument(
        "--language",
        required=True,
        help="that they are in, which says what BLEU counts: words, or characters",
    )
    parser.add_argument(
        "--seed",
        type=whole("--seed", 0),
        metavar="N",
        help="of the resampled texts; sacreBLEU's own by default",
    )
    parser.add_argument("--output", metavar="FILE", help="JSON with all figures")
    add_encoding_argument(parser, "all files")


def run(args):
    """Score, print the table, write the figures.

    Args:
        args: `argparse.Namespace` with the arguments above.

    Returns:
        int, 0.

    Raises:
        ValueError, OSError: a file cannot be used.
        ModuleNotFoundError: sacreBLEU is not installed.
    """
    from xlm_tf.evaluation.translation_comparison import compare_translations
    from xlm_tf.evaluation.translation_scores import (
        bleu_tokenization,
        translation_metrics,
    )

    _check_names(args)
    translation_metrics(bleu_tokenization(args.language))  # what can fail, does at once
    texts = _read(args)
    references = list(zip(*(texts[path] for path in args.references), strict=True))
    systems = {path: texts[path] for path in args.systems}
    for path, own in systems.items():
        if any(own) and all("\t" in text for text in own if text):
            print(
                f"warning: every line of {path} has a tab, which is scored as text. If "
                "these are columns, such as those of `translate --scores`, keep that "
                "of the translations alone.",
                file=sys.stderr,
            )
    comparison = compare_translations(systems, references, args.language, args.seed)
    console = table_console()
    print_table(
        console,
        f"{len(references):,} translations, {len(args.references)} "
        f"reference{'s' * (len(args.references) > 1)} (95 % intervals)",
        *_columns(comparison),
    )
    for metric, signature in comparison.signatures.items():
        console.print(f"{_NAMES[metric]}: {signature}", soft_wrap=True, highlight=False)
    if args.output:
        _write(args, len(references), comparison)
        console.print(f"Written: {args.output}", soft_wrap=True)
    return 0


def _check_names(args):
    """Refuse what can be seen before files are read."""
    if not is_language(args.language):
        raise ValueError(
            "--language must be the code of a language, such as de, zh or pt-BR: it "
            f"says what BLEU counts. Received: {args.language}."
        )
    seen = {}
    for path in (*args.references, *args.systems):
        key = Path(path).resolve()
        if key in seen:
            raise ValueError(
                f"The same file twice, {seen[key]} and {path}: name every reference "
                "and every system once."
            )
        seen[key] = path
    if args.output:
        check_output(args.output, [*args.references, *args.systems])


def _read(args):
    """dict from path to the lines of every file; all of one length."""
    texts = {
        path: list(read_lines(path, args.encoding))
        for path in (*args.references, *args.systems)
    }
    for path in args.references:
        if not any(text.strip() for text in texts[path]):
            raise ValueError(f"{path} holds no text. Expected references.")
    first = args.references[0]
    for path, own in texts.items():
        if len(own) != len(texts[first]):
            raise ValueError(
                f"{path} has {len(own):,} lines, and {first} has "
                f"{len(texts[first]):,}. Expected a translation in every line, and an "
                "empty line where there is none."
            )
    return texts


def _columns(comparison):
    """The names of the table's columns, and its rows."""
    names, columns = ["system"], [list(comparison.scores)]
    for metric, name in _NAMES.items():
        names.append(name)
        columns.append(
            [
                f"{own.value:.1f} ({own.low:.1f}-{own.high:.1f})"
                for own in (scores[metric] for scores in comparison.scores.values())
            ]
        )
        if comparison.differences:
            found = [own[metric] for own in comparison.differences.values()]
            names += ["to the first", "p"]
            columns.append(["", *(f"{difference:+.1f}" for difference, _ in found)])
            columns.append(["", *(f"{p_value:.3f}" for _, p_value in found)])
    return names, zip(*columns, strict=True)


def _write(args, num_translations, comparison):
    document = {
        "language": args.language,
        "references": args.references,
        "translations": num_translations,
        "tokenization": comparison.tokenization,
        "signatures": comparison.signatures,
        "systems": {
            path: {metric: dataclasses.asdict(own) for metric, own in scores.items()}
            for path, scores in comparison.scores.items()
        },
    }
    if comparison.differences:
        document["against"] = {
            "system": args.systems[0],
            "systems": {
                path: {
                    metric: {"difference": difference, "p_value": p_value}
                    for metric, (difference, p_value) in own.items()
                }
                for path, own in comparison.differences.items()
            },
        }
    with whole_file(args.output) as partial:
        partial.write_text(
            json.dumps(document, indent=2, ensure_ascii=False), encoding="utf-8"
        )
