"""What vectors of texts are trained by: who belongs together in a batch."""

import tensorflow as tf

from xlm_tf.models.text_embedding import normalized

# The key of a text that is not there.
NO_TEXT = -1
_MASKED_SCORE = -1e9


def in_batch_loss(vectors, keys, temperature, margin=0.0, symmetric=True, dims=(None,)):
    """Cross-entropies of finding the right text among all of a batch.

    softmax(cosine / temperature) over the candidates: of a source all targets and hard
    negatives, of a target all sources. What is no negative is left out: a text that is
    a target of the same source in another pair, or the same text as the source, and of
    the sources likewise.

    Args:
        vectors: dict of float tensors of length 1: `source` and `target` (N, D), and
            perhaps `negatives` (N, M, D).
        keys: dict of int64 tensors, equal for equal texts: `source` and `target` (N,),
            and `negatives` (N, M), `NO_TEXT` where a pair has none.
        temperature: float.
        margin: float, subtracted from the cosine of every pair.
        symmetric: bool, whether targets look for their sources, too.
        dims: list of int, lengths to which vectors are cut, and scaled to length 1
            again; None leaves them. The losses are the mean over all.

    Returns:
        `(losses, is_right)`: float (K, N), by direction, whose mean is the loss; bool
        (K, N), whether the right text is the nearest, by the whole vectors.

    Sources: van den Oord et al. 2018 (arXiv 1807.03748), Henderson et al. 2017 (arXiv
    1705.00652), Yang et al. 2019 (arXiv 1902.08564, additive margin), Kusupati et al.
    2022 (arXiv 2205.13147, vectors that may be cut).
    """
    sources, targets = keys["source"], keys["target"]
    candidate_keys = targets
    if "negatives" in keys:
        candidate_keys = tf.concat([targets, tf.reshape(keys["negatives"], [-1])], 0)
    directions = [(False, _excluded(sources, targets, candidate_keys))]
    if symmetric:
        directions.append((True, _excluded(targets, sources, sources)))
    labels = tf.range(tf.shape(sources)[0])
    losses, is_right = 0.0, None
    for dim in dims:
        cut = {name: _cut(x, dim) for name, x in vectors.items()}
        candidates = cut["target"]
        if "negatives" in cut:
            negatives = tf.reshape(cut["negatives"], (-1, candidates.shape[1]))
            candidates = tf.concat([candidates, negatives], 0)
        own_losses, own_right = [], []
        for is_backward, excluded in directions:
            queries = cut["target"] if is_backward else cut["source"]
            among = cut["source"] if is_backward else candidates
            cosines = tf.matmul(queries, among, transpose_b=True)  # (N, C)
            is_own = tf.eye(tf.shape(cosines)[0], tf.shape(cosines)[1])
            mask = tf.where(excluded, _MASKED_SCORE, 0.0)
            scores = (cosines - margin * is_own) / temperature + mask
            own_losses.append(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels, scores)
            )
            best = tf.argmax(cosines + mask, axis=1, output_type="int32")
            own_right.append(best == labels)
        losses += tf.stack(own_losses) / len(dims)
        if is_right is None:
            is_right = tf.stack(own_right)
    return losses, is_right


def ranking_loss(vectors, scores, temperature, dims=(None,)):
    """Log of how much the cosines of pairs are in another order than their scores.

    log(1 + sum exp((c_j - c_i) / temperature)) over all i, j with a higher score of i.

    Args:
        vectors: dict of float tensors of length 1: `source` and `target` (N, D).
        scores: float tensor (N,).
        temperature: float.
        dims: see `in_batch_loss`.

    Returns:
        `(loss, share)`: float scalars; the share of these i, j whose cosines are in
        the right order, by the whole vectors.

    Source: Huang et al. 2024, CoSENT (IEEE/ACM TASLP 32, 2800-2813).
    """
    is_higher = scores[:, None] > scores[None]  # (N, N)
    loss, share = 0.0, None
    for dim in dims:
        source, target = (_cut(vectors[name], dim) for name in ("source", "target"))
        cosines = tf.reduce_sum(source * target, axis=1)  # (N,)
        excess = cosines[None] - cosines[:, None]
        terms = tf.where(is_higher, excess / temperature, _MASKED_SCORE)
        terms = tf.concat([[0.0], tf.reshape(terms, [-1])], 0)
        loss += tf.reduce_logsumexp(terms) / len(dims)
        if share is None:
            is_right = tf.cast(is_higher & (excess < 0), "float32")
            count = tf.reduce_sum(tf.cast(is_higher, "float32"))
            share = tf.math.divide_no_nan(tf.reduce_sum(is_right), count)
    return loss, share


def check_matryoshka_dims(dims):
    """Raise ValueError where lengths of vectors are not whole numbers that fall."""
    are_whole = all(isinstance(x, int) and not isinstance(x, bool) for x in dims)
    if not are_whole or any(x < 1 for x in dims) or dims != sorted(set(dims))[::-1]:
        raise ValueError(
            "matryoshka_dims must be whole numbers from 1 on, each less than the one "
            f"before, such as [512, 256, 64]. Received: {dims}."
        )


def _excluded(queries, answers, candidates):
    """Which candidates are no negatives of a query, nor its answer: bool (N, C).

    Args:
        queries, answers: int64 (N,), keys; the answer to a query is in the same row.
        candidates: int64 (C,), keys; the answers first.
    """
    same_query = tf.cast(queries[:, None] == queries[None], "float32")  # (N, N)
    is_answer = tf.cast(answers[:, None] == candidates[None], "float32")  # (N, C)
    answers_it = tf.matmul(same_query, is_answer) > 0  # of any row with that query
    excluded = (
        answers_it
        | (queries[:, None] == candidates[None])
        | (candidates == NO_TEXT)[None]
    )
    is_own = tf.eye(tf.shape(queries)[0], tf.shape(candidates)[0]) > 0
    return excluded & ~is_own


def _cut(vectors, dim):
    """Vectors (..., D) -> (..., dim), of length 1."""
    if dim is None:
        return vectors
    return normalized(vectors[..., :dim])
