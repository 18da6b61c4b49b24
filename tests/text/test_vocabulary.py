import itertools
import json
import os
import random
import re
import subprocess
import sys

import pytest
import sentencepiece

from xlm_tf.text import vocabulary
from xlm_tf.text.normalization import NORMALIZATIONS, usual_normalization
from xlm_tf.text.sentencepiece_tokenizer import XLMSentencePieceTokenizer
from xlm_tf.text.vocabulary import train_vocabulary


def corpus_of(texts):
    return lambda: iter(texts)


@pytest.fixture
def corpora(sentences):
    return {
        "de": corpus_of(sentences[2:4] * 40),
        "en": corpus_of(sentences[:2] * 40),
        "ru": corpus_of(sentences[5:6] * 40),
        "zh_CN": corpus_of(sentences[6:7] * 40),
    }


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new folder" / "vocabulary.spm"


def largest_size(corpora, path, above=50_000):
    with pytest.raises(ValueError, match="text is too small") as error:
        train_vocabulary(corpora, above, path)
    assert not path.parent.exists()
    return int(re.search(r"largest possible is ([\d,]+)", str(error.value))[1])


def test_the_tokenizer_reads_it_and_has_the_size_asked_for(corpora, path, sentences):
    report = train_vocabulary(corpora, 90, path)
    tokenizer = XLMSentencePieceTokenizer(path)
    assert tokenizer.vocabulary_size() == report.size == 90
    assert tokenizer.mask_token_id == 89
    assert tokenizer.detokenize(tokenizer(sentences[:4])).numpy().tolist() == [
        text.encode() for text in sentences[:4]
    ]
    # nmt_nfkc, as in XLM-R: full-width letters are letters.
    assert tokenizer("Ｔｈｅ").numpy().tolist() == tokenizer("The").numpy().tolist()


def test_a_vocabulary_larger_than_the_text_allows(corpora, path):
    size = largest_size(corpora, path)
    train_vocabulary(corpora, size, path)
    assert XLMSentencePieceTokenizer(path).vocabulary_size() == size
    with pytest.raises(ValueError, match=f"largest possible is {size}"):
        train_vocabulary(corpora, size + 1, path.with_name("more.spm"))
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_vocabulary_without_room_for_the_characters(corpora, path):
    with pytest.raises(ValueError, match="no room for the characters") as error:
        train_vocabulary(corpora, 20, path)
    smallest = int(re.search(r"at least (\d+)", str(error.value))[1])
    train_vocabulary(corpora, smallest, path)
    assert XLMSentencePieceTokenizer(path).vocabulary_size() == smallest


def test_the_same_text_gives_the_same_vocabulary(corpora, tmp_path):
    models = []
    for name in ("a.spm", "b.spm"):
        train_vocabulary(corpora, 90, tmp_path / name)
        models.append((tmp_path / name).read_bytes())
    assert models[0] == models[1]


def test_the_number_of_cores_does_not_matter(corpora, tmp_path, monkeypatch):
    models = []
    for cores in (1, 64):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        path = tmp_path / f"{cores}.spm"
        train_vocabulary(corpora, 90, path)
        models.append(path.read_bytes())
    assert models[0] == models[1]


def drawn_sentences(monkeypatch, corpora, path, **arguments):
    """What SentencePiece is given to train on."""
    given = []
    train = sentencepiece.SentencePieceTrainer.train

    def recording(sentence_iterator, **kwargs):
        given.extend(sentence_iterator)
        train(sentence_iterator=iter(given), **kwargs)

    monkeypatch.setattr(sentencepiece.SentencePieceTrainer, "train", recording)
    train_vocabulary(corpora, 60, path, **arguments)
    return given


@pytest.mark.parametrize(("alpha", "small_share"), [(1, 0.1), (0.5, 0.25), (0, 0.5)])
def test_small_languages_are_drawn_more_often(monkeypatch, path, alpha, small_share):
    # n = 900 and 100: 0.9 ** 0.5 : 0.1 ** 0.5 = 3 : 1.
    corpora = {
        "en": corpus_of([f"the fox number {n}" for n in range(900)]),
        "sw": corpus_of([f"mbweha wa {n}" for n in range(100)]),
    }
    given = drawn_sentences(monkeypatch, corpora, path, alpha=alpha)
    assert len(given) == 1000
    small = [text for text in given if text.startswith("mbweha")]
    assert len(small) == pytest.approx(1000 * small_share)
    # Every sentence of the small language, about equally often.
    counts = {small.count(text) for text in set(small)}
    assert len(set(small)) == 100
    assert max(counts) - min(counts) <= 1
    # The large one is thinned evenly.
    large = [int(text.split()[-1]) for text in given if text.startswith("the")]
    assert large == sorted(set(large))
    assert max(b - a for a, b in itertools.pairwise(large)) <= 2


