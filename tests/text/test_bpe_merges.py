"""Byte-pair merging: in Python, and the same in graph."""

import pytest
import tensorflow as tf

from xlm_tf.text.bpe_files import SPECIAL_TOKENS
from xlm_tf.text.bpe_merges import MergesInGraph, merge, word_symbols

MERGES = [("l", "o"), ("lo", "w</w>"), ("a", "a"), ("aa", "aa")]
RANKS = {pair: rank for rank, pair in enumerate(MERGES)}


def test_pairs_merge_in_the_order_of_their_rank():
    steps = list(merge(word_symbols("low"), RANKS))
    assert steps == [(MERGES[0], ["lo", "w</w>"]), (MERGES[1], ["low</w>"])]
    assert list(merge(word_symbols("x"), RANKS)) == []


@pytest.fixture(scope="module")
def in_graph():
    vocabulary = [*SPECIAL_TOKENS, "low</w>", "lo", "a", "aa", "aaaa", "s</w>"]
    return MergesInGraph(vocabulary, MERGES, unk_token_id=3)


def test_many_words_at_once(in_graph):
    ids = in_graph(tf.constant(["low", "aaaaaas", "los", "xs", ""])).to_list()
    assert ids == [[14], [18, 17, 19], [15, 19], [3, 19], []]
    assert in_graph(tf.constant([], tf.string)).to_list() == []


def test_characters_without_a_symbol(in_graph):
    unknown = in_graph.unknown_characters(tf.constant(["lox", "aas"])).to_list()
    assert unknown == [[b"x</w>"], []]
