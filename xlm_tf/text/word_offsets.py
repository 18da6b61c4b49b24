"""Words of raw text and the bytes where they stand, in graph, for every script."""

import tensorflow as tf
import tensorflow_text as tf_text

# Scripts that are written without spaces between words.
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_CHARACTER = rf"[^\s\p{{Z}}\p{{Cc}}\p{{Cf}}\p{{P}}\p{{S}}{UNSPACED}]"
# Between two characters of a word they are part of it: don't, U.S, 3.5, Jean-Paul, and
# the joiners of Persian and of Indic scripts.
_JOINER = r"['’.\-_&/·״׳\x{200C}\x{200D}]"
_WORD = (
    rf"[{UNSPACED}]\p{{M}}*"
    r"|(?:\p{L}\.){2,}"  # U.S.
    rf"|{_CHARACTER}+(?:{_JOINER}+{_CHARACTER}+)*"
    r"|[^\s\p{Z}\p{Cc}\p{Cf}]"
)


def split_words_with_offsets(texts):
    """The words of texts: what stands between spaces, marks of punctuation apart.

    A character of a script without spaces (Chinese, Japanese, Thai, Lao, Khmer,
    Burmese) is a word. Bytes that are no UTF-8 are in no word.

    Args:
        texts: string tensor (B,).

    Returns:
        `(words, starts, ends)`: string, int32 and int32 RaggedTensors (B, None); a word
        is the bytes from its start to before its end.
    """
    with tf.device("cpu"):
        # TensorFlow's expressions end a string at NUL.
        texts = tf.strings.regex_replace(texts, r"\x00", "\x01")
        parts, starts, ends = tf_text.regex_split_with_offsets(texts, _WORD, _WORD)
        is_word = parts.with_values(tf.strings.regex_full_match(parts.values, _WORD))
        words, starts, ends = (
            tf.ragged.boolean_mask(x, is_word) for x in (parts, starts, ends)
        )
        return words, tf.cast(starts, "int32"), tf.cast(ends, "int32")
