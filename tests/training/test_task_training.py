"""Every setting of a fine-tuning, by its effect on the weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import xlm_tf
from xlm_tf.training.classification_recipe import ClassificationSettings
from xlm_tf.training.task_building import build_trainer

RATE = 1e-3
TEXTS = ["The quick brown fox", "Der faule Hund", "Ein kleines", "狐狸", "a dog " * 5]
LABELS = [0, 1, 2, 0, 1]
WEIGHTS = [1.0, 0.5, 2.0, 0.0, 1.5]


@pytest.fixture
def train(make_backbone, tokenizer):
    """Function that makes one update; gives the model, how far every part moved at
    most, and what `fit` reported."""

    def train(weights=WEIGHTS, labels=LABELS, num_layers=3, **settings):
        settings = {"steps": 100, "schedule": "constant", "warmup_steps": 1, **settings}
        training = ClassificationSettings(learning_rate=RATE, **settings)
        keras.utils.set_random_seed(0)
        model = xlm_tf.XLMTextClassifier(
            make_backbone(num_layers=num_layers, dtype=training.dtype),
            preprocessor=xlm_tf.XLMTextClassifierPreprocessor(tokenizer, 32),
            labels=["a", "b", "c"],
            dropout=0.0,
            compile=False,
        )
        trainer = build_trainer(model, training)
        trainer.run_eagerly = training.accumulation_steps == 1  # to save time
        backbone = model.backbone
        parts = {"embeddings": backbone.embeddings, "head": model.logits_dense}
        parts |= {str(i + 1): x for i, x in enumerate(backbone.encoder_blocks)}
        before = {name: part.get_weights() for name, part in parts.items()}
        data = tf.data.Dataset.from_tensors((TEXTS, labels, np.float32(weights)))
        history = trainer.fit(data, shuffle=False, verbose=0).history
        moved = {
            name: max(
                float(np.abs(new - old).max())
                for new, old in zip(part.get_weights(), before[name], strict=True)
            )
            for name, part in parts.items()
        }
        return model, moved, history

    return train


# The first update of Adam moves what has a gradient by its rate.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "rates"),
    [
        ({}, {"embeddings": 1, "1": 1, "2": 1, "3": 1, "head": 1}),
        (
            {"head_learning_rate": 5 * RATE},
            {"embeddings": 1, "1": 1, "2": 1, "3": 1, "head": 5},
        ),
        (
            {"layer_decay": 0.5, "accumulation_steps": 2},
            {"embeddings": 1 / 8, "1": 1 / 4, "2": 1 / 2, "3": 1, "head": 1},
        ),
        (
            {"layer_decay": 0.0, "weight_decay": 0.5},
            {"embeddings": 0, "1": 0, "2": 0, "3": 1, "head": 1},
        ),
        (
            {"freeze_embeddings": True, "head_learning_rate": RATE / 2},
            {"embeddings": 0, "1": 1, "2": 1, "3": 1, "head": 1 / 2},
        ),
        (
            {"freeze_layers": 1, "layer_decay": 0.5},
            {"embeddings": 0, "1": 0, "2": 1 / 2, "3": 1, "head": 1},
        ),
        (
            {"freeze_blocks": [1, 2]},
            {"embeddings": 1, "1": 0, "2": 0, "3": 1, "head": 1},
        ),
        (
            {"freeze_embeddings": True, "freeze_blocks": [1, 3]},
            {"embeddings": 0, "1": 0, "2": 0, "3": 0, "head": 1},
        ),
    ],
    ids=lambda x: "-".join(x) if "head" not in x else "",
)
def test_rates_and_frozen_parts(train, settings, rates):
    _, moved, _ = train(**settings)
    # The share that decays is that of a rate too.
    slack = 1.05 + settings.get("weight_decay", 0)
    for name, rate in rates.items():
        assert 0.9 * rate * RATE <= moved[name] <= slack * rate * RATE, name


@pytest.mark.slow
@pytest.mark.parametrize("parts", [2, 5])
def test_parts_of_a_batch_give_the_update_of_the_whole(train, parts):
    settings = {"label_smoothing": 0.1, "epsilon": 1e-3, "clip_norm": 0.5}
    whole, _, expected = train(**settings)
    split, _, history = train(accumulation_steps=parts, **settings)
    for one, other in zip(whole.get_weights(), split.get_weights(), strict=True):
        np.testing.assert_allclose(other, one, atol=1e-5)
    assert history["loss"] == pytest.approx(expected["loss"], rel=1e-5)
    assert history["accuracy"] == pytest.approx(expected["accuracy"])


@pytest.mark.slow
def test_the_loss_is_weighted_and_smoothed(train):
    smoothing = 0.2
    for weights in (WEIGHTS, [1.0] * 5):
        _, _, history = train(weights, label_smoothing=smoothing, num_layers=1)
        # Before the update: a model of the same seed that has not moved.
        still, _, _ = train(
            weights,
            num_layers=1,
            head_learning_rate=1e-30,
            freeze_embeddings=True,
            freeze_blocks=[1, 1],
        )
        logits = still.predict(TEXTS, verbose=0)
        log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        targets = (1 - smoothing) * np.eye(3)[LABELS] + smoothing / 3
        expected = np.average(-(targets * log_p).sum(-1), weights=weights)
        assert history["loss"][0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(train, dtype):
    settings = {"accumulation_steps": 2, "layer_decay": 0.0, "label_smoothing": 0.1}
    _, moved, history = train(dtype=dtype, **settings)
    _, _, exact = train(**settings)
    assert history["loss"] == pytest.approx(exact["loss"], abs=0.05)
    assert moved["embeddings"] == moved["1"] == 0
    assert moved["3"] == pytest.approx(RATE, rel=0.1)


@pytest.mark.slow
def test_low_rank_updates_learn_at_rates_by_layer(train):
    _, moved, _ = train(lora_rank=2, layer_decay=0.0)
    assert moved["1"] == moved["2"] == moved["embeddings"] == 0
    for part in ("3", "head"):
        assert moved[part] == pytest.approx(RATE, rel=0.1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"freeze_layers": 4}, "freeze_layers must not exceed.*4 and 3"),
        ({"freeze_blocks": [2, 4]}, "freeze_blocks must not exceed.*4 and 3"),
        ({"freeze_blocks": [2, 1]}, "the first and the last of a range"),
        ({"freeze_blocks": [0, 1]}, "greater than or equal to 1"),
        ({"lora_rank": 2, "freeze_embeddings": True}, "leave freeze_embeddings out"),
        (
            {"lora_rank": 2, "train_used_embeddings": True},
            "train_used_embeddings needs embeddings that are trained",
        ),
        ({"accumulation_steps": 33}, "a text for each of accumulation_steps"),
        ({"head_learning_rate": 3.0, "weight_decay": 0.5}, "head_learning_rate times"),
        ({"layer_decay": 1.1}, "less than or equal to 1"),
        ({"seeds": [1, 2], "seed": 0}, "either `seed` or `seeds`"),
        ({"seeds": [1, 1]}, r"\[1\] repeats \[0\]"),
        ({"seeds": [1]}, "at least 2 items"),
    ],
)
def test_what_is_refused(train, settings, message):
    with pytest.raises(ValueError, match=message):
        train(**settings)
