"""Sentence embeddings from bitext: a text's translation is nearer than the others."""

import keras
import tensorflow as tf

from xlm_tf.layers.gradient_checkpointing import dropout_states
from xlm_tf.models.global_gradients import (
    apply_global_gradients,
    dense_gradients,
    num_replicas,
)
from xlm_tf.models.text_embedding import DOCUMENT_PROMPTS, QUERY_PROMPTS
from xlm_tf.training.contrastive_losses import (
    check_matryoshka_dims,
    in_batch_loss,
    ranking_loss,
)
from xlm_tf.training.global_batch_trainer import GlobalBatchTrainer, split_rows

# Batches that are sorted by length together.
POOL = 16
# Characters; texts that differ by less count as equally long.
LENGTH_STEP = 8
_TEXTS = ("source", "target", "negatives")


@keras.saving.register_keras_serializable("xlm_tf")
class ContrastiveTrainer(GlobalBatchTrainer):
    """Trains an `XLMTextEmbedder` on pairs of texts, each batch against itself.

    Every text must find its translation among those of the batch, in both directions,
    see `in_batch_loss`; pairs with a score are ranked, see `ranking_loss`. The batch is
    the global one: on several replicas, the texts of all are negatives.

    Args:
        embedder: an `XLMTextEmbedder` with `normalize=True`.
        temperature: float; 0.05 suits cosines.
        margin: float, subtracted from the cosine of the pair (additive margin).
        clip_norm: float, largest global norm of the gradient; None leaves it.
        symmetric: bool, whether targets must find their sources, too.
        matryoshka_dims: list of int, from long to short: lengths that vectors may be
            cut to afterwards (`truncate_dim`). The loss is the mean of that of whole
            vectors and of all these (Kusupati et al. 2022, arXiv 2205.13147). None for
            whole vectors alone.
        accumulation_steps: int; the vectors of a batch are computed in that many parts,
            one after the other, once for the loss and once more for its gradients.
            Bounds memory; the update is that of the whole batch, all of whose texts are
            negatives (gradient caching, Gao et al. 2021, arXiv 2101.06983).

    `compile` takes the optimizer only. `fit` takes batches with

    - `source` and `target`: texts, dicts of `text` and, where the model needs it,
      `language`, string (B,); or inputs of the backbone, as of `bitext_batches`. Texts
      get the model's prompts, sources that of queries and targets that of documents;
      with a score all are queries;
    - `source_key` and `target_key`: int64 (B,), equal for equal texts;
    - perhaps `negatives` and `negatives_key`, as these, (B, M): hard negatives. A key
      of -1 is that of none;
    - perhaps `score`, float (B,), instead of negatives.

    It reports `loss`, and `accuracy`: how often the translation is nearest in its
    batch; of scores, how many of two pairs have cosines in the right order.

    Raises:
        ValueError: an embedder that does not normalise, or lengths that it does not
            have.

    Example:
    ```python
    trainer = ContrastiveTrainer(embedder)
    trainer.compile(optimizer=keras.optimizers.AdamW(5e-4))
    trainer.fit(bitext_batches(embedder.preprocessor, pairs, batch_size=128))
    embedder.encode_text(["Guten Morgen"])
    ```
    """

    def __init__(
        self,
        embedder,
        temperature=0.05,
        margin=0.0,
        clip_norm=1.0,
        symmetric=True,
        matryoshka_dims=None,
        accumulation_steps=1,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not embedder.normalize:
            raise ValueError(
                "The contrastive loss compares cosines: make the embedder with "
                "normalize=True. Received: normalize=False."
            )
        width, dims = embedder.embedding_dim, list(matryoshka_dims or ())
        if dims and dims[0] > width:
            raise ValueError(
                "matryoshka_dims must not exceed the length of the embedder's vectors. "
                f"Received: {dims} and {width}."
            )
        check_matryoshka_dims(dims)
        self.matryoshka_dims = [dim for dim in dims if dim < width]
        self.embedder = embedder
        self.temperature = temperature
        self.margin = margin
        self.clip_norm = clip_norm
        self.symmetric = symmetric
        self.accumulation_steps = accumulation_steps

    def call(self, inputs):
        return self.embedder(inputs)

    def fit(self, x, **kwargs):
        """As `keras.Model.fit`, on a dataset of batches, see the class."""
        if "text" in x.element_spec["source"]:
            x = x.map(self._packed, num_parallel_calls=tf.data.AUTOTUNE)
            x = x.prefetch(tf.data.AUTOTUNE)
        return super().fit(x, **kwargs)

    def _packed(self, batch):
        """A batch of texts, as inputs of the backbone."""
        packed, preprocessor = dict(batch), self.embedder.preprocessor
        queries, documents = (
            preprocessor.prompt(self.embedder.prompt_name_of(names))
            for names in (QUERY_PROMPTS, DOCUMENT_PROMPTS)
        )
        prompts = dict.fromkeys(_TEXTS, queries if "score" in batch else documents)
        prompts["source"] = queries
        for name in _TEXTS:
            if name not in batch:
                continue
            fields = batch[name]
            shape = tf.shape(fields["text"])
            flat = {field: tf.reshape(x, [-1]) for field, x in fields.items()}
            inputs = preprocessor.pack(flat, prompts[name])
            packed[name] = {
                field: tf.reshape(x, tf.concat([shape, tf.shape(x)[1:]], 0))
                for field, x in inputs.items()
            }
        return packed

    def train_step(self, data):
        if self.accumulation_steps > 1:
            gradients = self._gradients_by_cache(data)
        else:
            with tf.GradientTape() as tape:
                vectors = self._vectors(data, training=True)
                loss = self.optimizer.scale_loss(self._loss(vectors, data))
            gradients = dense_gradients(tape, loss, self.trainable_weights)
        apply_global_gradients(
            self.optimizer, gradients, self.trainable_weights, self.clip_norm
        )
        return self.step_results()

    def test_step(self, data):
        self._loss(self._vectors(data, training=False), data)
        return self.step_results()

    def _gradients_by_cache(self, data):
        """The gradients of a replica's batch, in memory for a part of it."""
        texts = {name: data[name] for name in _TEXTS if name in data}
        states = dropout_states(self.embedder)
        begun = [tf.identity(state) for state in states]
        vectors = self._vectors_by_parts(texts)
        with tf.GradientTape() as tape:
            tape.watch(vectors)
            loss = self.optimizer.scale_loss(self._loss(vectors, data))
        slopes = tape.gradient(loss, vectors)
        for state, value in zip(states, begun, strict=True):
            state.assign(value)  # the same dropout once more
        return self.gradients_by_parts((texts, slopes), None, self.accumulation_steps)

    def _vectors_by_parts(self, texts):
        """As `_vectors`, without gradients."""
        num_rows = tf.shape(tf.nest.flatten(texts)[0])[0]
        output = self.embedder.outputs[0]
        signature = {name: tf.TensorSpec(None, output.dtype) for name in texts}
        parts = tf.map_fn(
            lambda part: self._vectors(part, training=True),
            split_rows(texts, self.accumulation_steps),
            fn_output_signature=signature,
            parallel_iterations=1,
        )
        dim = output.shape[-1]
        return {
            name: tf.ensure_shape(
                tf.reshape(x, tf.concat([[-1], tf.shape(x)[2:]], 0))[:num_rows],
                (None, None, dim) if name == "negatives" else (None, dim),
            )
            for name, x in parts.items()
        }

    def _gradients(self, data, _):
        """Dense gradients of a part of a batch, by those of its vectors."""
        texts, slopes = data
        with tf.GradientTape() as tape:
            vectors = self._vectors(texts, training=True)
            loss = tf.add_n(
                [tf.reduce_sum(vectors[name] * slopes[name]) for name in vectors]
            )
        return dense_gradients(tape, loss, self.trainable_weights)

    def _vectors(self, data, training):
        """dict of `source` and `target` (B, D), and perhaps `negatives` (B, M, D)."""
        vectors = {
            name: self.embedder(data[name], training=training)
            for name in ("source", "target")
        }
        if "negatives" in data:
            shape = tf.shape(data["negatives"]["token_ids"])
            flat = {
                name: tf.reshape(x, tf.concat([[-1], tf.shape(x)[2:]], 0))
                for name, x in data["negatives"].items()
            }
            flat = self.embedder(flat, training=training)
            vectors["negatives"] = tf.reshape(flat, (shape[0], shape[1], flat.shape[1]))
        return vectors

    def _loss(self, vectors, data):
        """The loss of the global batch of N pairs; the metrics are updated on the way.

        Every replica computes all of it, with its own vectors live and the others' as
        constants: its gradient is what its texts contribute to the whole.
        """
        has_scores = "score" in data
        names = [name for name in _TEXTS if name in data]
        others = ["score"] if has_scores else [f"{name}_key" for name in names]
        gathered = _gather([vectors[name] for name in names])
        gathered += _gather([data[name] for name in others], gathered)
        vectors = dict(zip(names, gathered[: len(names)], strict=True))
        dims = [None, *self.matryoshka_dims]
        if has_scores:
            loss, accuracy = ranking_loss(vectors, gathered[-1], self.temperature, dims)
            self.loss_metric.update_state(loss)
            self.accuracy_metric.update_state(accuracy)
            return loss
        keys = dict(zip(names, gathered[len(names) :], strict=True))
        losses, is_right = in_batch_loss(
            vectors, keys, self.temperature, self.margin, self.symmetric, dims
        )
        self.loss_metric.update_state(losses)
        self.accuracy_metric.update_state(is_right)
        return tf.reduce_mean(losses)


def _gather(tensors, after=()):
    """The rows of all replicas in order, (B, ...) -> (N, ...); only its own are live.

    Args:
        tensors: list of tensors of one dtype.
        after: list of tensors, what another collective gave: one goes after the other.

    Returns:
        List of tensors.
    """
    if num_replicas() == 1:
        return list(tensors)
    context = tf.distribute.get_replica_context()
    flat = [tf.reshape(x, (tf.shape(x)[0], -1)) for x in tensors]
    widths = [tf.shape(x)[1] for x in flat]
    x = tf.concat(flat, axis=1)  # one collective for all
    block = tf.one_hot(
        context.replica_id_in_sync_group, context.num_replicas_in_sync, dtype=x.dtype
    )
    placed = tf.reshape(block[:, None, None] * x[None], (-1, tf.shape(x)[1]))
    with tf.control_dependencies(list(after)):
        everything = context.all_reduce("SUM", tf.stop_gradient(placed))
    everything = tf.stop_gradient(everything - placed) + placed
    return [
        tf.ensure_shape(
            tf.reshape(rows, tf.concat([[-1], tf.shape(own)[1:]], 0)),
            (None, *own.shape[1:]),
        )
        for rows, own in zip(tf.split(everything, widths, axis=1), tensors, strict=True)
    ]


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
