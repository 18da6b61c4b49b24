"""What a recipe trains with, and what is left of it after saving."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from xlm_tf.training.finetuning_recipe import FinetuningSettings
from xlm_tf.training.optimizer import AdamW, build_optimizer
from xlm_tf.training.pretraining_settings import PretrainingSettings
from xlm_tf.training.recipe import SCHEDULES

TRAININGS = {
    f"{kind.__name__}-{schedule}-{dtype}": kind(
        steps=40,
        warmup_steps=6,
        learning_rate=3e-3,
        weight_decay=0.5,
        schedule=schedule,
        dtype=dtype,
    )
    for kind in (PretrainingSettings, FinetuningSettings)
    for schedule in SCHEDULES
    for dtype in ("float32", "mixed_float16")
}
STEPS = (0, 1, 5, 6, 7, 20, 39, 40, 100)
LOAD = """
import json, sys
import keras
import xlm_tf.training.optimizer

optimizers, steps = json.load(sys.stdin)
saved = {}
for name, config in optimizers.items():
    optimizer = keras.saving.deserialize_keras_object(config)
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    rates = [float(inner._learning_rate(step)) for step in steps]
    again = keras.saving.serialize_keras_object(optimizer)
    variables = [
        keras.Variable([1.0], name=name)
        for name in ("kernel", "bias", "gamma", "embeddings")
    ]
    optimizer.build(variables)
    for step in range(3):
        optimizer.apply([keras.ops.zeros((1,)) for _ in variables])
    saved[name] = [rates, again, [float(variable.numpy()[0]) for variable in variables]]
print(json.dumps(saved))
"""


@pytest.fixture(scope="module")
def loaded():
    """Every optimizer, saved here and loaded in a fresh process."""
    configs = {
        name: keras.saving.serialize_keras_object(build_optimizer(training))
        for name, training in TRAININGS.items()
    }
    process = subprocess.run(
        [sys.executable, "-c", LOAD],
        input=json.dumps([configs, STEPS]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return configs, json.loads(process.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", TRAININGS)
def test_an_optimizer_is_loaded_as_it_was_saved(loaded, name):
    configs, results = loaded
    rates, config, (kernel, bias, gamma, table) = results[name]
    assert config == json.loads(json.dumps(configs[name]))
    optimizer = build_optimizer(TRAININGS[name])
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    expected = [float(inner._learning_rate(step)) for step in STEPS]
    assert rates == pytest.approx(expected, rel=1e-6)
    # The decay still leaves out biases and LayerNorms.
    decayed = np.prod([1 - 0.5 * inner._learning_rate(step) for step in range(3)])
    assert kernel == table == pytest.approx(decayed, rel=1e-6)
    assert kernel < 1
    assert bias == gamma == 1


def test_rates_by_variable_scale_updates_and_decay():
    def after(gradient, **arguments):
        optimizer = AdamW(0.1, weight_decay=0.5, epsilon=1e-12, **arguments)
        names = ["one", "two", "three", "bias"]
        variables = [keras.Variable([1.0], name=name) for name in names]
        config = json.loads(json.dumps(optimizer.get_config()))
        copy = type(optimizer).from_config(config)
        copy.build(variables)
        copy.apply([keras.ops.full((1,), gradient) for _ in names])
        assert copy.weight_decay == 0.5
        return [float(variable.numpy()[0]) for variable in variables]

    factors = {"rate_factors": [1.0, 0.5, 0.0, 2.0]}
    assert after(0.0) == pytest.approx([0.95, 0.95, 0.95, 1.0])
    assert after(0.0, **factors) == pytest.approx([0.95, 0.975, 1.0, 1.0])
    # The first update of Adam is the rate.
    assert after(3.0, **factors) == pytest.approx([0.85, 0.925, 1.0, 0.8], rel=1e-5)
    with pytest.raises(ValueError, match="one for every variable"):
        AdamW(0.1, rate_factors=[1.0]).build([])


def test_every_setting_of_a_recipe_arrives():
    training = PretrainingSettings(
        steps=5,
        weight_decay=0.25,
        beta_1=0.5,
        beta_2=0.75,
        epsilon=1e-3,
        learning_rate=0.5,
        warmup_steps=2,
    )
    optimizer = build_optimizer(training)
    for name in ("weight_decay", "beta_1", "beta_2", "epsilon"):
        assert getattr(optimizer, name) == getattr(training, name)
    assert float(optimizer._learning_rate(2)) == 0.5
    scaled = build_optimizer(training.model_copy(update={"dtype": "mixed_float16"}))
    assert isinstance(scaled, keras.optimizers.LossScaleOptimizer)
