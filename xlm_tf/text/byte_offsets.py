"""From the bytes of a text, as graphs count, to its characters, as Python does."""

import numpy as np


def as_strings(texts):
    """Texts, str or bytes, as str; bytes that are no UTF-8 become U+FFFD.

    Args:
        texts: list of str or bytes.

    Returns:
        List of str.
    """
    return [x.decode("utf-8", "replace") if isinstance(x, bytes) else x for x in texts]


def character_offsets(text):
    """Which character starts at a byte of a text, or holds it.

    Args:
        text: str, L bytes as UTF-8.

    Returns:
        int array (L + 1,); the last is the number of characters.
    """
    values = np.frombuffer(text.encode("utf-8"), "uint8")
    is_first = (values & 0xC0) != 0x80
    return np.append(np.cumsum(is_first) - 1, len(text))
