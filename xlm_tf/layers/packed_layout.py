"""The real tokens of a batch as rows, out of which attention makes heads."""

import tensorflow as tf


class PackedLayout:
    """The real tokens of all texts, one after the other: rows (N, D). TensorFlow only.

    The first position of every text is a row even where it is padding, so that a text
    without tokens has a state. In keys and values, padding holds those of its text's
    first position, which the attention mask hides.

    A gather takes the heads of rows to where attention wants them, and back: one copy,
    as a transposition is. A real token has one place on either side, so that gradients
    are gathered as well, where TensorFlow's own would be added up row by row.

    Args:
        padding_mask: bool tensor (B, T), True = real token.
    """

    def __init__(self, padding_mask):
        self.batch_size, self.length = tf.unstack(tf.shape(padding_mask), num=2)
        self.is_row = tf.logical_or(padding_mask, tf.range(self.length)[None, :] == 0)
        places = tf.where(tf.reshape(self.is_row, [-1]))
        # Of every row, its place in the flat batch.
        self.places = tf.cast(tf.reshape(places, [-1]), "int32")  # (N,)
        numbers = tf.cumsum(tf.reshape(tf.cast(self.is_row, "int32"), [-1])) - 1
        numbers = tf.reshape(numbers, [self.batch_size, self.length])
        # Of every place, its row.
        self.rows = tf.where(self.is_row, numbers, numbers[:, :1])  # (B, T)
        self._places = {}  # of heads, by their number and parts

    def pack(self, x):
        """(B, T), or what broadcasts to it -> (N,); (B, T, D) -> (N, D)."""
        if x.shape.rank < 3:
            x = tf.broadcast_to(x, [self.batch_size, self.length])
            return tf.gather(tf.reshape(x, [-1]), self.places)
        x = tf.reshape(x, [-1, x.shape[-1]])
        rows = tf.where(self.is_row, self.rows, tf.size(self.places))
        return self.gather(x, self.places, rows, drops=True)

    def unpack(self, x):
        """(N, D) -> (B, T, D), with zeros for padding."""
        size = self.batch_size * self.length
        x = tf.scatter_nd(self.places[:, None], x, [size, x.shape[-1]])
        return tf.reshape(x, [self.batch_size, self.length, x.shape[-1]])

    def split_heads(self, x, num_heads, parts=1):
        """(N, parts * H * K) -> a list of (B, H, T, K)."""
        head_dim = x.shape[-1] // (parts * num_heads)
        x = tf.reshape(x, [-1, head_dim])
        heads = self.gather(x, *self._places_of_heads(num_heads, parts))
        return tf.unstack(heads, num=parts)

    def merge_heads(self, x):
        """(B, H, T, K) -> (N, H * K)."""
        num_heads, head_dim = x.shape[1], x.shape[3]
        to_heads, to_rows = self._places_of_heads(num_heads, 1)
        # What padding attends to is dropped: its gradient is the zeros behind the rows.
        nowhere = tf.size(to_rows)
        to_heads = tf.where(self.is_row[:, None, :], to_heads, nowhere)
        x = tf.reshape(x, [-1, head_dim])
        rows = self.gather(x, to_rows, to_heads, drops=True)
        return tf.reshape(rows, [-1, num_heads * head_dim])

    def _places_of_heads(self, num_heads, parts):
        """Which heads of rows stand where in (parts, B, H, T), and the way back.

        Returns:
            int32 (parts, B, H, T), places in a flat (N, parts, H), and int32
            (N, parts, H), places in a flat (parts, B, H, T).
        """
        if (num_heads, parts) in self._places:  # every block asks for the same
            return self._places[num_heads, parts]
        part, head = tf.range(parts), tf.range(num_heads)
        part_heads = part[:, None] * num_heads + head  # (parts, H)
        to_heads = self.rows[None, :, None, :] * (parts * num_heads)
        to_heads += part_heads[:, None, :, None]
        text, column = self.places // self.length, self.places % self.length
        texts = part[:, None] * self.batch_size + text[:, None, None]  # (N, parts, 1)
        to_rows = (texts * num_heads + head) * self.length + column[:, None, None]
        self._places[num_heads, parts] = to_heads, to_rows
        return to_heads, to_rows

    @staticmethod
    def gather(x, indices, inverse, drops=False):
        """Rows of (M, K), of which none is taken twice where its gradient counts.

        Args:
            x: float tensor (M, K).
            indices: int32 tensor of any shape, rows of `x`.
            inverse: int32 tensor of M numbers: of every row of `x`, its place in the
                flat `indices`.
            drops: bool, whether rows are left out: they have the place behind the last.

        Returns:
            Tensor (*indices.shape, K).
        """

        @tf.custom_gradient
        def taken(x):
            def gradient(upstream):
                upstream = tf.reshape(upstream, [-1, x.shape[-1]])
                if drops:
                    upstream = tf.pad(upstream, [[0, 1], [0, 0]])
                return tf.reshape(tf.gather(upstream, inverse), tf.shape(x))

            return tf.gather(x, indices), gradient

        return taken(x)
