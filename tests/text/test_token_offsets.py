"""Tokens know which bytes of their text they stand for."""

import gzip
import json

import numpy as np
import tensorflow as tf

import xlm_tf
from xlm_tf.text.bpe_files import SPECIAL_TOKENS

TEXTS = [
    "The quick brown fox jumps (over the lazy dog).",
    "Der schnelle ﬁne 6½ Fuchs",
    "敏捷的棕色狐狸跳过了懒狗。",
    "  two  spaces\n",
    "",
    "a\0b",
    b"ab \xff\xfe cd \xc3",
]


def parts(text, starts, ends):
    data = text if isinstance(text, bytes) else text.encode()
    return [data[begin:end] for begin, end in zip(starts, ends, strict=True)]


def test_tokens_are_the_same_and_their_bytes_are_the_text(tokenizer):
    ids, starts, ends = tokenizer.tokenize_with_offsets(TEXTS)
    tf.debugging.assert_equal(ids.values, tokenizer(TEXTS).values)
    for number, text in enumerate(TEXTS):
        data = text if isinstance(text, bytes) else text.encode()
        joined = b"".join(parts(text, starts[number].numpy(), ends[number].numpy()))
        assert joined == data.lstrip(b" ") or joined.strip() == data.strip()


def test_texts_whose_words_are_cut(tokenizer):
    # Spaces are put into such texts, and every other character is more bytes then.
    texts = [
        "x" * 2500 + " y\n" + "好" * 9000 + "z",
        "short",
        b"ab\xff" * 9000 + b" dog",
        "é" * 11000,
    ]
    ids, starts, ends = tokenizer.tokenize_with_offsets(texts)
    tf.debugging.assert_equal(ids.values, tokenizer(texts).values)
    for number, text in enumerate(texts):
        data = text if isinstance(text, bytes) else text.encode()
        begins, stops = starts[number].numpy(), ends[number].numpy()
        assert b"".join(parts(text, begins, stops)) == data
        assert (begins[1:] == stops[:-1]).all()
    # The last word of the third is found where it stands.
    last = parts(texts[2], starts[2].numpy(), ends[2].numpy())[-3:]
    assert b"".join(last).endswith(b" dog")


def test_bpe_tokens_stand_for_their_words():
    letters = [*"abcdefghijklmnopqrstuvwxyz().", "狐", "狸"]
    vocabulary = [
        *SPECIAL_TOKENS,
        *letters,
        *(f"{x}</w>" for x in letters),
        "fo",
        "the</w>",
    ]
    bpe = xlm_tf.XLMBPETokenizer(
        vocabulary, [("f", "o"), ("t", "h"), ("th", "e</w>")], language="en"
    )
    texts = ["The fox (jumps).", "", "狐狸 Zoë"]
    ids, starts, ends = bpe.tokenize_with_offsets(texts)
    assert bpe.decode(ids[0]) == "the fox ( jumps ) ."
    tf.debugging.assert_equal(ids[0], bpe(texts)[0])
    found = parts(texts[0], starts[0].numpy(), ends[0].numpy())
    assert found == [b"The", b"fox", b"fox", b"(", *[b"jumps"] * 5, b")", b"."]
    assert parts(texts[2], starts[2].numpy(), ends[2].numpy())[-1] == "Zoë".encode()
    assert ids[1].shape == (0,)


def test_answers_survive_the_pieces(shared_data):
    """Gold answers of XQuAD -> tokens -> characters; the others share an edge piece."""
    path = shared_data / "xlmr_vocab" / "xlmr.rebuilt.spm.model.gz"
    released = xlm_tf.XLMSentencePieceTokenizer(gzip.decompress(path.read_bytes()))
    for language, least in [("en", 0.96), ("zh", 0.98), ("ar", 0.96), ("hi", 0.98)]:
        path = shared_data / "xquad" / f"xquad.{language}.jsonl.gz"
        with gzip.open(path, "rt", encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        ids, starts, ends = released.tokenize_with_offsets([x["context"] for x in rows])
        splits, whole = ids.row_splits.numpy(), 0
        starts, ends = starts.values.numpy(), ends.values.numpy()
        for number, row in enumerate(rows):
            answer = row["answers"][0]
            begin = len(row["context"][: answer["start"]].encode())
            end = begin + len(answer["text"].encode())
            begins, stops = (
                x[splits[number] : splits[number + 1]] for x in (starts, ends)
            )
            first = np.searchsorted(stops, begin, side="right")
            last = np.searchsorted(begins, end, side="left") - 1
            found = row["context"].encode()[begins[first] : stops[last]].decode()
            whole += found.strip() == answer["text"].strip()
            # What is not exact has the answer in it, and less than two pieces more.
            assert answer["text"].strip() in found
            assert stops[first] > begin and begins[last] < end
        assert least <= whole / len(rows) < 1
