"""Fits tasks on raw strings on 1, 2 or 4 replicas and writes what came out.

A process for each number of replicas: strategies on logical CPU devices share their
collectives, so that two in one process get in each other's way.

    python fitting_replicas_program.py REPLICAS SENTENCEPIECE.model OUTPUT.npz
"""

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import xlm_tf

# Unequally long and unequally weighted: every replica holds another number of tokens.
TEXTS = [
    "fox",
    "dog",
    "The quick brown fox jumps over the lazy dog.",
    "A small model reads small texts, and it reads them fast.",
    "Hund",
    "Ein kleines Modell liest kleine Texte.",
    "Der schnelle braune Fuchs springt.",
]
WEIGHTS = np.array([1.0, 2.0, 0.0, 1.0, 0.5, 3.0, 1.0], "float32")
LABELS = [0, 1, 1, 0, 1, 1, 0]
# The last batch has 3 texts, or 1: fewer than there are replicas.
BATCH_SIZES = {"classifier": 4, "masked": 4, "causal": 3, "translator": 4, "custom": 3}
BATCH_SIZES |= {"ignoring": 4, "ignoring, weighted": 4}


def make(name, tokenizer):
    keras.utils.set_random_seed(0)
    backbone = xlm_tf.XLMBackbone(
        vocabulary_size=tokenizer.vocabulary_size(),
        num_layers=1,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
        max_sequence_length=32,
        dropout=0.0,
        attention_dropout=0.0,
        initializer_range=0.3,
        causal=name == "causal",
    )
    arguments = {"compile": False}
    if name == "masked":
        # Every token is masked, so that nothing is drawn.
        preprocessor = xlm_tf.XLMMaskedLMPreprocessor(
            tokenizer,
            32,
            mask_selection_rate=1.0,
            mask_selection_length=32,
            mask_token_rate=1.0,
            random_token_rate=0.0,
        )
        return xlm_tf.XLMMaskedLM(backbone, preprocessor, **arguments)
    if name == "causal":
        preprocessor = xlm_tf.XLMCausalLMPreprocessor(tokenizer, 32)
        return xlm_tf.XLMCausalLM(backbone, preprocessor, **arguments)
    if name == "translator":
        preprocessor = xlm_tf.XLMSeq2SeqLMPreprocessor(tokenizer, 32)
        backbone = xlm_tf.XLMSeq2SeqBackbone(backbone)
        return xlm_tf.XLMSeq2SeqLM(backbone, preprocessor, **arguments)
    preprocessor = xlm_tf.XLMTextClassifierPreprocessor(tokenizer, 32)
    return xlm_tf.XLMTextClassifier(backbone, 2, preprocessor, dropout=0.0, **arguments)


def mean_squares(y, logits):
    """A user's own loss: one number for the whole batch."""
    return keras.ops.mean(keras.ops.square(logits - keras.ops.one_hot(y, 2)))


def fit(name, task):
    size = BATCH_SIZES[name]
    arguments = {"batch_size": size, "epochs": 2, "shuffle": False, "verbose": 0}
    optimizer = keras.optimizers.AdamW(1e-2, epsilon=1e-6, global_clipnorm=0.2)
    if name == "classifier":
        task.compile(
            optimizer=optimizer,
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            weighted_metrics=["accuracy"],
        )
        return task.fit(
            TEXTS,
            LABELS,
            class_weight={0: 3.0},
            validation_data=(TEXTS, LABELS, WEIGHTS),
            **arguments,
        ), (TEXTS,)
    if name.startswith("ignoring"):
        weighted = name == "ignoring, weighted"
        loss = keras.losses.SparseCategoricalCrossentropy(
            from_logits=True,
            ignore_class=0,
            reduction="mean_with_sample_weight" if weighted else "sum_over_batch_size",
        )
        task.compile(optimizer=optimizer, loss=loss)
        weights = WEIGHTS if weighted else None
        return task.fit(TEXTS, LABELS, sample_weight=weights, **arguments), (TEXTS,)
    if name == "custom":
        task.compile(
            optimizer=keras.optimizers.SGD(0.5, clipnorm=0.05), loss=mean_squares
        )
        return task.fit(TEXTS, LABELS, **arguments), (TEXTS,)
    x = (TEXTS, TEXTS[::-1]) if name == "translator" else TEXTS
    task.compile(optimizer=optimizer)
    return task.fit(x, sample_weight=WEIGHTS, validation_data=(x, None), **arguments), (
        x,
    )


def main(replicas, model, output):
    devices = [f"CPU:{number}" for number in range(int(replicas))]
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration() for _ in devices],
    )
    strategy = tf.distribute.get_strategy()
    if len(devices) > 1:
        strategy = tf.distribute.MirroredStrategy(devices)
    tokenizer = xlm_tf.XLMSentencePieceTokenizer(Path(model).read_bytes())
    results = {}
    for name in BATCH_SIZES:
        with strategy.scope():
            task = make(name, tokenizer)
            history, (x,) = fit(name, task)
        for metric, values in history.history.items():
            results[f"{name}/{metric}"] = np.array(values)
        for index, weight in enumerate(task.weights):
            results[f"{name}/weights/{index}"] = np.asarray(weight)
        if name == "classifier":
            results[f"{name}/predicted"] = task.predict(x, batch_size=3, verbose=0)
    np.savez(output, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
