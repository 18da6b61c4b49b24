"""From token ids back to texts: what the models that write share."""

import tensorflow as tf


class TextWriting:
    """Mixin for preprocessors of models that write."""

    def generate_postprocess(self, token_ids):
        """int (..., T) -> texts, str tensor (...)."""
        flat = tf.reshape(token_ids, (-1, tf.shape(token_ids)[-1]))
        texts = self.tokenizer.detokenize(flat)
        return tf.reshape(texts, tf.shape(token_ids)[:-1])

    def written(self, token_ids):
        """int (B, n, T) -> lists of n str, one of each text."""
        texts = self.generate_postprocess(token_ids).numpy()
        return [[text.decode("utf-8") for text in row] for row in texts]


def as_asked(texts, scores, num_return, is_single):
    """Lists of n candidates in the form in which `generate` was asked.

    Args:
        texts: list of lists of str, one of each input, best first.
        scores: list of lists of float, as `texts`.
        num_return: int, n.
        is_single: bool, one str came in and not a list.

    Returns:
        `(texts, scores)`: where n is 1, the candidate instead of a list of it; and
        what belongs to the first input alone with `is_single`.
    """
    if num_return == 1:
        texts, scores = ([row[0] for row in x] for x in (texts, scores))
    if is_single:
        texts, scores = texts[0], scores[0]
    return texts, scores
