"""The way back: what `save_to_keras_hub` writes, read by KerasHub itself."""

import json

import keras_hub
import numpy as np
import pytest

import xlm_tf
from xlm_tf.models.loading import load_task

IDS = np.array([[0, 5, 6, 7, 44, 2, 1], [0, 9, 8, 2, 1, 1, 1]], "int32")
MASK = IDS != 1
INPUTS = {"token_ids": IDS, "padding_mask": MASK.astype("int32")}
MODELS = keras_hub.models


def randomize(model):
    draw = np.random.default_rng(0)
    for weight in model.weights:
        if "float" in weight.dtype:
            weight.assign(draw.normal(0, 0.3, weight.shape))
    return model


def outputs_of(model, texts):
    return model(model.preprocessor.pack(texts))


def theirs_of(model, texts):
    return model(model.preprocessor(np.array(texts)))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"num_token_types": 1},
        {"position_offset": 0},
        {"dropout": 0.2, "attention_dropout": 0.2},
    ],
    ids=str,
)
def test_an_encoder(make_backbone, tmp_path, changes):
    ours = randomize(make_backbone(**changes))
    ours.save_to_keras_hub(tmp_path)
    their = MODELS.XLMRobertaBackbone.from_preset(str(tmp_path))
    expected = np.array(ours(INPUTS))[MASK]
    np.testing.assert_allclose(np.array(their(INPUTS))[MASK], expected, atol=1e-5)
    assert their.dropout == ours.dropout
    longest = np.arange(4, 52)[None]
    mask = np.ones_like(longest)
    np.testing.assert_allclose(
        their({"token_ids": longest, "padding_mask": mask}), ours(longest), atol=1e-5
    )
    again = xlm_tf.XLMBackbone.from_preset(tmp_path)
    np.testing.assert_allclose(np.array(again(INPUTS))[MASK], expected, atol=1e-5)


@pytest.fixture
def classifier(make_backbone, tokenizer):
    preprocessor = xlm_tf.XLMTextClassifierPreprocessor(tokenizer, 12)
    return randomize(
        xlm_tf.XLMTextClassifier(make_backbone(), 3, preprocessor=preprocessor)
    )


def test_a_classifier(classifier, tmp_path, sentences):
    classifier.save_to_keras_hub(tmp_path)
    their = MODELS.XLMRobertaTextClassifier.from_preset(str(tmp_path))
    expected = outputs_of(classifier, sentences)
    np.testing.assert_allclose(theirs_of(their, sentences), expected, atol=1e-5)
    assert their.dropout == 0.1
    again = outputs_of(load_task(tmp_path), sentences)
    np.testing.assert_allclose(again, expected, atol=1e-5)


def test_names_of_classes_are_left_out_with_a_word(make_backbone, tmp_path):
    model = xlm_tf.XLMTextClassifier(make_backbone(), labels=["bad", "good"])
    with pytest.warns(UserWarning, match="left out: bad, good, in this order"):
        model.save_to_keras_hub(tmp_path)
    assert not (tmp_path / "preprocessor.json").exists()


def test_a_masked_language_model(make_backbone, tokenizer, tmp_path):
    preprocessor = xlm_tf.XLMMaskedLMPreprocessor(
        tokenizer, 20, mask_selection_length=7
    )
    ours = randomize(xlm_tf.XLMMaskedLM(make_backbone(), preprocessor))
    ours.save_to_keras_hub(tmp_path)
    their = MODELS.XLMRobertaMaskedLM.from_preset(str(tmp_path))
    inputs = {**INPUTS, "mask_positions": np.array([[1, 3], [2, 0]])}
    np.testing.assert_allclose(their(inputs), ours(inputs), atol=1e-5)
    assert their.preprocessor.mask_selection_length == 7
    assert their.preprocessor.sequence_length == 20


@pytest.mark.parametrize("pooling", ["first", "mean", "max"])
def test_an_embedder(make_backbone, tokenizer, tmp_path, sentences, pooling):
    preprocessor = xlm_tf.XLMTextEmbedderPreprocessor(tokenizer, 40)
    ours = xlm_tf.XLMTextEmbedder(
        randomize(make_backbone()), preprocessor, pooling, normalize=pooling == "mean"
    )
    ours.save_to_keras_hub(tmp_path)
    their = MODELS.XLMRobertaTextEmbedder.from_preset(str(tmp_path))
    np.testing.assert_allclose(
        theirs_of(their, sentences), ours.embed(sentences), atol=1e-5
    )


