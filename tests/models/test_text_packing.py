import pytest
import tensorflow as tf

from xlm_tf import XLMTextClassifierPreprocessor

START, PAD, END = 0, 1, 2


def ids_of(packed, row=0):
    return packed["token_ids"][row][packed["padding_mask"][row]].tolist()


def test_single_texts(pack, tokenizer):
    packed = pack(["quick fox", "dog"])
    for row, text in enumerate(["quick fox", "dog"]):
        assert ids_of(packed, row) == [START, *tokenizer(text).numpy(), END]
    assert packed["token_ids"].shape == (2, 16)
    assert (packed["token_ids"][~packed["padding_mask"]] == PAD).all()


@pytest.mark.parametrize("num_separators", [1, 2])
def test_pairs(pack, tokenizer, num_separators):
    packed = pack((["quick"], ["dog"]), num_separators=num_separators)
    first, second = tokenizer("quick").numpy(), tokenizer("dog").numpy()
    separators = [END] * num_separators
    assert ids_of(packed) == [START, *first, *separators, *second, END]


def test_batches_are_padded_to_multiples_of_16_up_to_the_limit(pack, sentences):
    assert pack(["a"])["token_ids"].shape == (1, 16)
    assert pack([sentences[1]], sequence_length=200)["token_ids"].shape[1] % 16 == 0
    assert pack([" ".join(sentences)])["token_ids"].shape == (1, 32)
    assert pack("a")["token_ids"].shape == (32,)  # a text alone
    assert pack([])["token_ids"].shape == (0, 16)


def test_long_texts_keep_start_and_end(pack, tokenizer, sentences):
    text = " ".join(sentences)
    whole = tokenizer(text).numpy().tolist()
    assert ids_of(pack([text])) == [START, *whole[:30], END]
    ids = ids_of(pack(([text], ["dog"])))
    second = tokenizer("dog").numpy().tolist()
    budget = 32 - 4 - len(second)
    assert ids == [START, *whole[:budget], END, END, *second, END]


@pytest.mark.parametrize("num_separators", [1, 2])
def test_languages(pack, num_separators):
    """XLM gives a lone separator the language of the second text."""
    arguments = {"languages": ["de", "en"], "num_separators": num_separators}
    packed = pack({"text": ["fox", "Hund"], "language": ["en", "de"]}, **arguments)
    assert packed["language_ids"].tolist() == [[1] * 16, [0] * 16]
    packed = pack(
        {
            "text": ["fox"],
            "text_pair": ["Hund"],
            "language": "en",
            "language_pair": "de",
        },
        **arguments,
    )
    languages = packed["language_ids"][0][packed["padding_mask"][0]]
    first = int((languages == 1).sum())
    assert languages.tolist() == [1] * first + [0] * (len(languages) - first)
    assert (packed["token_ids"][0][first - 1] == END) == (num_separators == 2)
    assert packed["token_ids"][0][first] == END
    assert (pack(["x"], language="en", **arguments)["language_ids"] == 1).all()


def test_languages_that_are_missing_or_unknown(pack, tokenizer):
    with pytest.raises(ValueError, match=r"set `language` .* one of \['de', 'en'\]"):
        pack(["x"], languages=["de", "en"])
    with pytest.raises(tf.errors.InvalidArgumentError, match="sw"):
        pack({"text": ["x"], "language": "sw"}, languages=["de", "en"])
    with pytest.raises(ValueError, match=r"one of the model's: de\. Received: 'sw'"):
        pack(["x"], languages=["de"], language="sw")


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ((["a"], ["b"], ["c"]), "a tuple of 3"),
        ({"sentence": ["a"]}, r"Received: \['sentence'\]"),
        ({"text": ["a"], "lang": ["en"]}, r"Received: \['lang', 'text'\]"),
    ],
)
def test_inputs_that_are_none(pack, x, message):
    with pytest.raises(ValueError, match=message):
        pack(x)


def test_any_bytes_are_read(pack):
    packed = pack([b"\xff\xfe fox \xc3", "\u202e\x01 fox", " "])
    assert packed["token_ids"].shape[0] == 3
    assert ids_of(packed, 2) == [START, END]


def test_in_a_dataset_every_batch_has_its_length(tokenizer, sentences):
    preprocessor = XLMTextClassifierPreprocessor(tokenizer, 64)
    dataset = tf.data.Dataset.from_tensor_slices(
        (["a", *sentences[:1] * 3], [0, 1, 2, 3])
    )
    shapes = [
        (inputs["token_ids"].shape[1], y.numpy().tolist())
        for inputs, y in dataset.batch(1).map(preprocessor)
    ]
    assert shapes[0] == (16, [0])
    assert shapes[1][0] > 16


def test_the_config_holds_the_arguments(tokenizer):
    arguments = {
        "sequence_length": 24,
        "num_separators": 1,
        "languages": ["de", "en"],
        "language": "en",
    }
    preprocessor = XLMTextClassifierPreprocessor(tokenizer, **arguments)
    clone = XLMTextClassifierPreprocessor.from_config(preprocessor.get_config())
    assert {name: getattr(clone, name) for name in arguments} == arguments


def test_there_is_room_for_the_special_tokens(pack):
    with pytest.raises(ValueError, match="the 4 special tokens"):
        pack((["a"], ["b"]), sequence_length=3)
    assert ids_of(pack((["a"], ["b"]), sequence_length=4)) == [START, END, END, END]


def test_languages_are_found_however_they_are_spelled(pack, tokenizer):
    languages = ["en", "pt", "zh_CN"]
    texts = ["quick", "dog", "fox"]
    packed = pack(
        {"text": texts, "language": ["EN", "pt-BR", "zh-Hans"]}, languages=languages
    )
    assert packed["language_ids"][:, 0].tolist() == [0, 1, 2]
    assert (pack(texts, languages=languages, language="zh")["language_ids"] == 2).all()
    preprocessor = XLMTextClassifierPreprocessor(tokenizer, languages=languages)
    preprocessor.language = "por"
    assert preprocessor.get_config()["language"] == "pt"
    with pytest.raises(ValueError, match=r"en, pt, zh_CN\. Received: 'zh-TW'"):
        preprocessor.language = "zh-TW"
    with pytest.raises(tf.errors.InvalidArgumentError, match="zh-TW"):
        pack({"text": texts, "language": "zh-TW"}, languages=languages)
