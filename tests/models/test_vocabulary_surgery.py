"""Trimmed and extended vocabularies."""

import numpy as np
import pytest
import tensorflow as tf

import xlm_tf
from xlm_tf.cli import main
from xlm_tf.models.loading import load_task
from xlm_tf.models.vocabulary_surgery import (
    extend_vocabulary,
    same_states,
    trim_vocabulary,
)
from xlm_tf.text.scripts import script_pattern, scripts_of

LANGUAGES = (  # one of every script
    "ar hy bn iu chr cop ru hi am ka el gu pa zh zh_TW he ja km kn ko lo en lis ml "
    "mn_Mong my nqo sat or si syr ta te zgh dv th bo ii"
)
CORPORA = {
    "en": ["The page was not found.", "Enter a valid <mask>.", "It's 12:30, John!"],
    "de": ["Die Seite wurde nicht gefunden.", "Größe: 7 – das Ende ☂"],
}
TEXTS = [text for texts in CORPORA.values() for text in texts]
BPE_CODES = [("l", "o"), ("lo", "w</w>"), ("e", "r</w>"), ("n", "e"), ("ne", "w")]
BPE_TOKENS = [f"<special{i}>" for i in range(10)]
BPE_TOKENS = ["<s>", "</s>", "<pad>", "<unk>", *BPE_TOKENS, *"lowner"]
BPE_TOKENS += ["low", "er", "ne@@", "new@@", "lo@@", "l@@", "o@@", "w@@", "e@@", "n@@"]


@pytest.fixture(scope="module")
def task():
    return xlm_tf.XLMMaskedLM.from_preset("xlm_tiny")


@pytest.fixture(scope="module")
def bpe_task():
    tokenizer = xlm_tf.XLMBPETokenizer(BPE_TOKENS, BPE_CODES)
    backbone = xlm_tf.XLMBackbone(
        len(BPE_TOKENS), 1, 2, 16, 64, zero_padding_states=True, pad_token_id=2
    )
    preprocessor = xlm_tf.XLMMaskedLMPreprocessor(
        tokenizer, sequence_length=64, num_separators=1
    )
    return xlm_tf.XLMMaskedLM(backbone, preprocessor, head_transform=False, tied=False)


def tokens(task, text):
    tokenizer = task.preprocessor.tokenizer
    return [tokenizer.id_to_token(int(i)) for i in tokenizer(text)]


def test_the_text_of_the_corpora_is_read_as_before(task, tmp_path):
    trimmed, report = trim_vocabulary(task, CORPORA)
    assert report.tokens_before == 4000
    assert report.tokens_after == trimmed.backbone.vocabulary_size < 300
    assert report.bytes_after < report.bytes_before
    used = {
        i for text in CORPORA["de"] for i in task.preprocessor.tokenizer.encode(text)
    }
    assert report.uses["de"] == len(used)
    for text in TEXTS:
        assert tokens(trimmed, text) == tokens(task, text)
    np.testing.assert_array_equal(
        trimmed.last_hidden_states(TEXTS), task.last_hidden_states(TEXTS)
    )
    trimmed.save_to_preset(tmp_path)
    again = xlm_tf.XLMMaskedLM.from_preset(tmp_path)
    np.testing.assert_array_equal(
        again.last_hidden_states(TEXTS), task.last_hidden_states(TEXTS)
    )
    # The logits of a kept token are its logits of before.
    kept = trimmed.preprocessor.tokenizer.get_vocabulary()
    rows = [task.preprocessor.tokenizer.token_to_id(token) for token in kept]
    inputs = task.preprocessor.pack(TEXTS)
    before = np.asarray(task(inputs))[..., rows]
    np.testing.assert_allclose(
        trimmed(trimmed.preprocessor.pack(TEXTS)), before, atol=1e-5
    )


def test_other_text_is_still_read(task):
    trimmed, _ = trim_vocabulary(task, CORPORA)
    tokenizer = trimmed.preprocessor.tokenizer
    assert tokenizer.unk_token_id not in tokenizer.encode("found: the John page")
    assert tokenizer.unk_token_id in tokenizer.encode("ñ")


def test_rare_tokens_go(task):
    corpus = {"en": ["page page page", "Seite"]}
    all_tokens, _ = trim_vocabulary(task, corpus)
    frequent, _ = trim_vocabulary(task, corpus, min_count=2)
    assert tokens(frequent, "page") == tokens(task, "page")
    assert frequent.backbone.vocabulary_size < all_tokens.backbone.vocabulary_size
    assert "".join(tokens(frequent, "Seite")) == "▁Seite"
    with pytest.raises(ValueError, match=r"No token occurs 100 times .* 'en'"):
        trim_vocabulary(task, corpus, min_count=100)