def test_max_sentences_is_a_limit(monkeypatch, path):
    corpora = {
        "en": corpus_of([f"the fox number {n}" for n in range(900)]),
        "sw": corpus_of([f"mbweha wa {n}" for n in range(100)]),
    }
    given = drawn_sentences(monkeypatch, corpora, path, max_sentences=200)
    assert len(given) == 200


def test_as_many_sentences_are_drawn_as_fit_into_the_memory(monkeypatch, path):
    # 20 bytes of text each.
    corpora = {"en": corpus_of([f"the number is {n:06d}" for n in range(4000)])}
    monkeypatch.setattr(vocabulary, "MEMORY_OF_BYTE", 20)
    monkeypatch.setattr(vocabulary, "MEMORY_OF_SENTENCE", 100)
    said = []
    given = drawn_sentences(
        monkeypatch, corpora, path, memory=500 * 500e-9, say=said.append
    )
    assert len(given) == 500
    assert len(set(given)) == 500
    assert said == [
        "Training on 500 of 4,000 sentences, as many as fit into 0.25 MB: about "
        "0.25 MB of memory."
    ]


@pytest.mark.parametrize(
    ("gigabytes", "said"),
    [(0.0221, "22.1 MB"), (0.9989, "999 MB"), (1, "1.0 GB"), (123.45, "123.5 GB")],
)
def test_a_size_has_a_fitting_unit(gigabytes, said):
    assert vocabulary._size(gigabytes) == said


def test_by_default_half_of_the_free_memory_is_taken(monkeypatch, path):
    corpora = {"en": corpus_of([f"the number is {n:06d}" for n in range(4000)])}
    monkeypatch.setattr(vocabulary, "MEMORY_OF_BYTE", 20)
    monkeypatch.setattr(vocabulary, "MEMORY_OF_SENTENCE", 100)
    monkeypatch.setattr(vocabulary, "available_memory", lambda: 2 * 500 * 1000)
    assert len(drawn_sentences(monkeypatch, corpora, path)) == 1000


@pytest.mark.slow
@pytest.mark.skipif(
    not os.path.exists("/proc/self/clear_refs"), reason="peaks of memory are Linux's"
)
@pytest.mark.parametrize("letters", ["abcdefghij", "абвгдежзий"])
def test_the_estimate_of_the_memory_is_near_what_is_taken(tmp_path, letters):
    program = """
import pathlib, random, re, sys
from xlm_tf.text.vocabulary import train_vocabulary
letters, path = sys.argv[1:]
generator = random.Random(0)
words = ["".join(generator.choices(letters, k=6)) for _ in range(3000)]
sentences = [" ".join(generator.choices(words, k=15)) for _ in range(80_000)]
def memory(name):
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(name + r":\\s+(\\d+)", status)[1]) * 1024 / 1e9
pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
before = memory("VmRSS")
report = train_vocabulary({"en": lambda: iter(sentences)}, 1000, path)
print(report.memory, memory("VmHWM") - before)
"""
    output = subprocess.check_output(
        [sys.executable, "-c", program, letters, str(tmp_path / "vocabulary.spm")],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
    )
    estimate, taken = map(float, output.split())
    assert taken < estimate < 1.5 * taken


@pytest.mark.parametrize("memory", [0, -1.0, 1e-9])
def test_a_memory_that_holds_nothing_is_refused(corpora, path, memory):
    with pytest.raises(ValueError, match="memory"):
        train_vocabulary(corpora, 90, path, memory=memory)
    assert not path.parent.exists()