def test_adapters_are_merged(classifier, tmp_path, sentences):
    classifier.enable_lora(2)
    randomize(classifier)
    classifier.save_to_keras_hub(tmp_path)
    their = MODELS.XLMRobertaTextClassifier.from_preset(str(tmp_path))
    expected = outputs_of(classifier, sentences)
    np.testing.assert_allclose(theirs_of(their, sentences), expected, atol=1e-5)


def test_half_precision_is_saved_as_floats(make_backbone, tmp_path):
    for dtype in ("bfloat16", "mixed_bfloat16"):
        ours = randomize(make_backbone(dtype=dtype))
        ours.save_to_keras_hub(tmp_path)
        their = MODELS.XLMRobertaBackbone.from_preset(str(tmp_path))
        kernels = ours.encoder_blocks[1].feed_forward.output_dense.kernel
        name = "transformer_layer_1/feedforward_output_dense/kernel"
        (theirs,) = (x for x in their.weights if x.path == name)
        assert theirs.dtype == "float32"
        np.testing.assert_array_equal(np.float32(kernels), theirs)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"norm_placement": "pre"}, "norm_placement='post'. Received: norm_placement="),
        ({"num_languages": 2}, "num_languages=0"),
        ({"num_token_types": 2}, "num_token_types=1"),
        ({"activation": "relu"}, "activation='gelu'"),
        ({"layer_norm_epsilon": 1e-12}, "layer_norm_epsilon=1e-05"),
        ({"position_embedding": "sinusoidal"}, "position_embedding='learned'"),
        ({"causal": True}, "causal=False"),
        ({"dropout": 0.1}, "attention_dropout=0.1. Received: attention_dropout=0.0"),
    ],
)
def test_other_encoders_are_refused(make_backbone, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        make_backbone(**changes).save_to_keras_hub(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_other_tasks_are_refused(make_backbone, tokenizer, tmp_path):
    backbone = make_backbone()
    decoder = xlm_tf.XLMSeq2SeqBackbone(backbone)
    preprocessor = xlm_tf.XLMTextClassifierPreprocessor
    special = xlm_tf.XLMSentencePieceTokenizer(
        tokenizer.proto, special_tokens_in_strings=True
    )
    for model, message in (
        (xlm_tf.XLMTokenClassifier(backbone, 2), "XLMTokenClassifier has no form in"),
        (xlm_tf.XLMQuestionAnswering(backbone), "XLMQuestionAnswering has no form in"),
        (decoder, "no encoder-decoder"),
        (xlm_tf.XLMTextEmbedder(backbone, truncate_dim=8), "truncate_dim=8"),
        (xlm_tf.XLMMaskedLM(backbone, tied=False), "tied=False"),
        (xlm_tf.XLMMaskedLM(backbone, head_transform=False), "head_transform=False"),
        (xlm_tf.XLMTextClassifier(backbone, 2, pooling="mean"), "pooling='mean'"),
        (
            xlm_tf.XLMTextClassifier(backbone, 2, head_transform=False),
            "head_transform=False",
        ),
        (
            xlm_tf.XLMTextClassifier(backbone, 2, preprocessor(special, 32)),
            "special_tokens_in_strings=True",
        ),
        (
            xlm_tf.XLMTextClassifier(
                backbone, 2, preprocessor(tokenizer, 32, num_separators=1)
            ),
            "puts 2 </s> between",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            model.save_to_keras_hub(tmp_path / "new")


def test_ours_and_theirs_replace_each_other(classifier, tmp_path):
    classifier.save_to_preset(tmp_path)
    (tmp_path / "README.md").write_text("of the user")
    classifier.save_to_keras_hub(tmp_path)
    name = json.loads((tmp_path / "task.json").read_text())["registered_name"]
    assert name == "keras_hub>XLMRobertaTextClassifier"
    np.testing.assert_allclose(
        load_task(tmp_path)(INPUTS), classifier(INPUTS), atol=1e-5
    )
    classifier.save_to_preset(tmp_path)
    name = json.loads((tmp_path / "task.json").read_text())["registered_name"]
    assert name == "xlm_tf>XLMTextClassifier"
    np.testing.assert_array_equal(load_task(tmp_path)(INPUTS), classifier(INPUTS))
    assert (tmp_path / "README.md").read_text() == "of the user"
    classifier.save_to_keras_hub(tmp_path)
    classifier.save_to_huggingface(tmp_path)
    assert not (tmp_path / "task.json").exists()
    np.testing.assert_array_equal(load_task(tmp_path)(INPUTS), classifier(INPUTS))
