"""The left-to-right language model as users call it."""

import dataclasses
from pathlib import Path

import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf

import xlm_tf
from xlm_tf.models.loading import load_task

FOLDER = Path(__file__).resolve().parents[1] / "data" / "checkpoints"
TEXTS = ["The quick", "reads it", "dog", "Der faule"]
LANGUAGES = {"languages": ["de", "en", "fr"], "language": "en"}
FORMS = {
    "xlm-r": {},
    "xlm": {
        "backbone": {
            "position_offset": 0,
            "num_languages": 3,
            "zero_padding_states": True,
            "layer_norm_epsilon": 1e-12,
        },
        "packing": LANGUAGES,
    },
    "sinusoidal": {
        "backbone": {"position_embedding": "sinusoidal", "position_offset": 0}
    },
    "pre-norm": {
        "backbone": {
            "norm_placement": "pre",
            "embedding_norm": False,
            "num_token_types": 1,
        }
    },
    "transform": {
        "backbone": {"num_languages": 3},
        "packing": LANGUAGES,
        "head_transform": True,
        "tied": False,
    },
}


@pytest.fixture
def make_model(make_backbone, tokenizer):
    """Makes a small model: `backbone` and `packing` are arguments of its parts."""

    def make(backbone=None, packing=None, **arguments):
        preprocessor = xlm_tf.XLMCausalLMPreprocessor(
            tokenizer, **{"sequence_length": 40, **(packing or {})}
        )
        backbone = make_backbone(causal=True, **(backbone or {}))
        return xlm_tf.XLMCausalLM(backbone, preprocessor, **arguments)

    return make


@pytest.fixture(params=FORMS)
def model(request, make_model):
    return make_model(**FORMS[request.param])


def tracing_count(model):
    ((decode,),) = model._decoding_functions.values()
    return decode.experimental_get_tracing_count()


def log_softmax(x):
    x = np.asarray(x, "float64")
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def whole_call(model, ids, language="en"):
    """Log-probabilities (T, V) after every position of some ids, without a cache."""
    inputs = {"token_ids": np.array([ids]), "padding_mask": np.ones((1, len(ids)))}
    if model.backbone.num_languages:
        index = model.preprocessor.languages.index(language)
        inputs["language_ids"] = np.full((1, len(ids)), index)
    return log_softmax(model(inputs))[0]


def test_steps_with_a_cache_are_the_whole_call(model):
    inputs, *_ = model.preprocessor(TEXTS)
    expected = np.asarray(model(inputs))  # (B, T, V)
    assert expected.dtype == np.float32
    token_ids, languages = inputs["token_ids"], inputs.get("language_ids")

    def of_languages(first, last):
        return None if languages is None else languages[:, first:last]

    for num_cached in (0, 3):
        caches = model.backbone.empty_caches(len(TEXTS))
        if num_cached:
            caches = model.backbone.prefill(
                token_ids[:, :num_cached], of_languages(0, num_cached)
            )
        assert caches[0][0].shape == (4, 2, num_cached, 8)
        for i in range(num_cached, 9):
            states, caches = model.backbone.step(
                token_ids[:, i : i + 1], i, caches, None, of_languages(i, i + 1)
            )
            logits = np.asarray(model.logits(states))
            real = inputs["padding_mask"].numpy()[:, i]
            assert real.any()
            np.testing.assert_allclose(logits[real], expected[real, i], atol=1e-5)


def test_the_future_is_not_seen(model):
    inputs, *_ = model.preprocessor(TEXTS)
    before = np.asarray(model(inputs))
    changed = inputs["token_ids"].numpy().copy()
    changed[:, 2:] = 7
    inputs["token_ids"] = tf.constant(changed)
    after = np.asarray(model(inputs))
    np.testing.assert_allclose(after[:, :2], before[:, :2], atol=1e-6)
    assert np.abs(after[:, 2] - before[:, 2]).max() > 1e-3


