"""What TensorFlow's errors say, without what only its developers read."""

import re

_OPERATION = re.compile(r"\{\{function_node [^}]*\}\}|\[Op:.*", re.DOTALL)


def plain_message(message):
    """The first line of an error, without the operation's name before and behind it.

    Args:
        message: str.

    Returns:
        str.
    """
    return _OPERATION.sub("", message).strip().partition("\n")[0]
