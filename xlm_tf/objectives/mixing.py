"""Several objectives in one training run."""

import tensorflow as tf


def mix(streams, weights, seed, taking_turns=False, first_step=0):
    """One endless dataset whose batches come from several objectives.

    Every batch is of one objective. The order is a function of `seed` and of
    TensorFlow's global seed alone: built again and given `.skip(n)`, the mix goes on
    after its first n batches.

    Args:
        streams: dict of functions, one per objective: of an endless dataset of int64
            scalars, the steps at which its batches are used, they make an endless
            dataset of batches `(inputs, targets, weights)` of the same structure.
        weights: dict of `PiecewiseLinear`, one per objective.
        seed: int.
        taking_turns: bool. False: the weights say how often each is drawn, relative to
            the others. True: those with a weight take turns, and every batch has one
            input more, `loss_weights` float32 (B,), by which its loss is multiplied.
        first_step: int, where this begins; the streams begin with their batches from
            that step on.

    Returns:
        `tf.data.Dataset` of batches.

    Raises:
        ValueError: weights that are not of the streams, or never above 0.
    """
    if set(weights) != set(streams) or any(
        min(weight.values) < 0 or max(weight.values) == 0 for weight in weights.values()
    ):
        raise ValueError(
            "Every objective needs a weight above 0. Received: objectives="
            f"{sorted(streams)}, weights="
            f"{ {name: str(weight) for name, weight in weights.items()} }."
        )
    weights = [weights[name] for name in streams]
    choices = choices_of(weights, seed, taking_turns, first_step)
    batches = tf.data.Dataset.choose_from_datasets(
        [
            stream(_steps_of(choices, number, first_step))
            for number, stream in enumerate(streams.values())
        ],
        choices,
    )
    if not taking_turns:
        return batches

    def with_loss_weights(step, chosen, batch):
        inputs, targets, target_weights = batch
        weight = tf.cast(_at(weights, step)[chosen], "float32")
        loss_weights = tf.fill(tf.shape(target_weights)[:1], weight)
        loss_weights = tf.ensure_shape(loss_weights, target_weights.shape[:1])
        return {**inputs, "loss_weights": loss_weights}, targets, target_weights

    steps = every_step(first_step)
    return tf.data.Dataset.zip(steps, choices, batches).map(with_loss_weights)


def choices_of(weights, seed, taking_turns=False, first_step=0):
    """The number of the objective of every step, from a step on.

    Args:
        weights: list of `PiecewiseLinear`.
        seed, taking_turns, first_step: see `mix`.

    Returns:
        endless dataset of int64 scalars.
    """
    choices = _take_turns(weights) if taking_turns else _draw(weights, seed)
    return choices.skip(first_step)


def every_step(first=0):
    """The steps 0, 1, 2... as an endless dataset of int64 scalars."""
    return tf.data.Dataset.counter(first)


def _at(weights, step):
    return tf.stack([weight.value(step) for weight in weights])


def _draw(weights, seed):
    """The number of an objective for every step, drawn by the weights."""
    if all(weight.is_constant for weight in weights):
        total = sum(weight.value(0) for weight in weights)
        by_step = [weight.value(0) / total for weight in weights]
    else:
        by_step = every_step().map(lambda step: _at(weights, step))
    numbers = [
        tf.data.Dataset.from_tensors(tf.constant(number, "int64")).repeat()
        for number in range(len(weights))
    ]
    return tf.data.Dataset.sample_from_datasets(numbers, by_step, seed=seed)


def _take_turns(weights):
    """The number of an objective for every step, in turns of those with a weight."""

    def choose(step):
        weighing = tf.where(_at(weights, step) > 0)[:, 0]
        return weighing[step % tf.size(weighing, "int64")]

    return every_step().map(choose)


def _steps_of(choices, number, first):
    """The steps at which one objective is chosen, of those from the first on."""
    chosen = choices.enumerate(first).filter(lambda step, choice: choice == number)
    return chosen.map(lambda step, choice: step)
