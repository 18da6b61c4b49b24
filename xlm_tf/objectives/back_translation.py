"""Back-translation (BT): write a text from the model's own translation of it."""

import tensorflow as tf

from xlm_tf.objectives.sentence_pairs import BACK_TRANSLATED, SentencePairs


def most_translated(length):
    """The longest translations of texts of so many tokens, XLM's limit: int32."""
    return tf.cast(1.3 * tf.cast(length, "float32") + 5.0, "int32")


class BackTranslation(SentencePairs):
    """Texts -> themselves, and the language that the model translates each into first.

    The source of a batch is the text itself; the trainer puts the translation of the
    model as it is then in its place, in that language.

    Args:
        tokenizer, sequence_length, languages: see `SentencePairs`.
        directions: list of pairs of str, source and target, that are learnt: targets
            are real text, sources are translations of it.
        sampling_temperature: float, of the translations where they are sampled: each
            text then has random numbers of its own, `sampling_draws`. None: they are
            the most probable.

    Source: Sennrich et al. 2016 (arXiv 1511.06709); online: Lample and Conneau 2019,
    section 5.2.
    """

    reads = "texts"
    description = (
        "Back-translation: write texts from what the model, as it is then, translates "
        "them into."
    )
    has_perplexity = False  # there is no source but the model's own
    prediction = BACK_TRANSLATED
    settings = ("directions", "sampling_temperature")

    def __init__(
        self,
        tokenizer,
        sequence_length,
        languages,
        directions,
        sampling_temperature=None,
    ):
        super().__init__(tokenizer, sequence_length, languages)
        is_sampled = sampling_temperature is not None
        self.num_draws = most_translated(sequence_length) if is_sampled else None
        sources = [[] for _ in self.languages]
        for source, target in directions:
            sources[self.language_row(target)].append(self.language_row(source))
        self.counts = tf.constant([len(own) for own in sources])
        width = max(map(len, sources))
        self.sources = tf.constant([own + [0] * (width - len(own)) for own in sources])

    def pairs(self, examples, seed):
        """See `SentencePairs`; `written_language` is the translation's.

        Where translations are sampled, `sampling_draws` is float32 (N, T), for every
        token of the longest.
        """
        ids = self.tokenize(examples["text"], examples["language"])
        language = self.language_ids(examples["language"])
        draws = tf.random.stateless_uniform(tf.shape(language), seed)
        counts = tf.cast(tf.gather(self.counts, language), "float32")
        drawn = tf.cast(draws * counts, "int32")
        rows = {
            "source": ids,
            "target": ids,
            "source_language": language,
            "target_language": language,
            "written_language": tf.gather_nd(
                self.sources, tf.stack([language, drawn], axis=1)
            ),
        }
        if self.num_draws is not None:
            shape = tf.size(language), self.num_draws
            rows["sampling_draws"] = tf.random.stateless_uniform(shape, seed + 1)
        return rows
