import keras
import numpy as np

from xlm_tf.layers import PredictionHead, TokenEmbedding


def head_and_table(**kwargs):
    table = TokenEmbedding(12, 4)
    table.build()
    head = PredictionHead(12, **kwargs)
    return head, table


X = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")


def test_xlm_head_is_projection_and_bias():
    head, table = head_and_table(transform=False)
    head(X, token_embedding=table)
    head.bias.assign(np.arange(12))
    expected = X @ table.embeddings.numpy().T + np.arange(12)
    np.testing.assert_allclose(head(X, token_embedding=table), expected, atol=1e-5)
    assert len(head.weights) == 1


def test_xlmr_head_transforms_first():
    head, table = head_and_table(transform=True)
    logits = head(X, token_embedding=table)
    hidden = keras.activations.gelu(
        X @ head.dense.kernel.numpy() + head.dense.bias.numpy(), approximate=False
    ).numpy()
    normed = (hidden - hidden.mean(-1, keepdims=True)) / np.sqrt(
        hidden.var(-1, keepdims=True) + 1e-5
    )
    np.testing.assert_allclose(logits, normed @ table.embeddings.numpy().T, atol=1e-5)


def test_only_the_asked_positions_are_scored():
    head, table = head_and_table()
    positions = np.array([[4, 0], [1, 1]])
    everywhere = head(X, token_embedding=table).numpy()
    there = head(X, positions=positions, token_embedding=table)
    np.testing.assert_allclose(
        there, np.take_along_axis(everywhere, positions[..., None], axis=1), atol=1e-6
    )


def test_logits_are_float32_under_a_mixed_policy():
    table = TokenEmbedding(12, 4, dtype="mixed_float16")
    table.build()
    head = PredictionHead(12, dtype="mixed_float16")
    assert head(X, token_embedding=table).dtype == "float32"
