"""Groups of texts that are near copies of each other, to keep splits apart."""

import collections
import re

_WORD = re.compile(r"\w+")


def group_near_duplicates(texts, threshold=0.6):
    """Number texts so that near copies share a number.

    Two texts are near copies when the Jaccard similarity of their sets of words
    (lower case, without digits) is at least the threshold; groups are the connected
    components. Exact: candidates come from an index of the words.

    Args:
        texts: list of str.
        threshold: float in (0, 1].

    Returns:
        list of int, the group of each text.
    """
    words = [
        frozenset(word for word in _WORD.findall(text.lower()) if not word.isdigit())
        for text in texts
    ]
    # Rarest first: texts of n words that reach the threshold t share at least t n
    # words, so one of the first (1 - t) n + 1 in any common order (prefix filtering).
    frequency = collections.Counter(word for text_words in words for word in text_words)
    groups = DisjointGroups(len(texts))
    seen_with = collections.defaultdict(list)
    for number, text_words in enumerate(words):
        ordered = sorted(text_words, key=lambda word: (frequency[word], word))
        prefix = ordered[: int((1 - threshold) * len(ordered)) + 1]
        candidates = {other for word in prefix for other in seen_with[word]}
        for other in candidates:
            shared = len(text_words & words[other])
            if shared >= threshold * (len(text_words) + len(words[other]) - shared):
                groups.join(number, other)
        for word in prefix:
            seen_with[word].append(number)
    return [groups.find(number) for number in range(len(texts))]


class DisjointGroups:
    """Union-find over the numbers from 0 to n - 1."""

    def __init__(self, n):
        self._parents = list(range(n))

    def find(self, number):
        """The number that stands for the group of a number: its smallest."""
        while self._parents[number] != number:
            self._parents[number] = self._parents[self._parents[number]]
            number = self._parents[number]
        return number

    def join(self, first, second):
        """Make two groups one."""
        first, second = sorted((self.find(first), self.find(second)))
        self._parents[second] = first
