"""How the tokens of a phone's batch lie: every one is a row, padding too."""

import tensorflow as tf


class PaddedRows:
    """Tokens (B, T) as rows (B * T, D): a layout as `xlm_tf.layers.token_layout` has.

    Its shapes do not depend on the texts, and its dense layers are the FULLY_CONNECTED
    of a phone's runtime.

    Args:
        padding_mask: bool (B, T), of known or unknown size.
    """

    def __init__(self, padding_mask):
        shape = tf.shape(padding_mask)
        self.batch_size = padding_mask.shape[0] or shape[0]
        self.length = padding_mask.shape[1] or shape[1]

    def pack(self, x):
        """(B, T) -> (N,); (B, T, D) -> (N, D)."""
        return tf.reshape(x, [-1, *x.shape[2:]])

    def unpack(self, x):
        """(N, D) -> (B, T, D)."""
        return tf.reshape(x, [self.batch_size, self.length, x.shape[-1]])

    def split_heads(self, x, num_heads, parts=1):
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
