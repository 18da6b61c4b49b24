"""The encoder-decoder as users call it."""

import collections
import re

import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf

import xlm_tf
from xlm_tf.evaluation.attention_picture import draw_attention
from xlm_tf.masks import padding_attention_mask
from xlm_tf.models.generation_in_order import generate_in_order
from xlm_tf.models.loading import load_task
from xlm_tf.models.losses import LabelSmoothedCrossentropy
from xlm_tf.text.sentences import split_sentences

SOURCES = ["The quick brown fox", "reads small texts", "dog"]
TARGETS = ["Der schnelle braune Fuchs", "liest kleine Texte", "Hund"]


@pytest.fixture
def make_model(make_backbone, tokenizer):
    """Makes a small model: `backbone` is the encoder's, `packing` the texts'."""

    def make(backbone=None, packing=None, head_transform=False, **arguments):
        encoder = make_backbone(**(backbone or {}))
        preprocessor = xlm_tf.XLMSeq2SeqLMPreprocessor(
            tokenizer, sequence_length=40, **(packing or {})
        )
        return xlm_tf.XLMSeq2SeqLM(
            xlm_tf.XLMSeq2SeqBackbone(encoder, **arguments),
            preprocessor=preprocessor,
            head_transform=head_transform,
        )

    return make


LANGUAGES = {"languages": ["de", "en", "fr"], "language": "en"}
FORMS = {
    "xlm-r": {},
    "xlm": {
        "backbone": {
            "position_offset": 0,
            "num_languages": 3,
            "zero_padding_states": True,
        },
        "packing": {**LANGUAGES, "target_language": "de"},
    },
    "pre-norm": {"backbone": {"norm_placement": "pre", "embedding_norm": False}},
    "separate": {"share_embeddings": False, "num_decoder_layers": 1},
    "transform": {"head_transform": True},
}


@pytest.fixture(params=FORMS)
def model(request, make_model):
    return make_model(**FORMS[request.param])


def test_steps_with_a_cache_are_the_whole_call(model):
    inputs, targets, _ = model.preprocessor((SOURCES, TARGETS))
    expected = np.asarray(model(inputs))  # (B, T, V)
    source = model.backbone.encode(inputs)
    caches = model.backbone.empty_caches(3)
    for i in range(targets.shape[1]):
        languages = inputs.get("decoder_language_ids")
        states, caches = model.backbone.step(
            inputs["decoder_token_ids"][:, i : i + 1],
            i,
            caches,
            source,
            language_ids=None if languages is None else languages[:, i : i + 1],
        )
        logits = np.asarray(model.logits(states))
        real = inputs["decoder_padding_mask"].numpy()[:, i]
        np.testing.assert_allclose(logits[real], expected[real, i], atol=1e-5)


def test_attention_to_the_source(model):
    inputs, *_ = model.preprocessor((SOURCES, TARGETS))
    layers = model.backbone.cross_attention(inputs)
    assert len(layers) == model.backbone.num_decoder_layers
    mask = inputs["encoder_padding_mask"].numpy()
    for probabilities in layers:
        np.testing.assert_allclose(np.sum(probabilities, axis=-1), 1, atol=1e-5)
        hidden = np.moveaxis(np.asarray(probabilities), 3, 1)[~mask]
        assert hidden.max() < 1e-6
    # With these probabilities by hand, the first block gives what it gives.
    attention = model.backbone.decoder_blocks[0].source_attention
    states = model.backbone(inputs)
    keys_values = attention.keys_values(states["encoder_sequence_output"])
    mask = padding_attention_mask(mask)
    y = keras.random.normal(states["decoder_sequence_output"].shape, seed=1)
    by_hand = attention.attention_probabilities(y, keys_values, mask)
    context = np.einsum("bhts,bhsk->bthk", by_hand, keys_values[1])
    expected = attention.output_dense(context.reshape(y.shape))
    actual = attention(y, keys_values, mask)
    np.testing.assert_allclose(actual, expected, atol=1e-5)