def test_a_sample_shows_that_a_text_is_too_small(monkeypatch, path):
    generator = random.Random(0)
    words = ["".join(generator.choices("abcdefghij", k=6)) for _ in range(500)]
    sentences = [" ".join(generator.choices(words, k=10)) for _ in range(2000)]
    monkeypatch.setattr(vocabulary, "TRIAL_BYTES", 20_000)
    with pytest.raises(ValueError, match=r"too small.* one in 7 sentences"):
        train_vocabulary({"en": corpus_of(sentences)}, 200_000, path)
    assert not path.parent.exists()
    # What the whole of it gives is not refused.
    size = largest_size({"en": corpus_of(sentences)}, path, 2000)
    report = train_vocabulary({"en": corpus_of(sentences)}, size, path)
    assert report.size == size


def test_corpora_are_streamed(path):
    """No more than a sentence is held at a time: the trainer takes one by one."""
    reads = []

    def sentences():
        reads.append(0)
        for number in range(300):
            reads[-1] += 1
            yield f"the fox number {number}"

    train_vocabulary({"en": sentences}, 28, path, max_sentences=50)
    assert len(reads) == 3  # counted, trained on, reported on
    assert reads == [300] * 3


def test_the_report(path):
    corpora = {
        "en": corpus_of(["The quick brown fox", "jumps over it"] * 50),
        "zh_CN": corpus_of(["敏捷的 狐狸"] * 25),
    }
    report = train_vocabulary(
        corpora, 30, path, character_coverage=1.0, user_defined_symbols=["quick"]
    )
    english, chinese = report.languages
    assert (english.language, english.sentences) == ("en", 100)
    assert english.coverage == english.known_tokens == 1
    assert not english.is_per_character
    assert chinese.is_per_character
    processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
    lengths = [
        len(processor.encode(t)) for t in ("The quick brown fox", "jumps over it")
    ]
    assert english.tokens_per_word == pytest.approx(sum(lengths) / 7)
    assert chinese.tokens_per_word == pytest.approx(
        len(processor.encode("敏捷的 狐狸")) / 5
    )
    assert english.share == pytest.approx(2 / 3)
    assert "quick" in processor.encode("The quick fox", out_type=str)
    report.save_json(path.with_suffix(".json"))
    saved = json.loads(path.with_suffix(".json").read_text())
    assert saved["size"] == 30
    assert saved["languages"][0]["tokens_per_word"] == english.tokens_per_word
    assert next(column.header for column in report.table().columns) == "language"


def test_coverage_counts_unknown_characters(spm_proto):
    processor = sentencepiece.SentencePieceProcessor(model_proto=spm_proto)
    row = vocabulary._coverage(processor, "en", corpus_of(["fox 𓀀𓀀𓀀 dog"]), 1, 1.0)
    assert row.coverage == pytest.approx(6 / 9)
    assert 0.5 < row.known_tokens < 1


def test_the_report_looks_at_2000_sentences(spm_proto):
    processor = sentencepiece.SentencePieceProcessor(model_proto=spm_proto)
    encoded = []

    class Counting:
        def encode(self, text, out_type):
            encoded.append(text)
            return processor.encode(text, out_type=out_type)

        piece_to_id = processor.piece_to_id
        unk_id = processor.unk_id

    texts = corpus_of([f"fox {n}" for n in range(3999)])
    vocabulary._coverage(Counting(), "en", texts, 3999, 1.0)
    assert len(encoded) == 2000
    assert encoded[-1] == "fox 3998"


def test_an_existing_file_is_kept(corpora, path):
    path.parent.mkdir()
    path.write_bytes(b"precious")
    with pytest.raises(FileExistsError, match=r"vocabulary\.spm exists"):
        train_vocabulary(corpora, 90, path)
    assert path.read_bytes() == b"precious"
    train_vocabulary(corpora, 90, path, overwrite=True)
    assert XLMSentencePieceTokenizer(path).vocabulary_size() == 90


def test_an_error_while_reading_is_that_error(path):
    passes = []

    def sentences():
        passes.append(1)
        yield "the fox"
        if len(passes) == 2:
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        train_vocabulary({"en": sentences}, 60, path)
    assert not path.parent.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 2}, "size must hold"),
        ({"size": 100, "character_coverage": 0.5}, "character_coverage must lie"),
        ({"size": 100, "alpha": -1}, "alpha must not be negative"),
    ],
)
def test_wrong_arguments_are_named(corpora, path, arguments, message):
    with pytest.raises(ValueError, match=message):
        train_vocabulary(corpora, output_path=path, **arguments)
    assert not path.parent.exists()


