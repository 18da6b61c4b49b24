"""Fingerprints of texts: of equal texts, and bands that near duplicates share.

Bands are of MinHash (Broder 1997, doi 10.1109/SEQUEN.1997.666900) by rensa, and
locality sensitive hashing (Indyk and Motwani 1998, doi 10.1145/276698.276876).
"""

import hashlib

import numpy as np

from xlm_tf.cleaning.normal_form import normal_form
from xlm_tf.optional_packages import import_optional
from xlm_tf.text.language_codes import UNSPACED_LANGUAGES, parse_language_code
from xlm_tf.text.scripts import scripts_of

# Texts of a similarity of 0.8 share a band with a probability above 0.999, of 0.7 of
# 0.99, of 0.5 of 0.53; what shares one is compared.
BANDS = 24
_ROWS = 5
_SEED = 1
# Characters that are compared: 5, fewer in scripts that say more by each.
_SIZES = {"Hans": 2, "Hant": 2, "Jpan": 2, "Kore": 3, "Ethi": 3}
_SIZE = 5
_UNSPACED_SIZE = 3


def key_of(text):
    """The 64-bit fingerprint of a text in its normal form: int."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def shingle_size(language):
    """Characters of the runs by which texts of a language are compared: int."""
    code = parse_language_code(language)
    size = _UNSPACED_SIZE if code.language in UNSPACED_LANGUAGES else _SIZE
    sizes = [_SIZES.get(script, size) for script in scripts_of(language)]
    return min(sizes, default=size)


def shingles(sides, size):
    """The sets of characters by which rows are compared, whichever side is first.

    Args:
        sides: iterable of str in their normal form: a text, or the two of a pair.
        size: int, see `shingle_size`.

    Returns:
        set of str: all runs of so many characters.
    """
    return {
        text[start : start + size]
        for text in sides
        for start in range(max(len(text) - size, 0) + 1)
    }


def similarity(one, other, size):
    """The Jaccard similarity of two rows' shingles: float from 0 to 1."""
    one, other = (
        shingles(map(normal_form, row.split("\t")), size) for row in (one, other)
    )
    return len(one & other) / len(one | other)


def bands_of(rows, size):
    """The bands of rows.

    Args:
        rows: list of lists of str in their normal form: a text, or the two of a pair.
        size: int, see `shingle_size`.

    Returns:
        Array of uint64, (len(rows), BANDS); no number is in two columns.
    """
    rensa = import_optional("rensa", "Near duplicates", "pip install 'xlm-tf[clean]'")
    if not rows:
        return np.zeros((0, BANDS), "uint64")
    own = [shingles(sides, size) for sides in rows]
    digests = rensa.RMinHash.digests_from_token_sets(own, BANDS * _ROWS, _SEED)
    digests = np.asarray(digests, "uint64").reshape(-1, BANDS, _ROWS)
    keys = np.zeros(digests.shape[:2], "uint64")
    for row in range(_ROWS):  # FNV-1a, on words of 32 bits
        keys = (keys ^ digests[..., row]) * np.uint64(0x100000001B3)
    # The band in the low bits.
    return keys // np.uint64(BANDS) * np.uint64(BANDS) + np.arange(
        BANDS, dtype="uint64"
    )
