"""Every dtype: what is exact stays exact, and nothing fails."""

import keras
import numpy as np
import pytest

import xlm_tf
from xlm_tf.layers.precision import at_least_float32
from xlm_tf.models.losses import LabelSmoothedCrossentropy

DTYPES = ["bfloat16", "float16", "float64"]
IDS = np.array([[0, 5, 6, 7, 2], [0, 8, 2, 1, 1]])
SEQ2SEQ_INPUTS = {"encoder_token_ids": IDS, "decoder_token_ids": IDS}


def backbone(**arguments):
    return xlm_tf.XLMBackbone(
        **{
            "vocabulary_size": 30,
            "num_layers": 1,
            "num_heads": 2,
            "hidden_dim": 16,
            "intermediate_dim": 16,
            "max_sequence_length": 16,
            "position_offset": 2,
            "num_token_types": 1,
            **arguments,
        }
    )


def tasks(**arguments):
    """A task of every kind, with both forms of norm and head among them."""
    seq2seq = xlm_tf.XLMSeq2SeqBackbone(backbone(norm_placement="pre", **arguments))
    causal = backbone(causal=True, position_embedding="sinusoidal", **arguments)
    return [
        xlm_tf.XLMTextClassifier(backbone(**arguments), num_classes=2),
        xlm_tf.XLMTextEmbedder(backbone(**arguments)),
        xlm_tf.XLMTextEmbedder(backbone(**arguments), pooling="max"),
        xlm_tf.XLMTokenClassifier(backbone(**arguments), num_classes=2),
        xlm_tf.XLMQuestionAnswering(backbone(**arguments)),
        xlm_tf.XLMMaskedLM(backbone(**arguments)),
        xlm_tf.XLMCausalLM(causal, tied=False),
        xlm_tf.XLMSeq2SeqLM(seq2seq),
    ]


def check(task, dtype):
    inputs = SEQ2SEQ_INPUTS if isinstance(task, xlm_tf.XLMSeq2SeqLM) else IDS
    assert {weight.dtype for weight in task.backbone.weights} == {dtype}
    outputs = task(inputs)
    assert outputs.dtype == at_least_float32(dtype)
    assert np.isfinite(np.asarray(outputs)).all()


@pytest.fixture
def restore_floatx():
    policy = keras.config.dtype_policy()
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy(policy)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_policy_by_argument(dtype):
    for task in tasks(dtype=dtype):
        check(task, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_policy_of_floatx(dtype, restore_floatx):
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)  # what a fresh process takes from floatx
    for task in tasks():
        check(task, dtype)
        loss = getattr(task, "loss", None)
        if isinstance(loss, keras.losses.Loss):
            assert loss.dtype == at_least_float32(dtype)


def test_half_precision_is_near_and_double_is_exact(tmp_path):
    exact = xlm_tf.XLMMaskedLM(backbone())
    exact.save_to_preset(tmp_path)
    load = xlm_tf.XLMMaskedLM.from_preset
    expected = np.asarray(exact(IDS))
    real = IDS != 1
    for dtype, tolerance in (("bfloat16", 0.1), ("float16", 0.02), ("float64", 1e-5)):
        found = np.asarray(load(tmp_path, dtype=dtype)(IDS))
        np.testing.assert_allclose(found[real], expected[real], atol=tolerance)
    # In float64 nothing on the way was rounded to float32.
    double = load(tmp_path, dtype="float64")
    table = double.backbone.token_embedding.embeddings
    before = np.asarray(double(IDS))
    table.assign(table + 1e-12)
    assert 0 < np.abs(np.asarray(double(IDS)) - before).max() < 1e-9


def test_a_readers_policy_reaches_the_encoder(tmp_path):
    model = xlm_tf.XLMSeq2SeqLM(xlm_tf.XLMSeq2SeqBackbone(backbone()))
    model.save_to_preset(tmp_path)
    check(xlm_tf.XLMSeq2SeqLM.from_preset(tmp_path, dtype="bfloat16"), "bfloat16")


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
def test_training(dtype):
    classifier, *_, seq2seq = tasks(dtype=dtype)
    data = {"token_ids": IDS, "padding_mask": (IDS != 1).astype("int32")}
    history = classifier.fit(data, np.array([0, 1]), batch_size=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    loss = LabelSmoothedCrossentropy(0.1, dtype=seq2seq.prediction_head.logits_dtype)
    assert loss(IDS, seq2seq(SEQ2SEQ_INPUTS)).dtype == at_least_float32(dtype)
    assert loss.get_config()["dtype"] == at_least_float32(dtype)
