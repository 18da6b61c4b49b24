"""Updates by the gradient of the whole global batch, whatever the replicas."""

import keras
import tensorflow as tf

from xlm_tf.private_keras import keras_mask

# Of mixed_float16; larger gradients are infinite there.
LARGEST_FLOAT16 = 65504.0


def global_sum(values):
    """Sums over all replicas. Call in a replica context.

    Args:
        values: tensor or list of tensors of this replica.

    Returns:
        The same structure.
    """
    context = tf.distribute.get_replica_context()
    return values if num_replicas() == 1 else context.all_reduce("SUM", values)


def num_replicas():
    """Replicas of the strategy in whose scope this is called, int."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def apply_global_gradients(optimizer, gradients, variables, clip_norm=None):
    """Sum gradients over the replicas, clip them once, update.

    Keras would clip the gradients of each replica before it adds them, and look on one
    replica alone whether they are finite: both depend on how a batch happens to be
    spread. Call in a replica context, from a `train_step`.

    Under mixed_float16 a gradient is taken as infinite when it would be so in one
    replica's float16: there, what several replicas add up must not be larger either.

    Args:
        optimizer: a Keras optimizer.
        gradients: list of tensors, gradients of this replica's share of the global
            mean loss, scaled by `optimizer.scale_loss`; None where the loss does not
            depend on the variable.
        variables: list of Keras variables.
        clip_norm: float, largest global norm of the mean loss's gradient, beside what
            the optimizer itself may clip; or None.
    """
    is_scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    inner = optimizer.inner_optimizer if is_scaled else optimizer
    count = num_replicas()
    if count == 1 and not is_scaled and clip_norm is None:
        optimizer.apply([_with_rows_once(x) for x in gradients], variables)
        return
    given = [index for index, value in enumerate(gradients) if value is not None]
    reduced = global_sum([tf.convert_to_tensor(gradients[index]) for index in given])
    dense = reduced
    # One factor for all: every pass over the gradients of a large vocabulary costs.
    factor = 1.0
    scale = optimizer.scale_loss(1.0)
    if clip_norm is not None:
        factor = _clipping_factor(tf.linalg.global_norm(dense), clip_norm * scale)
    if count > 1:
        dense, factor = _clipped_as_by(inner, dense, factor, scale)
        factor /= count  # the optimizer sums over the replicas once more
    if is_scaled:
        is_finite = tf.reduce_all(
            [tf.reduce_max(tf.abs(value)) <= LARGEST_FLOAT16 for value in reduced]
        )
        factor *= tf.where(is_finite, 1.0, float("nan"))  # the optimizer then waits
    updated = list(gradients)
    for index, value in zip(given, dense, strict=True):
        updated[index] = value * tf.cast(factor, value.dtype)
    optimizer.apply(updated, variables)


def _with_rows_once(gradient):
    """A sparse gradient whose repeated rows are added up; others as they are.

    Keras's Adam squares each occurrence of a row for itself, which is not the square of
    the gradient, nor what comes out on several replicas.
    """
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    indices, position = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, position, tf.size(indices))
    return tf.IndexedSlices(values, indices, gradient.dense_shape)


def _clipping_factor(norm, largest):
    return largest / tf.maximum(norm, largest)


def _clipped_as_by(optimizer, gradients, factor, scale):
    """What the optimizer's own clipping makes of the gradients of the global batch.

    On several replicas it would see, and compare with its limits, a share of them.

    Returns:
        `(gradients, factor)`, the factor still to be multiplied.

    Raises:
        ValueError: the optimizer accumulates gradients, which Keras cannot do there.
    """
    if optimizer.gradient_accumulation_steps:
        raise ValueError(
            "On several replicas, Keras's optimizers cannot accumulate gradients: "
            "leave gradient_accumulation_steps out. Received: "
            "gradient_accumulation_steps="
            f"{optimizer.gradient_accumulation_steps}, {num_replicas()} replicas."
        )
    if optimizer.clipnorm:
        limit = optimizer.clipnorm * scale
        gradients = [
            x * factor * _clipping_factor(tf.norm(x * factor), limit) for x in gradients
        ]
        factor = 1.0
    elif optimizer.global_clipnorm:
        limit = optimizer.global_clipnorm * scale
        norm = tf.linalg.global_norm(gradients) * factor
        factor *= _clipping_factor(norm, limit)
    elif optimizer.clipvalue:
        limit = optimizer.clipvalue * scale
        gradients = [tf.clip_by_value(x * factor, -limit, limit) for x in gradients]
        factor = 1.0
    return gradients, factor


def dense_gradients(tape, loss, variables):
    """The gradients of a loss as dense tensors, zeros where there is none."""
    gradients = tape.gradient(
        loss,
        [variable.value for variable in variables],
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
    return [tf.convert_to_tensor(gradient) for gradient in gradients]


def global_share(loss, value, y, y_pred, sample_weight):
    """This replica's share of the loss of the whole global batch.

    Keras gives every replica the mean over its own rows, divided by the number of
    replicas. Where replicas hold unequally many rows, or weights, their sum is not the
    mean over the batch.

    Args:
        loss: what `compile` was given: a `keras.losses.Loss`, a function, a name, or a
            structure with one of them; None.
        value: float tensor, what Keras made of it for this replica.
        y: the targets.
        y_pred: float tensor, the outputs.
        sample_weight: float tensor, or None.

    Returns:
        Float tensor: the shares of all replicas add up to the loss that Keras computes
        of the global batch on one replica.
    """
    losses = [leaf for leaf in keras.tree.flatten(loss) if leaf is not None]
    if num_replicas() == 1 or not losses:
        return value
    loss = losses[0]
    reduction = getattr(loss, "reduction", "mean")
    if reduction in ("sum", "none", None):
        return value
    terms = _terms(loss, y, y_pred)
    is_one_number = terms is None or terms.shape.rank == 0
    mask = None if is_one_number else keras_mask(terms)  # of `ignore_class`
    if reduction == "mean_with_sample_weight" and sample_weight is not None:
        weights = tf.cast(sample_weight, "float32")
        if mask is not None:
            while weights.shape.rank < mask.shape.rank:
                weights = weights[..., None]
            weights *= tf.cast(mask, "float32")
        num_terms = tf.reduce_sum(weights)
    elif mask is not None:
        num_terms = tf.reduce_sum(tf.cast(mask, "float32"))
    else:
        outputs = tf.nest.flatten(y_pred)[0]
        num_terms = tf.cast(tf.reduce_prod(tf.shape(outputs)[:-1]), "float32")
    factor = tf.math.divide_no_nan(num_terms, global_sum(num_terms))
    if not is_one_number:
        factor *= num_replicas()  # by which Keras divides
    # A replica without rows may have no mean.
    return tf.where(num_terms > 0, value * tf.cast(factor, value.dtype), 0.0)


def _terms(loss, y, y_pred):
    """What a loss computes before it is reduced; None where it reduces by itself."""
    loss = keras.losses.get(loss)
    if isinstance(loss, keras.losses.Loss):
        if type(loss).call is keras.losses.Loss.call:
            return None  # it has a call of its own
        loss = loss.call
    y = tf.nest.map_structure(lambda x: tf.cast(x, "float32"), y)
    return loss(y, y_pred)


def step_results(model, results):
    """A step's metrics in the form that Keras expects of it."""
    multi_worker = tf.distribute.MultiWorkerMirroredStrategy
    if isinstance(model.distribute_strategy, multi_worker):
        # Keras reduces what the workers return over a leading axis.
        results = {name: value[None] for name, value in results.items()}
    return results
