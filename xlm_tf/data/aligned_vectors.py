"""Word vectors of two languages in one space, from their texts alone.

Vectors of each language are made from which words stand near each other: positive
pointwise mutual information, factorised (Levy and Goldberg 2014; contexts smoothed by
0.75 as in Levy et al. 2015). The spaces are aligned by self-learning (Artetxe et al.
2018, arXiv 1805.06297): from words that both languages write alike, a dictionary and
the rotation that it gives are improved in turn, the dictionary at first by chance in
part, so that the beginning can be left.
"""

import collections
import dataclasses

import numpy as np

from xlm_tf.optional_packages import import_optional

# Words to each side that count as near.
_WINDOW = 4
_CONTEXT_POWER = 0.75
_ROUNDS = 200
# Rounds, from the beginning, in which pairs are left out by chance, and the share.
_CHANCE_ROUNDS, _CHANCE = 150, 0.3
# Words of each language that the dictionary is made of: the most frequent.
_DICTIONARY_WORDS = 2000
_NEIGHBOURS = 10  # of a word, in the other language
# How much words of another rank of frequency are held to be no translations.
_RANK_WEIGHT = 0.05
_INSTALL = "pip install 'xlm-tf[vectors]'"


@dataclasses.dataclass(frozen=True)
class WordVectors:
    """Words of a language, the most frequent first, and their vectors.

    Attributes:
        words: list of str.
        vectors: float32 (V, D), of length 1.
    """

    words: list
    vectors: np.ndarray


def word_vectors(sentences, dimension, min_count=5):
    """Vectors of the words of a language, by the words that stand near them.

    Args:
        sentences: iterable of lists of str, the words of a sentence.
        dimension: int.
        min_count: int, rarer words have none.

    Returns:
        `WordVectors`.

    Raises:
        ValueError: there are not more words than dimensions.
    """
    sparse = import_optional("scipy.sparse", "Word vectors", _INSTALL)
    linalg = import_optional("scipy.sparse.linalg", "Word vectors", _INSTALL)
    sentences = list(sentences)
    counts = collections.Counter(word for sentence in sentences for word in sentence)
    # By count, then by spelling: the same whatever the order of the sentences.
    words = sorted(
        (word for word, count in counts.items() if count >= min_count),
        key=lambda word: (-counts[word], word),
    )
    if len(words) <= dimension:
        raise ValueError(
            f"{len(words):,} words occur {min_count} times or more, too few for "
            f"vectors of {dimension} numbers. Expected more text, or a smaller "
            "dimension."
        )
    near = _near_words(sentences, {word: i for i, word in enumerate(words)})
    places = np.array(list(near))
    near = sparse.csr_matrix(
        (list(near.values()), (places[:, 0], places[:, 1])), shape=[len(words)] * 2
    )
    total = np.asarray(near.sum(axis=1)).ravel()
    context = total**_CONTEXT_POWER / np.sum(total**_CONTEXT_POWER)
    cells = near.tocoo()
    information = np.log(cells.data / (total[cells.row] * context[cells.col]))
    matrix = sparse.csr_matrix(
        (np.maximum(information, 0), (cells.row, cells.col)), shape=near.shape
    )
    start = np.random.default_rng(0).normal(size=len(words))
    left, strengths, _ = linalg.svds(matrix, k=dimension, v0=start)
    order = np.argsort(-strengths)
    vectors = left[:, order] * np.sqrt(strengths[order])
    vectors = _of_length_one(vectors)
    vectors = _of_length_one(vectors - vectors.mean(axis=0))
    return WordVectors(words, vectors.astype("float32"))


def _near_words(sentences, numbers):
    """How near words stand to each other: {(word, other): sum of 1 / distance}."""
    near = collections.Counter()
    for sentence in sentences:
        known = [numbers.get(word) for word in sentence]
        for place, word in enumerate(known):
            for distance in range(1, _WINDOW + 1):
                if word is None or place + distance >= len(known):
                    break
                other = known[place + distance]
                if other is not None:
                    near[word, other] += 1 / distance
                    near[other, word] += 1 / distance
    return near


@dataclasses.dataclass(frozen=True)
class Alignment:
    """Two languages in one space.

    Attributes:
        first, second: `WordVectors`.
        alike: int, words that both write alike, which the alignment began with.
        dictionary: list of (word, word), which each is the other's nearest.
    """

    first: WordVectors
    second: WordVectors
    alike: int
    dictionary: list


def align(first, second, seed=0):
    """Turn the vectors of two languages so that translations are near each other.

    Args:
        first, second: `WordVectors` of one dimension.
        seed: int.

    Returns:
        `Alignment`.

    Raises:
        ValueError: no word is written alike in both.
    """
    numbers = {word: i for i, word in enumerate(second.words)}
    alike = [(i, numbers[w]) for i, w in enumerate(first.words) if w in numbers]
    if not alike:
        raise ValueError(
            "No word is written alike in both languages, and the alignment begins with "
            "such words: names, numbers, loans. Use vectors that a dictionary aligned, "
            "such as MUSE's."
        )
    generator = np.random.default_rng(seed)
    ranks = [
        np.log(np.arange(1, len(x.words) + 1), dtype="float32") for x in (first, second)
    ]
    frequent = slice(_DICTIONARY_WORDS)
    prior = -_RANK_WEIGHT * (ranks[0][frequent, None] - ranks[1][frequent]) ** 2
    pairs = np.array(alike)
    for number in range(_ROUNDS):
        turned = _turned(first.vectors, second.vectors, pairs)
        likeness = _likeness(*(x[frequent] for x in turned)) + prior
        if number < _CHANCE_ROUNDS:
            share = _CHANCE * (1 - number / _CHANCE_ROUNDS)
            drawn = generator.random(likeness.shape, "float32")
            likeness[drawn < share] = -np.inf
        pairs = _mutual(likeness)
    words = [(first.words[i], second.words[j]) for i, j in pairs]
    return Alignment(
        WordVectors(first.words, turned[0]),
        WordVectors(second.words, turned[1]),
        len(alike),
        words,
    )


def _turned(first, second, pairs):
    """Both spaces turned to each other, what they agree on weighing more."""
    left, strengths, right = np.linalg.svd(
        first[pairs[:, 0]].T @ second[pairs[:, 1]], full_matrices=False
    )
    weights = np.sqrt(strengths)
    return (
        _of_length_one(first @ left * weights),
        _of_length_one(second @ right.T * weights),
    )


def _likeness(first, second):
    """Cosines, less the mean of the nearest neighbours (CSLS, Conneau et al. 2018)."""
    cosines = first @ second.T
    neighbours = [min(_NEIGHBOURS, size) for size in cosines.shape[::-1]]
    by_row, by_column = (
        np.partition(x, -count, axis=1)[:, -count:].mean(axis=1)
        for x, count in zip((cosines, cosines.T.copy()), neighbours, strict=True)
    )
    return 2 * cosines - by_row[:, None] - by_column


def _mutual(likeness):
    """Pairs that are each other's nearest, int (P, 2)."""
    forward, backward = likeness.argmax(axis=1), likeness.argmax(axis=0)
    rows = np.arange(len(forward))
    is_mutual = backward[forward] == rows
    return np.stack([rows[is_mutual], forward[is_mutual]], axis=1)


def _of_length_one(vectors):
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)
