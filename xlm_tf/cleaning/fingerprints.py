"""Fingerprints of texts: of equal texts, and bands that near duplicates share.

Bands are of MinHash (Broder 1997, doi 10.1109/SEQUEN.1997.666900) by rensa, and
locality sensitive hashing (Indyk and Motwani 1998, doi 10.1145/276698.276876).
"""

import hashlib

import numpy as np

from xlm_tf.cleaning.normal_form import normal_form
from xlm_tf.optional_packages import import_optional

# Texts of a similarity of 0.8 share a band with a probability above 0.999, of 0.7 of
# 0.99, of 0.5 of 0.53; what shares one is compared.
BANDS = 24
_ROWS = 5
_SEED = 1
_SHINGLE = {True: 5, False: 3}


def key_of(text):
    """The 64-bit fingerprint of a text in its normal form: int."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def shingles(text, is_spaced):
    """The sets of characters by which texts are compared.

    Args:
        text: str in its normal form.
        is_spaced: bool, whether its language has spaces between words.

    Returns:
        set of str: all runs of 5 characters, or of 3 without spaces.
    """
    size = _SHINGLE[is_spaced]
    return {text[start : start + size] for start in range(max(len(text) - size, 0) + 1)}


def similarity(one, other, is_spaced):
    """The Jaccard similarity of two texts' shingles: float from 0 to 1."""
    one, other = (shingles(normal_form(text), is_spaced) for text in (one, other))
    return len(one & other) / len(one | other)


def bands_of(texts, is_spaced):
    """The bands of texts.

    Args:
        texts: list of str in their normal form.
        is_spaced: bool, see `shingles`.

    Returns:
        Array of uint64, (len(texts), BANDS); no number is in two columns.
    """
    rensa = import_optional("rensa", "Near duplicates", "pip install 'xlm-tf[clean]'")
    if not texts:
        return np.zeros((0, BANDS), "uint64")
    own = [shingles(text, is_spaced) for text in texts]
    digests = rensa.RMinHash.digests_from_token_sets(own, BANDS * _ROWS, _SEED)
    digests = np.asarray(digests, "uint64").reshape(-1, BANDS, _ROWS)
    keys = np.zeros(digests.shape[:2], "uint64")
    for row in range(_ROWS):  # FNV-1a, on words of 32 bits
        keys = (keys ^ digests[..., row]) * np.uint64(0x100000001B3)
    # The band in the low bits.
    return keys // np.uint64(BANDS) * np.uint64(BANDS) + np.arange(
        BANDS, dtype="uint64"
    )
