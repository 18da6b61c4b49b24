import numpy as np
import pytest

from xlm_tf.layers import Embeddings, TokenEmbedding, sinusoidal_positions


def embeddings(**kwargs):
    defaults = {
        "vocabulary_size": 10,
        "hidden_dim": 4,
        "max_sequence_length": 6,
        "embedding_norm": False,
    }
    layer = Embeddings(**{**defaults, **kwargs})
    layer.build((None, None))
    return layer


IDS = np.array([[5, 7, 1]])
MASK = np.array([[True, True, False]])


def test_sum_of_token_position_and_language():
    layer = embeddings(num_languages=2)
    actual = layer(IDS, MASK, language_ids=np.array([[1, 1, 0]]))
    expected = (
        layer.token_embedding.embeddings.numpy()[[5, 7, 1]]
        + layer.position_table.numpy()[[0, 1, 2]]
        + layer.language_table.numpy()[[1, 1, 0]]
    )
    np.testing.assert_allclose(actual[0], expected, atol=1e-6)


def test_offset_positions_leave_a_row_to_padding():
    layer = embeddings(position_offset=2)
    assert layer.position_table.shape == (8, 4)
    actual = layer(np.array([[1, 5, 7]]), np.array([[False, True, True]]))
    expected = (
        layer.token_embedding.embeddings.numpy()[[1, 5, 7]]
        + layer.position_table.numpy()[[1, 2, 3]]
    )
    np.testing.assert_allclose(actual[0], expected, atol=1e-6)


def test_positions_given_are_used():
    layer = embeddings()
    actual = layer(IDS, MASK, position_ids=np.array([[0, 0, 1]]))
    expected = (
        layer.token_embedding.embeddings.numpy()[[5, 7, 1]]
        + layer.position_table.numpy()[[0, 0, 1]]
    )
    np.testing.assert_allclose(actual[0], expected, atol=1e-6)


def test_token_types_default_to_the_first():
    layer = embeddings(num_token_types=2)
    types = np.zeros_like(IDS)
    np.testing.assert_array_equal(
        layer(IDS, MASK), layer(IDS, MASK, token_type_ids=types)
    )
    assert not np.allclose(layer(IDS, MASK), layer(IDS, MASK, token_type_ids=types + 1))


def test_norm_gives_zero_mean_and_unit_variance():
    x = np.asarray(embeddings(embedding_norm=True)(IDS, MASK))
    np.testing.assert_allclose(x.mean(-1), 0, atol=1e-5)
    np.testing.assert_allclose(x.std(-1), 1, atol=1e-2)


def test_sinusoidal_positions_follow_the_paper():
    table = sinusoidal_positions(3, 4)
    np.testing.assert_allclose(
        table[2], [np.sin(2), np.cos(2), np.sin(2 / 100), np.cos(2 / 100)], rtol=1e-6
    )


def test_sinusoidal_table_is_fixed():
    layer = embeddings(position_embedding="sinusoidal")
    np.testing.assert_allclose(layer.position_table, sinusoidal_positions(6, 4))
    assert not layer.position_table.trainable


def test_missing_language_ids_are_an_error():
    with pytest.raises(ValueError, match="pass `language_ids`"):
        embeddings(num_languages=2)(IDS, MASK)


def test_unknown_position_embedding_is_an_error():
    with pytest.raises(ValueError, match="'rotary'"):
        embeddings(position_embedding="rotary")


def test_token_vectors_are_of_the_compute_dtype():
    layer = TokenEmbedding(10, 4, dtype="mixed_bfloat16")
    assert layer(IDS).dtype == "bfloat16"
    assert layer.embeddings.dtype == "float32"
