"""`xlm-tf summarize`: texts in, summaries out, one per line.

For example `xlm-tf summarize --model DIR articles.txt --no-repeat-ngram-size 3`. An
encoder-decoder writes them; an embedder chooses sentences.
"""

import collections
import sys

from xlm_tf.cli import translate
from xlm_tf.cli.argument_types import real, whole
from xlm_tf.cli.text_lines import blocks, read_lines

# The arguments that one kind of model reads, and the other does not.
_OF_MODELS = {
    "XLMTextEmbedder": ("sentences", "diversity", "position_weight"),
    "XLMSeq2SeqLM": (
        "target_language",
        "num_beams",
        "length_penalty",
        "no_repeat_ngram_size",
        "n_best",
        "scores",
        "unknown_characters",
        "max_length",
        "long_texts",
        "embedder",
    ),
}
# What arguments are that are not given, where that is not None.
_NOT_GIVEN = {"n_best": 1, "scores": False}


def add_arguments(parser):
    """Add the arguments of `summarize`."""
    models = "an XLMSeq2SeqLM, or an XLMTextEmbedder, which chooses sentences"
    translate.add_shared_arguments(parser, models)
    parser.add_argument(
        "--long-texts",
        choices=("truncate", "extract"),
        help="what an XLMSeq2SeqLM reads of a text that is too long for it: its "
        "beginning (default), or the sentences that --embedder finds to say most",
    )
    parser.add_argument(
        "--embedder", help="an XLMTextEmbedder, for --long-texts extract"
    )
    share = {"minimum": 0.0, "maximum": 1.0}
    parser.add_argument(
        "--sentences",
        type=whole("sentences"),
        help="sentences that an XLMTextEmbedder chooses of a text (default: 1)",
    )
    parser.add_argument(
        "--diversity",
        type=real("diversity", **share),
        help="how much it counts that a sentence is unlike the others chosen, from 0 "
        "to 1 (default: 0.5)",
    )
    parser.add_argument(
        "--position-weight",
        type=real("position_weight", **share),
        help="how much of a sentence's relevance is that it stands early, from 0 to 1 "
        "(default: 0.1)",
    )


@translate.languages_as_options()
def run(args):
    """Summarise, with progress on stderr.

    Args:
        args: `argparse.Namespace` with the arguments above.

    Returns:
        int, 0.

    Raises:
        ValueError, OSError: the model, an argument or a file cannot be used.
    """
    jobs = translate.check_arguments(args)
    if (args.embedder is not None) != (args.long_texts == "extract"):
        raise ValueError(
            "--long-texts extract and --embedder go together: an embedder chooses the "
            f"sentences that are read. Received: --long-texts {args.long_texts}, "
            f"--embedder {args.embedder}."
        )
    from xlm_tf.models.loading import find_task

    kind = find_task(args.model)[0].__name__
    _check_arguments_of(args, kind)
    if not jobs:
        return 0
    if kind == "XLMTextEmbedder":
        return _extract(args, jobs)
    model = translate.load_model(args.model, *reversed(_OF_MODELS))
    embedder = None
    if args.embedder is not None:
        embedder = translate.load_model(args.embedder, "XLMTextEmbedder")
    counts = collections.Counter()
    translate.write_targets(
        args,
        jobs,
        model,
        long_texts=args.long_texts or "truncate",
        embedder=embedder,
        counts=counts,
    )
    if counts["long"]:
        what = "their sentences that say most were read"
        if embedder is None:
            what = "their ends were cut off (--long-texts extract reads other parts)"
        print(
            f"{counts['long']:,} of {counts['texts']:,} texts are longer than the "
            f"{model.preprocessor.room(1)} tokens that the model reads: {what}.",
            file=sys.stderr,
        )
    return 0


def _check_arguments_of(args, kind):
    """Raise ValueError for an argument that a kind of model does not read."""
    if kind not in _OF_MODELS:
        return  # which `load_model` refuses
    for other, arguments in _OF_MODELS.items():
        for name in arguments:
            if other != kind and getattr(args, name) != _NOT_GIVEN.get(name):
                option = f"--{name.replace('_', '-')}"
                raise ValueError(
                    f"{option} is for an {other}, and {args.model} is an {kind}."
                )


def _extract(args, jobs):
    from xlm_tf.models.extractive_summary import joined

    model = translate.load_model(args.model, "XLMTextEmbedder")
    if args.source_language is not None:
        model.preprocessor.check_language(args.source_language)
    given = {
        "num_sentences": args.sentences,
        "diversity": args.diversity,
        "position_weight": args.position_weight,
        "language": args.source_language,
    }
    given = {name: value for name, value in given.items() if value is not None}

    def rows(path):
        for block in blocks(read_lines(path, args.encoding), args.batch_size):
            found = model.summarize(block, batch_size=args.batch_size, **given)
            for text, sentences in zip(block, found, strict=True):
                spans = [(own["start"], own["end"]) for own in sentences]
                yield (" ".join(joined(text, spans).split()),)

    for path, output in jobs:
        translate.write_rows(args, output, rows(path))
    return 0
