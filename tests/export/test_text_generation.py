"""Models that write text in an exported graph, against the models."""

import keras_hub
import numpy as np
import pytest
import tensorflow as tf

import xlm_tf
from export.description import describe
from export.inference_copy import InferenceCopy
from export.layouts import PaddedRows
from export.text_generation import TextGenerationModule, TextGenerator
from export.text_generation_check import TextGenerationCheck

TEXTS = ["The train opens at nine.", "", "Le train", "word " * 60]

FORMS = {
    "xlm": {"zero_padding_states": True},
    "xlm-r": {"languages": False, "position_offset": 2, "num_token_types": 1},
    "pre-norm": {"norm_placement": "pre", "embedding_norm": False},
    "separate": {"decoder": {"share_embeddings": False, "num_decoder_layers": 1}},
    "transform": {"task": {"head_transform": True, "tied": False}},
}


@pytest.mark.slow
@pytest.mark.parametrize("layout", [None, PaddedRows])
@pytest.mark.parametrize("form", FORMS)
def test_it_writes_what_the_model_writes(make_translator, form, layout):
    model = make_translator(**FORMS[form])
    model.compile(sampler=xlm_tf.BeamSearch(num_beams=3, num_return=2))
    fields = {"text": TEXTS}
    if model.preprocessor.languages:
        fields["source_language"] = ["en", "en", "fr", "en"]
        fields["target_language"] = ["fr", "de", "en", "de"]
    inputs = model.preprocessor.generate_preprocess(fields)
    expected = model.decode(inputs)
    generator = TextGenerator(InferenceCopy(model, layout=layout))
    actual = tf.function(generator.decode)(inputs)
    np.testing.assert_allclose(actual.scores, expected.scores, atol=1e-5)
    np.testing.assert_array_equal(actual.token_ids, expected.token_ids)


@pytest.mark.slow
def test_the_graph_keeps_empty_texts_and_copies_unknown_characters(make_translator):
    """As `generate`, and refuses to write what the model was not trained to write."""
    model = make_translator()
    model.preprocessor.target_languages = ["fr"]
    tokenizer = model.preprocessor.tokenizer
    bias = np.zeros(tokenizer.vocabulary_size(), "float32")
    bias[tokenizer.unk_token_id] = 1000
    model.prediction_head.bias.assign(bias)
    model.compile(sampler="greedy")
    module = TextGenerationModule(InferenceCopy(model))
    serve = module.signatures()["serving_default"]

    def served(texts, target):
        columns = {"text": texts, "source_language": ["en"] * len(texts)}
        columns["target_language"] = [target] * len(texts)
        columns = {name: tf.constant(x, tf.string) for name, x in columns.items()}
        answer = serve(**columns)
        return [x.decode() for x in answer["output_text"].numpy()], answer["score"]

    texts = ["train ₪", "", "  ", "train", "₪ train €"]
    found, scores = served(texts, "fr_FR")
    assert found == model.generate(texts, source_language="en")
    assert found[1:3] == ["", ""]
    assert scores.numpy()[1:3].tolist() == [0, 0]
    assert set(found[0]) == {"₪"}
    assert set(found[3]) == {" ", "\u2047"}
    assert served([], "fr")[0] == []
    with pytest.raises(tf.errors.InvalidArgumentError, match="de"):
        served(texts, "de")


@pytest.mark.slow
def test_stop_tokens_are_in_the_graph(make_translator):
    """Those of the compiled strategy; what an app must know of them is described."""
    model = make_translator(languages=False)
    model.compile(sampler=xlm_tf.BeamSearch(2, stop_token_ids=None))
    inputs = model.preprocessor.generate_preprocess(TEXTS)
    written = model.decode(inputs).token_ids.numpy()[0, 0]
    stop_ids = (int(written[2]), int(written[4]))
    model.compile(sampler=xlm_tf.BeamSearch(2, stop_token_ids=stop_ids))
    expected = model.decode(inputs)
    is_stop = np.isin(expected.token_ids.numpy()[:, 0], stop_ids)
    assert 0 < is_stop.sum() <= len(TEXTS)
    assert is_stop.sum(axis=1).max() == 1
    generator = TextGenerator(InferenceCopy(model, layout=PaddedRows))
    actual = tf.function(generator.decode)(inputs)
    np.testing.assert_array_equal(actual.token_ids, expected.token_ids)
    check = TextGenerationCheck(model)
    answer = {
        "output_token_ids": actual.token_ids[:, 0].numpy(),
        "score": actual.scores[:, 0].numpy(),
    }
    assert check.compare(answer, check.expected(inputs), 1e-3, "it") < 1e-4
    # The model's own score of such a text, stopped where the text does.
    score = check._score(inputs, 0, answer["output_token_ids"][0])
    assert score == pytest.approx(answer["score"][0], abs=1e-4)
    assert describe(model)["stop_token_ids"] == list(stop_ids)