@pytest.mark.slow
def test_picture_of_the_attention(make_model, tmp_path):
    model = make_model()
    path = draw_attention(model, SOURCES[0], tmp_path / "attention.png", TARGETS[0])
    assert path.read_bytes()[:4] == b"\x89PNG"
    assert path.stat().st_size > 5000
    path = draw_attention(model, SOURCES[0], tmp_path / "own.svg", layer=0)
    assert "<svg" in path.read_text()
    model.compile(sampler=xlm_tf.BeamSearch(num_beams=2, num_return=2))
    best = draw_attention(model, SOURCES[0], tmp_path / "best.svg", layer=0)
    ((text, _),) = model.generate([SOURCES[0]])
    chosen = draw_attention(model, SOURCES[0], tmp_path / "chosen.svg", text, layer=0)
    assert _curves(best) == _curves(chosen)
    with pytest.raises(ValueError, match="layer must lie between"):
        draw_attention(model, SOURCES[0], path, layer=7)


def _curves(picture):
    """What is drawn, without the date and the ids of a file."""
    return re.findall(r' d="([^"]*)"', picture.read_text())


def test_the_future_is_not_seen(model):
    inputs, *_ = model.preprocessor((SOURCES, TARGETS))
    before = np.asarray(model(inputs))
    changed = inputs["decoder_token_ids"].numpy().copy()
    changed[:, 4:] = 7
    inputs["decoder_token_ids"] = tf.constant(changed)
    after = np.asarray(model(inputs))
    np.testing.assert_allclose(after[:, :4], before[:, :4], atol=1e-6)
    assert np.abs(after[:, 4] - before[:, 4]).max() > 1e-3


def test_padding_of_the_source_is_not_seen(model):
    long, *_ = model.preprocessor((SOURCES, TARGETS))
    alone, *_ = model.preprocessor((SOURCES[2:], TARGETS[2:]))
    length = min(x["decoder_token_ids"].shape[1] for x in (long, alone))
    np.testing.assert_allclose(
        np.asarray(model(long))[2:, :length],
        np.asarray(model(alone))[:, :length],
        atol=1e-5,
    )


def test_targets_are_shifted_and_padding_has_no_weight(make_model, tokenizer):
    model = make_model()
    inputs, targets, weights = model.preprocessor((SOURCES, TARGETS))
    ids = tokenizer.encode(TARGETS[2])
    n = len(ids)
    assert inputs["decoder_token_ids"][2, : n + 1].numpy().tolist() == [0, *ids]
    assert targets[2, : n + 1].numpy().tolist() == [*ids, 2]
    assert weights[2].numpy().sum() == n + 1
    assert set(targets[2, n + 1 :].numpy().tolist()) <= {1}


def test_long_targets_are_cut(make_model):
    model = make_model(
        packing={"target_length": 21}, backbone={"max_sequence_length": 40}
    )
    inputs, targets, weights = model.preprocessor(
        (["x"] * 2, ["Hund " * 100, "Hund"]), sample_weight=np.array([1.0, 0.5])
    )
    assert inputs["decoder_token_ids"].shape == targets.shape == (2, 21)
    assert targets[0, -2].numpy() == 2  # the end, after 19 tokens
    assert weights.numpy().max(axis=1).tolist() == [1.0, 0.5]
    assert model(inputs).shape[:2] == (2, 21)


