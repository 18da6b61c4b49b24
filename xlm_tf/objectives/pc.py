"""Parallel classification (PC): is this pair a translation?"""

import tensorflow as tf

from xlm_tf.data.packing import pack
from xlm_tf.objectives import masking
from xlm_tf.objectives.tlm import TranslationLanguageModelling


class ParallelClassification(TranslationLanguageModelling):
    """Sentence pairs, half of them wrong -> packed sequences, a prediction a pair.

    A pair is a segment as in TLM. Half of the pairs have the target of another pair
    of the same languages, a few hundred pairs around, unless that says the same. The
    first position of a pair predicts which it is: the start token where the pair is
    parallel, the mask token where it is not. These are two words of the vocabulary,
    so that all is predicted by one head, and PC mixes with MLM and TLM in one run. No
    token is masked.

    XLM has the objective in its code, not in its paper; there a pair is a row, its
    other targets are those of the batch, and it is decided between two classes alone,
    where here the head first learns that two tokens are all there is.

    The arguments and methods are those of `PackedSequences`; rates are without effect,
    but for P.
    """

    description = "Parallel classification, on pairs: whether they are translations."
    masks = False

    def _pack(self, examples, seed):
        seed = tf.cast(seed, "int32")
        examples, is_parallel = _with_other_targets(examples, seed)
        segments = self.segments(examples)
        # The answer stands in the place of the start token while rows are packed.
        ids = segments["token_ids"]
        answers = tf.where(
            is_parallel, self.tokenizer.start_token_id, self.tokenizer.mask_token_id
        )
        ids = tf.concat([tf.cast(answers, ids.dtype)[:, None], ids[:, 1:]], axis=1)
        return pack({**segments, "token_ids": ids}, self.sequence_length, seed)

    def _masked(self, sequences, seed, train_rate=None):
        segment_ids = sequences["segment_ids"]
        is_first = tf.logical_and(
            segment_ids > 0, tf.logical_not(masking.maskable(segment_ids))
        )
        draws = tf.random.stateless_uniform(tf.shape(is_first), seed)
        positions, weights = masking.highest(
            tf.where(is_first, draws, -1.0), self._num_predictions(train_rate is None)
        )
        answers = tf.gather(sequences["token_ids"], positions, batch_dims=1)
        token_ids = tf.where(
            is_first, self.tokenizer.start_token_id, self._with_padding(sequences)
        )
        inputs = {**sequences, "token_ids": token_ids, "mask_positions": positions}
        return inputs, tf.where(weights > 0, answers, 0), weights


def _with_other_targets(examples, seed):
    """Half of the pairs with the target of another, and which are still parallel.

    Args:
        examples: dict of string tensors (B,), or of token ids.
        seed: int tensor (2,).

    Returns:
        examples as before, and bool (B,).
    """
    languages = tf.strings.join(
        [examples["source_language"], examples["target_language"]], separator="\0"
    )
    _, group, sizes = tf.unique_with_counts(languages)
    order = tf.argsort(group, stable=True)  # group by group
    starts = tf.cumsum(sizes, exclusive=True)
    place = tf.argsort(order) - tf.gather(starts, group)  # (B,), within the group
    # All of a group move on alike, by less than the whole circle: none to itself.
    draws = tf.random.stateless_uniform(tf.shape(sizes), seed)
    shifts = 1 + tf.cast(draws * tf.cast(sizes - 1, "float32"), "int32")
    shifts = tf.minimum(shifts, tf.maximum(sizes - 1, 1))  # where draws round to 1
    moved = (place + tf.gather(shifts, group)) % tf.gather(sizes, group)
    other = tf.gather(order, tf.gather(starts, group) + moved)
    target = examples["target"]
    coins = tf.random.stateless_uniform(tf.shape(group), seed + 1)
    is_parallel = tf.logical_or(coins < 0.5, _says_the_same(target, other))
    chosen = tf.where(is_parallel, tf.range(tf.size(group)), other)
    return {**examples, "target": tf.gather(target, chosen)}, is_parallel


def _says_the_same(texts, other):
    """Whether each text is the same as the other one of its place: bool (B,)."""
    if isinstance(texts, tf.RaggedTensor):  # token ids
        ids = texts.to_tensor(-1)
        return tf.reduce_all(tf.gather(ids, other) == ids, axis=1)
    return tf.gather(texts, other) == texts