def test_scripts_of_languages(task):
    greek, _ = trim_vocabulary(task, languages=["el"])
    vocabulary = greek.preprocessor.tokenizer.get_vocabulary()
    assert "▁the" not in vocabulary
    assert {"1", ".", "▁"} <= set(vocabulary)
    latin, _ = trim_vocabulary(task, languages=["en"])
    np.testing.assert_array_equal(
        latin.last_hidden_states(TEXTS), task.last_hidden_states(TEXTS)
    )
    with pytest.raises(ValueError, match="script of xx, yy is not known"):
        trim_vocabulary(task, languages=["en", "xx", "yy"])
    with pytest.raises(ValueError, match="Pass corpora, or languages"):
        trim_vocabulary(task)


def test_bpe_is_trimmed_with_its_merges(bpe_task):
    corpus = {"en": ["low lower"]}
    trimmed, _ = trim_vocabulary(bpe_task, corpus)
    tokenizer = trimmed.preprocessor.tokenizer
    assert ("n", "e") not in tokenizer.get_merges()
    assert ("l", "o") in tokenizer.get_merges()
    for text in ("low lower", "lower low <mask> low"):
        assert tokens(trimmed, text) == tokens(bpe_task, text)
    np.testing.assert_array_equal(
        trimmed.last_hidden_states(corpus["en"]),
        bpe_task.last_hidden_states(corpus["en"]),
    )
    latin, report = trim_vocabulary(bpe_task, languages=["en"])
    assert report.tokens_after == report.tokens_before
    assert latin.preprocessor.tokenizer.get_merges() == BPE_CODES


def test_new_tokens(task):
    words = ["COVID-19", "Zeitgeistiges"]
    text = "The COVID-19 is Zeitgeistiges."
    extended = extend_vocabulary(task, words)
    assert extended.backbone.vocabulary_size == 4002
    assert [word for word in tokens(extended, text) if word in words] == words
    tokenizer = task.preprocessor.tokenizer
    parts = [i for i in tokenizer.encode("COVID-19") if tokenizer.id_to_token(i) != "▁"]
    table, old = (x.backbone.token_embedding.embeddings for x in (extended, task))
    new_id = extended.preprocessor.tokenizer.token_to_id("COVID-19")
    np.testing.assert_allclose(table[new_id], np.asarray(old)[parts].mean(0), rtol=1e-6)
    np.testing.assert_array_equal(
        extended.last_hidden_states(TEXTS), task.last_hidden_states(TEXTS)
    )
    masked = "The page was not <mask>."
    ((best, *_),) = extended.fill_mask(masked)
    assert best[0] == task.fill_mask(masked)[0][0][0]
    for bad in ("page", "", " "):
        with pytest.raises(ValueError, match="A new token must"):
            extend_vocabulary(task, [bad])


def test_new_tokens_of_bpe(bpe_task):
    extended = extend_vocabulary(bpe_task, ["newlow"])
    assert tokens(bpe_task, "newlow") == ["new", "low</w>"]
    assert tokens(extended, "newlow low") == ["newlow</w>", "low</w>"]
    text = ["low lower new"]
    np.testing.assert_array_equal(
        extended.last_hidden_states(text), bpe_task.last_hidden_states(text)
    )
    with pytest.raises(ValueError, match="must be one word"):
        extend_vocabulary(bpe_task, ["new low"])


def test_scripts_are_those_of_the_language_in_any_spelling():
    assert scripts_of("zh_TW") == ("Hant",)
    assert scripts_of("sr") == ("Cyrl", "Latn")
    assert scripts_of("sr-Latn") == scripts_of("sr_ME") == ("Latn",)
    assert scripts_of("hin_Deva") == scripts_of("bho") == ("Deva",)
    assert scripts_of("xx") == ()
    assert script_pattern(["ja_JP"]) == script_pattern(["jpn"])
    assert "Hiragana" in script_pattern(["ja"])
    # RE2 knows the names of all.
    tf.strings.regex_full_match("a", script_pattern(LANGUAGES.split()))


def seq2seq_of(task, **arguments):
    model = xlm_tf.XLMSeq2SeqLM.from_masked_lm(task, **arguments)
    for variable in model.backbone.weights:  # the attention to the source too
        if "source_attention" in variable.path:
            variable.assign(np.random.default_rng(1).normal(size=variable.shape) * 0.1)
    return model


