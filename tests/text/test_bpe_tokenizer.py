"""XLM's BPE tokenizer: the ids of fastBPE, in Python and in graph."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import xlm_tf
from xlm_tf.text.bpe_files import SPECIAL_TOKENS
from xlm_tf.text.bpe_merges import LONG_WORD


@pytest.fixture(scope="module")
def files(bpe_files):
    return bpe_files


@pytest.fixture(scope="module")
def tokenizer(bpe_tokenizer):
    return bpe_tokenizer


def tokens(tokenizer, ids):
    return [tokenizer.id_to_token(int(i)) for i in ids]


def test_merges_go_in_order_of_their_rank(tokenizer):
    ids = tokenizer.encode("low lower newer")
    assert tokens(tokenizer, ids) == ["low</w>", "lo", "w", "er</w>", "newer</w>"]
    np.testing.assert_array_equal(tokenizer("low lower newer"), ids)


@pytest.mark.parametrize("length", range(1, 12))
def test_overlapping_pairs_merge_from_the_left(tokenizer, length):
    text = "a" * length + "s"
    np.testing.assert_array_equal(tokenizer(text), tokenizer.encode(text))


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("lownerast", min_size=1), max_size=8))
def test_graph_and_python_agree_on_words(files, words):
    tokenizer = xlm_tf.XLMBPETokenizer(
        files / "vocab", files / "codes", words="whitespace"
    )
    text = " ".join(words)
    assert tokenizer([text])[0].numpy().tolist() == tokenizer.encode(text)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_text(tokenizer, text):
    ids = tokenizer(tf.constant([text, b"low"]))
    assert tokens(tokenizer, ids[1]) == ["low</w>"]
    assert tf.reduce_all(ids.flat_values >= 3)


def test_special_ids(tokenizer):
    assert tokenizer.special_tokens == list(SPECIAL_TOKENS)
    assert (tokenizer.start_token_id, tokenizer.end_token_id) == (1, 1)
    assert (tokenizer.pad_token_id, tokenizer.unk_token_id) == (2, 3)
    assert tokenizer.id_to_token(tokenizer.mask_token_id) == "<special1>"
    assert tokenizer.token_to_id("low</w>") == 25
    assert tokenizer.token_to_id("th") == 3
    for text in ("low <mask> low", "low <special1> low"):
        expected = [25, 5, 25]
        assert tokenizer.encode(text) == expected
        np.testing.assert_array_equal(tokenizer(text), expected)
    assert tokenizer.encode("x low")[0] == tokenizer.unk_token_id


def test_start_token_of_transformers(files):
    tokenizer = xlm_tf.XLMBPETokenizer(
        files / "vocab", files / "codes", start_token="<s>"
    )
    packer = xlm_tf.XLMTextEmbedderPreprocessor(tokenizer, num_separators=1)
    assert packer.pack(["low"])["token_ids"].numpy()[0, :3].tolist() == [0, 25, 1]


def test_case_and_accents(files, tokenizer):
    assert tokenizer.encode("LÒW") == tokenizer.encode("low") == [25]
    np.testing.assert_array_equal(tokenizer("LÒW"), [25])
    cased = xlm_tf.XLMBPETokenizer(files / "vocab", files / "codes", lowercase=False)
    assert set(cased.encode("LÒW")) == {3}
    np.testing.assert_array_equal(cased("LÒW"), cased.encode("LÒW"))


@pytest.mark.parametrize(
    ("language", "words"), [("en", "l 'o"), ("fr", "l' o"), ("ru", "l ' o")]
)
def test_apostrophes_go_with_the_language(tokenizer, language, words):
    spaced = xlm_tf.XLMBPETokenizer(
        tokenizer.get_vocabulary(), tokenizer.get_merges(), words="whitespace"
    )
    ids = tokenizer.encode("l'o", language)
    assert ids == spaced.encode(words)
    np.testing.assert_array_equal(tokenizer(["l'o"], language=language)[0], ids)


def test_detokenize(tokenizer):
    ids = tokenizer.encode("lower newer low.")
    assert tokenizer.decode([1, *ids, 1, 2, 2]) == "lower newer low ."
    padded = tf.constant([[1, *ids, 1, 2, 2]])
    assert tokenizer.detokenize(padded).numpy() == [b"lower newer low ."]
    with pytest.raises(tf.errors.InvalidArgumentError, match="not in the tokenizer"):
        tokenizer.detokenize([[1, 500]])


def test_a_long_word_takes_no_time(tokenizer):
    text = "l" * 200_000
    ids = tokenizer(text)
    assert len(ids) == 200_000
    short = "lo" * (LONG_WORD // 2)
    np.testing.assert_array_equal(tokenizer(short), tokenizer.encode(short))


def test_a_preset_keeps_the_tokenizer(files, tmp_path):
    backbone = xlm_tf.XLMBackbone(30, 1, 1, 8, 16, zero_padding_states=True)
    tokenizer = xlm_tf.XLMBPETokenizer(
        files / "vocab", files / "codes", lowercase=False, max_vocabulary=30
    )
    assert tokenizer.vocabulary_size() == 30
    preprocessor = xlm_tf.XLMTextEmbedderPreprocessor(tokenizer, num_separators=1)
    xlm_tf.XLMTextEmbedder(backbone, preprocessor).save_to_preset(tmp_path)
    again = xlm_tf.XLMTextEmbedder.from_preset(tmp_path).preprocessor.tokenizer
    assert again.get_config() == tokenizer.get_config()
    assert again.get_vocabulary() == tokenizer.get_vocabulary()


def test_in_a_dataset_with_languages(tokenizer):
    texts = tf.data.Dataset.from_tensor_slices((["low", "l'o"], ["en", "fr"])).batch(2)
    (ids,) = texts.map(lambda x, language: tokenizer(x, language=language))
    assert ids[1].numpy().tolist() == tokenizer.encode("l'o", "fr")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"words": "stanford"}, "words must be one of"),
        ({"start_token": "<pad>"}, "start_token must be one of"),
        ({"merges": None}, "a vocabulary and its merges"),
        ({"vocabulary": ["a", "b"]}, "begins with the 14 special tokens"),
        ({"vocabulary": [*SPECIAL_TOKENS, "a", "a"]}, r"Twice: \['a</w>'\]"),
        ({"vocabulary": {"a": 3}}, "ids of a vocabulary must be 0, 1, 2"),
    ],
)
def test_bad_arguments(files, arguments, message):
    arguments = {
        "vocabulary": files / "vocab",
        "merges": files / "codes",
        **arguments,
    }
    with pytest.raises(ValueError, match=message):
        xlm_tf.XLMBPETokenizer(**arguments)


@pytest.mark.parametrize(("language", "package"), [("zh", "rjieba"), ("ja", "Mykytea")])
def test_missing_segmenters_are_named(tokenizer, language, package, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(ModuleNotFoundError, match=f"need {package}, which is not"):
        tokenizer.encode("x", language)
    assert tokenizer.encode("lowlow", language, segmenter=lambda text: ["low"] * 2)


@pytest.mark.parametrize("language", ["fr-CA", "FR", "fra_Latn"])
def test_rules_for_words_know_a_language_in_every_spelling(tokenizer, language):
    text = "l'aiola"  # French keeps the apostrophe at the first word
    expected = tokenizer.encode(text, "fr")
    assert expected != tokenizer.encode(text, "de")
    assert tokenizer.encode(text, language) == expected
    both = tokenizer([text, text], language=[language, "de"])
    assert both[0].numpy().tolist() == expected
    assert both[1].numpy().tolist() == tokenizer.encode(text, "de_AT")


SPACES = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2007\u2009\u200a\u2028\u2029"
SPACES += "\u202f\u205f\u3000"
NO_SPACES = "\0\x01\u200b\u200c\u200d\u2060\ufeff\ufffd\ue000\U000f0001"


@pytest.fixture(scope="module")
def of_words(files):
    return xlm_tf.XLMBPETokenizer(files / "vocab", files / "codes", words="whitespace")


def test_words_end_where_python_ends_them(of_words):
    assert all(space.isspace() for space in SPACES)
    texts = [f"low{character}newer" for character in SPACES + NO_SPACES]
    assert of_words(texts).to_list() == [of_words.encode(text) for text in texts]
    assert len(of_words.encode("low\u3000newer")) == 2
    assert len(of_words.encode("low\0newer")) > 2


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.text(f"loweLOWÉéи狐{SPACES}{NO_SPACES}", max_size=12)
        | st.sampled_from(["low<mask>er", "\u3000<mask>\0low", "<special1>"]),
        max_size=12,
    )
)
def test_graph_and_python_agree_on_any_text(of_words, texts):
    assert of_words(tf.constant(texts, tf.string)).to_list() == [
        of_words.encode(text) for text in texts
    ]
