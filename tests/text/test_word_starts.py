"""Which tokens begin a word."""

import tensorflow as tf

from xlm_tf import XLMBPETokenizer
from xlm_tf.text.word_starts import WordStarts


def words(tokenizer, ids):
    starts = WordStarts(tokenizer)(ids).numpy().tolist()
    found, texts = iter(starts), []
    for row in ids.to_list():
        texts.append([])
        for token_id in row:
            token = tokenizer.id_to_token(token_id)
            if next(found):
                texts[-1].append(token)
            else:
                texts[-1][-1] += token
    return texts


def test_words_of_sentencepiece_are_those_between_spaces(tokenizer):
    texts = ["The file was not found.", "", "Datei nicht gefunden"]
    found = words(tokenizer, tokenizer(tf.constant(texts)))
    assert [["".join(word).replace("▁", "") for word in row] for row in found] == [
        text.split() for text in texts
    ]


def test_words_of_fastbpe_follow_an_end():
    vocabulary = {"<s>": 0, "</s>": 1, "<pad>": 2, "<unk>": 3}
    vocabulary |= {f"<special{n}>": 4 + n for n in range(10)}
    vocabulary |= {"a</w>": 14, "b": 15, "c</w>": 16}
    tokenizer = XLMBPETokenizer(vocabulary, ["b c</w>"], words="whitespace")
    ids = tf.ragged.constant([[14, 15, 16, 15], [], [15, 3, 16]], dtype="int32")
    assert words(tokenizer, ids)[0] == ["a</w>", "bc</w>", "b"]
    # An unknown token is a word.
    assert words(tokenizer, ids)[2] == ["b", "<unk>c</w>"]


def test_scripts_without_spaces_have_a_word_a_token():
    class Tokenizer:
        special_token_ids = (0,)

        def get_vocabulary(self):
            return ["<s>", "▁", "我们", "好", "▁ab", "c", "ไทย"]

    ids = tf.ragged.constant([[1, 2, 3, 4, 5, 6, 5]], dtype="int32")
    starts = WordStarts(Tokenizer())(ids).numpy().tolist()
    assert starts == [True, True, True, True, False, True, False]