def test_language_tokens_begin_the_target(make_backbone, train_proto):
    proto = train_proto(
        unk_id=0, bos_id=1, eos_id=2, pad_id=-1, user_defined_symbols=["<de>", "<fr>"]
    )
    tokenizer = xlm_tf.XLMSentencePieceTokenizer(proto)
    preprocessor = xlm_tf.XLMSeq2SeqLMPreprocessor(
        tokenizer,
        sequence_length=48,
        language_tokens={"de": "<de>", "fr": "<fr>"},
        target_language="fr",
    )
    inputs, _, weights = preprocessor(
        {"text": SOURCES, "target_text": TARGETS, "target_language": ["de", "fr", "de"]}
    )
    wanted = [tokenizer.token_to_id(x) for x in ("<de>", "<fr>", "<de>")]
    assert inputs["decoder_token_ids"][:, 1].numpy().tolist() == wanted
    assert weights[:, 0].numpy().tolist() == [0, 0, 0]
    prompt = preprocessor.generate_preprocess({"text": ["x"]})["prompt"]
    assert prompt.numpy().tolist() == [[0, wanted[1]]]
    encoder = make_backbone(vocabulary_size=tokenizer.vocabulary_size())
    model = xlm_tf.XLMSeq2SeqLM(xlm_tf.XLMSeq2SeqBackbone(encoder), preprocessor)
    assert len(model.generate(SOURCES, target_language="de", max_length=5)) == 3
    with pytest.raises(ValueError, match="those that this model writes: de, fr"):
        model.generate(SOURCES, target_language="xx")
    with pytest.raises(ValueError, match=r"in the vocabulary. Missing: <zz>"):
        xlm_tf.XLMSeq2SeqLMPreprocessor(tokenizer, language_tokens={"zz": "<zz>"})


@pytest.mark.slow
@pytest.mark.parametrize("form", ["xlm-r", "xlm", "separate"])
def test_presets_give_the_same_texts(make_model, form, tmp_path):
    model = make_model(**FORMS[form])
    model.save_to_preset(tmp_path)
    again = load_task(tmp_path)
    assert type(again) is xlm_tf.XLMSeq2SeqLM
    inputs, *_ = model.preprocessor((SOURCES, TARGETS))
    np.testing.assert_array_equal(again(inputs), model(inputs))
    assert again.generate(SOURCES, max_length=6) == model.generate(
        SOURCES, max_length=6
    )


@pytest.mark.slow
def test_it_learns_by_heart(make_model):
    model = make_model(
        backbone={"hidden_dim": 64, "intermediate_dim": 128, "num_heads": 4}
    )
    model.compile(optimizer=keras.optimizers.Adam(3e-3), label_smoothing=0.0)
    model.fit((SOURCES * 4, TARGETS * 4), batch_size=12, epochs=60, verbose=0)
    for sampler in ("beam", "greedy", "top_k"):
        model.compile(sampler=sampler)
        assert model.generate(SOURCES) == TARGETS
    text, score = model.generate(SOURCES[0], with_scores=True)
    assert text == TARGETS[0]
    assert -1 < score <= 0
    model.compile(sampler=xlm_tf.BeamSearch(num_beams=3, num_return=3))
    texts, scores = model.generate(SOURCES, with_scores=True)
    assert [row[0] for row in texts] == TARGETS
    assert all(row == sorted(row, reverse=True) for row in scores)


def test_the_decoder_begins_as_the_masked_lm(tokenizer):
    masked_lm = xlm_tf.XLMMaskedLM.from_preset("xlm_tiny")
    for share in (True, False):
        model = xlm_tf.XLMSeq2SeqLM.from_masked_lm(masked_lm, share_embeddings=share)
        backbone = model.backbone
        assert (backbone.decoder_embeddings is backbone.encoder.embeddings) == share
        for block, other in zip(
            masked_lm.backbone.encoder_blocks, backbone.decoder_blocks, strict=True
        ):
            np.testing.assert_array_equal(
                block.attention.qkv_dense.kernel, other.attention.qkv_dense.kernel
            )
        np.testing.assert_array_equal(
            masked_lm.prediction_head.bias, model.prediction_head.bias
        )
        np.testing.assert_array_equal(
            masked_lm.backbone.token_embedding.embeddings,
            backbone.token_embedding.embeddings,
        )
    small = xlm_tf.XLMSeq2SeqLM.from_masked_lm("xlm_tiny", num_decoder_layers=1)
    assert small.backbone.num_decoder_layers == 1
    with pytest.raises(ValueError, match="cannot have more"):
        xlm_tf.XLMSeq2SeqLM.from_masked_lm("xlm_tiny", num_decoder_layers=3)