def tasks_of(task):
    """One task of every class on the encoder of a masked language model."""
    tokenizer = task.preprocessor.tokenizer
    packing = task.preprocessor.packing_config()
    causal_backbone = xlm_tf.XLMBackbone.from_config(
        {**task.backbone.get_config(), "causal": True}
    )

    def on(name, *arguments, backbone=task.backbone, **changes):
        preprocessor = getattr(xlm_tf, f"{name}Preprocessor")(tokenizer, **packing)
        model = getattr(xlm_tf, name)
        return model(backbone, *arguments, preprocessor=preprocessor, **changes)

    return {
        "causal": on("XLMCausalLM", backbone=causal_backbone, head_transform=True),
        "classifier": on("XLMTextClassifier", labels=["bad", "good"]),
        "tagger": on("XLMTokenClassifier", labels=["O", "B-X", "I-X"]),
        "answers": on("XLMQuestionAnswering"),
        "embedder": on("XLMTextEmbedder", pooling="max"),
        "shared": seq2seq_of(task),
        "separate": seq2seq_of(task, share_embeddings=False, num_decoder_layers=1),
    }


@pytest.fixture(scope="module")
def tasks(task):
    return tasks_of(task)


@pytest.mark.slow
@pytest.mark.parametrize("change", ["trim", "extend"])
@pytest.mark.parametrize(
    "kind",
    ["causal", "classifier", "tagger", "answers", "embedder", "shared", "separate"],
)
def test_every_task(tasks, kind, change, tmp_path):
    task = tasks[kind]
    if change == "extend":
        new = extend_vocabulary(task, ["COVID-19"])
    else:
        new, report = trim_vocabulary(task, CORPORA)
        assert report.tokens_after == new.backbone.vocabulary_size < 300
    assert type(new) is type(task)
    assert same_states(task, new, TEXTS, "en")
    assert getattr(new, "labels", None) == getattr(task, "labels", None)
    new.save_to_preset(tmp_path)
    assert same_states(new, load_task(tmp_path), TEXTS, "en")
    if kind in ("classifier", "tagger", "answers", "embedder"):
        texts = (TEXTS, TEXTS) if kind == "answers" else TEXTS
        values, others = (
            model(model.preprocessor.pack(texts)) for model in (task, new)
        )
        np.testing.assert_array_equal(np.asarray(others), np.asarray(values))


def test_adapters_are_merged():
    backbone = xlm_tf.XLMBackbone.from_preset("xlm_tiny")
    tokenizer = load_task("xlm_tiny").preprocessor.tokenizer
    preprocessor = xlm_tf.XLMTokenClassifierPreprocessor(tokenizer, 64)
    task = xlm_tf.XLMTokenClassifier(backbone, 2, preprocessor)
    before = np.asarray(task.last_hidden_states(TEXTS))
    backbone.enable_lora(2)
    for variable in backbone.variables:
        if variable.name == "lora_kernel_b":
            variable.assign(np.full(variable.shape, 0.01))
    trimmed, _ = trim_vocabulary(task, CORPORA)
    assert same_states(task, trimmed, TEXTS)
    assert not np.allclose(trimmed.last_hidden_states(TEXTS), before)


def test_a_translator_writes_what_it_wrote(tasks):
    task = tasks["separate"]
    trimmed, _ = trim_vocabulary(task, languages=["en"])
    task.compile(sampler="greedy")
    trimmed.compile(sampler="greedy")
    text = "The page was not found."
    assert trimmed.generate(text, max_length=6) == task.generate(text, max_length=6)


def test_tokens_of_languages_are_kept(task, sentences):
    tokenizer, _ = task.preprocessor.tokenizer.extended(["<2de>", "<2fr>"])
    extended = extend_vocabulary(task, ["<2de>", "<2fr>"])
    preprocessor = xlm_tf.XLMSeq2SeqLMPreprocessor(
        tokenizer, 64, language_tokens={"de": "<2de>", "fr": "<2fr>"}
    )
    model = xlm_tf.XLMSeq2SeqLM.from_masked_lm(extended, preprocessor=preprocessor)
    trimmed, _ = trim_vocabulary(model, CORPORA)
    assert trimmed.preprocessor.language_tokens == preprocessor.language_tokens
    assert same_states(model, trimmed, TEXTS, "de")


def test_trim_and_extend_commands_on_a_translator(tasks, tmp_path, capsys):
    tasks["separate"].save_to_preset(tmp_path / "model")
    corpus = tmp_path / "en.txt"
    corpus.write_text("\n".join(CORPORA["en"]), encoding="utf-8")
    trim = ["trim", str(tmp_path / "model"), str(tmp_path / "trimmed")]
    assert main([*trim, "--corpus", f"en={corpus}"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "hidden states of 3 texts are bit-exactly the same" in said
    extend = ["extend", str(tmp_path / "trimmed"), str(tmp_path / "extended")]
    assert main([*extend, "--token", "COVID-19"]) == 0
    model = load_task(tmp_path / "extended")
    assert "COVID-19" in model.preprocessor.tokenizer.get_vocabulary()
