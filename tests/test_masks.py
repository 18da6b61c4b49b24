import numpy as np

from xlm_tf import masks


def drawn(mask):
    """A bool mask as rows of 0s and 1s."""
    return np.asarray(mask).astype(int).tolist()


def test_padding_mask_hides_padding_from_every_query():
    mask = masks.padding_attention_mask(np.array([[1, 1, 0], [1, 0, 0]]))
    assert mask.shape == (2, 1, 1, 3)
    assert drawn(mask[:, 0, 0]) == [[1, 1, 0], [1, 0, 0]]


def test_segment_mask_keeps_attention_within_a_segment():
    mask = masks.segment_attention_mask(np.array([[1, 1, 2, 2, 2, 0]]))
    assert mask.shape == (1, 1, 6, 6)
    assert drawn(mask[0, 0]) == [
        [1, 1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [0, 0, 1, 1, 1, 0],
        [0, 0, 1, 1, 1, 0],
        [0, 0, 1, 1, 1, 0],
        [0, 0, 0, 0, 0, 0],
    ]


def test_causal_mask_hides_the_future():
    positions = np.array([[0, 1, 2]])
    mask = masks.causal_attention_mask(positions, positions)
    assert drawn(mask[0, 0]) == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]


def test_causal_mask_of_the_last_queries_sees_the_cache():
    mask = masks.causal_attention_mask(np.array([[2, 3]]), np.array([[0, 1, 2, 3]]))
    assert mask.shape == (1, 1, 2, 4)
    assert drawn(mask[0, 0]) == [[1, 1, 1, 0], [1, 1, 1, 1]]
