"""Where words begin among the tokens of a text, in graph."""

import tensorflow as tf

from xlm_tf.text.bpe_files import WORD_END
from xlm_tf.text.word_offsets import UNSPACED


class WordStarts:
    """Tells which tokens begin a word, by what the vocabulary says of them.

    A SentencePiece token that begins with `▁` begins a word, one of fastBPE's follows
    another word's end. In scripts without spaces every token is a word.

    Args:
        tokenizer: a tokenizer of `xlm_tf.text`.

    Call arguments:
        ids: int32 RaggedTensor (N, None), texts without special tokens around them.

    Returns:
        bool tensor (M,), for all tokens of the texts in their order.
    """

    def __init__(self, tokenizer):
        tokens = tokenizer.get_vocabulary()
        special = {*tokenizer.special_token_ids}
        is_bpe = any(token.endswith(WORD_END) for token in tokens)
        begins = [
            number in special or token.startswith("▁")
            for number, token in enumerate(tokens)
        ]
        unspaced = tf.strings.regex_full_match(tokens, f"[{UNSPACED}].*")
        self.begins = tf.constant(begins) | unspaced
        self.ends = tf.constant([is_bpe and x.endswith(WORD_END) for x in tokens])

    def __call__(self, ids):
        values = ids.values
        follows_end = tf.concat([[True], tf.gather(self.ends, values[:-1])], axis=0)
        follows_end = follows_end[: tf.size(values)]
        starts = tf.gather(self.begins, values) | follows_end
        firsts = tf.boolean_mask(ids.row_starts(), ids.row_lengths() > 0)
        return tf.tensor_scatter_nd_update(
            starts, firsts[:, None], tf.ones_like(firsts, "bool")
        )
