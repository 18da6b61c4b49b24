"""Which tokens a masked language model predicts, and what it sees in their place.

Selecting the positions and choosing the values are apart. Both are pure functions of
their inputs and a seed.
"""

import math

import numpy as np
import tensorflow as tf


def max_predictions(sequence_length, selection_rate=0.15):
    """P: enough predictions a row for all but one row in thousands.

    Three standard deviations over the mean, as a multiple of 8. Where more positions
    are selected, a random P of them are kept.
    """
    mean = sequence_length * selection_rate
    deviation = math.sqrt(mean * (1 - selection_rate))
    return min(sequence_length, 8 * math.ceil((mean + 3 * deviation) / 8))


def maskable(segment_ids):
    """Positions that may be selected: no padding, no first position of a segment.

    Args:
        segment_ids: int tensor (B, T).

    Returns:
        bool tensor (B, T).
    """
    before = tf.pad(segment_ids[:, :-1], ((0, 0), (1, 0)))
    return tf.logical_and(segment_ids > 0, segment_ids == before)


def select_uniform(candidates, num_predictions, seed, selection_rate=0.15):
    """Select every candidate with the same probability.

    Args:
        candidates: bool tensor (B, T).
        num_predictions: int, P.
        seed: int tensor (2,).
        selection_rate: float, or a float32 scalar tensor.

    Returns:
        positions int32 (B, P), ascending, 0 where unused; weights float32 (B, P).
    """
    draws = tf.random.stateless_uniform(tf.shape(candidates), seed)
    # A draw below the rate selects; among these, its value is a random rank.
    selected = tf.logical_and(candidates, draws < selection_rate)
    return highest(tf.where(selected, 1.0 - draws, -1.0), num_predictions)


def select_by_frequency(
    candidates, token_ids, token_weights, num_predictions, seed, selection_rate=0.15
):
    """Select a share of the candidates, rare tokens more often.

    Draws ceil(rate * candidates) positions of every row without replacement, with
    probability proportional to the weight of their token (Efraimidis and Spirakis
    2006: the highest u ** (1 / weight)); fewer, where fewer have a weight.

    Args:
        candidates: bool tensor (B, T).
        token_ids: int tensor (B, T).
        token_weights: float tensor (V,), see `frequency_weights`; tokens of weight 0
            are never selected.
        num_predictions: int, P.
        seed: int tensor (2,).
        selection_rate: float, or a float32 scalar tensor.

    Returns:
        positions int32 (B, P), ascending, 0 where unused; weights float32 (B, P).
    """
    draws = tf.random.stateless_uniform(tf.shape(candidates), seed, minval=1e-9)
    weights = tf.gather(token_weights, token_ids)  # (B, T)
    has_weight = tf.logical_and(candidates, weights > 0)
    # log u^(1/w): as they are, since their powers would round to the same number.
    keys = tf.math.divide_no_nan(tf.math.log(draws), weights)
    keys = tf.where(has_weight, keys, -math.inf)
    num_candidates = tf.reduce_sum(tf.cast(candidates, "float32"), axis=1)
    # Less than the rounding of 0.15 * 100, which is above 15 in float32.
    wanted = tf.math.ceil(num_candidates * selection_rate - 1e-4)
    wanted = tf.cast(wanted, "int32")  # (B,)
    ranks = tf.argsort(tf.argsort(keys, direction="DESCENDING", axis=1), axis=1)
    is_selected = tf.logical_and(ranks < wanted[:, None], has_weight)
    scores = tf.cast(tf.shape(ranks)[1] - ranks, "float32")  # the first is the highest
    return highest(tf.where(is_selected, scores, -1.0), num_predictions)


