"""Masked language modelling (MLM): predict tokens from their sentence."""

import tensorflow as tf

from xlm_tf.data.packing import split_long
from xlm_tf.objectives.packed_sequences import PackedSequences


class MaskedLanguageModelling(PackedSequences):
    """Sentences of many languages -> packed, masked sequences.

    A sentence is `start tokens end` and one segment; one that is too long is cut into
    several segments.

    The arguments and methods are those of `PackedSequences`.

    Source: Lample and Conneau 2019, section 3.3.
    """

    reads = "texts"
    description = "Masked language modelling, on sentences."

    def segments(self, examples):
        """Tokenise: dict of string (B,) -> dict of int32 ragged (N, None)."""
        ids = self.tokenize(examples["text"], examples["language"])
        language = self.language_ids(examples["language"])
        ids, source = split_long(ids, self.sequence_length - 2)
        ids = self.with_specials(ids)
        return {
            "token_ids": ids,
            "language_ids": ids * 0 + tf.gather(language, source)[:, None],
            "position_ids": tf.ragged.range(ids.row_lengths()),
        }
