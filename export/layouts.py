"""Which tokens of a padded batch (B, T) are rows (N, D) of the dense layers."""

import tensorflow as tf

from xlm_tf.layers import packed_layout


class PackedLayout(packed_layout.PackedLayout):
    """Packed tokens, without the gradients that an exported graph does not have."""

    gather = staticmethod(lambda x, indices, *_, **__: tf.gather(x, indices))

    def states_at(self, x, positions):
        """The state of one position a text: (N, D), int32 (B,) -> (B, D)."""
        rows = tf.gather(self.rows, positions, axis=1, batch_dims=1)
        return tf.gather(x, rows)


class PaddedLayout:
    """Every token is a row, padding too: what a phone's runtime computes best.

    Args:
        padding_mask: bool (B, T), of known or unknown size.
    """

    def __init__(self, padding_mask):
        shape = tf.shape(padding_mask)
        self.batch_size = padding_mask.shape[0] or shape[0]
        self.length = padding_mask.shape[1] or shape[1]

    def pack(self, x):
        """(B, T) -> (N,)."""
        return tf.reshape(x, [-1])

    def split_heads(self, x, num_heads, parts):
        """(N, parts * H * K) -> a list of (B, H, T, K)."""
        head_dim = x.shape[-1] // (parts * num_heads)
        shape = [self.batch_size, self.length, num_heads, head_dim]
        return [
            tf.transpose(tf.reshape(part, shape), [0, 2, 1, 3])
            for part in tf.split(x, parts, axis=-1)
        ]

    def merge_heads(self, x):
        """(B, H, T, K) -> (N, H * K)."""
        width = x.shape[1] * x.shape[3]
        return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [-1, width])

    def unpack(self, x):
        """(N, D) -> (B, T, D)."""
        return tf.reshape(x, [self.batch_size, self.length, x.shape[-1]])

    def states_at(self, x, positions):
        """The state of one position a text: (N, D), int32 (B,) -> (B, D)."""
        return tf.gather(x, tf.range(self.batch_size) * self.length + positions)
