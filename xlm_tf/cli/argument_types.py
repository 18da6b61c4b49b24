"""Types of arguments on the command line: what does not fit is said in one line."""

import argparse
import functools

from xlm_tf.generation.search_arguments import real_number, whole_number


def whole(name, minimum=1, maximum=None):
    """A type of `add_argument`: an int in a range, see `whole_number`."""
    return functools.partial(_number, int, whole_number, name, (minimum, maximum))


def real(name, **bounds):
    """A type of `add_argument`: a finite float in a range, see `real_number`."""

    def check(name, value):
        return real_number(name, value, **bounds)

    return functools.partial(_number, float, check, name, ())


def _number(number_type, check, name, bounds, text):
    try:
        value = number_type(text)
    except ValueError:
        value = text  # which no check lets pass
    try:
        return check(name, value, *bounds)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
