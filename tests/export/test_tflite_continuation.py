"""Texts continued by LiteRT: the search in the file, and an app's own loop."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import interpreter as litert
from tensorflow.lite.tools import flatbuffer_utils

import export
import xlm_tf
from export.fresh_process import run_in_fresh_process
from export.input_checks import padded_at_the_end
from export.tflite_file import read_description
from export.tflite_operations import operations
from xlm_tf.cli import main

TEXTS = ["The train opens at nine.", "", "Le ₪ train", "word " * 60, "The"]
LANGUAGES = ["en", "fr", "fr", "en", "en"]
# q, k, v in one; output; two of the feed-forward.
DENSE_A_LAYER = 4


@pytest.fixture(scope="module")
def path(tflite):
    """The float32 file, with parts for 8 tokens."""
    return tflite("continuer").report.path


@pytest.fixture(scope="module")
def search(path):
    """The search of the file, as a function of NumPy arrays."""
    return litert.Interpreter(str(path)).get_signature_runner("serving_default")


def beginnings(model, texts, languages=None):
    fields = {"text": texts}
    if model.preprocessor.languages:
        fields["language"] = languages or ["en"] * len(texts)
    packed = model.preprocessor.generate_preprocess(fields)
    inputs = {name: value.numpy() for name, value in packed.items()}
    del inputs["padding_mask"]
    return packed, inputs


def by_parts(model, path, text, language="en", suffix="", max_length=None):
    """The greedy loop of docs/phones.md: the ids that it writes."""
    interpreter = litert.Interpreter(str(path))
    prefill = interpreter.get_signature_runner(f"prefill{suffix}")
    decode_step = interpreter.get_signature_runner(f"decode_step{suffix}")
    _, given = beginnings(model, [text], [language])
    count = given["token_ids"].shape[1]
    token, index = given["token_ids"][:, -1], count - 1
    longest = max_length or model.preprocessor.sequence_length
    if suffix:
        missing = ((0, 0), (0, int(suffix[1:]) - count))
        pad = model.backbone.pad_token_id
        fill = {"token_ids": pad, "language_ids": 0}
        given = {
            name: np.pad(ids, missing, constant_values=fill[name])
            for name, ids in given.items()
        }
    else:
        given["max_length"] = np.int32(longest)
    cache = prefill(**given)
    step = {name: x[:, 0] for name, x in given.items() if name == "language_ids"}
    written = []
    while count + len(written) < longest:
        answer = decode_step(
            token_ids=token, index=np.array([index], "int32"), **step, **cache
        )
        cache = {name: answer[name] for name in cache}
        token, index = np.argmax(answer["logits"], axis=1).astype("int32"), index + 1
        written.append(int(token[0]))
        if token[0] in read_description(path)["stop_token_ids"]:
            break
    return written


def greedy(model, texts, languages=None, max_length=None):
    """The ids that the model itself writes greedily, without padding."""
    packed, _ = beginnings(model, texts, languages)
    old = model.decoding
    model.compile(sampler="greedy")
    rows = model.decode(packed, max_length).token_ids[:, 0].numpy()
    model.compile(sampler=old)
    pad = model.preprocessor.tokenizer.pad_token_id
    return [[int(x) for x in row if x != pad] for row in rows]


@pytest.mark.slow
def test_the_search_is_in_the_file(continuer, tflite, path):
    report = tflite("continuer").report
    parts = ("prefill", "decode_step", "prefill_8", "decode_step_8")
    assert report.signatures == ("serving_default", *parts)
    assert report.difference < 1e-4
    assert all(operation.isupper() for operation in operations(path.read_bytes()))
    packed, inputs = beginnings(continuer, TEXTS, LANGUAGES)
    expected = continuer.decode(packed)
    (answer,) = run_in_fresh_process(
        "export.run_tflite", path, [("serving_default", inputs)]
    )
    np.testing.assert_array_equal(
        answer["output_token_ids"], expected.token_ids[:, 0].numpy()
    )
    np.testing.assert_allclose(answer["score"], expected.scores[:, 0], atol=1e-5)
    # As long as it may be already.
    assert answer["score"][3] == 0
    assert set(answer["output_token_ids"][3]) == {continuer.backbone.pad_token_id}


@pytest.mark.slow
def test_a_text_is_continued_as_if_it_were_alone(continuer, search):
    """Also the empty one, which has nothing before its last token; ids make its text.

    They are written as `generate` writes them.
    """
    expected = continuer.generate({"text": TEXTS, "language": LANGUAGES})
    for text, language, whole in zip(TEXTS, LANGUAGES, expected, strict=True):
        _, inputs = beginnings(continuer, [text], [language])
        answer = search(**inputs)["output_token_ids"]
        ids = np.concatenate([inputs["token_ids"], answer], axis=1)
        copies = continuer.preprocessor.copies_from(
            {"text": [text], "language": [language]}, tf.constant([1], "int64")
        )
        found = continuer.preprocessor.generate_postprocess(ids[:, None], copies)
        assert found.numpy()[0, 0].decode() == whole


@pytest.mark.slow
def test_a_language_for_all_texts(continuer, search):
    """One row of language ids, or one column, is that of all."""
    _, inputs = beginnings(continuer, TEXTS[:3], ["fr"] * 3)
    expected = search(**inputs)["output_token_ids"]
    for shape in ((1, 1), (3, 1)):
        inputs["language_ids"] = np.ones(shape, "int32")
        np.testing.assert_array_equal(search(**inputs)["output_token_ids"], expected)


@pytest.mark.slow
def test_texts_longer_than_the_positions_are_not_continued(continuer, search):
    ids = np.full((2, 50), continuer.backbone.pad_token_id, "int32")
    ids[0] = 7
    ids[:, 0] = 0
    ids[1, :3] = (0, 7, 9)
    languages = np.zeros_like(ids)
    answer = search(token_ids=ids, language_ids=languages)
    alone = search(token_ids=ids[1:, :3], language_ids=languages[1:, :3])
    assert answer["score"][0] == 0
    np.testing.assert_array_equal(
        answer["output_token_ids"][1:], alone["output_token_ids"]
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("token_ids", "language_ids"),
    [
        ([[1, 0, 5]], [[0, 0, 0]]),
        ([[0, 1, 5]], [[0, 0, 0]]),
        ([[0, 5], [1, 1]], [[0, 0]] * 2),
        ([[1]], [[0]]),
        ([[0, 10_000]], [[0, 0]]),
        ([[0, 10_000, 5]], [[0, 0, 0]]),
        ([[0, -1]], [[0, 0]]),
        ([[0, 5]], [[2, 2]]),
        ([[0, 5]], [[-1, -1]]),
        ([[0, 5]] * 2, [[0, 0]] * 3),
    ],
)
def test_ids_that_are_no_text_are_the_interpreters_error(path, token_ids, language_ids):
    interpreter = litert.Interpreter(str(path))
    inputs = {
        "token_ids": np.array(token_ids, "int32"),
        "language_ids": np.array(language_ids, "int32"),
    }
    runner = interpreter.get_signature_runner("serving_default")
    right = {name: np.zeros_like(ids) for name, ids in inputs.items()}
    right["language_ids"] = right["language_ids"][:1]
    runner(**right)  # of the same shapes
    with pytest.raises((RuntimeError, ValueError)):
        runner(**inputs)


def test_texts_are_tokens_and_then_padding():
    ids = tf.constant([[5, 6, 7], [5, 6, 1], [5, 1, 7], [1, 1, 1], [1, 6, 7]])
    found = padded_at_the_end(ids, ids != 1).numpy().tolist()
    assert found == [[5, 6, 7], [5, 6, 1], *[[-1] * 3] * 3]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "language", "suffix", "max_length"),
    [
        ("The train", "en", "", None),
        ("", "fr", "", None),
        ("Le train", "fr", "_8", None),
        ("", "en", "_8", None),
        ("The train", "fr", "", 9),
    ],
)
def test_a_greedy_loop_over_the_parts(
    continuer, path, text, language, suffix, max_length
):
    (expected,) = greedy(continuer, [text], [language], max_length)
    found = by_parts(continuer, path, text, language, suffix, max_length)
    assert found == expected


@pytest.mark.slow
def test_a_batch_of_texts_by_steps(continuer, path):
    """Each at a position of its own, in the cache of its own beginning."""
    interpreter = litert.Interpreter(str(path))
    texts, languages = TEXTS[:3], LANGUAGES[:3]
    _, given = beginnings(continuer, texts, languages)
    counts = (given["token_ids"] != continuer.backbone.pad_token_id).sum(axis=1)
    assert len(set(counts)) > 1
    cache = interpreter.get_signature_runner("prefill")(
        **given, max_length=np.int32(24)
    )
    decode_step = interpreter.get_signature_runner("decode_step")
    tokens = given["token_ids"][np.arange(3), counts - 1]
    written = []
    for number in range(4):
        answer = decode_step(
            token_ids=tokens,
            index=(counts - 1 + number).astype("int32"),
            language_ids=given["language_ids"][:, 0],
            **cache,
        )
        cache = {name: answer[name] for name in cache}
        tokens = np.argmax(answer["logits"], axis=1).astype("int32")
        written.append(tokens)
    for found, expected in zip(
        np.transpose(written).tolist(),
        greedy(continuer, texts, languages),
        strict=True,
    ):
        assert found[: len(expected)] == expected[:4]


def test_the_signatures_share_the_weights(continuer, path):
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(path.read_bytes()))
    table = 4 * continuer.backbone.vocabulary_size * continuer.backbone.hidden_dim
    sizes = [0 if buffer.data is None else len(buffer.data) for buffer in model.buffers]
    assert sizes.count(table) == 1


@pytest.mark.slow
def test_int8(make_continuer, tflite, tmp_path):
    """Also illegal ids are found in tables of 8 bits."""
    model = make_continuer(languages=["en", "fr"])
    path = tmp_path / "int8.tflite"
    report = export.to_tflite(model, path, quantization="int8")
    assert 1e-4 < report.difference < 0.1
    counts = operations(path.read_bytes())
    layers = model.backbone.num_layers
    prefills = 2 * layers * DENSE_A_LAYER  # in serving_default and prefill
    steps = 2 * (layers * DENSE_A_LAYER + 1)  # with the output layer
    # What the last block of a beginning gives beside keys and values, nobody reads.
    assert counts["FULLY_CONNECTED"] == prefills - 2 * (DENSE_A_LAYER - 1) + steps
    assert all(operation.isupper() for operation in counts)
    # Of four bytes a number, one and the scales are left.
    saved = tflite("continuer").report.num_bytes - report.num_bytes
    assert saved > 2 * model.count_params()
    runner = litert.Interpreter(str(path)).get_signature_runner("serving_default")
    for ids in ([[0, 10_000, 5]], [[0, 1, 5]]):
        with pytest.raises((RuntimeError, ValueError)):
            runner(token_ids=np.array(ids, "int32"), language_ids=np.zeros((1, 3), "i"))


FORMS = {
    "xlm-r": {"position_offset": 2, "num_token_types": 1},
    "pre-norm": {"norm_placement": "pre", "task": {"tied": False}},
    "xlm": {"zero_padding_states": True, "position_embedding": "sinusoidal"},
    "bfloat16": {"dtype": "mixed_bfloat16"},
    "float16": {"dtype": "float16"},
}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_forms(make_continuer, tmp_path, form):
    """Whatever the model computes in, the file writes what its weights say."""
    model = make_continuer(**FORMS[form])
    path = tmp_path / "m.tflite"
    export.to_tflite(model, path, quantization="float16")
    in_float32 = make_continuer(**{**FORMS[form], "dtype": "float32"})
    in_float32.set_weights(model.get_weights())
    (expected,) = greedy(in_float32, ["The train"], max_length=5)
    assert by_parts(model, path, "The train", max_length=5) == expected


@pytest.mark.slow
def test_an_adapted_model(make_continuer, tmp_path):
    model = make_continuer()
    before = greedy(model, ["The"])
    model.enable_lora(2)
    generator = np.random.default_rng(0)
    for weight in model.trainable_weights:
        if "lora" in weight.path:
            weight.assign(generator.normal(size=weight.shape))
    (expected,) = greedy(model, ["The"])
    assert [expected] != before
    path = tmp_path / "m.tflite"
    export.to_tflite(model, path)
    assert by_parts(model, path, "The") == expected


@pytest.mark.slow
def test_xlms_bpe_and_its_stop_tokens(tmp_path):
    """Its start is its end token; others may end a text, or none."""
    keras.utils.set_random_seed(4)
    tokens = ["<s>", "</s>", "<pad>", "<unk>", *(f"<special{i}>" for i in range(10))]
    tokenizer = xlm_tf.XLMBPETokenizer([*tokens, *"lowner"], [("l", "o")])
    backbone = xlm_tf.XLMBackbone(
        20, 1, 2, 32, 64, pad_token_id=2, causal=True, initializer_range=0.5
    )
    preprocessor = xlm_tf.XLMCausalLMPreprocessor(tokenizer, sequence_length=16)
    model = xlm_tf.XLMCausalLM(backbone, preprocessor)
    for number, stop_token_ids in enumerate(("auto", None, [14, 15, 16, 17])):
        search = xlm_tf.BeamSearch(
            1, early_stopping=True, stop_token_ids=stop_token_ids
        )
        model.compile(sampler=search)
        path = tmp_path / f"{number}.tflite"
        export.to_tflite(model, path)
        described = read_description(path)
        assert described["stop_token_ids"] == list(search.stop_ids(1))
        assert described["special_ids"]["start"] == 1
        packed, inputs = beginnings(model, ["low", "", "new low"])
        (answer,) = run_in_fresh_process(
            "export.run_tflite", path, [("serving_default", inputs)]
        )
        expected = model.decode(packed).token_ids[:, 0].numpy()
        np.testing.assert_array_equal(answer["output_token_ids"], expected)


@pytest.mark.slow
def test_the_command(make_continuer, tmp_path, capsys):
    """What was pretrained by `clm` is saved as a masked LM on a causal backbone."""
    model = make_continuer(num_layers=1)
    masked_lm = xlm_tf.XLMMaskedLM(
        model.backbone,
        xlm_tf.XLMMaskedLMPreprocessor(model.preprocessor.tokenizer, 24),
        head_transform=False,
    )
    preset, path = str(tmp_path / "preset"), str(tmp_path / "m.tflite")
    masked_lm.save_to_preset(preset)
    command = ["export", "tflite", preset, path, "--num-beams", "2", "--lengths", "8"]
    assert main(command) == 0, capsys.readouterr().err
    assert "serving_default, prefill, decode_step, prefill_8" in capsys.readouterr().out
    assert read_description(path)["task"] == "XLMCausalLM"


def test_what_a_phone_cannot_do(make_continuer, tmp_path):
    model = make_continuer(num_layers=1)
    path = tmp_path / "m.tflite"
    for arguments in ({"string_input": True}, {"labels": ["a"]}):
        with pytest.raises(ValueError, match=r"gives token ids.* XLMCausalLM"):
            export.to_tflite(model, path, **arguments)
    for length in (24, 30):
        with pytest.raises(ValueError, match=r"below the .* sequence_length, 24"):
            export.to_tflite(model, path, lengths=(8, length))
    model.compile(sampler="top_k")
    with pytest.raises(ValueError, match="searches by beams or greedily"):
        export.to_tflite(model, path)
    model.compile(sampler=xlm_tf.BeamSearch(3, num_return=2))
    for to in (export.to_tflite, export.to_saved_model):
        with pytest.raises(ValueError, match="num_return=1"):
            to(model, tmp_path / "m" / "1")
    assert not list(tmp_path.iterdir())
