"""The arguments of a beam search, which several subcommands take."""


def add_search_arguments(parser):
    """Add `--num-beams`, `--length-penalty` and `--no-repeat-ngram-size`."""
    parser.add_argument(
        "--num-beams",
        type=int,
        default=4,
        help="1 is a greedy search (default: %(default)s)",
    )
    parser.add_argument(
        "--length-penalty",
        type=float,
        default=1.0,
        help="above 0 favours longer texts (default: %(default)s)",
    )
    parser.add_argument(
        "--no-repeat-ngram-size",
        type=int,
        default=0,
        metavar="N",
        help="no N tokens twice in a text",
    )


def search_of(args, num_return=1):
    """The `BeamSearch` of parsed arguments."""
    from xlm_tf.generation.search import BeamSearch

    return BeamSearch(
        num_beams=args.num_beams,
        early_stopping=args.num_beams == 1,
        length_penalty=args.length_penalty,
        no_repeat_ngram_size=args.no_repeat_ngram_size,
        num_return=num_return,
    )