def greedy(model, texts, max_length):
    """Ids and mean log-probabilities by a loop of whole calls on all texts."""
    inputs = model.preprocessor.generate_preprocess(texts, max_length)
    missing = [(0, 0), (0, max_length - inputs["token_ids"].shape[1])]
    inputs = {name: np.pad(x.numpy(), missing) for name, x in inputs.items()}
    if "language_ids" in inputs:
        inputs["language_ids"][:] = inputs["language_ids"][:, :1]
    ids, mask = inputs["token_ids"], inputs["padding_mask"]
    prompts = mask.sum(axis=1)
    lengths, totals = prompts.copy(), np.zeros(len(texts))
    going = lengths < max_length
    while going.any():
        logp = log_softmax(model(inputs))
        for row in np.flatnonzero(going):
            last = logp[row, lengths[row] - 1]
            ids[row, lengths[row]] = token = last.argmax()
            mask[row, lengths[row]] = True
            totals[row] += last[token]
            lengths[row] += 1
            is_end = token == model.preprocessor.tokenizer.end_token_id
            going[row] = not is_end and lengths[row] < max_length
    ids = [row[:length] for row, length in zip(ids, lengths, strict=True)]
    return ids, totals / (lengths - prompts)


@pytest.mark.slow
def test_greedy_is_the_argmax_of_whole_calls(model):
    """Of prompts of several lengths, the empty one too."""
    texts, tokenizer = [*TEXTS, ""], model.preprocessor.tokenizer
    lengths = [len(tokenizer(text)) for text in texts]
    assert len(set(lengths)) >= 4
    assert max(lengths) < 12
    ids, expected_scores = greedy(model, texts, 15)
    actual, scores = model.generate(texts, max_length=15, with_scores=True)
    assert actual == [tokenizer.decode(row) for row in ids]
    assert all(x.startswith(text) for x, text in zip(actual, texts, strict=True))
    np.testing.assert_allclose(scores, expected_scores, atol=1e-4)
    # One graph for all lengths and numbers of texts.
    assert tracing_count(model) == 1


@pytest.mark.parametrize("form", ["xlm-r", "xlm"])
def test_beams_do_not_depend_on_the_other_texts(make_model, form):
    model = make_model(**FORMS[form])
    model.compile(sampler=xlm_tf.BeamSearch(num_beams=3, num_return=2))
    together, scores = model.generate(TEXTS, max_length=12, with_scores=True)
    for text, expected, score in zip(TEXTS, together, scores, strict=True):
        assert len(set(expected)) == 2
        alone, own_scores = model.generate(text, max_length=12, with_scores=True)
        assert alone == expected
        np.testing.assert_allclose(own_scores, score, atol=1e-5)


class MedianSampler(keras_hub.samplers.Sampler):
    """Draws as if every random number were one half."""

    def get_next_token(self, probabilities):
        is_below = tf.cumsum(probabilities, axis=-1) < 0.5
        return tf.reduce_sum(tf.cast(is_below, "int32"), axis=-1)


@pytest.mark.parametrize("form", ["xlm-r", "xlm"])
def test_samples_do_not_depend_on_the_other_texts(make_model, form):
    model = make_model(**FORMS[form])
    model.compile(sampler=MedianSampler())
    together, scores = model.generate(TEXTS, max_length=12, with_scores=True)
    assert len(set(together)) == len(TEXTS)
    for text, expected, score in zip(TEXTS, together, scores, strict=True):
        alone, own_score = model.generate(text, max_length=12, with_scores=True)
        assert alone == expected
        assert own_score == pytest.approx(score, abs=1e-4)


