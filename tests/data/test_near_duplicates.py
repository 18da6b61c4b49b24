import itertools
import re

from hypothesis import given
from hypothesis import strategies as st

from xlm_tf.data.near_duplicates import group_near_duplicates


def together(texts, **kwargs):
    groups = group_near_duplicates(texts, **kwargs)
    return {
        (a, b)
        for a, b in itertools.combinations(range(len(texts)), 2)
        if groups[a] == groups[b]
    }


def test_near_copies_are_found():
    texts = [
        "Please enter at least 3 characters",
        "Please enter at most 20 characters.",
        "The file could not be saved",
        "please ENTER at least 3 characters!",
        "Delete the file",
    ]
    assert together(texts) == {(0, 1), (0, 3), (1, 3)}


def test_groups_are_transitive():
    texts = ["a b c d", "b c d e", "c d e f"]
    assert together(texts, threshold=0.6) == {(0, 1), (0, 2), (1, 2)}


@given(
    st.lists(
        st.lists(st.sampled_from("abcdefg"), max_size=6).map(" ".join), max_size=9
    ),
    st.sampled_from([0.3, 0.5, 0.6, 0.75, 1.0]),
)
def test_no_near_copy_is_missed(texts, threshold):
    groups = group_near_duplicates(texts, threshold)
    sets = [set(re.findall(r"\w+", text)) for text in texts]
    for (i, a), (j, b) in itertools.combinations(enumerate(sets), 2):
        if a and b and len(a & b) >= threshold * len(a | b):
            assert groups[i] == groups[j]
