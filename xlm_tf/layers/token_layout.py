"""How the tokens of a batch lie in memory: padded, or the real ones alone.

Dense layers, LayerNorms and dropout compute every token for itself: only attention must
know which ones are of one text. On texts of mixed length half of a padded batch is
padding, which packed tokens leave out.
"""

import keras
import tensorflow as tf
from keras import ops

from xlm_tf.layers.packed_layout import PackedLayout
from xlm_tf.private_keras import is_compiled_by_xla

TOKEN_LAYOUTS = ("auto", "padded", "packed")


class PaddedLayout:
    """Every token, padding too: where shapes must not depend on the texts."""

    def pack(self, x):
        """(B, T) or (B, T, D) -> the same."""
        return x

    def unpack(self, x):
        """(B, T, D) -> the same."""
        return x

    def split_heads(self, x, num_heads, parts=1):
        """(B, T, parts * H * K) -> a list of (B, H, T, K)."""
        shape = (*ops.shape(x)[:2], num_heads, x.shape[-1] // (parts * num_heads))
        return [
            ops.transpose(ops.reshape(part, shape), (0, 2, 1, 3))
            for part in ops.split(x, parts, axis=-1)
        ]

    def merge_heads(self, x):
        """(B, H, T, K) -> (B, T, H * K)."""
        shape = (ops.shape(x)[0], ops.shape(x)[2], x.shape[1] * x.shape[3])
        return ops.reshape(ops.transpose(x, (0, 2, 1, 3)), shape)


PADDED = PaddedLayout()


def choose_layout(padding_mask, wanted="auto"):
    """The layout of a batch.

    Args:
        padding_mask: bool tensor (B, T), True = real token.
        wanted: one of `TOKEN_LAYOUTS`. By "auto", tokens are packed where TensorFlow
            runs kernel by kernel on a processor: XLA and other backends want shapes
            that do not depend on the texts, and a GPU would wait for their number.

    Returns:
        `PaddedLayout` or `PackedLayout`.

    Raises:
        ValueError: tokens shall be packed where they cannot be.
    """
    if wanted == "padded" or isinstance(padding_mask, keras.KerasTensor):
        return PADDED
    can_pack = keras.config.backend() == "tensorflow" and not is_compiled_by_xla()
    if wanted == "packed" and not can_pack:
        raise ValueError(
            "Only TensorFlow without XLA packs tokens: compile with jit_compile=False, "
            "or let token_layout be 'auto'. Received: token_layout='packed', backend="
            f"{keras.config.backend()!r}."
        )
    has_gpu = can_pack and tf.config.list_logical_devices("GPU")
    if not can_pack or (wanted == "auto" and has_gpu):
        return PADDED
    return PackedLayout(padding_mask)