def test_seeded_samples(make_model):
    """The same again from the same seed; the first text has the draws of one alone."""
    model = make_model()

    def sampled(texts):
        model.compile(sampler=keras_hub.samplers.RandomSampler(seed=3))
        return model.generate(texts, max_length=12)

    together = sampled(TEXTS)
    assert sampled(TEXTS) == together
    assert sampled(TEXTS[:1]) == together[:1]


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["greedy", "beam", MedianSampler()])
def test_stop_tokens(make_model, sampler, tmp_path):
    model = make_model()
    tokenizer = model.preprocessor.tokenizer
    model.compile(sampler=sampler)
    given = model.preprocessor.generate_preprocess(TEXTS)
    decoded = model.decode(given, 14, stop_token_ids=None).token_ids[:, 0].numpy()
    limits = model.max_new_tokens(given, 14).numpy()
    pad_id, end_id = tokenizer.pad_token_id, tokenizer.end_token_id
    assert ((decoded == pad_id).sum(axis=1) == decoded.shape[1] - limits).all()
    if sampler == "beam":
        return  # of beams, tests/generation shows which text is the best
    stop_ids = [int(decoded[0, 2]), int(decoded[1, 3])]
    stopped = model.decode(given, 14, stop_ids).token_ids[:, 0].numpy()
    for row, own, limit in zip(decoded, stopped, limits, strict=True):
        ends = np.flatnonzero(np.isin(row[:limit], stop_ids))
        length = ends[0] + 1 if len(ends) else limit
        assert own[:length].tolist() == row[:length].tolist()
        assert set(own[length:].tolist()) <= {pad_id}
    texts = model.generate(TEXTS, max_length=14, stop_token_ids=stop_ids)
    ids = [*tokenizer.encode(TEXTS[0]), *stopped[0].tolist()]
    assert texts[0] == tokenizer.decode(ids)
    # As a part of what is compiled and saved; a call may still say otherwise.
    strategy = dataclasses.replace(model.decoding, stop_token_ids=stop_ids)
    model.compile(sampler=strategy)
    assert model.generate(TEXTS, max_length=14) == texts
    ended = model.generate(TEXTS, max_length=14, stop_token_ids=[end_id])
    model.compile(sampler=sampler)
    assert model.generate(TEXTS, max_length=14) == ended
    if sampler == "greedy":
        model.compile(sampler=strategy)
        model.save_to_preset(tmp_path)
        assert load_task(tmp_path).decoding == strategy


def test_stop_tokens_that_there_are_not(make_model):
    model = make_model()
    size = model.backbone.vocabulary_size
    for wrong in ([], "end", 2, [size], [-1], [True], {"a": 1}):
        with pytest.raises(ValueError, match="stop_token_id"):
            model.generate("dog", stop_token_ids=wrong)
    with pytest.raises(ValueError, match=f"{size - 1} at most"):
        model.compile(sampler=xlm_tf.BeamSearch(stop_token_ids=[size]))


@pytest.mark.slow
@pytest.mark.parametrize("run_eagerly", [False, True])
def test_streams_are_what_is_generated(make_model, run_eagerly):
    model = with_random_bias(make_model(**FORMS["xlm"]))
    model.compile(sampler="greedy", run_eagerly=run_eagerly)
    texts = ["The quick", "", "fox ₪ dog", "dog " * 50]
    for text in texts[:1] if run_eagerly else texts:
        pieces = list(model.stream(text, max_length=18))
        assert "".join(pieces) == model.generate(text, max_length=18)
        assert all(pieces)
        if text == texts[0]:
            assert pieces[0] == text
            assert len(pieces) > 5
    written = []
    for method in (model.generate, model.stream):
        sampler = keras_hub.samplers.TopKSampler(k=5, seed=2)
        model.compile(sampler=sampler, run_eagerly=run_eagerly)
        written.append("".join(method(texts[0], max_length=18)))
    assert written[0] == written[1]


def test_a_stream_comes_as_it_is_decoded(make_model):
    model = make_model()
    steps = []
    model.compile(sampler="greedy", run_eagerly=True)
    step = model.backbone.step
    model.backbone.step = lambda *args: steps.append(1) or step(*args)
    counts = []
    for _ in model.stream("dog", max_length=20, stop_token_ids=None):
        counts.append(len(steps))
    assert counts[0] == 0  # what is given
    assert counts[1] <= 3
    assert len(steps) == 20 - 1 - len(model.preprocessor.tokenizer("dog"))
    assert len(counts) > len(steps) // 2


def test_what_cannot_be_streamed_is_named(make_model):
    model = make_model()
    with pytest.raises(ValueError, match=r"stream is of one text.* with 4 texts"):
        model.stream(TEXTS)
    with pytest.raises(ValueError, match="max_length must be a whole number"):
        model.stream("dog", max_length=0)
    model.compile(sampler="beam")
    with pytest.raises(ValueError, match=r"no tokens to stream.*num_beams=4"):
        model.stream("dog")
    model.preprocessor = None
    with pytest.raises(ValueError, match=r"`stream` .* needs a preprocessor"):
        model.stream("dog")