def test_the_decoder_begins_as_a_causal_lm(make_backbone, tokenizer, tmp_path):
    causal = xlm_tf.XLMCausalLM(
        make_backbone(causal=True), xlm_tf.XLMCausalLMPreprocessor(tokenizer, 40)
    )
    causal.prediction_head.bias.assign(
        keras.random.normal((causal.backbone.vocabulary_size,))
    )
    causal.save_to_preset(tmp_path / "causal")
    model = xlm_tf.XLMSeq2SeqLM.from_masked_lm(tmp_path / "causal")
    assert not model.backbone.encoder.causal
    for actual, expected in (
        (model.prediction_head.bias, causal.prediction_head.bias),
        (
            model.backbone.token_embedding.embeddings,
            causal.backbone.token_embedding.embeddings,
        ),
    ):
        np.testing.assert_array_equal(actual, expected)
    embedder = xlm_tf.XLMTextEmbedder(
        make_backbone(), xlm_tf.XLMTextEmbedderPreprocessor(tokenizer, 40)
    )
    embedder.save_to_preset(tmp_path / "embedder")
    with pytest.raises(ValueError, match="holds a XLMTextEmbedder"):
        xlm_tf.XLMSeq2SeqLM.from_masked_lm(tmp_path / "embedder")


def test_a_decoder_of_another_form_is_refused(make_backbone):
    masked_lm = xlm_tf.XLMMaskedLM(make_backbone(), head_transform=False)
    other = xlm_tf.XLMMaskedLM(make_backbone(), head_transform=True, tied=False)
    model = xlm_tf.XLMSeq2SeqLM.from_masked_lm(masked_lm, decoder=other)
    assert (model.head_transform, model.tied) == (True, False)
    assert not model.backbone.share_embeddings
    again = xlm_tf.XLMSeq2SeqLM.from_masked_lm(masked_lm, decoder=model)
    for own, expected in zip(
        again.backbone.decoder_blocks, model.backbone.decoder_blocks, strict=True
    ):
        for one, another in zip(own.weights, expected.weights, strict=True):
            np.testing.assert_array_equal(one, another)
    wide = make_backbone(intermediate_dim=48)
    for own, arguments, message in (
        (xlm_tf.XLMMaskedLM(wide), {}, "intermediate_dim is .*: a decoder's of 48"),
        (other, {"share_embeddings": True}, "Expected share_embeddings=False"),
        (other, {"num_decoder_layers": 9}, "layers of another model: .*=9"),
        (make_backbone(), {}, "A decoder begins with an XLMMaskedLM"),
    ):
        with pytest.raises(ValueError, match=message):
            xlm_tf.XLMSeq2SeqLM.from_masked_lm(masked_lm, decoder=own, **arguments)


def test_label_smoothing_is_its_definition():
    logits = np.random.default_rng(0).normal(size=(2, 3, 5)).astype("float32")
    targets = np.array([[1, 0, 4], [2, 2, 0]])
    weights = np.array([[1.0, 1, 0], [1, 0, 0]])
    logp = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    distribution = 0.8 * np.eye(5)[targets] + 0.2 / 5
    losses = -(distribution * logp).sum(-1)
    expected = (losses * weights).sum() / weights.sum()
    loss = LabelSmoothedCrossentropy(0.2)(targets, logits, weights)
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ValueError, match=r"in \[0, 1\)"):
        LabelSmoothedCrossentropy(1.0)


def test_odd_texts(model):
    texts = ["", "dog " * 500, "\ud800".encode("utf-8", "replace").decode(), "狐狸"]
    together = model.generate(texts, max_length=4)
    assert len(together) == 4
    assert model.generate([]) == []
    for text, expected in zip(texts, together, strict=True):
        assert model.generate(text, max_length=4) == expected
    # The default length is each text's own.
    together = model.generate(texts[2:])
    assert [model.generate(text) for text in texts[2:]] == together
    invalid = tf.constant([b"\xff\xfe broken", b"dog"])
    assert len(model.generate({"text": list(invalid.numpy())}, max_length=3)) == 2
    # More than the positions: cut, not an error.
    assert isinstance(model.generate("dog", max_length=10_000), str)


