"""Text infilling: write a text in which a mask stands for every missing span."""

from xlm_tf.objectives import noise
from xlm_tf.objectives.denoising import DenoisingAutoEncoding
from xlm_tf.objectives.sentence_pairs import SentencePairs
from xlm_tf.text.word_starts import WordStarts


class TextInfilling(DenoisingAutoEncoding):
    """Texts with spans of words masked, one `<mask>` each -> the texts.

    Args:
        tokenizer, sequence_length, languages: see `SentencePairs`.
        span_rate: float, about the share of the words that is masked.
        span_length: float, mean length of a span in words.

    Source: Lewis et al. 2020 (arXiv 1910.13461), section 2.2; Liu et al. 2020 (mBART,
    arXiv 2001.08210), section 2.2.
    """

    description = "Text infilling: write texts of which spans are one mask (mBART)."
    settings = ("span_rate", "span_length")

    def __init__(
        self, tokenizer, sequence_length, languages, span_rate=0.35, span_length=3.5
    ):
        SentencePairs.__init__(self, tokenizer, sequence_length, languages)
        self.span_rate = span_rate
        self.span_length = span_length
        self.word_starts = WordStarts(tokenizer)

    def noisy(self, words, seed):
        """Words, ragged (N, None, None), with masks in place of spans."""
        mask = self.tokenizer.mask_token_id
        return noise.infill_spans(words, self.span_rate, self.span_length, mask, seed)
