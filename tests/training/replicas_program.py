"""Trains on 1 or 2 replicas, each way in turn, and writes losses and weights.

Strategies on logical CPU devices share their collectives, so that two strategies in
one process get in each other's way: a process for each number of replicas.

    python replicas_program.py REPLICAS FOLDER RUN...

A run is KIND,PARTS,POLICY,LOSS_SCALE, KIND one of masked, weighed, compiled,
contrastive, negatives, scores, classes, r_drop, multitask; "compiled" is "masked" with
each replica's gradients by XLA, as on GPUs, "weighed" with weights of the losses.
"""

import sys
import types

import keras
import numpy as np
import tensorflow as tf

from xlm_tf import (
    XLMBackbone,
    XLMMaskedLM,
    XLMSeq2SeqBackbone,
    XLMSeq2SeqLM,
    XLMTextClassifier,
    XLMTextEmbedder,
)
from xlm_tf.training import masked_lm_trainer
from xlm_tf.training.contrastive import ContrastiveTrainer
from xlm_tf.training.masked_lm_trainer import MaskedLMTrainer
from xlm_tf.training.multitask_trainer import MultitaskTrainer
from xlm_tf.training.optimizer import AdamW
from xlm_tf.training.seq2seq_trainer import Seq2SeqTrainer
from xlm_tf.training.task_trainer import TaskTrainer

ROWS, BATCHES = 8, 5


def backbone(policy):
    return XLMBackbone(
        vocabulary_size=60,
        num_layers=2,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
        max_sequence_length=16,
        dropout=0.0,
        attention_dropout=0.0,
        dtype=policy,
    )


