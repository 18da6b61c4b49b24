"""Sentence embeddings from bitext: a text's translation is nearer than the others."""

import keras
import tensorflow as tf

from xlm_tf.models.global_gradients import apply_global_gradients, dense_gradients
from xlm_tf.training.global_batch_trainer import GlobalBatchTrainer

MASKED_SCORE = -1e9
# Batches that are sorted by length together.
POOL = 16
# Characters; texts that differ by less count as equally long.
LENGTH_STEP = 8


@keras.saving.register_keras_serializable("xlm_tf")
class ContrastiveTrainer(GlobalBatchTrainer):
    """Trains an `XLMTextEmbedder` with an in-batch contrastive loss.

    Every text must find its translation among those of the batch, in both directions:
    the mean cross-entropy of softmax(cosine / temperature). The batch is the global
    one: on several replicas, the texts of all are negatives. Pairs that share a text
    (a repeated sentence, or its translation into a third language) are not negatives
    of each other.

    Args:
        embedder: an `XLMTextEmbedder` with `normalize=True`.
        temperature: float; 0.05 suits cosines.
        margin: float, subtracted from the cosine of the pair (additive margin).
        clip_norm: float, largest global norm of the gradient; None leaves it.

    `compile` takes the optimizer only. `fit` takes `bitext_batches`; it reports
    `loss`, and `accuracy`: how often the translation is nearest in its batch.

    Raises:
        ValueError: an embedder that does not normalise.

    Sources: van den Oord et al. 2018 (arXiv 1807.03748), Yang et al. 2019 (arXiv
    1902.08564, additive margin), Feng et al. 2022 (arXiv 2007.01852).

    Example:
    ```python
    trainer = ContrastiveTrainer(embedder)
    trainer.compile(optimizer=keras.optimizers.AdamW(5e-4))
    trainer.fit(bitext_batches(embedder.preprocessor, pairs, batch_size=128))
    embedder.encode_text(["Guten Morgen"])
    ```
    """

    def __init__(self, embedder, temperature=0.05, margin=0.0, clip_norm=1.0, **kwargs):
        super().__init__(**kwargs)
        if not embedder.normalize:
            raise ValueError(
                "The contrastive loss compares cosines: make the embedder with "
                "normalize=True. Received: normalize=False."
            )
        self.embedder = embedder
        self.temperature = temperature
        self.margin = margin
        self.clip_norm = clip_norm

    def call(self, inputs):
        return self.embedder(inputs)

    def train_step(self, data):
        variables = self.trainable_weights
        with tf.GradientTape() as tape:
            loss = self.optimizer.scale_loss(self._mean_loss(data, training=True))
        gradients = dense_gradients(tape, loss, variables)
        apply_global_gradients(self.optimizer, gradients, variables, self.clip_norm)
        return self.step_results()

    def test_step(self, data):
        self._mean_loss(data, training=False)
        return self.step_results()

    def _mean_loss(self, data, training):
        """Mean of both directions' losses over the global batch of N pairs.

        Every replica computes all of it, with its own embeddings live and the others'
        as constants: its gradient is what its texts contribute to the whole.
        """
        sources = self.embedder(data["source"], training=training)  # (B, D)
        targets = self.embedder(data["target"], training=training)
        keys = tf.stack([data["source_key"], data["target_key"]], axis=1)  # (B, 2)
        context = tf.distribute.get_replica_context()
        if context.num_replicas_in_sync > 1:
            both = _gather(context, tf.concat([sources, targets], axis=1))
            sources, targets = tf.split(both, 2, axis=1)  # (N, D)
            with tf.control_dependencies([both]):  # one collective after the other
                keys = _gather(context, keys)  # (N, 2)
        is_own = tf.eye(tf.shape(sources)[0])  # (N, N)
        shares_text = tf.reduce_any(keys[:, None] == keys[None], axis=2)
        excluded = tf.cast(shares_text, "float32") * (1.0 - is_own) * MASKED_SCORE
        labels = tf.range(tf.shape(sources)[0])
        cosines = tf.matmul(sources, targets, transpose_b=True)  # (N, N)
        loss = 0.0
        for direction in (cosines, tf.transpose(cosines)):
            scores = (direction - self.margin * is_own) / self.temperature + excluded
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, scores)
            nearest = tf.argmax(direction + excluded, axis=1, output_type="int32")
            self.loss_metric.update_state(losses)
            self.accuracy_metric.update_state(nearest == labels)
            loss = loss + tf.reduce_mean(losses)
        return loss / 2.0


def _gather(context, x):
    """The rows of all replicas in order, (B, D) -> (N, D); only its own are live."""
    block = tf.one_hot(
        context.replica_id_in_sync_group, context.num_replicas_in_sync, dtype=x.dtype
    )
    placed = tf.reshape(block[:, None, None] * x[None], (-1, x.shape[1]))  # (N, D)
    everything = context.all_reduce("SUM", tf.stop_gradient(placed))
    return tf.stop_gradient(everything - placed) + placed


def bitext_batches(preprocessor, examples, batch_size, mask_rate=0.0, seed=0):
    """Sentence pairs, tokenised in graph, for `ContrastiveTrainer`.

    The pairs of a batch are of similar length: less is padding, and the other texts
    are harder to tell from the right one.

    Args:
        preprocessor: an `XLMTextEmbedderPreprocessor`.
        examples: dataset of `source`, `target`, `source_language` and
            `target_language`, string scalars, as the readers of `xlm_tf.data` give.
        batch_size: int, pairs; a last, smaller batch is left out.
        mask_rate: float, share of the tokens that become `<mask>`: on small corpora,
            texts then are not known by single words.
        seed: int, of the masks and of the batches' order.

    Returns:
        `tf.data.Dataset` of dicts: `source` and `target`, inputs of the backbone;
        `source_key` and `target_key`, int64 (B,), equal for equal texts.
    """

    tokenizer = preprocessor.tokenizer

    def prepare(index, pairs):
        def side(name, number):
            text = {"text": pairs[name]}
            if preprocessor.languages is not None:
                text["language"] = pairs[f"{name}_language"]
            packed = preprocessor.pack(text)
            if mask_rate:
                ids = packed["token_ids"]
                draws = tf.random.stateless_uniform(
                    tf.shape(ids), tf.stack([2 * seed + number, index])
                )
                is_word = tf.reduce_all(
                    ids[..., None] != tokenizer.special_token_ids, axis=-1
                )
                packed["token_ids"] = tf.where(
                    is_word & (draws < mask_rate), tokenizer.mask_token_id, ids
                )
            return packed

        keys = {
            f"{name}_key": tf.strings.to_hash_bucket_fast(pairs[name], 2**62)
            for name in ("source", "target")
        }
        return {"source": side("source", 0), "target": side("target", 1), **keys}

    def sort(pairs):
        characters = [
            tf.strings.length(pairs[name], "UTF8_CHAR") for name in ("source", "target")
        ]
        # Stable, and by rough lengths: repeats of a small corpus stay apart.
        order = tf.argsort(tf.maximum(*characters) // LENGTH_STEP, stable=True)
        return {name: tf.gather(values, order) for name, values in pairs.items()}

    pools = examples.batch(POOL * batch_size).map(sort)
    batches = pools.unbatch().batch(batch_size, drop_remainder=True)
    batches = batches.shuffle(POOL, seed=seed).enumerate()
    return batches.map(prepare, num_parallel_calls=tf.data.AUTOTUNE).prefetch(
        tf.data.AUTOTUNE
    )
