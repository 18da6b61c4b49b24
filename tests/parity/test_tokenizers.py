"""The ids of the reference tokenizers, on real text of many languages.

The vocabularies and texts are in a folder beside the repository; none is part of it.
"""

import collections
import gzip
import json

import numpy as np
import pytest
import sentencepiece

import xlm_tf
from xlm_tf.models.vocabulary_surgery import trim_vocabulary

pytestmark = pytest.mark.slow
# No special segmenter. Lines of each language.
XLM_LANGUAGES = ["ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "tr"]
XLM_LANGUAGES += ["ur", "vi"]
NUM_LINES = 500
# Share of the texts whose best segmentation is not unique, measured.
MAX_TIES = 0.001


def lines(path):
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        return [line.rstrip("\n") for line in file]


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


@pytest.fixture(scope="module")
def every_text(shared_data):
    """Every different text of the data, in all languages."""
    texts = {}
    for path in sorted(shared_data.glob("*/*.gz")):
        if path.parent.name in ("xlmr_vocab", "xlm15_bpe"):
            continue
        for line in lines(path):
            if path.name.endswith(".jsonl.gz"):
                texts |= dict.fromkeys(strings(json.loads(line)))
            else:
                texts |= dict.fromkeys(line.split("\t"))
    assert len(texts) > 100_000
    return list(texts)


@pytest.fixture(scope="module")
def xlmr(shared_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("xlmr")
    packed = shared_data / "xlmr_vocab" / "xlmr.rebuilt.spm.model.gz"
    path = folder / "sentencepiece.bpe.model"
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    return path


def test_xlmr_on_every_text(xlmr, every_text):
    tokenizer = xlm_tf.XLMSentencePieceTokenizer(xlmr)
    reference = sentencepiece.SentencePieceProcessor(model_file=str(xlmr))
    pieces = reference.encode(every_text)
    expected = [[i + 1 if i else 3 for i in ids] for ids in pieces]
    in_python = [tokenizer.encode(text) for text in every_text]
    assert in_python == expected
    decoded = [tokenizer.decode(ids) for ids in expected]
    assert decoded == reference.decode(pieces)  # U+2047 for what is unknown

    in_graph, detokenized = [], []
    for start in range(0, len(every_text), 1000):
        ids = tokenizer(every_text[start : start + 1000])
        in_graph += ids.to_list()
        detokenized += [x.decode() for x in tokenizer.detokenize(ids).numpy()]

    def score(ids):
        return sum(reference.get_score(i - 1) for i in ids if i > 3)

    ties = 0
    for ids, other, text in zip(in_graph, expected, detokenized, strict=True):
        if ids != other:
            ties += 1
            # Equally probable, and of the same text.
            assert score(ids) == pytest.approx(score(other), abs=1e-3)
        assert text == reference.decode([i - 1 if i > 3 else 0 for i in ids])
    print(f"{len(every_text)} texts, {ties} with another of equal segmentations")
    assert ties < MAX_TIES * len(every_text)


@pytest.mark.parity
def test_xlmr_as_transformers(xlmr, every_text):
    transformers = pytest.importorskip("transformers")
    config = {"model_type": "xlm-roberta"}
    (xlmr.parent / "config.json").write_text(json.dumps(config))
    theirs = transformers.AutoTokenizer.from_pretrained(xlmr.parent)
    ours = xlm_tf.XLMSentencePieceTokenizer(xlmr, special_tokens_in_strings=True)
    assert len(theirs) == ours.vocabulary_size() == 250_002
    texts = every_text[::7]
    expected = theirs(texts, add_special_tokens=False)["input_ids"]
    actual = [ours.encode(text) for text in texts]
    # Its own implementation differs from SentencePiece on a few.
    different = sum(a != b for a, b in zip(actual, expected, strict=True))
    assert different <= 2e-4 * len(texts)
    special = [
        "Hello world!",
        "Paris is the <mask> of France.",
        "<s> a </s> b<pad><unk> c",
        "<mask><mask> <mask>",
        "</s>",
        "",
    ]
    expected = theirs(special, add_special_tokens=False)["input_ids"]
    assert [ours.encode(text) for text in special] == expected
    assert ours(special).to_list() == expected
    packer = xlm_tf.XLMTextClassifierPreprocessor(ours)
    packed = packer.pack((["Hello world!"], ["Bonjour"]))
    pair = theirs("Hello world!", "Bonjour")["input_ids"]
    ids = packed["token_ids"].numpy()[packed["padding_mask"].numpy()]
    assert ids.tolist() == pair
    assert pair[:5] == [0, 35378, 8999, 38, 2]


@pytest.fixture(scope="module")
def xlm(shared_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("xlm15")
    for name in ("codes", "vocab"):
        packed = shared_data / "xlm15_bpe" / f"{name}_xnli_15.gz"
        (folder / name).write_bytes(gzip.decompress(packed.read_bytes()))
    return xlm_tf.XLMBPETokenizer(
        folder / "vocab", folder / "codes", max_vocabulary=95_000
    )


@pytest.fixture(scope="module")
def xlm_reference(xlm, tmp_path_factory):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("sacremoses")
    folder = tmp_path_factory.mktemp("hf")
    xlm.save_assets(folder)
    return transformers.XLMTokenizer(folder / "vocab.json", folder / "merges.txt")


@pytest.mark.parity
@pytest.mark.parametrize("language", XLM_LANGUAGES)
def test_xlm_as_transformers(xlm, xlm_reference, shared_data, language):
    texts = lines(shared_data / "ntrex" / f"ntrex.{language}.txt.gz")[:NUM_LINES]
    expected = [
        xlm_reference.convert_tokens_to_ids(xlm_reference._tokenize(x, lang=language))
        for x in texts
    ]
    assert [xlm.encode(text, language) for text in texts] == expected
    for ids in expected[:50]:
        text = xlm_reference.convert_tokens_to_string(
            xlm_reference.convert_ids_to_tokens(ids)
        )
        assert xlm.decode([i for i in ids if i > 13]) == text.replace("<unk>", "")

    counts = collections.Counter()
    for ids, other in zip(
        xlm(texts, language=language).to_list(), expected, strict=True
    ):
        counts["same"] += ids == other
    print(f"{language}: {counts['same'] / len(texts):.1%} of the sentences in graph")
    assert counts["same"] >= 0.95 * len(texts)


@pytest.mark.parity
def test_xlm_in_graph_on_words(xlm, xlm_reference, shared_data):
    for language in XLM_LANGUAGES:
        path = shared_data / "ntrex" / f"ntrex.{language}.txt.gz"
        texts = [
            " ".join(xlm._split(line, language, None))
            for line in lines(path)[:NUM_LINES]
        ]
        expected = [
            xlm_reference.convert_tokens_to_ids(
                xlm_reference._tokenize(text, bypass_tokenizer=True)
            )
            for text in texts
        ]
        spaced = xlm_tf.XLMBPETokenizer(
            xlm.get_vocabulary(), xlm.get_merges(), words="whitespace", lowercase=False
        )
        assert spaced(texts).to_list() == expected


@pytest.mark.parametrize("family", ["xlm", "xlmr"])
def test_a_trimmed_vocabulary_reads_its_corpora_as_before(
    xlm, xlmr, shared_data, family
):
    tokenizer = xlm if family == "xlm" else xlm_tf.XLMSentencePieceTokenizer(xlmr)
    corpora = {
        language: lines(shared_data / "ntrex" / f"ntrex.{language}.txt.gz")
        for language in ("en", "fr", "ru", "hi")
    }
    backbone = xlm_tf.XLMBackbone(tokenizer.vocabulary_size(), 1, 1, 4, 8)
    preprocessor = xlm_tf.XLMTextEmbedderPreprocessor(tokenizer)
    task = xlm_tf.XLMTextEmbedder(backbone, preprocessor)
    trimmed, report = trim_vocabulary(task, corpora)
    assert report.tokens_after < 0.3 * report.tokens_before
    smaller = trimmed.preprocessor.tokenizer
    before, after = (np.array(x.get_vocabulary()) for x in (tokenizer, smaller))
    for language, texts in corpora.items():
        arguments = {"language": language} if family == "xlm" else {}
        np.testing.assert_array_equal(
            before[tokenizer(texts, **arguments).flat_values],
            after[smaller(texts, **arguments).flat_values],
        )
