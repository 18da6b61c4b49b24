"""Which tokens of a padded batch (B, T) are rows (N, D) of the dense layers."""

import tensorflow as tf


class PackedLayout:
    """The real tokens are rows; attention alone sees the batch padded.

    On texts of mixed length more than half of a batch is padding, which no dense layer
    then computes. The first token of every text is a row even where it is padding, so
    that "first" pooling and texts without tokens are defined.

    Args:
        padding_mask: bool (B, T), True = real token.
    """

    def __init__(self, padding_mask):
        shape = tf.shape(padding_mask)
        self.batch_size, self.length = shape[0], shape[1]
        is_row = tf.logical_or(padding_mask, (tf.range(self.length) == 0)[None, :])
        is_row = tf.reshape(is_row, [-1])
        # Where every row is in the padded batch, (N,), and the way back, (B * T,).
        # Padding reads the first row: no real token attends to it.
        self.flat_positions = tf.reshape(tf.where(is_row), [-1])
        rows = tf.cumsum(tf.cast(is_row, "int32")) - 1
        self.rows = tf.where(is_row, rows, 0)

    def pack(self, x):
        """(B, T) -> (N,)."""
        return tf.gather(tf.reshape(x, [-1]), self.flat_positions)

    def split_heads(self, x, num_heads, parts=3):
        """(N, parts * H * K) -> a list of (B, H, T, K)."""
        head_dim = x.shape[-1] // (parts * num_heads)
        padded = tf.gather(x, self.rows)  # (B * T, parts * H * K)
        padded = tf.reshape(
            padded, [self.batch_size, self.length, parts, num_heads, head_dim]
        )
        return tf.unstack(tf.transpose(padded, [2, 0, 3, 1, 4]), num=parts)

    def merge_heads(self, x):
        """(B, H, T, K) -> (N, H * K)."""
        width = x.shape[1] * x.shape[3]
        x = tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [-1, width])
        return tf.gather(x, self.flat_positions)

    def unpack(self, x):
        """(N, D) -> (B, T, D); padding holds the values of another token."""
        width = x.shape[-1]
        padded = tf.gather(x, self.rows)
        return tf.reshape(padded, [self.batch_size, self.length, width])

    def states_at(self, x, positions):
        """The state of one position a text: (N, D), int32 (B,) -> (B, D)."""
        flat = tf.range(self.batch_size) * self.length + positions
        return tf.gather(x, tf.gather(self.rows, flat))


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

    def split_heads(self, x, num_heads, parts=3):
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