@pytest.mark.slow
def test_scores_are_log_probabilities_by_length(make_model):
    model = make_model(**FORMS["xlm"])
    prompts = {
        "token_ids": tf.constant([[0, 20, 30, 40], [0, 50, 60, 70]]),
        "padding_mask": tf.ones((2, 4), tf.bool),
        "language_ids": tf.constant([[1] * 4, [2] * 4]),
    }
    end_id = model.preprocessor.tokenizer.end_token_id
    for penalty in (0.6, 2.0):
        search = xlm_tf.BeamSearch(num_beams=3, num_return=3, length_penalty=penalty)
        model.compile(sampler=search)
        decoded = model.decode(prompts, 9)
        for prompt, language, texts, scores in zip(
            prompts["token_ids"].numpy().tolist(),
            ["en", "fr"],
            decoded.token_ids.numpy().tolist(),
            decoded.scores.numpy(),
            strict=True,
        ):
            assert scores.tolist() == sorted(scores, reverse=True)
            for text, score in zip(texts, scores, strict=True):
                length = text.index(end_id) + 1 if end_id in text else len(text)
                logp = whole_call(model, prompt + text[:length], language)
                total = logp[np.arange(length) + 3, text[:length]].sum()
                assert score == pytest.approx(total / length**penalty, abs=1e-4)


def test_samplers_of_keras_hub(make_model):
    model = make_model()
    expected = model.generate(TEXTS, max_length=16)
    model.compile(sampler=keras_hub.samplers.TopKSampler(k=1))
    assert model.generate(TEXTS, max_length=16) == expected


def test_targets_are_the_inputs_shifted(make_model, tokenizer):
    model = make_model(packing={"sequence_length": 20})
    texts = ["dog", "quick " * 50, ""]
    inputs, targets, weights = model.preprocessor(texts)
    ids = tokenizer.encode("dog")
    n = len(ids)
    assert inputs["token_ids"][0, : n + 2].numpy().tolist() == [0, *ids, 2]
    assert targets[0, : n + 1].numpy().tolist() == [*ids, 2]
    assert set(targets[0, n + 1 :].numpy().tolist()) == {1}
    real = inputs["padding_mask"].numpy().sum(axis=1)
    assert weights.numpy().sum(axis=1).tolist() == (real - 1).tolist() == [n + 1, 19, 1]
    assert targets[1, 18].numpy() == 2  # cut, with an end
    *_, half = model.preprocessor(texts, sample_weight=np.array([1.0, 0.5, 0.0]))
    np.testing.assert_array_equal(half, weights.numpy() * [[1.0], [0.5], [0.0]])
    alone = model.preprocessor("dog")
    assert alone[0]["token_ids"].shape == alone[1].shape == alone[2].shape == (20,)
    with pytest.raises(ValueError, match="without `y`"):
        model.preprocessor(texts, y=texts)


@pytest.mark.slow
def test_it_learns_by_heart(make_model):
    texts = ["The quick brown fox jumps", "Der faule Hund springt"]
    big = {"hidden_dim": 64, "intermediate_dim": 128, "num_heads": 4}
    model = make_model(backbone=big)
    model.compile(optimizer=keras.optimizers.Adam(3e-3))
    model.fit(texts * 160, batch_size=4, verbose=0)
    assert model.generate(["The quick", "Der"]) == texts
    text, score = model.generate("Der faule", with_scores=True)
    assert text == texts[1]
    assert -1 < score <= 0


def test_token_ids_are_trained_on_as_they_are(make_model):
    model = make_model()
    inputs, targets, weights = (
        {name: value.numpy() for name, value in x.items()}
        if isinstance(x, dict)
        else x.numpy()
        for x in model.preprocessor(TEXTS)
    )
    logp = np.take_along_axis(log_softmax(model(inputs)), targets[..., None], axis=2)
    expected = -(logp[..., 0] * weights).sum() / weights.sum()
    model.preprocessor = None
    model.compile(optimizer=keras.optimizers.SGD(0.1))
    history = model.fit(
        inputs, targets, sample_weight=weights, epochs=2, verbose=0
    ).history["loss"]
    assert history[0] == pytest.approx(expected, rel=1e-4)
    assert history[1] < history[0]


