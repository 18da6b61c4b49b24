"""Rows of running text, as XLM trains on, instead of packed sentences."""

import tensorflow as tf

# Texts that are tokenised together, and rows that a shuffle holds: in bounded memory
# some as many sentences as the shuffles of packed sentences hold.
WINDOW = 512
SHUFFLED_ROWS = 2048


def stream_rows(objective, examples, seed):
    """All sentences of a language, one after the other, cut into full rows.

    Every sentence is followed by the end token. Attention crosses sentences, positions
    run through the row, and a row is one segment. The sentences stay in their order,
    pass after pass; the rows are shuffled. Where the tokenizer has a start token of its
    own, every row begins with it, as in XLM-R's training; XLM's rows begin anywhere.

    Args:
        objective: one of `xlm_tf.objectives` that reads texts.
        examples: finite dataset of examples, of one language.
        seed: int.

    Returns:
        Endless dataset of sequences as `PackedSequences.pack_rows` gives, one row a
        batch, a function of the examples and the seed (and TensorFlow's global one).

    Source: Lample and Conneau 2019, section 5.1, and measured behaviour of its code.
    """
    tokenizer, length = objective.tokenizer, objective.sequence_length
    start, end = tokenizer.start_token_id, tokenizer.end_token_id
    has_start = start != end

    def to_stream(window):
        ids = objective.tokenize(window["text"], window["language"])
        ids = tf.cast(ids, "int32")
        ends = tf.fill(tf.stack([ids.nrows(out_type="int32"), 1]), end)
        ids = tf.concat([ids, ends], axis=1)
        language = objective.language_ids(window["language"])
        return {
            "token_ids": ids.values,
            "language_ids": tf.repeat(language, ids.row_lengths()),
        }

    def to_row(row):
        ids, languages = row["token_ids"], row["language_ids"]
        if has_start:
            ids = tf.concat([[start], ids], axis=0)
            languages = tf.concat([languages[:1], languages], axis=0)
        row = {
            "token_ids": ids,
            "language_ids": languages,
            "position_ids": tf.range(length),
            "segment_ids": tf.ones((length,), "int32"),
            "padding_mask": tf.ones((length,), "bool"),
        }
        return {name: tf.ensure_shape(x, (length,))[None] for name, x in row.items()}

    windows = examples.repeat().batch(WINDOW)
    streams = windows.map(to_stream, num_parallel_calls=tf.data.AUTOTUNE)
    rows = streams.rebatch(length - has_start).shuffle(SHUFFLED_ROWS, seed=seed)
    return rows.map(to_row)
