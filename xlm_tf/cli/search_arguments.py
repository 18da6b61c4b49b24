"""The arguments of a search, which several subcommands take."""

import dataclasses

from xlm_tf.cli.argument_types import real, whole
from xlm_tf.generation.search_arguments import LARGEST_LENGTH_PENALTY


def add_search_arguments(parser):
    """Add `--num-beams`, `--length-penalty` and `--no-repeat-ngram-size`."""
    parser.add_argument(
        "--num-beams",
        type=whole("num_beams"),
        help="1 is a greedy search (default: as the model was saved, or 4)",
    )
    parser.add_argument(
        "--length-penalty",
        type=real(
            "length_penalty",
            minimum=-LARGEST_LENGTH_PENALTY,
            maximum=LARGEST_LENGTH_PENALTY,
        ),
        help="above 0 favours longer texts (default: as the model was saved, or 1)",
    )
    parser.add_argument(
        "--no-repeat-ngram-size",
        type=whole("no_repeat_ngram_size", 0),
        metavar="N",
        help="no N tokens twice in a text (default: as the model was saved, or 0: any)",
    )


# The arguments' names, which are those of `BeamSearch`.
_NAMES = ("num_beams", "length_penalty", "no_repeat_ngram_size")


def check_no_search(args, task):
    """Refuse the arguments of a search for a task that does not write texts.

    Raises:
        ValueError: one of them is given.
    """
    for name in _NAMES:
        if getattr(args, name) is not None:
            raise ValueError(
                f"--{name.replace('_', '-')} is for models that write texts. The model "
                f"is an {type(task).__name__}."
            )


def search_of(args, decoding, num_return=1):
    """The decoding strategy of parsed arguments, and of a model where they say nothing.

    Args:
        args: `argparse.Namespace`.
        decoding: the model's own strategy, whose `stop_token_ids` stay.
        num_return: int, how many texts it returns of each input.

    Returns:
        `BeamSearch`, or the model's own search as it is, if that samples and the
        arguments ask for nothing.

    Raises:
        ValueError: more texts are asked for than the search has beams.
    """
    from xlm_tf.generation.beam_search import BeamSearch

    asked = {name: getattr(args, name) for name in _NAMES}
    asked = {name: value for name, value in asked.items() if value is not None}
    if not isinstance(decoding, BeamSearch):
        if not asked and num_return == 1:
            return decoding
        decoding = BeamSearch(stop_token_ids=decoding.stop_token_ids)
    if "num_beams" in asked:
        # A single beam is done with its first text; and what a saved search of one
        # beam says of the end is not meant for several.
        is_early = decoding.early_stopping and decoding.num_beams > 1
        asked["early_stopping"] = is_early or asked["num_beams"] == 1
    return dataclasses.replace(decoding, **asked, num_return=num_return)
