"""Texts as token ids, as all objectives read them, and the seeds of their draws."""

import tensorflow as tf


def token_ids(tokenizer, texts, language):
    """The token ids of texts, as all objectives read them.

    Args:
        tokenizer: a tokenizer of `xlm_tf.text`.
        texts: string (B,); or token ids, int32 ragged (B, None), which stay.
        language: string (B,).

    Returns:
        int32 RaggedTensor (B, None).
    """
    if isinstance(texts, tf.RaggedTensor):
        return texts
    if getattr(tokenizer, "reads_language", False):
        return tokenizer(texts, language=language)
    return tokenizer(texts)


def token_ids_of_sides(tokenizer, examples):
    """The token ids of every text of examples.

    Args:
        tokenizer: a tokenizer of `xlm_tf.text`.
        examples: dict of string (B,): `text` and `language`, or of pairs `source`,
            `target`, `source_language`, `target_language`.

    Returns:
        list of int32 RaggedTensor (B, None): one, or those of source and target.
    """
    if "text" in examples:
        return [token_ids(tokenizer, examples["text"], examples["language"])]
    return [
        token_ids(tokenizer, examples[side], examples[f"{side}_language"])
        for side in ("source", "target")
    ]


def with_specials(tokenizer, ids):
    """Ragged (N, None) -> `start ids end`, ragged (N, None)."""
    column = tf.zeros((ids.nrows(), 1), ids.dtype)
    start = tf.RaggedTensor.from_tensor(column + tokenizer.start_token_id)
    end = tf.RaggedTensor.from_tensor(column + tokenizer.end_token_id)
    return tf.concat([start, ids, end], axis=1)


def seed_of(seed, index):
    """The seed of a window or batch, int64 (2,): of a stream's and its number there."""
    return tf.stack([tf.constant(seed, "int64"), index])
