"""Translation language modelling (TLM): predict tokens from a sentence pair."""

import tensorflow as tf
import tensorflow_text as tf_text

from xlm_tf.objectives.packed_sequences import PackedSequences


class TranslationLanguageModelling(PackedSequences):
    """Sentence pairs -> packed, masked sequences.

    A pair is one segment, `start source end start target end`: in XLM, where start
    and end are both `</s>`, the four `</s>` of the paper. Positions restart at the
    second sentence, language ids are those of each side, and the sides are swapped at
    random. Of a pair that is too long, the longer side is cut first.

    The arguments and methods are those of `PackedSequences`.

    Source: Lample and Conneau 2019, section 3.4.
    """

    reads = "pairs"
    description = "Translation language modelling, on pairs."

    def segments(self, examples):
        """Tokenise: dict of string (B,) -> dict of int32 ragged (B, None)."""
        trimmer = tf_text.RoundRobinTrimmer(max_seq_length=self.sequence_length - 4)
        whole = [
            self.tokenize(examples[side], examples[f"{side}_language"])
            for side in ("source", "target")
        ]
        sides = trimmer.trim(whole)
        languages = [
            self.language_ids(examples[f"{side}_language"])
            for side in ("source", "target")
        ]
        features = [
            self._side(ids, language)
            for ids, language in zip(sides, languages, strict=True)
        ]
        # Which side comes first is drawn from the source itself: no state, no seed.
        swap = tf.reduce_sum(whole[0], axis=1) % 2 == 1
        return {
            name: _join(features[0][name], features[1][name], swap)
            for name in features[0]
        }

    def _side(self, ids, language):
        ids = self.with_specials(ids)
        return {
            "token_ids": ids,
            "language_ids": ids * 0 + language[:, None],
            "position_ids": tf.ragged.range(ids.row_lengths()),
        }


def _join(first, second, swap):
    """Concatenate row by row, the other way round where `swap` says so."""
    both = tf.stack([first, second], axis=1)  # (B, 2, None)
    order = tf.where(swap[:, None], [[1, 0]], [[0, 1]])
    return tf.gather(both, order, batch_dims=1).merge_dims(1, 2)