def test_a_language_without_text_is_named(path, sentences):
    corpora = {"en": corpus_of(sentences), "sw": corpus_of([])}
    with pytest.raises(ValueError, match="Languages without: sw"):
        train_vocabulary(corpora, 60, path)
    with pytest.raises(ValueError, match="at least one language"):
        train_vocabulary({}, 60, path)


def test_nothing_is_written_to_the_terminal(corpora, path, capfd):
    train_vocabulary(corpora, 90, path)
    assert capfd.readouterr() == ("", "")
    with pytest.raises(ValueError, match="text is too small"):
        train_vocabulary(corpora, 50_000, path.with_name("b.spm"))
    assert capfd.readouterr() == ("", "")


def tokens_of(path, text):
    processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
    return processor.encode(text, out_type=str)


def test_a_symbol_of_several_words_is_found(corpora, path):
    symbols = ["New York", "%(name)s", "№5", "a\u3000b", "São Paulo"]
    train_vocabulary(corpora, 95, path, user_defined_symbols=symbols)
    for symbol in symbols:
        piece = symbol.replace(" ", "\u2581")
        assert piece in tokens_of(path, f"in {symbol}, the")
        assert piece in tokens_of(path, symbol)
    tokenizer = XLMSentencePieceTokenizer(path)
    (ids,) = tokenizer(["The New York fox"]).to_list()
    assert tokenizer.token_to_id("New\u2581York") in ids
    assert ids == tokenizer.encode("The New York fox")


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        (["№ 5"], "would never be found: .* hold 'No 5' instead"),
        (["two  spaces"], "would never be found: .* hold 'two spaces' instead"),
        (["  "], "must hold a text"),
        ([""], "must hold a text"),
        (["<mask>"], "are no user-defined symbols"),
        (["a b", "a\u2581b"], "must be there once"),
    ],
)
def test_a_symbol_that_is_never_found_is_refused(corpora, path, symbols, message):
    with pytest.raises(ValueError, match=message):
        train_vocabulary(corpora, 90, path, user_defined_symbols=symbols)
    assert not path.parent.exists()


PERSIAN = ["من می\u200cخواهم بروم", "او می\u200cخواهد بیاید ①"]
PERSIAN += [
    "کتاب\u200cها روی میز است",
    "بچه\u200cها در خانه بازی می\u200cکنند",
    "ب 1 ١",
]


def test_persian_keeps_its_joiners(path):
    corpora = {"fas_Arab": corpus_of(PERSIAN * 30)}
    report = train_vocabulary(corpora, 33, path, character_coverage=1.0)
    assert report.normalization == "keep_joiners"
    assert "keep_joiners" in report.table().title
    tokenizer = XLMSentencePieceTokenizer(path)
    (ids,) = tokenizer([PERSIAN[0]]).to_list()
    assert ids == tokenizer.encode(PERSIAN[0])
    assert tokenizer.decode(ids) == PERSIAN[0]
    # All else is as with XLM-R's rule.
    assert "\u200c" in "".join(tokens_of(path, PERSIAN[1]))
    assert tokens_of(path, "①\u200b١\xa0ﺏ") == tokens_of(path, "1 ١ ب")


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_the_rule_is_a_choice(path, normalization):
    corpora = {"fa": corpus_of(PERSIAN * 30)}
    train_vocabulary(
        corpora, 33, path, character_coverage=1.0, normalization=normalization
    )
    text = "".join(tokens_of(path, PERSIAN[1])).replace("\u2581", " ").strip()
    assert ("\u200c" in text) == (normalization != "nmt_nfkc")
    assert ("①" in text) == (normalization == "identity")


def test_an_unknown_rule_is_refused(corpora, path):
    with pytest.raises(ValueError, match="nmt_nfkc, keep_joiners, identity"):
        train_vocabulary(corpora, 90, path, normalization="nfc")


@pytest.mark.parametrize("languages", ["fa", "en ur", "ckb", "hi_IN", "si", "ku", "bn"])
def test_languages_that_write_joiners_keep_them(languages):
    assert usual_normalization(languages.split()) == "keep_joiners"


@pytest.mark.parametrize("languages", ["en de fr", "ar", "ara_Arab", "zh_TW th", "src"])
def test_other_vocabularies_are_normalised_as_they_were(languages):
    assert usual_normalization(languages.split()) == "nmt_nfkc"
