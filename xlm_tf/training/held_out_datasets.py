"""Datasets without what is held out."""

import numpy as np
import tensorflow as tf

# Examples that are read together: one by one, tf.data's own time would dominate.
_BLOCK = 1024


def without_left_out(examples, is_left_out):
    """The examples that a selection does not leave out.

    Args:
        examples: dataset of dicts, of what was added to it.
        is_left_out: see `Selection`.

    Returns:
        dataset; it holds a bit per example in memory.
    """
    if is_left_out is None:
        return examples
    bits = np.packbits(np.frombuffer(is_left_out, "uint8"))
    bits = np.pad(bits, (0, -len(bits) % (_BLOCK // 8)))
    bits = tf.data.Dataset.from_tensor_slices(bits.reshape(-1, _BLOCK // 8))
    masks = tf.constant([128 >> place for place in range(8)], "uint8")

    def of_block(block, bits):
        is_left_out = tf.bitwise.bitwise_and(bits[:, None], masks) > 0
        is_left_out = tf.reshape(is_left_out, [-1])  # (_BLOCK,)
        return {
            name: tf.boolean_mask(values, ~is_left_out[: tf.size(values)])
            for name, values in block.items()
        }

    blocks = tf.data.Dataset.zip(examples.batch(_BLOCK), bits)
    return blocks.map(of_block).unbatch()


def without_texts(examples, fields, spellings):
    """The examples that hold none of some texts.

    Args:
        examples: dataset of dicts of string scalars.
        fields: the names of its texts.
        spellings: set of str, see `HeldOutTexts.count_others`.
    """
    if not spellings:
        return examples
    spellings = sorted(spellings)
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(spellings, [1] * len(spellings)), 0
    )

    def is_other(example):
        return tf.add_n([table.lookup(example[name]) for name in fields]) == 0

    return examples.filter(is_other)
