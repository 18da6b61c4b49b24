"""Attention masks: pure functions of other masks.

Every mask is bool, True = may be attended to, and broadcasts to (B, H, T, S): batch,
heads, queries, keys.
"""

from keras import ops


def visible_tokens(padding_mask):
    """The real tokens; of a text without any, its first position.

    Where nothing may be attended to, a softmax attends to padding.

    Args:
        padding_mask: bool tensor (B, T), True = real token.

    Returns:
        bool tensor (B, T).
    """
    is_empty = ops.logical_not(ops.any(padding_mask, axis=1, keepdims=True))  # (B, 1)
    is_first = ops.equal(ops.cumsum(ops.ones_like(padding_mask, "int32"), axis=1), 1)
    return ops.logical_or(padding_mask, ops.logical_and(is_empty, is_first))


def padding_attention_mask(padding_mask):
    """Every query sees the real tokens.

    Args:
        padding_mask: bool or int tensor (B, S), True = real token.

    Returns:
        bool tensor (B, 1, 1, S).
    """
    return ops.expand_dims(ops.expand_dims(ops.cast(padding_mask, "bool"), 1), 1)


def segment_attention_mask(segment_ids):
    """In packed rows, every token sees its own segment, and nobody sees padding.

    Args:
        segment_ids: int tensor (B, T), 0 = padding.

    Returns:
        bool tensor (B, 1, T, T).
    """
    queries = ops.expand_dims(segment_ids, 2)  # (B, T, 1)
    keys = ops.expand_dims(segment_ids, 1)  # (B, 1, T)
    same_segment = ops.logical_and(ops.equal(queries, keys), ops.not_equal(keys, 0))
    return ops.expand_dims(same_segment, 1)


def causal_attention_mask(query_positions, key_positions):
    """Every query sees the keys up to its own position.

    Args:
        query_positions: int tensor (B, T).
        key_positions: int tensor (B, S); in decoding with a cache, S is above T.

    Returns:
        bool tensor (B, 1, T, S).
    """
    queries = ops.expand_dims(query_positions, 2)  # (B, T, 1)
    keys = ops.expand_dims(key_positions, 1)  # (B, 1, S)
    return ops.expand_dims(ops.less_equal(keys, queries), 1)
