"""Updates by the gradient of the whole global batch, whatever the replicas."""

import tensorflow as tf


def apply_global_gradients(optimizer, gradients, variables, num_terms, clip_norm=None):
    """Sum gradients over the replicas, divide once, clip once, update.

    Keras would divide by the number of replicas and clip the gradients of each before
    it adds them: both depend on how a batch happens to be spread. Call in a replica
    context, from a `train_step`.

    Args:
        optimizer: a built Keras optimizer.
        gradients: list of dense tensors, gradients of this replica's summed loss,
            scaled by `optimizer.scale_loss`.
        variables: list of Keras variables.
        num_terms: float scalar, how many terms this replica's loss sums.
        clip_norm: float, largest global norm of the mean loss's gradient, or None.
    """
    context = tf.distribute.get_replica_context()
    gradients, num_terms = context.all_reduce("SUM", (gradients, num_terms))
    # The optimizer sums over the replicas once more. One factor for all: every pass
    # over the gradients of a large vocabulary costs.
    num_terms = tf.maximum(num_terms, 1.0)
    factor = 1.0 / (num_terms * context.num_replicas_in_sync)
    if clip_norm is not None:
        largest = clip_norm * optimizer.scale_loss(1.0)  # of mixed_float16, otherwise 1
        norm = tf.linalg.global_norm(gradients) / num_terms
        factor *= largest / tf.maximum(norm, largest)
    optimizer.apply([gradient * factor for gradient in gradients], variables)


def dense_gradients(tape, loss, variables):
    """The gradients of a loss as dense tensors, zeros where there is none."""
    gradients = tape.gradient(
        loss,
        [variable.value for variable in variables],
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
    return [tf.convert_to_tensor(gradient) for gradient in gradients]
