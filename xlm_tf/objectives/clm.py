"""Causal language modelling (CLM): predict every token from those before it."""

import tensorflow as tf

from xlm_tf.objectives.mlm import MaskedLanguageModelling


class CausalLanguageModelling(MaskedLanguageModelling):
    """Sentences of many languages -> packed sequences, with every token a target.

    The position before a token predicts it; the first of a segment is predicted by
    none. Nothing is masked, in evaluation neither: the perplexity is that of the whole
    texts, `</s>` included. P is T. The model must be causal.

    The arguments and methods are those of `PackedSequences`; rates are without effect.

    Source: Lample and Conneau 2019, section 3.2.
    """

    description = (
        "Causal language modelling, on sentences, with `model.causal`: the next token."
    )
    causal = True
    masks = False

    def _masked(self, sequences, seed, train_rate=None):
        token_ids, segment_ids = sequences["token_ids"], sequences["segment_ids"]
        after = ((0, 0), (0, 1))
        next_segment = tf.pad(segment_ids[:, 1:], after)
        has_next = tf.logical_and(segment_ids > 0, segment_ids == next_segment)
        positions = tf.range(self.sequence_length)[None] + tf.zeros_like(segment_ids)
        targets = tf.where(has_next, tf.pad(token_ids[:, 1:], after), 0)
        inputs = {
            **sequences,
            "token_ids": self._with_padding(sequences),
            "mask_positions": positions,
        }
        return inputs, targets, tf.cast(has_next, "float32")
