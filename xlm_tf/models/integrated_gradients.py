"""Which tokens an output comes from: its gradients, integrated along a line."""

import numpy as np
import tensorflow as tf


def integrated_gradients(model, inputs, baseline_ids, number, steps, batch_size):
    """How much every token moves a number away from that of a baseline.

    The token embeddings go from those of the baseline to those of the text on a
    straight line, and their gradients are integrated by the rule of Gauss and Legendre.
    The tokens of a text add up to the difference of its two numbers, but for the error
    of the rule.

    Args:
        model: a task on an `XLMBackbone`.
        inputs: dict of int tensors (B, T): `token_ids`, `padding_mask` and others of
            the backbone's.
        baseline_ids: int array (B, T), the tokens where the line begins.
        number: function from outputs (R, ...), and int array (R,), the texts that they
            are of, to the float tensor (R,) that is explained.
        steps: int, points of the line.
        batch_size: int, points at once, of one text or several.

    Returns:
        float array (B, T), 0 for tokens that the baseline has too.

    Source: Sundararajan et al. 2017 (arXiv 1703.01365), section 3.
    """
    points, weights = np.polynomial.legendre.leggauss(steps)
    points, weights = (points + 1) / 2, weights / 2  # from [-1, 1] to [0, 1]
    mask = inputs["padding_mask"].numpy()
    lengths = mask.shape[1] - np.argmax(mask[:, ::-1], axis=1)
    scores = np.zeros(mask.shape)
    places = np.arange(len(mask) * steps)  # on the lines, one text after the other
    for begin in range(0, len(places), batch_size):
        texts, steps_of = np.divmod(places[begin : begin + batch_size], steps)
        width = lengths[texts].max()
        own = {name: tf.gather(x, texts)[:, :width] for name, x in inputs.items()}
        start, end = (
            tf.cast(model.backbone.token_embedding(ids), "float32")
            for ids in (baseline_ids[texts, :width], own["token_ids"])
        )
        point = tf.constant(points[steps_of, None, None], "float32")
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            vectors = start + point * (end - start)
            tape.watch(vectors)
            outputs = model({**own, "token_vectors": vectors}, training=False)
            total = tf.reduce_sum(number(outputs, texts))
        moved = tf.reduce_sum(tape.gradient(total, vectors) * (end - start), axis=-1)
        weighed = moved.numpy() * weights[steps_of, None]
        np.add.at(scores[:, :width], texts, weighed)
    return scores