@pytest.mark.slow
def test_a_model_that_samples_can_be_saved(make_translator, tmp_path):
    """With the states of its random numbers, which go on where it is loaded."""
    model = make_translator(languages=False)
    model.compile(sampler=keras_hub.samplers.RandomSampler(seed=1))
    module = TextGenerationModule(InferenceCopy(model))
    tf.saved_model.save(module, str(tmp_path), signatures=module.signatures())
    serve = tf.saved_model.load(str(tmp_path)).signatures["serving_default"]
    for texts in (["Le train"], ["Le train", ""], [""], []):
        found = [serve(text=tf.constant(texts, tf.string)) for _ in range(2)]
        for answer in found:
            assert answer["output_text"].shape == answer["score"].shape == len(texts)
            columns = (answer[name].numpy() for name in ("output_text", "score"))
            for text, output, score in zip(texts, *columns, strict=True):
                assert score < 0 if text else (output, score) == (b"", 0)
        if "Le train" in texts:
            assert found[0]["score"][0] != found[1]["score"][0]


CONTINUING = {
    "xlm-r": {"position_offset": 2, "num_token_types": 1},
    "languages": {"languages": ["en", "fr"], "zero_padding_states": True},
    "pre-norm": {"norm_placement": "pre", "task": {"tied": False}},
}


@pytest.mark.slow
@pytest.mark.parametrize("form", CONTINUING)
@pytest.mark.parametrize("sampler", ["greedy", xlm_tf.BeamSearch(3, num_return=2)])
def test_texts_are_continued_as_by_the_model(make_continuer, form, sampler):
    model = make_continuer(**CONTINUING[form])
    model.compile(sampler=sampler)
    module = TextGenerationModule(InferenceCopy(model))
    signatures = module.signatures()
    columns = {"text": [*TEXTS, "Le ₪ train"]}
    if model.preprocessor.languages:
        columns["language"] = ["en", "en", "fr", "en", "fr"]
    expected, scores = model.generate(columns, with_scores=True)
    if model.num_return > 1:
        expected, scores = ([row[0] for row in x] for x in (expected, scores))
    answer = signatures["serving_default"](
        **{name: tf.constant(own) for name, own in columns.items()}
    )
    found = [text.decode() for text in answer["output_text"].numpy()]
    assert found == expected
    np.testing.assert_allclose(answer["score"], scores, atol=1e-5)
    assert found[-1].startswith("Le ₪ train")
    assert scores[3] == 0  # longer than the model writes

    # By ids: the continuations alone.
    inputs = model.preprocessor.generate_preprocess(columns)
    ids = {name: inputs[name] for name in module.token_shapes}
    by_id = signatures["token_ids"](**ids)
    decoded = model.decode(inputs)
    np.testing.assert_array_equal(
        by_id["output_token_ids"], decoded.token_ids[:, 0].numpy()
    )


@pytest.mark.parametrize(
    ("token_ids", "message"),
    [
        ([[1, 0, 5]], "its tokens, one at least, and then padding"),
        ([[0, 1, 5]], "its tokens, one at least, and then padding"),
        ([[0, 5], [1, 1]], "its tokens, one at least, and then padding"),
        ([[0, 10_000]], "must lie in"),
        ([[-1, 5]], "must lie in"),
        ([[0] * 41], "40 positions"),
    ],
)
def test_ids_that_are_no_text_are_refused(continued_by_ids, token_ids, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        continued_by_ids(token_ids=tf.constant(token_ids, "int32"))


@pytest.fixture(scope="module")
def continued_by_ids(make_continuer):
    module = TextGenerationModule(InferenceCopy(make_continuer(num_layers=1)))
    signature = module.signatures()["token_ids"]
    # The module owns the weights.
    return lambda module=module, **ids: signature(**ids)


def test_a_text_with_room_is_described_as_a_beginning(make_continuer):
    description = describe(make_continuer(num_layers=1))
    assert description["format"] == {"text": ["start", "text"]}
    assert description["maximum_length"] == 24
