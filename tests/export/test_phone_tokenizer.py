"""The op of a phone gives the tokenizer's ids, special and added words included."""

import pytest
import sentencepiece
import tensorflow as tf
from sentencepiece import sentencepiece_model_pb2

import xlm_tf
from export.added_words import added_words
from export.phone_tokenizer import PhoneTokenizer

WORDS = ["№5", "ＡＢＣ", "cafe\u0301", "ﬁ", "COVID-19", "Å"]
TEXTS = [
    "The quick brown fox jumps over the lazy dog.",
    "",
    "   ",
    "Der Fuchs № 5 und №5, №55 ＡＢＣ ABC ＡＢＣＤ",
    "cafe\u0301 café caffe\u0301 cafe\u0301\u0301",
    "ﬁ fi oﬃce ﬁﬁ COVID-19 COVID-1 covid-19",
    "Å A\u030a\u0301 Ǻ",
    "<mask>",
    "a <mask> b",
    "a<mask>b",
    "  <mask>  <mask>",
    "x\u3000<mask>\u2028<mask>\x85<mask>\xa0y \x0b<mask>",
    "＜mask＞ < mask > <mask",
    "<s> The </s> fox <unk> <pad>a",
    "fox\U000f0100 \U000f0100 fox",
    "Быстрая лиса 敏捷的棕色狐狸 الثعلب ½ ™ …",
]


def ids_by(tokenizer):
    """The op's and the tokenizer's own ids of all texts."""
    ids, splits = PhoneTokenizer(tokenizer)(tf.constant(TEXTS))
    return (
        tf.RaggedTensor.from_row_splits(ids, splits).to_list(),
        tokenizer(TEXTS).to_list(),
    )


@pytest.mark.slow
@pytest.mark.parametrize("special_tokens_in_strings", [False, True])
@pytest.mark.parametrize("rule", ["nmt_nfkc", "identity"])
def test_ids_are_the_same(train_proto, rule, special_tokens_in_strings):
    proto = train_proto(
        unk_id=0, bos_id=1, eos_id=2, pad_id=-1, normalization_rule_name=rule
    )
    tokenizer = xlm_tf.XLMSentencePieceTokenizer(
        proto, special_tokens_in_strings=special_tokens_in_strings
    )
    actual, expected = ids_by(tokenizer)
    for text, ids, others in zip(TEXTS, actual, expected, strict=True):
        assert ids == others, repr(text)
    assert added_words(tokenizer) == []
    extended, _ = tokenizer.extended(WORDS)
    assert added_words(extended) == WORDS
    actual, expected = ids_by(extended)
    for text, ids, others in zip(TEXTS, actual, expected, strict=True):
        assert ids == others, repr(text)
    assert extended.token_to_id("№5") in expected[3]


def test_normalisers_that_are_of_another_kind(spm_proto):
    model = sentencepiece_model_pb2.ModelProto.FromString(spm_proto)
    model.normalizer_spec.remove_extra_whitespaces = False
    proto = model.SerializeToString()
    sentencepiece.SentencePieceProcessor(model_proto=proto)
    tokenizer = xlm_tf.XLMSentencePieceTokenizer(proto)
    with pytest.raises(ValueError, match="another choice of remove_extra_whitespaces"):
        PhoneTokenizer(tokenizer)
