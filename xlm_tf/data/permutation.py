"""Random orders of very many things, one place at a time: nothing is held in memory."""

import numpy as np

# Rounds of the Feistel network; four make it a strong pseudo-random permutation (Luby
# and Rackoff 1988).
ROUNDS = 4


def permuted(numbers, sizes, keys):
    """Where a random permutation of `range(size)` puts numbers.

    A Feistel network on as many bits as the size needs is a permutation of more than
    the size; what falls outside is permuted again until it falls inside (Black and
    Rogaway 2002). It depends on size and key alone, on every machine and in every
    release of NumPy.

    Args:
        numbers: int array (N,), each of at least 0 and below its size.
        sizes: int array (N,) or int.
        keys: uint64 array (N,) or int, the permutation of each, see `mixed`.

    Returns:
        int64 array (N,).
    """
    numbers = np.asarray(numbers, "uint64")
    sizes = np.broadcast_to(np.asarray(sizes, "uint64"), numbers.shape)
    keys = np.broadcast_to(mixed(keys), numbers.shape)
    _, bits = np.frexp((sizes - _number(1)).astype("float64"))  # of the largest number
    half = np.maximum((bits + 1) // 2, 1).astype("uint64")
    result = np.empty(numbers.shape, "uint64")
    places = np.arange(len(numbers))
    while len(places):
        numbers = _feistel(numbers, half, keys)
        is_inside = numbers < sizes
        result[places[is_inside]] = numbers[is_inside]
        others = ~is_inside
        numbers, places = numbers[others], places[others]
        half, keys, sizes = half[others], keys[others], sizes[others]
    return result.astype("int64")


def mixed(*values):
    """One number of several, as if at random: a key for every combination.

    Args:
        *values: int arrays or ints of one shape, not negative.

    Returns:
        uint64 array of that shape.

    Source: the finaliser of SplitMix64 (Steele, Lea and Flood 2014).
    """
    return _mixed_into(np.zeros((), "uint64"), *values)


def _mixed_into(key, *values):
    """What `mixed` makes of all values, from what it made of those before these."""
    for value in values:
        key = key + np.asarray(value, "uint64") + _number(0x9E3779B97F4A7C15)
        key = (key ^ (key >> _number(30))) * _number(0xBF58476D1CE4E5B9)
        key = (key ^ (key >> _number(27))) * _number(0x94D049BB133111EB)
        key = key ^ (key >> _number(31))
    return key


def _feistel(numbers, half, keys):
    mask = (_number(1) << half) - _number(1)
    left, right = numbers >> half, numbers & mask
    for number in range(ROUNDS):
        left, right = right, left ^ (_mixed_into(keys, right, number) & mask)
    return (left << half) | right


def _number(value):
    # One-element arrays wrap around without a warning.
    return np.array([value], "uint64") if value > 2**32 else np.uint64(value)
