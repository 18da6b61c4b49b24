"""The encoder-decoder of an exported graph, against the model."""

import numpy as np
import pytest
import tensorflow as tf

import xlm_tf
from export.inference_layers import WeightStore
from export.layouts import PackedLayout, PaddedLayout
from export.text_generation import TextGenerator

TEXTS = ["The train opens at nine.", "", "Le train", "word " * 60]

FORMS = {
    "xlm": {"zero_padding_states": True},
    "xlm-r": {"languages": False, "position_offset": 2, "num_token_types": 1},
    "pre-norm": {"norm_placement": "pre", "embedding_norm": False},
    "separate": {"decoder": {"share_embeddings": False, "num_decoder_layers": 1}},
    "transform": {"task": {"head_transform": True, "tied": False}},
}


@pytest.mark.parametrize("layout", [PackedLayout, PaddedLayout])
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
    generator = TextGenerator(model, WeightStore(), layout)
    actual = tf.function(generator.decode)(inputs)
    np.testing.assert_allclose(actual.scores, expected.scores, atol=1e-5)
    np.testing.assert_array_equal(actual.token_ids, expected.token_ids)
