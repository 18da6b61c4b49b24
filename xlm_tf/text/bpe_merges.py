"""Byte-pair merging: of one word in Python, and of many at once in graph."""

import collections
import itertools

import numpy as np
import tensorflow as tf

from xlm_tf.text.bpe_files import SPECIAL_TOKENS, WORD_END

# Merging takes as many rounds as a word has merges: no hostile text decides how many.
LONG_WORD = 200  # characters


def word_symbols(word):
    """What a word begins as, list of str: its characters, the last with its mark."""
    return [*word[:-1], word[-1] + WORD_END]


def merge(symbols, ranks):
    """Yield every pair that is merged, with the symbols after it.

    Args:
        symbols: list of str, see `word_symbols`.
        ranks: dict from pairs of str to their rank; the lowest is merged first.
    """
    while len(symbols) > 1:
        pairs = itertools.pairwise(symbols)
        best = min(pairs, key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            break
        merged, i = [], 0
        while i < len(symbols):
            if tuple(symbols[i : i + 2]) == best:
                merged.append(best[0] + best[1])
                i += 2
            else:
                merged.append(symbols[i])
                i += 1
        symbols = merged
        yield best, symbols


class MergesInGraph(tf.Module):
    """Byte-pair merging of many words at once, as tensor operations.

    All words lie in one flat tensor of symbols. Every round finds the best pair of
    each word, merges all its occurrences from the left, and closes the gaps.

    Args:
        vocabulary: list of str, tokens in the order of their ids.
        merges: list of pairs of str, in order.
        unk_token_id: int, the id of a symbol that is no token.
    """

    def __init__(self, vocabulary, merges, unk_token_id):
        super().__init__(name="bpe")
        symbols = collections.OrderedDict()
        for token in vocabulary[len(SPECIAL_TOKENS) :]:
            symbols.setdefault(token, len(symbols))
        for first, second in merges:
            for symbol in (first, second, first + second):
                symbols.setdefault(symbol, len(symbols))
        self.num_symbols = len(symbols) + 1
        self.unknown = len(symbols)  # a character without a symbol
        ids = {token: i for i, token in enumerate(vocabulary)}
        self.token_ids = tf.constant(
            [ids.get(symbol, unk_token_id) for symbol in symbols] + [unk_token_id],
            "int32",
        )
        characters = {
            symbol: i
            for symbol, i in symbols.items()
            if len(symbol.removesuffix(WORD_END)) == 1
        }
        self.characters = _table(
            list(characters), list(characters.values()), self.unknown
        )
        ranks = {
            symbols[first] * self.num_symbols + symbols[second]: rank
            for rank, (first, second) in enumerate(merges)
        }
        self.no_rank = tf.constant(len(merges), "int64")
        self.ranks = _table(
            np.array(list(ranks), "int64"),
            np.array(list(ranks.values()), "int64"),
            len(merges),
        )
        self.merged = tf.constant(
            [symbols[first + second] for first, second in merges] + [0], "int64"
        )

    def unknown_characters(self, words):
        """string (W,) -> string RaggedTensor (W, None), those without a symbol."""
        characters, _, _ = self._characters(words)
        is_unknown = self.characters.lookup(characters.values) == self.unknown
        return tf.ragged.boolean_mask(characters, characters.with_values(is_unknown))

    def _characters(self, words):
        """string (W,) -> characters (W, None), their words, and the number of those."""
        characters = tf.strings.unicode_split(words, "UTF-8")  # (W, None)
        flat = characters.values
        row = characters.value_rowids()
        position = tf.range(tf.size(flat, tf.int64), dtype="int64") - tf.gather(
            characters.row_starts(), row
        )
        # A long word is several, each of at most LONG_WORD characters.
        starts_word = position % LONG_WORD == 0
        word = tf.cumsum(tf.cast(starts_word, "int64")) - 1
        num_words = tf.reduce_sum(tf.cast(starts_word, "int64"))
        is_last = _differs_from_next(word)
        flat = tf.where(is_last, tf.strings.join([flat, WORD_END]), flat)
        return characters.with_values(flat), word, num_words

    def __call__(self, words):
        """string (W,) -> int32 RaggedTensor (W, None) of token ids."""
        characters, word, num_words = self._characters(words)
        row = characters.value_rowids()
        symbol = self.characters.lookup(characters.values)

        def merge(symbol, word, row, _):
            following = tf.concat([symbol[1:], [self.unknown]], 0)[: tf.size(symbol)]
            rank = self.ranks.lookup(symbol * self.num_symbols + following)
            rank = tf.where(_differs_from_next(word), self.no_rank, rank)
            best = tf.math.unsorted_segment_min(rank, word, num_words)
            is_best = (rank == tf.gather(best, word)) & (rank < self.no_rank)
            # Pairs may overlap (aaa): in a run of them every other one is merged.
            positions = tf.range(tf.size(symbol))
            breaks = tf.concat([[-1], tf.boolean_mask(positions, ~is_best)], 0)
            last_break = tf.gather(breaks, tf.cumsum(tf.cast(~is_best, "int32")))
            is_merged = is_best & ((positions - last_break) % 2 == 1)
            rank = tf.where(is_merged, rank, 0)
            symbol = tf.where(is_merged, tf.gather(self.merged, rank), symbol)
            is_kept = tf.logical_not(
                tf.concat([[False], is_merged[:-1]], 0)[: tf.size(symbol)]
            )
            return (
                tf.boolean_mask(symbol, is_kept),
                tf.boolean_mask(word, is_kept),
                tf.boolean_mask(row, is_kept),
                tf.reduce_any(is_merged),
            )

        vector = tf.TensorShape([None])
        symbol, word, row, _ = tf.while_loop(
            lambda symbol, word, row, has_merges: has_merges,
            merge,
            (symbol, word, row, tf.size(symbol) > 1),
            shape_invariants=(vector, vector, vector, tf.TensorShape([])),
        )
        return tf.RaggedTensor.from_value_rowids(
            tf.gather(self.token_ids, symbol),
            row,
            tf.size(words, tf.int64),
            validate=False,
        )


def _differs_from_next(word):
    """Whether a position is the last of its word."""
    return tf.concat([word[1:] != word[:-1], [True]], 0)[: tf.size(word)]


def _table(keys, values, default):
    keys = tf.constant(keys)
    return tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(keys, tf.constant(values, "int64")),
        tf.constant(default, "int64"),
    )