def test_what_is_missing_is_named(make_model):
    model = make_model()
    with pytest.raises(ValueError, match="inputs are pairs of texts"):
        model.preprocessor({"text": SOURCES})
    with pytest.raises(ValueError, match="Inputs are `text`"):
        model.preprocessor({"source": SOURCES})
    packing = {"languages": LANGUAGES["languages"]}
    model = make_model(backbone={"num_languages": 3}, packing=packing)
    for read in (model.generate, lambda x: model.preprocessor((x, TARGETS))):
        with pytest.raises(ValueError, match=r"pass `source_language`, or .*'source_"):
            read(SOURCES)
    with pytest.raises(ValueError, match="pass `target_language`"):
        model.generate(SOURCES, source_language="en")
    texts = model.generate(
        SOURCES, source_language="en", target_language="fr", max_length=3
    )
    assert len(texts) == 3


@pytest.mark.parametrize("long_texts", ["split", "truncate"])
def test_long_texts_are_written_in_parts_or_cut(make_model, long_texts):
    model = make_model()
    sentence = "The quick brown fox reads small texts. "
    tokens = len(model.preprocessor.tokenizer(sentence))
    text = sentence * (2 * 38 // tokens)  # 38 tokens have room
    cut = model.generate(text, max_length=4)
    counts = collections.Counter()
    [[(target, _)], _] = generate_in_order(
        model, [text, "dog"], max_length=4, long_texts=long_texts, counts=counts
    )
    assert (target == cut) is (long_texts == "truncate")
    assert counts == {"texts": 2, "long": 1}


def test_of_long_texts_the_sentences_are_read_that_say_most(
    make_model, make_backbone, tokenizer, monkeypatch
):
    model = make_model()
    embedder = xlm_tf.XLMTextEmbedder(
        make_backbone(), xlm_tf.XLMTextEmbedderPreprocessor(tokenizer, 32)
    )
    sentences = [f"The {word} fox reads small texts." for word in ("quick", "lazy")]
    text = " ".join([*sentences, "Der Hund springt.", *sentences[::-1]])
    read = []
    generate = model.generate
    monkeypatch.setattr(
        model, "generate", lambda x, **own: read.extend(x) or generate(x, **own)
    )
    arguments = {"long_texts": "extract", "embedder": embedder, "max_length": 4}
    found = list(generate_in_order(model, [text, "", "dog"], **arguments))
    assert len(found) == 3 and found[1] == [("", 0.0)]
    (extract,) = (x for x in read if x != "dog")
    room = model.preprocessor.sequence_length - 2
    assert len(tokenizer(extract)) <= room < len(tokenizer(text))
    # Whole sentences, among them that which says most, in their order.
    ((first,),) = embedder.summarize(text)
    assert first["text"] in extract
    places = [text.index(part.strip()) for part in split_sentences(extract)]
    assert len(places) > 1 and places == sorted(places)


def test_what_is_said_of_long_texts_must_be_clear(make_model, make_backbone, tokenizer):
    model = make_model()
    embedder = xlm_tf.XLMTextEmbedder(make_backbone())
    for arguments, message in (
        ({"long_texts": "cut"}, "must be one of split, truncate, extract"),
        ({"long_texts": "extract"}, "needs an embedder"),
        ({"embedder": embedder}, "needs an embedder"),
        ({"long_texts": "extract", "embedder": embedder}, "has no preprocessor"),
    ):
        with pytest.raises(ValueError, match=message):
            generate_in_order(model, ["dog"], **arguments)


@pytest.mark.slow
@pytest.mark.parametrize(
    "misfit",
    [
        {"target_text": ["Hund"]},
        {"source_language": ["en", "de"]},
        {"target_language": ["en", "de"]},
    ],
)
def test_fields_of_different_lengths(tokenizer, misfit):
    preprocessor = xlm_tf.XLMSeq2SeqLMPreprocessor(
        tokenizer, sequence_length=40, target_language="de", **LANGUAGES
    )
    fields = {"text": SOURCES, "target_text": TARGETS, **misfit}
    with pytest.raises(ValueError, match="must hold one string for every"):
        preprocessor(fields)
    spec = {name: tf.TensorSpec([None], tf.string) for name in fields}
    for function in (preprocessor, preprocessor.generate_preprocess):
        graph = tf.function(function, input_signature=[spec])
        with pytest.raises(tf.errors.InvalidArgumentError, match="must hold one"):
            graph({name: tf.constant(value) for name, value in fields.items()})


def test_the_language_to_write_is_found_however_it_is_spelled(tokenizer):
    preprocessor = xlm_tf.XLMSeq2SeqLMPreprocessor(
        tokenizer, languages=["de", "en", "pt_BR"], language="eng", target_language="pt"
    )
    assert preprocessor.get_config()["target_language"] == "pt_BR"
    inputs = preprocessor.generate_preprocess(
        {"text": SOURCES, "source_language": "EN-gb", "target_language": "pt-br"}
    )
    assert inputs["target_language_ids"].numpy().tolist() == [2, 2, 2]
    assert (inputs["encoder_language_ids"].numpy() == 1).all()
    with pytest.raises(ValueError, match="de, en, pt_BR"):
        preprocessor.target_language = "fr"
    by_token = xlm_tf.XLMSeq2SeqLMPreprocessor(
        tokenizer, language_tokens={"de": "e", "en": "a"}
    )
    prompts = [
        by_token.generate_preprocess({"text": SOURCES[:1], "target_language": x})
        for x in ("de", "de_CH", "deu")
    ]
    assert len({tuple(x["prompt"].numpy()[0]) for x in prompts}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("run_eagerly", [False, True])
def test_samplers_take_any_number_of_texts(make_model, run_eagerly):
    """One text first: what was traced for it is used for two, and for none."""
    model = make_model(num_decoder_layers=1)
    none = model.preprocessor.generate_preprocess(tf.constant([], tf.string))
    samplers = ["top_k", "greedy", "beam", "random", "top_p"]
    for sampler in samplers if run_eagerly else samplers[:1]:
        model.compile(sampler=sampler, run_eagerly=run_eagerly)
        assert isinstance(model.generate("dog", max_length=2), str)
        assert len(model.generate(SOURCES[:2], max_length=2)) == 2
        assert model.generate(["", ""]) == ["", ""]
        assert model.decode(none, 3).scores.shape == (0, 1)
    if not run_eagerly:
        ((decode,),) = model._decoding_functions.values()
        assert decode.experimental_get_tracing_count() == 1


@pytest.mark.slow
@pytest.mark.parametrize("unknown_characters", ["copy", "mark"])
def test_streams_are_what_is_generated(make_model, tokenizer, unknown_characters):
    """Unknown characters too: what is copied waits until their number is known."""
    model = make_model(num_decoder_layers=1)
    model.preprocessor.unknown_characters = unknown_characters
    # Some texts with unknown characters, and some that end.
    bias = np.random.default_rng(0).normal(size=tokenizer.vocabulary_size()) * 3
    bias[[tokenizer.unk_token_id, tokenizer.end_token_id]] = bias.max()
    model.prediction_head.bias.assign(bias)
    num_pieces = []
    for text in ["The ₪ quick € fox", "", "dog"]:
        written = []
        for stream in (False, True):
            model.compile(sampler=keras_hub.samplers.TopKSampler(k=8, seed=1))
            method = model.stream if stream else model.generate
            pieces = list(method(text, max_length=9))
            written.append("".join(pieces))
        assert written[0] == written[1]
        num_pieces.append(len(pieces))
    assert num_pieces[1] == 0
    assert max(num_pieces) > 3
    model.compile(sampler="beam")
    with pytest.raises(ValueError, match="no tokens to stream"):
        model.stream("dog")
    model.compile(sampler="greedy")
    with pytest.raises(ValueError, match="writes"):
        model.stream("dog", target_language="fr")


@pytest.mark.slow
def test_empty_texts_stay_empty(make_model):
    """And what is no text to the tokenizer; the others are as they were."""
    for form in ("xlm-r", "xlm"):
        model = make_model(**FORMS[form])
        model.prediction_head.bias.assign_add(
            10 * keras.random.normal((model.backbone.vocabulary_size,), seed=1)
        )
        alone = model.generate("dog", max_length=4)
        assert alone
        texts, scores = model.generate(
            ["", "dog", " \t\u200b", "\n"], max_length=4, with_scores=True
        )
        assert texts == ["", alone, "", ""]
        assert [scores[i] for i in (0, 2, 3)] == [0, 0, 0]
        assert model.generate("") == ""
    model.compile(sampler=xlm_tf.BeamSearch(num_beams=2, num_return=2))
    texts, scores = model.generate(["", "dog"], max_length=4, with_scores=True)
    assert [len(row) for row in texts] == [len(row) for row in scores] == [1, 2]
    assert texts[0] == [""]


@pytest.mark.parametrize("max_length", [0, -3, 2.5, True, "4", float("nan")])
def test_no_length(make_model, max_length):
    model = make_model()
    for generate in (model.generate, lambda x, **kw: generate_in_order(model, x, **kw)):
        with pytest.raises(ValueError, match="max_length must be a whole number"):
            generate(SOURCES, max_length=max_length)


def test_arguments_are_checked_before_the_first_text(make_model):
    model = make_model()

    def texts():
        raise AssertionError

    for arguments, message in (
        ({"batch_size": 0}, "batch_size must be"),
        ({"target_language": "fr"}, "does not say which languages it writes"),
        ({"source_language": "fr"}, "does not say which languages it reads"),
    ):
        with pytest.raises(ValueError, match=message):
            generate_in_order(model, texts, **arguments)
    with pytest.raises(ValueError, match=r"k of TopKSampler.* at most"):
        model.compile(sampler=keras_hub.samplers.TopKSampler(k=1000))


@pytest.mark.parametrize("kind", [list, np.array, tf.constant])
def test_every_text_may_have_languages_of_its_own(make_model, kind):
    model = make_model(backbone={"num_languages": 3}, packing=LANGUAGES)
    sources, targets = ["en", "de", "fr"], ["de", "fr", "en"]
    given = {"source_language": kind(sources), "target_language": kind(targets)}
    answers = model.generate(SOURCES, max_length=4, with_scores=True, **given)
    fields = {"text": SOURCES, "source_language": sources, "target_language": targets}
    assert answers == model.generate(fields, max_length=4, with_scores=True)
    for number, source in enumerate(SOURCES):
        own = {name: values[number] for name, values in fields.items()}
        text = own.pop("text")
        assert text == source
        alone = model.generate(text, max_length=4, **own)
        assert answers[0][number] == alone
    with pytest.raises(ValueError, match=r"must hold one string for every .*2 for 3"):
        model.generate(SOURCES, source_language=["en", "de"], target_language="de")
    with pytest.raises(ValueError, match="Received: 'yy'"):
        model.generate(
            SOURCES, source_language="en", target_language=["de", "yy", "de"]
        )


@pytest.mark.slow
def test_languages_that_a_model_was_not_trained_on(make_model, tokenizer, tmp_path):
    """With and without a language embedding, however they are spelled."""
    model = make_model(packing={"source_languages": ["en"], "target_languages": ["de"]})
    model.save_to_preset(tmp_path)
    for own in (model, load_task(tmp_path)):
        expected = own.generate("dog", max_length=3)
        known = {"source_language": "eng", "target_language": "de_DE"}
        assert own.generate("dog", max_length=3, **known) == expected
        with pytest.raises(ValueError, match=r"model writes: de\. Received: 'fr'"):
            own.generate("dog", target_language="fr")
        with pytest.raises(ValueError, match=r"model reads: en\. Received: 'yy'"):
            own.generate({"text": ["dog"] * 2, "source_language": ["en", "yy"]})
    packing = {**LANGUAGES, "source_languages": ["en"], "target_languages": ["de_DE"]}
    model = make_model(backbone={"num_languages": 3}, packing=packing)
    assert model.preprocessor.target_languages == ["de"]
    # One language to write is the default; others can be read, if only by chance.
    expected = model.generate("dog", max_length=3, target_language="de")
    assert model.generate("dog", max_length=3) == expected
    model.generate("dog", max_length=3, source_language="fr")
    with pytest.raises(ValueError, match=r"model writes: de\. Received: 'fr'"):
        model.generate("dog", target_language="fr")
    # In graph, as a server runs it; training may teach another language.
    fields = {"text": ["dog"], "target_text": ["Hund"], "target_language": ["fr"]}
    assert model.preprocessor(fields)[0]["decoder_language_ids"][0, 0] == 2
    del fields["target_text"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="fr"):
        model.preprocessor.generate_preprocess(fields)
    with pytest.raises(ValueError, match="must be one of the model's: de, en, fr"):
        xlm_tf.XLMSeq2SeqLMPreprocessor(tokenizer, target_languages=["xx"], **LANGUAGES)


def writing_unknown(model):
    """The model, which writes unknown characters alone."""
    bias = np.zeros(model.backbone.vocabulary_size, "float32")
    bias[model.preprocessor.tokenizer.unk_token_id] = 1000
    model.prediction_head.bias.assign(bias)
    return model


@pytest.mark.slow
def test_unknown_characters_are_copied_or_marked(make_model, tmp_path):
    model = writing_unknown(make_model(**FORMS["separate"]))
    model.compile(sampler="greedy")
    texts = ["fox ₪ dog €", "fox ₪", "fox", "₪ € fox ₿"]
    marks = " \u2047  \u2047 "
    assert model.generate(texts, max_length=2) == ["₪€", "₪₪", marks, marks]
    model.compile(sampler=xlm_tf.BeamSearch(2, num_return=2))
    assert [row[0] for row in model.generate(texts[:2], max_length=2)] == ["₪€", "₪₪"]
    model.preprocessor.unknown_characters = "mark"
    assert model.generate("fox ₪", max_length=1)[0] == " \u2047 "
    model.preprocessor.unknown_characters = "omit"
    model.save_to_preset(tmp_path)
    again = load_task(tmp_path)
    assert again.generate("fox ₪", max_length=1)[0] == ""
    with pytest.raises(ValueError, match="one of copy, mark, omit"):
        again.preprocessor.unknown_characters = "keep"


@pytest.mark.parametrize(
    "search",
    [
        xlm_tf.BeamSearch(5, length_penalty=0.6, no_repeat_ngram_size=2),
        keras_hub.samplers.TopKSampler(k=3, temperature=0.7, seed=2),
        "greedy",
    ],
)
def test_the_search_is_saved_with_the_model(make_model, tmp_path, search):
    model = make_model(**FORMS["separate"])
    assert model.decoding == xlm_tf.BeamSearch()
    model.compile(sampler=search)
    model.save_to_preset(tmp_path / "preset")
    model.save(tmp_path / "model.keras")
    for again in (
        load_task(tmp_path / "preset"),
        keras.models.load_model(tmp_path / "model.keras"),
        xlm_tf.XLMSeq2SeqLM.from_config(model.get_config()),
    ):
        again.compile(optimizer="adam")  # which says nothing of the search
        config = keras.saving.serialize_keras_object(again.decoding_strategy)
        assert config == keras.saving.serialize_keras_object(model.decoding_strategy)
    other = xlm_tf.XLMSeq2SeqLM.from_preset(tmp_path / "preset", decoding="beam")
    assert other.decoding_strategy == xlm_tf.BeamSearch()


def test_a_training_may_search_otherwise(make_model):
    model = make_model(**FORMS["separate"])
    model.compile(sampler="greedy")
    model.decoding = xlm_tf.BeamSearch(5)
    assert model.decoding_strategy.num_beams == 1
    again = xlm_tf.XLMSeq2SeqLM.from_config(model.get_config())
    assert again.decoding_strategy == xlm_tf.BeamSearch(5)
