"""Denoising auto-encoding (DAE): write a text from its words in disorder."""

from xlm_tf.objectives import noise
from xlm_tf.objectives.sentence_pairs import SentencePairs
from xlm_tf.text.word_starts import WordStarts


class DenoisingAutoEncoding(SentencePairs):
    """Texts with noise on their words -> the texts.

    Words are moved, then some left out, then some blanked: every token of those is
    `<mask>`.

    Args:
        tokenizer, sequence_length, languages: see `SentencePairs`.
        word_shuffle: float, places that a word may move, less than that.
        word_dropout: float, share of the words that is left out.
        word_blank: float, share of the words that is blanked.

    Source: Lample et al. 2018 (arXiv 1711.00043), section 2.3; Lample and Conneau 2019,
    section 5.2.
    """

    reads = "texts"
    description = "Denoising: write texts whose words are in disorder, or missing."
    settings = ("word_shuffle", "word_dropout", "word_blank")

    def __init__(
        self,
        tokenizer,
        sequence_length,
        languages,
        word_shuffle=3.0,
        word_dropout=0.1,
        word_blank=0.1,
    ):
        super().__init__(tokenizer, sequence_length, languages)
        self.word_shuffle = word_shuffle
        self.word_dropout = word_dropout
        self.word_blank = word_blank
        self.word_starts = WordStarts(tokenizer)

    def pairs(self, examples, seed):
        """See `SentencePairs`."""
        target = self.tokenize(examples["text"], examples["language"])
        language = self.language_ids(examples["language"])
        words = noise.as_words(target, self.word_starts(target))
        return {
            "source": noise.as_tokens(self.noisy(words, seed)),
            "target": target,
            "source_language": language,
            "target_language": language,
        }

    def noisy(self, words, seed):
        """Words, ragged (N, None, None), with noise that is a function of the seed."""
        words = noise.shuffle_words(words, self.word_shuffle, seed)
        words = noise.drop_words(words, self.word_dropout, seed + 1)
        mask = self.tokenizer.mask_token_id
        return noise.blank_words(words, self.word_blank, mask, seed + 2)