def with_random_bias(model):
    size = model.backbone.vocabulary_size
    model.prediction_head.bias.assign(np.random.default_rng(0).normal(size=size))
    return model


@pytest.mark.slow
def test_presets_give_the_same_texts(make_model, tmp_path):
    model = with_random_bias(make_model(**FORMS["xlm"]))
    model.save_to_preset(tmp_path)
    again = load_task(tmp_path)
    assert type(again) is xlm_tf.XLMCausalLM
    assert type(again.preprocessor) is xlm_tf.XLMCausalLMPreprocessor
    assert again.preprocessor.get_config() == model.preprocessor.get_config()
    inputs, *_ = model.preprocessor(TEXTS)
    np.testing.assert_array_equal(again(inputs), model(inputs))
    expected = model.generate(TEXTS, max_length=9)
    assert again.generate(TEXTS, max_length=9) == expected


def test_the_head_of_a_masked_lm_is_kept(make_model, tmp_path):
    model = make_model(**FORMS["transform"])
    packing = model.preprocessor.packing_config()
    masked_lm = xlm_tf.XLMMaskedLM(
        model.backbone,
        xlm_tf.XLMMaskedLMPreprocessor(model.preprocessor.tokenizer, **packing),
        head_transform=True,
        tied=False,
    )
    with_random_bias(masked_lm).save_to_preset(tmp_path)
    inputs, *_ = model.preprocessor(TEXTS)
    expected = np.asarray(masked_lm(inputs))
    again = xlm_tf.XLMCausalLM.from_preset(tmp_path)
    assert type(again) is xlm_tf.XLMCausalLM
    np.testing.assert_array_equal(again(inputs), expected)
    assert again.preprocessor.packing_config() == packing
    half = xlm_tf.XLMCausalLM.from_preset(
        tmp_path, dtype="mixed_bfloat16", preprocessor=None
    )
    assert half.preprocessor is None
    logits = np.asarray(half(inputs))
    assert logits.dtype == np.float32
    assert 0 < np.abs(logits - expected).max() < 0.1 * np.abs(expected).max()
    half.preprocessor = again.preprocessor
    assert len(half.generate(TEXTS, max_length=9)) == 4


def test_the_numbers_are_those_of_transformers(tmp_path):
    expected = np.load(FOLDER / "xlm_causal" / "expected.npz")
    model = xlm_tf.XLMCausalLM.from_preset(FOLDER / "xlm_causal")
    assert (model.head_transform, model.tied) == (False, True)
    mask = expected["attention_mask"] > 0
    inputs = {"token_ids": expected["input_ids"], "padding_mask": mask}
    logits = np.asarray(model(inputs))
    mask = mask.copy()
    mask[2] = False  # transformers' causal mask lets texts see padding on the left
    np.testing.assert_allclose(logits[mask], expected["logits"][mask], atol=1e-4)
    model.save_to_huggingface(tmp_path)
    again = xlm_tf.XLMCausalLM.from_preset(tmp_path)
    np.testing.assert_array_equal(again(inputs), logits)


def test_an_xlm_r_that_is_a_decoder(make_model, tmp_path):
    model = make_model(head_transform=True)
    model.save_to_huggingface(tmp_path)
    assert '"XLMRobertaForCausalLM"' in (tmp_path / "config.json").read_text()
    again = xlm_tf.XLMCausalLM.from_preset(tmp_path)
    inputs, *_ = model.preprocessor(TEXTS)
    np.testing.assert_allclose(again(inputs), model(inputs), atol=1e-6)


