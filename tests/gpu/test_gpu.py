"""A GPU gives what the processor gives, trains every task and exports for both."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import xlm_tf
from export import to_saved_model

TEXTS = ["The quick brown fox", "Der faule Hund", "ленивую", "狐狸"]
POLICIES = ["float32", "mixed_bfloat16", "mixed_float16"]

TASKS = {
    "masked_lm": (xlm_tf.XLMMaskedLM, {}, (TEXTS,)),
    "classifier": (
        xlm_tf.XLMTextClassifier,
        {"num_classes": 2, "dropout": 0.0},
        (TEXTS, [0, 1, 1, 0]),
    ),
    "tagger": (
        xlm_tf.XLMTokenClassifier,
        {"labels": ["O", "B"], "dropout": 0.0},
        (TEXTS, [[0, 1, 1, 0], [1, 0], [0], [1]]),
    ),
    "seq2seq": (xlm_tf.XLMSeq2SeqLM, {}, (TEXTS, TEXTS[::-1])),
    "causal": (xlm_tf.XLMCausalLM, {}, (TEXTS,)),
}


@pytest.fixture
def make_task(make_backbone, tokenizer):
    def make(name, dtype="float32"):
        task_class, arguments, _ = TASKS[name]
        keras.utils.set_random_seed(3)
        backbone = make_backbone(causal=name == "causal", dtype=dtype)
        if name == "seq2seq":
            backbone = xlm_tf.XLMSeq2SeqBackbone(backbone)
        preprocessor = task_class.preprocessor_cls(tokenizer, sequence_length=24)
        return task_class(backbone, preprocessor=preprocessor, **arguments)

    return make


def compile_task(task, **arguments):
    if hasattr(task, "num_classes"):
        arguments["loss"] = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    task.compile(optimizer=keras.optimizers.SGD(0.1), **arguments)


@pytest.mark.parametrize("position", ["learned", "sinusoidal"])
@pytest.mark.parametrize("norm_placement", ["pre", "post"])
def test_the_states_are_those_of_the_processor(make_backbone, norm_placement, position):
    backbone = make_backbone(norm_placement=norm_placement, position_embedding=position)
    random = np.random.default_rng(0)
    mask = np.arange(20) < np.array([20, 1, 7, 13])[:, None]
    inputs = {
        "token_ids": np.where(mask, random.integers(5, 50, mask.shape), 1),
        "padding_mask": mask,
    }
    with tf.device("GPU:0"):
        on_gpu = backbone(inputs)
    assert "GPU:0" in on_gpu.device
    with tf.device("CPU:0"):
        on_cpu = tf.function(backbone)(inputs)
    np.testing.assert_allclose(on_gpu.numpy()[mask], on_cpu.numpy()[mask], atol=1e-4)


@pytest.mark.parametrize("name", TASKS)
def test_fit_is_that_of_the_processor(make_task, name):
    """As Keras compiles it: by XLA. Masked LM draws its masks anew."""
    losses = []
    for device in ("GPU:0", "CPU:0"):
        with tf.device(device):
            task = make_task(name)
            compile_task(task, **({} if device == "GPU:0" else {"jit_compile": False}))
            history = task.fit(*TASKS[name][2], batch_size=2, shuffle=False, epochs=3)
        losses.append(history.history["loss"])
    tolerance = 0.3 if name == "masked_lm" else 1e-3
    np.testing.assert_allclose(*losses, rtol=tolerance)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("name", TASKS)
def test_every_precision_trains(make_task, name, jit_compile, policy):
    task = make_task(name, policy)
    compile_task(task, jit_compile=jit_compile)
    task.fit(*TASKS[name][2], batch_size=2, epochs=30, verbose=0)
    history = task.fit(*TASKS[name][2], batch_size=2, epochs=1, verbose=0)
    first = make_task(name, policy)
    compile_task(first, jit_compile=jit_compile)
    before = np.ravel(first.evaluate(*TASKS[name][2], verbose=0))[0]
    assert history.history["loss"][-1] < before


@pytest.mark.parametrize("name", ["classifier", "seq2seq"])
def test_a_mirrored_strategy_trains_the_same(make_task, name):
    losses = []
    for strategy in (tf.distribute.MirroredStrategy(), tf.distribute.get_strategy()):
        with strategy.scope():
            task = make_task(name)
            compile_task(task, jit_compile=False)
        history = task.fit(*TASKS[name][2], batch_size=2, shuffle=False, epochs=3)
        losses.append(history.history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-3)


@pytest.mark.parametrize("search", ["greedy", "beam"])
@pytest.mark.parametrize("name", ["seq2seq", "causal"])
def test_generated_texts_are_those_of_the_processor(make_task, name, search):
    sampler = "greedy" if search == "greedy" else xlm_tf.BeamSearch(num_beams=3)
    texts = []
    for device in ("GPU:0", "CPU:0"):
        with tf.device(device):
            task = make_task(name)
            task.compile(sampler=sampler)
            texts.append(task.generate(TEXTS, max_length=16))
    assert texts[0] == texts[1]


def test_ids_beyond_the_table_are_refused(make_backbone):
    backbone = make_backbone()
    inputs = {"token_ids": np.array([[0, 99_999]]), "padding_mask": np.ones((1, 2))}
    with pytest.raises(tf.errors.InvalidArgumentError, match="rows of their table"):
        tf.function(backbone)(inputs)


READ_ON_A_PROCESSOR = """
import sys, numpy as np, tensorflow as tf, tensorflow_text
assert not tf.config.list_physical_devices("GPU")
model = tf.saved_model.load(sys.argv[1])
answer = model.signatures["serving_default"](tf.constant(sys.argv[3:]))
answer = {name: np.array(x.numpy().tolist()) for name, x in answer.items()}
np.savez(sys.argv[2], **answer)
"""


@pytest.mark.parametrize("freeze_weights", [True, False])
def test_an_export_serves_with_and_without_a_gpu(make_task, tmp_path, freeze_weights):
    task = make_task("classifier")
    to_saved_model(
        task, tmp_path / "1", freeze_weights=freeze_weights, warmup_batch_sizes=()
    )
    signature = tf.saved_model.load(tmp_path / "1").signatures["serving_default"]
    on_gpu = signature(tf.constant(TEXTS))
    program = [sys.executable, "-c", READ_ON_A_PROCESSOR]
    arguments = [tmp_path / "1", tmp_path / "answer.npz", *TEXTS]
    subprocess.run(
        program + arguments,
        check=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
    )
    on_cpu = np.load(tmp_path / "answer.npz")
    assert set(on_cpu) == set(on_gpu)
    for name, values in on_gpu.items():
        if values.dtype.is_floating:
            np.testing.assert_allclose(values, on_cpu[name], atol=1e-4)
        else:
            np.testing.assert_array_equal(values.numpy().tolist(), on_cpu[name])
