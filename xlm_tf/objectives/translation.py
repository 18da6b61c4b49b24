"""Machine translation (MT) of pairs, among the objectives of a pretraining."""

import tensorflow as tf

from xlm_tf.objectives.sentence_pairs import SentencePairs


class MachineTranslation(SentencePairs):
    """Sentence pairs -> one side to read, the other to write.

    Args:
        tokenizer, sequence_length, languages: see `SentencePairs`.
        directions: list of pairs of str, source and target, that are learnt; pairs of
            which both are learnt are read either way at random. None: both of all.

    Source: Lample and Conneau 2019, section 5.3.
    """

    reads = "pairs"
    description = "Translation of the pairs, in both directions."
    settings = ("directions",)

    def __init__(self, tokenizer, sequence_length, languages, directions=None):
        super().__init__(tokenizer, sequence_length, languages)
        size = len(self.languages)
        learnt = [[directions is None] * size for _ in range(size)]
        for source, target in directions or ():
            learnt[self.language_row(source)][self.language_row(target)] = True
        self.is_learnt = tf.constant(learnt)  # (L, L), by source and target

    def pairs(self, examples, seed):
        """See `SentencePairs`."""
        ids, languages = [], []
        for side in ("source", "target"):
            language = examples[f"{side}_language"]
            ids.append(self.tokenize(examples[side], language))
            languages.append(self.language_ids(language))
        languages = tf.stack(languages, axis=1)  # (N, 2)
        forward, backward = (
            tf.gather_nd(self.is_learnt, order)
            for order in (languages, languages[:, ::-1])
        )
        draws = tf.random.stateless_uniform(tf.shape(forward), seed) < 0.5
        swap = tf.where(forward & backward, draws, backward)  # (N,)
        row, both = tf.range(tf.size(swap)), tf.concat(ids, axis=0)
        first, second = row, row + tf.size(swap)
        languages = tf.where(swap[:, None], languages[:, ::-1], languages)
        return {
            "source": tf.gather(both, tf.where(swap, second, first)),
            "target": tf.gather(both, tf.where(swap, first, second)),
            "source_language": languages[:, 0],
            "target_language": languages[:, 1],
        }
