"""The layers of a task on the weights of an export, against the task."""

import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf

import xlm_tf
from export.inference_copy import InferenceCopy
from export.layouts import PaddedRows
from xlm_tf.models.optional_inputs import OptionalInputs
from xlm_tf.models.task import XLMTask

IDS = np.array([[0, 9, 7, 5, 2], [0, 8, 2, 1, 1]], "int32")
BACKBONE = {
    "vocabulary_size": 20,
    "num_layers": 2,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 16,
    "max_sequence_length": 12,
    "position_offset": 2,
    "num_token_types": 1,
    "initializer_range": 0.3,
}


@keras.saving.register_keras_serializable("tests_of_export")
class Ranker(OptionalInputs, XLMTask, keras_hub.models.Task):
    """A head that the package does not have."""

    backbone_cls = xlm_tf.XLMBackbone
    preprocessor_cls = xlm_tf.XLMTextClassifierPreprocessor
    input_names = xlm_tf.XLMBackbone.input_names

    def __init__(self, backbone, preprocessor=None, **kwargs):
        self.backbone = backbone
        self.preprocessor = preprocessor
        self.rank_dense = keras.layers.Dense(1)
        inputs = backbone.input
        super().__init__(inputs=inputs, outputs=self.forward(inputs), **kwargs)

    def forward(self, inputs):
        return self.rank_dense(self.backbone(inputs)[:, 0])


def randomized(task):
    """Every weight another than the zeros and ones that layers begin with."""
    random = np.random.default_rng(0)
    for weight in task.weights:
        weight.assign(weight + 0.1 * random.normal(size=weight.shape))
    return task


def computed(copy, inputs):
    """What a graph of the copy computes."""

    @tf.function
    def compute(inputs):
        with copy.weights():
            return copy.task(inputs, training=False)

    return compute(inputs).numpy()


@pytest.mark.parametrize("layout", [None, PaddedRows])
@pytest.mark.parametrize("frozen", [False, True])
def test_a_head_of_ones_own(frozen, layout):
    keras.utils.set_random_seed(1)
    task = randomized(Ranker(xlm_tf.XLMBackbone(**BACKBONE)))
    copy = InferenceCopy(task, frozen=frozen, layout=layout)
    expected = task(IDS, training=False)
    np.testing.assert_allclose(computed(copy, {"token_ids": IDS}), expected, atol=1e-5)
    # Of a frozen graph, tables alone are variables: tokens, positions, token types.
    assert len(copy.variables) == (3 if frozen else len(task.weights))


def test_what_is_trained_apart_is_merged():
    keras.utils.set_random_seed(1)
    task = xlm_tf.XLMTextClassifier(xlm_tf.XLMBackbone(**BACKBONE), num_classes=3)
    task.backbone.token_embedding.train_rows([7, 9])
    task.backbone.enable_lora(2, ["qkv_dense", "output_dense"])
    task = randomized(task)
    copy = InferenceCopy(task)
    expected = task(IDS, training=False)
    np.testing.assert_allclose(computed(copy, {"token_ids": IDS}), expected, atol=1e-5)
    names = {variable.name for variable in copy.task.variables}
    assert not any(name.startswith(("lora_", "trained_rows")) for name in names)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_a_trained_policy_is_not_the_exports(policy):
    """The float32 weights compute in float32, and products in bfloat16 if asked to."""
    keras.utils.set_random_seed(1)
    backbone = xlm_tf.XLMBackbone(**BACKBONE, dtype=policy)
    task = randomized(xlm_tf.XLMMaskedLM(backbone))
    inputs = {"token_ids": IDS, "mask_positions": np.array([[1, 2], [1, 0]])}
    exact = computed(InferenceCopy(task), inputs)
    half = InferenceCopy(task, frozen=True, dtype="bfloat16")
    rough = computed(half, inputs)
    assert exact.dtype == rough.dtype == "float32"
    np.testing.assert_allclose(task(inputs), exact, atol=0.3)
    np.testing.assert_allclose(rough, exact, atol=0.5)
    assert np.abs(rough - exact).max() > 1e-4
    assert {x.dtype for x in half.variables} == {tf.bfloat16}
    # The task is as it was.
    assert task.backbone.dtype_policy.name == policy
    assert task.backbone.token_layout == "auto"


def test_a_copy_takes_no_memory_and_no_part_in_what_comes_after():
    """Keras would draw values for its variables when the next model is built."""
    task = Ranker(xlm_tf.XLMBackbone(**BACKBONE))
    copy = InferenceCopy(task)
    xlm_tf.XLMBackbone(**BACKBONE)
    kernel = copy.task.backbone.encoder_blocks[0].attention.qkv_dense.kernel
    assert kernel._value is None
    other = xlm_tf.XLMBackbone(**BACKBONE)
    assert np.isfinite(other(IDS)).all()
