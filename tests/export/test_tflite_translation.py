"""Translation by LiteRT: the search in the file, and an app's own loop."""

import numpy as np
import pytest
from ai_edge_litert import interpreter as litert
from tensorflow.lite.tools import flatbuffer_utils

import export
import xlm_tf
from export.fresh_process import run_in_fresh_process
from export.tflite_operations import operations

TEXTS = ["The train opens at nine.", "", "Le train", "word " * 60]
# Encoder: q, k, v; output; two of the feed-forward. Decoder: those, and the query and
# the output of the attention to the source, in every step; its keys and values, once.
ENCODER_LAYER, DECODER_LAYER = 4, 6

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exported(tflite):
    """The float32 file with parts for 12 tokens, and its report."""
    report = tflite("translator").report
    return report.path, report


def sources(model, texts, target="fr"):
    fields = {"text": texts, "source_language": ["en"] * len(texts)}
    fields["target_language"] = [target] * len(texts)
    packed = model.preprocessor.generate_preprocess(fields)
    inputs = {name: value.numpy() for name, value in packed.items()}
    del inputs["encoder_padding_mask"]
    return packed, inputs


def test_the_search_is_in_the_file(translator, exported):
    path, report = exported
    parts = ("encode", "decode_step", "encode_12", "decode_step_12")
    assert report.signatures == ("serving_default", *parts)
    assert report.difference < 1e-4
    assert all(operation.isupper() for operation in operations(path.read_bytes()))
    packed, inputs = sources(translator, TEXTS)
    expected = translator.decode(packed)
    (answer,) = run_in_fresh_process(
        "export.run_tflite", path, [("serving_default", inputs)]
    )
    np.testing.assert_array_equal(
        answer["output_token_ids"], expected.token_ids[:, 0].numpy()
    )
    np.testing.assert_allclose(answer["score"], expected.scores[:, 0], atol=1e-5)


def test_the_signatures_share_the_weights(translator, exported):
    path, _ = exported
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(path.read_bytes()))
    table = 4 * translator.backbone.vocabulary_size * translator.backbone.hidden_dim
    sizes = [0 if buffer.data is None else len(buffer.data) for buffer in model.buffers]
    assert sizes.count(table) == 1


@pytest.mark.parametrize("length", [None, 12])
def test_a_greedy_loop_over_the_parts(translator, exported, length):
    """As an app writes it: the README's loop."""
    path, _ = exported
    texts = ["Le train"]
    translator.compile(sampler="greedy")
    expected = translator.generate(texts, source_language="en", target_language="fr")
    translator.compile(sampler=xlm_tf.BeamSearch(num_beams=2))
    _, inputs = sources(translator, texts)
    interpreter = litert.Interpreter(model_path=str(path))
    suffix = "" if length is None else f"_{length}"
    encode = interpreter.get_signature_runner(f"encode{suffix}")
    step = interpreter.get_signature_runner(f"decode_step{suffix}")
    ids = inputs["encoder_token_ids"]
    num_tokens = int((ids != 1).sum())
    width = length or num_tokens
    ids = np.pad(
        ids[:, :num_tokens],
        ((0, 0), (0, width - num_tokens)),
        **{"constant_values": translator.backbone.pad_token_id},
    )
    languages = np.full_like(ids, inputs["encoder_language_ids"][0, 0])
    source = encode(encoder_token_ids=ids, encoder_language_ids=languages)
    longest = num_tokens + num_tokens // 2 + 10
    room = longest if length is None else length + length // 2 + 10
    shape = list(source["source_keys"].shape)
    shape[3] = room
    cache = {name: np.zeros(shape, "float32") for name in ("keys", "values")}
    token, written = inputs["prompt"][:, 0], []
    for index in range(longest):
        answer = step(
            token_ids=token,
            index=np.int32(index),
            target_language_ids=inputs["target_language_ids"],
            **cache,
            **source,
        )
        cache = {name: answer[name] for name in cache}
        token = np.argmax(answer["logits"], axis=1).astype("int32")
        if token[0] == translator.preprocessor.tokenizer.end_token_id:
            break
        written.append(int(token[0]))
    assert translator.preprocessor.tokenizer.decode(written) == expected[0]


@pytest.mark.parametrize(
    ("name", "rows"),
    [("prompt", 2), ("encoder_language_ids", 3), ("target_language_ids", 3)],
)
def test_rows_that_do_not_fit_are_the_interpreters_error(
    translator, exported, name, rows
):
    path, _ = exported
    _, inputs = sources(translator, TEXTS[:1] * 4)
    inputs[name] = inputs[name][:rows]
    runner = litert.Interpreter(str(path)).get_signature_runner("serving_default")
    with pytest.raises((RuntimeError, ValueError)):
        runner(**inputs)


def test_long_sources_are_cut(translator, exported):
    path, _ = exported
    _, inputs = sources(translator, ["word " * 60])
    assert (inputs["encoder_token_ids"] != 1).sum() == 40
    runner = litert.Interpreter(str(path)).get_signature_runner("serving_default")
    expected = runner(**inputs)
    longer = dict(inputs)
    for key in ("encoder_token_ids", "encoder_language_ids"):
        more = np.repeat(inputs[key][:, 38:39], 5, axis=1)
        longer[key] = np.concatenate(
            [inputs[key][:, :39], more, inputs[key][:, 39:]], axis=1
        )
    answer = runner(**longer)
    np.testing.assert_array_equal(
        answer["output_token_ids"], expected["output_token_ids"]
    )


def test_int8(translator, exported, tmp_path):
    path = tmp_path / "int8.tflite"
    report = export.to_tflite(translator, path, quantization="int8")
    assert 1e-4 < report.difference < 0.1
    counts = operations(path.read_bytes())
    layers = translator.backbone.num_decoder_layers
    encoders = 2 * layers * (ENCODER_LAYER + 1)  # in serving_default and encode
    steps = 2 * (layers * DECODER_LAYER + 1)  # with the output layer
    assert counts["FULLY_CONNECTED"] == encoders + steps
    assert all(operation.isupper() for operation in counts)
    # Of four bytes a number, one and the scales are left.
    saved = exported[1].num_bytes - report.num_bytes
    assert saved > 2 * translator.count_params()


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "float16"])
def test_a_model_in_half_precision(make_translator, tmp_path, dtype):
    """Its parts take and give float32."""
    model = make_translator(languages=False, dtype=dtype)
    report = export.to_tflite(model, tmp_path / "m.tflite")
    assert 0 < report.difference < 5e-2


def test_what_a_phone_cannot_do(translator, tmp_path):
    path = tmp_path / "m.tflite"
    for arguments in ({"string_input": True}, {"labels": ["a"]}):
        with pytest.raises(ValueError, match="takes and gives token ids"):
            export.to_tflite(translator, path, **arguments)
    translator.compile(sampler="top_k")
    with pytest.raises(ValueError, match="compile the model with"):
        export.to_tflite(translator, path)
    translator.compile(sampler=xlm_tf.BeamSearch(num_beams=2))
    assert not list(tmp_path.iterdir())