def test_what_is_not_causal_is_refused(make_backbone, tmp_path):
    message = "tokens see the past only.*pass causal=True"
    backbone = make_backbone()
    with pytest.raises(ValueError, match=message):
        xlm_tf.XLMCausalLM(backbone)
    for preset in ("xlm_tiny", FOLDER / "xlm_languages", FOLDER / "xlm_pth"):
        with pytest.raises(ValueError, match=message):
            xlm_tf.XLMCausalLM.from_preset(preset)
    xlm_tf.XLMMaskedLM(backbone).save_to_preset(tmp_path)
    with pytest.raises(ValueError, match=message):
        xlm_tf.XLMCausalLM.from_preset(tmp_path)
    ids = np.array([[0, 5, 6]])
    with pytest.raises(ValueError, match="Only a causal model"):
        backbone.prefill(ids)
    with pytest.raises(ValueError, match="Only a causal model"):
        backbone.step(ids[:, :1], 0, backbone.empty_caches(1))


def test_files_that_do_not_say_that_they_are_causal():
    arguments = xlm_tf.PRESETS["xlm_clm_enfr_1024"].arguments
    assert arguments == {"causal": True}
    model = xlm_tf.XLMCausalLM.from_preset(FOLDER / "xlm_pth", causal=True)
    masked_lm = xlm_tf.XLMMaskedLM.from_preset(FOLDER / "xlm_pth")
    assert model.backbone.causal
    np.testing.assert_array_equal(
        model.backbone.token_embedding.embeddings,
        masked_lm.backbone.token_embedding.embeddings,
    )
    # What a name stands for stays as it is.
    xlm_tf.XLMCausalLM.from_preset("xlm_tiny", causal=True, load_weights=False)
    assert xlm_tf.PRESETS["xlm_tiny"].arguments == {}
    with pytest.raises((FileNotFoundError, ValueError), match="no_such_preset"):
        xlm_tf.XLMCausalLM.from_preset("no_such_preset")


def test_a_tokenizer_that_starts_with_the_end(make_backbone):
    """XLM's `</s>` is both: a text does not end where it begins."""
    specials = ["<s>", "</s>", "<pad>", "<unk>", *(f"<special{i}>" for i in range(10))]
    words = ["dog</w>", "cat</w>", "fox</w>"]
    tokenizer = xlm_tf.XLMBPETokenizer(
        vocabulary=[*specials, *words],
        merges=[("d", "o"), ("do", "g</w>"), ("c", "a"), ("ca", "t</w>")],
    )
    backbone = make_backbone(
        vocabulary_size=17, position_offset=0, pad_token_id=2, causal=True
    )
    preprocessor = xlm_tf.XLMCausalLMPreprocessor(tokenizer, sequence_length=8)
    inputs, targets, _ = preprocessor(["Dog cat"])
    assert inputs["token_ids"][0, :5].numpy().tolist() == [1, 14, 15, 1, 2]
    assert targets[0, :4].numpy().tolist() == [14, 15, 1, 2]
    model = xlm_tf.XLMCausalLM(backbone, preprocessor)
    model.prediction_head.bias.assign(np.eye(17)[16] * 100)  # always `fox`
    assert model.generate(["Dog", "", "cat Dog"]) == [
        "dog fox fox fox fox fox fox",
        "fox fox fox fox fox fox fox",
        "cat dog fox fox fox fox fox",
    ]
    model.prediction_head.bias.assign(np.eye(17)[1] * 100)  # always the end
    assert model.generate(["Dog", "", "cat Dog"]) == ["dog", "", "cat dog"]


def test_languages(make_model):
    model = make_model(**FORMS["xlm"])
    in_german = model.generate(TEXTS, max_length=16, language="de")
    in_english = model.generate(TEXTS, max_length=16)
    assert in_german != in_english
    languages = ["de", "en", "de", "en"]
    mixed = model.generate({"text": TEXTS, "language": languages}, max_length=16)
    chosen = zip(languages, in_german, in_english, strict=True)
    assert mixed == [de if x == "de" else en for x, de, en in chosen]
    with pytest.raises(ValueError, match="one of those that this model reads: de, en"):
        model.generate(TEXTS, language="xx")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["xlm-r", "xlm"])