def frequency_weights(token_counts, alpha, special_token_ids):
    """Weights that smooth token frequencies: count ** -alpha.

    As in XLM, special tokens and those that never occur have none: they are not
    predicted.

    Args:
        token_counts: int array (V,).
        alpha: float; XLM's paper has 0.5.
        special_token_ids: list of int.

    Returns:
        float32 tensor (V,).

    Source: Lample and Conneau 2019, section 3.3.
    """
    counts = np.array(token_counts, "float64")
    counts[list(special_token_ids)] = 0
    weights = np.where(counts > 0, np.maximum(counts, 1) ** -alpha, 0)
    return tf.constant(weights, "float32")


def select_for_evaluation(
    candidates, segment_ids, num_predictions, seed, selection_rate=0.15
):
    """As `select_uniform`, but a segment with candidates has one prediction at least.

    Args:
        candidates: bool tensor (B, T).
        segment_ids: int tensor (B, T).
        num_predictions: int, P.
        seed: int tensor (2,).
        selection_rate: float, or a float32 scalar tensor.

    Returns:
        positions int32 (B, P), ascending, 0 where unused; weights float32 (B, P).
    """
    draws = tf.random.stateless_uniform(tf.shape(candidates), seed)
    draws = tf.where(candidates, draws, 2.0)
    same_segment = segment_ids[:, :, None] == segment_ids[:, None, :]  # (B, T, T)
    lowest = tf.reduce_min(tf.where(same_segment, draws[:, None, :], 2.0), axis=2)
    forced = tf.logical_and(candidates, draws == lowest)  # one per segment
    selected = tf.logical_and(candidates, draws < selection_rate)
    scores = tf.where(selected, 1.0 - draws, -1.0)
    return highest(tf.where(forced, 2.0 - draws, scores), num_predictions)


def highest(scores, num_predictions):
    """Select the highest scores of every row that are not negative.

    Args:
        scores: float tensor (B, T).
        num_predictions: int, P.

    Returns:
        positions int32 (B, P), ascending, 0 where unused; weights float32 (B, P).
    """
    scores, positions = tf.math.top_k(scores, k=num_predictions)
    is_used = scores >= 0
    length = tf.int32.max
    positions = tf.sort(tf.where(is_used, positions, length), axis=1)
    weights = tf.cast(positions < length, "float32")
    return tf.where(positions < length, positions, 0), weights


def mask_tokens(
    token_ids,
    mask_positions,
    weights,
    mask_token_id,
    vocabulary_size,
    seed,
    mask_rate=0.8,
    random_rate=0.1,
):
    """Replace the selected tokens: 80 % MASK, 10 % a random token, 10 % as they are.

    Args:
        token_ids: int32 tensor (B, T).
        mask_positions: int32 tensor (B, P).
        weights: float32 tensor (B, P), 0 where a position is unused.
        mask_token_id: int.
        vocabulary_size: int, V; random tokens are drawn from all of it.
        seed: int tensor (2,).
        mask_rate: float, share that becomes MASK.
        random_rate: float, share that becomes a random token.

    Returns:
        token ids with the replacements, int32 (B, T), and the original tokens at the
        positions, int32 (B, P), 0 where unused.

    Source: Devlin et al. 2019, section 3.1; Lample and Conneau 2019, section 3.3.
    """
    originals = tf.gather(token_ids, mask_positions, batch_dims=1)  # (B, P)
    is_used = weights > 0
    draws = tf.random.stateless_uniform(tf.shape(originals), seed)
    random_tokens = tf.random.stateless_uniform(
        tf.shape(originals), seed + 1, maxval=vocabulary_size, dtype="int32"
    )
    values = tf.where(
        draws < mask_rate,
        mask_token_id,
        tf.where(draws < mask_rate + random_rate, random_tokens, originals),
    )
    rows = tf.range(tf.shape(token_ids)[0])[:, None] + tf.zeros_like(mask_positions)
    indices = tf.boolean_mask(tf.stack([rows, mask_positions], axis=2), is_used)
    masked = tf.tensor_scatter_nd_update(
        token_ids, indices, tf.boolean_mask(values, is_used)
    )
    return masked, tf.where(is_used, originals, 0)