def masked(parts, policy):
    trainer = MaskedLMTrainer(
        XLMMaskedLM(backbone(policy), compile=False), parts, clip_norm=0.1
    )
    random = np.random.default_rng(0)
    rows = ROWS * BATCHES
    # The first half of every batch, one replica's share, has far more targets.
    share = np.where(np.arange(rows) % ROWS < ROWS // 2, 0.9, 0.1)[:, None]
    weights = (random.random((rows, 4)) < share).astype("float32")
    inputs = {
        "token_ids": random.integers(5, 60, (rows, 16)).astype("int32"),
        "padding_mask": np.ones((rows, 16), bool),
        "mask_positions": random.integers(0, 16, (rows, 4)).astype("int32"),
    }
    targets = random.integers(5, 60, (rows, 4)).astype("int32")
    return trainer, (inputs, targets, weights)


def weighed(parts, policy):
    trainer, data = masked(parts, policy)
    rows = ROWS * BATCHES
    weights = np.linspace(0, 3, rows).astype("float32")
    data[0]["loss_weights"] = np.random.default_rng(1).permutation(weights)
    return trainer, data


def contrastive(parts, policy):
    trainer = ContrastiveTrainer(
        XLMTextEmbedder(backbone(policy), compile=False),
        clip_norm=0.1,
        accumulation_steps=parts,
    )
    random = np.random.default_rng(0)
    pairs = ROWS * BATCHES
    data = {
        "source": {"token_ids": random.integers(5, 60, (pairs, 7)).astype("int32")},
        "target": {"token_ids": random.integers(5, 60, (pairs, 9)).astype("int32")},
        "source_key": random.integers(0, 12, pairs),
        "target_key": random.integers(0, 100, pairs),
    }
    return trainer, data


def negatives(parts, policy):
    trainer, data = contrastive(parts, policy)
    random = np.random.default_rng(1)
    pairs = ROWS * BATCHES
    ids = random.integers(5, 60, (pairs, 2, 9)).astype("int32")
    data["negatives"] = {"token_ids": ids}
    data["negatives_key"] = random.integers(-1, 100, (pairs, 2))
    return trainer, data


def scores(parts, policy):
    trainer, data = contrastive(parts, policy)
    random = np.random.default_rng(1)
    numbers = random.integers(0, 4, ROWS * BATCHES)
    data["score"] = numbers.astype("float32")
    return trainer, data


def classes(parts, policy):
    model = XLMTextClassifier(
        backbone(policy), labels=["a", "b", "c"], dropout=0.0, compile=False
    )
    trainer = TaskTrainer(model, 0.1, clip_norm=0.1, accumulation_steps=parts)
    random = np.random.default_rng(0)
    rows = ROWS * BATCHES
    inputs = {
        "token_ids": random.integers(5, 60, (rows, 16)).astype("int32"),
        "padding_mask": np.ones((rows, 16), bool),
    }
    weights = np.where(np.arange(rows) % ROWS < ROWS // 2, 2.0, 0.5).astype("float32")
    return trainer, (inputs, random.integers(0, 3, rows).astype("int32"), weights)


class SecondHalf(keras.layers.Dropout):
    """Drops the same of every row in the second half of a batch, and nothing else."""

    def call(self, inputs, training=False):
        if not training:
            return inputs
        shape = tf.shape(inputs)
        is_first = tf.range(shape[0]) < shape[0] // 2
        is_first = tf.reshape(is_first, [-1] + [1] * (inputs.shape.rank - 1))
        is_kept = tf.range(shape[-1]) % 3 > 0
        return tf.where(is_first | is_kept, inputs, 0.0)


def r_drop(parts, policy):
    dropout, keras.layers.Dropout = keras.layers.Dropout, SecondHalf
    try:
        encoder = backbone(policy)
        encoder.token_layout = "padded"
        model = XLMSeq2SeqLM(XLMSeq2SeqBackbone(encoder), compile=False)
    finally:
        keras.layers.Dropout = dropout
    trainer = Seq2SeqTrainer(model, 0.1, 0.1, parts, r_drop=5.0)
    random = np.random.default_rng(0)
    rows = ROWS * BATCHES
    share = np.where(np.arange(rows) % ROWS < ROWS // 2, 0.9, 0.2)[:, None]
    lengths = np.maximum(1, (12 * share).astype(int))
    is_real = np.arange(12) < lengths
    inputs = {
        "encoder_token_ids": random.integers(5, 60, (rows, 16)).astype("int32"),
        "encoder_padding_mask": np.ones((rows, 16), bool),
        "decoder_token_ids": random.integers(5, 60, (rows, 12)).astype("int32"),
        "decoder_padding_mask": is_real,
    }
    targets = random.integers(5, 60, (rows, 12)).astype("int32")
    return trainer, (inputs, targets, is_real.astype("float32"))


def multitask(parts, policy):
    """Batches of masked tokens, of texts to write, of texts to translate first."""
    encoder = XLMBackbone(
        vocabulary_size=60,
        num_layers=2,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
        max_sequence_length=40,
        num_languages=2,
        dropout=0.0,
        attention_dropout=0.0,
        initializer_range=0.3,
        dtype=policy,
    )
    model = XLMSeq2SeqLM(XLMSeq2SeqBackbone(encoder), compile=False)
    ids = {"start_token_id": 0, "end_token_id": 2, "pad_token_id": 1}
    model.preprocessor = types.SimpleNamespace(tokenizer=types.SimpleNamespace(**ids))
    trainer = MultitaskTrainer(model, 0.1, 0.1, parts, 1.2)
    random = np.random.default_rng(0)
    rows = ROWS * BATCHES
    batch = np.arange(rows) // ROWS
    is_first_half = np.arange(rows) % ROWS < ROWS // 2
    lengths = np.where(is_first_half, 12, 3)[:, None]
    is_written = np.arange(12) < lengths
    language = (batch % 2)[:, None]
    places = np.zeros((rows, 1), "int32") + np.arange(16, dtype="int32")
    inputs = {
        "encoder_token_ids": random.integers(5, 60, (rows, 16)).astype("int32"),
        "encoder_language_ids": (places * 0 + language).astype("int32"),
        "encoder_position_ids": places,
        "encoder_segment_ids": np.ones((rows, 16), "int32"),
        "encoder_padding_mask": np.ones((rows, 16), bool),
        "decoder_token_ids": random.integers(5, 60, (rows, 12)).astype("int32"),
        "decoder_language_ids": (places[:, :12] * 0 + language).astype("int32"),
        "decoder_padding_mask": is_written,
        "mask_positions": random.integers(0, 16, (rows, 12)).astype("int32"),
        "prediction": (batch % 3).astype("int32"),
        "written_language_ids": (1 - language[:, 0]).astype("int32"),
        "sampling_draws": random.random((rows, 25), "float32"),
        "loss_weights": np.where(batch % 2, 1.0, 0.3).astype("float32"),
    }
    targets = random.integers(5, 60, (rows, 12)).astype("int32")
    return trainer, (inputs, targets, is_written.astype("float32"))


def train(strategy, kind, parts, policy, loss_scale):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        masked_lm_trainer.compiles_replicas = lambda: kind == "compiled"
        kinds = (weighed, contrastive, negatives, scores, classes, r_drop, multitask)
        build = {own.__name__: own for own in kinds}.get(kind, masked)
        trainer, data = build(int(parts), policy)
        count = len(trainer.trainable_variables)
        factors = np.linspace(0, 2, count) if kind == "classes" else None
        optimizer = AdamW(1e-2, epsilon=1e-6, rate_factors=factors)
        if policy == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(
                optimizer, float(loss_scale)
            )
        trainer.compile(optimizer=optimizer)
    batches = tf.data.Dataset.from_tensor_slices(data).batch(ROWS, drop_remainder=True)
    history = trainer.fit(batches, verbose=0, shuffle=False).history
    weights = [np.asarray(weight) for weight in trainer.weights]
    metrics = np.array([history["loss"][0], history["accuracy"][0]])
    return metrics, np.asarray(trainer.optimizer.iterations), *weights


def main(replicas, folder, *runs):
    devices = [f"CPU:{number}" for number in range(int(replicas))]
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration() for _ in devices],
    )
    strategy = (
        tf.distribute.MirroredStrategy(devices)
        if len(devices) > 1
        else tf.distribute.get_strategy()
    )
    for run in runs:
        np.savez(f"{folder}/{run}.npz", *train(strategy, *run.split(",")))


if __name__ == "__main__":
    main(*sys.argv[1:])