def test_odd_texts(make_model, form):
    model = make_model(**FORMS[form])
    tokenizer = model.preprocessor.tokenizer
    texts = ["", "狐狸 dog", "\x00 \u202e", "dog " * 500, "a" * 100_000]
    together, scores = model.generate(texts, max_length=8, with_scores=True)
    assert model.generate([]) == []
    for text, expected in zip(texts, together, strict=True):
        assert model.generate(text, max_length=8) == expected
    # No room: cut, and nothing is added.
    ids = tokenizer(texts[3])[:7]
    assert together[3] == tokenizer.detokenize(ids).numpy().decode()
    assert scores[3] == scores[4] == 0
    assert scores[0] < 0
    # Bytes that are no text do not change the answer for the others.
    invalid = tf.constant([b"\xff\xfe broken", b"dog"])
    answers = model.generate(invalid, max_length=8)
    assert answers[1] == model.generate("dog", max_length=8)
    # The positions bound every length; the last of them can be written.
    model.prediction_head.bias.assign_add(
        np.eye(tokenizer.vocabulary_size())[7].astype("float32") * 1000
    )
    for text in ("dog", "dog " * 500):
        ids = tokenizer(model.generate(text, max_length=10_000))
        assert 30 <= len(ids) <= 47


def test_what_is_missing_is_named(make_model):
    model = make_model()
    with pytest.raises(ValueError, match="max_length must be a whole number"):
        model.generate(TEXTS, max_length=0)
    with pytest.raises(ValueError, match="Inputs are `text`"):
        model.generate({"source": TEXTS, "text": TEXTS})
    model.preprocessor = None
    with pytest.raises(ValueError, match="needs a preprocessor"):
        model.generate(TEXTS)
    packing = {"languages": LANGUAGES["languages"]}
    model = make_model(backbone={"num_languages": 3}, packing=packing)
    with pytest.raises(ValueError, match="has language embeddings: pass `language`"):
        model.generate(TEXTS)
    names = LANGUAGES["languages"]
    own = [names[number % 2] for number in range(len(TEXTS))]
    fields = {"text": TEXTS, "language": own}
    assert model.generate(TEXTS, language=own) == model.generate(fields)


def test_without_compiling(make_model):
    model = make_model(compile=False)
    model.generate(TEXTS[:1], max_length=9)


@pytest.mark.slow
@pytest.mark.parametrize("run_eagerly", [False, True])
def test_samplers_take_any_number_of_texts(make_model, run_eagerly):
    model = make_model()
    samplers = ["top_k", "greedy", "beam", "random", "top_p"]
    longest = len(model.preprocessor.tokenizer("dog")) + 3
    for sampler in samplers if run_eagerly else samplers[:1]:
        model.compile(sampler=sampler, run_eagerly=run_eagerly)
        assert isinstance(model.generate("dog", max_length=longest), str)
        assert len(model.generate(["dog", "fox"], max_length=longest)) == 2
        nothing = {
            "token_ids": tf.zeros((0, 3), tf.int32),
            "padding_mask": tf.zeros((0, 3), tf.bool),
        }
        decoded = model.decode(nothing, 7)
        assert decoded.scores.shape == (0, 1)


def test_unknown_characters_of_the_beginning_are_kept(make_model, tokenizer):
    model = make_model()
    bias = np.eye(tokenizer.vocabulary_size())[tokenizer.unk_token_id] * 1000
    model.prediction_head.bias.assign(bias)
    texts = ["fox ₪ dog", "€", "dog", "₪ " * 20]
    lengths = [len(tokenizer(text)) for text in texts]
    written = model.generate(texts, max_length=lengths[0] + 2)
    assert written[0] == texts[0] + " \u2047 "
    assert written[1].startswith("€ \u2047 ")
    assert "€" not in written[2]
    assert set(written[3]) == {"₪", " "}
    model.preprocessor.unknown_characters = "mark"
    assert model.generate("€", max_length=2 + len(tokenizer("€")) - 1) == " \u2047 "


def test_the_search_is_saved_with_the_model(make_model, tmp_path):
    model = make_model()
    model.compile(sampler=xlm_tf.BeamSearch(3, min_length=2))
    model.save_to_preset(tmp_path)
    assert load_task(tmp_path).decoding_strategy == xlm_tf.BeamSearch(3, min_length=2)
