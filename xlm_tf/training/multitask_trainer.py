"""The training step of an encoder-decoder with several objectives at once."""

import keras
import tensorflow as tf

from xlm_tf.generation.beam_search import BeamSearch
from xlm_tf.generation.drawn_sampling import DrawnSampling
from xlm_tf.layers.prediction_head import gather_positions
from xlm_tf.models.global_gradients import (
    apply_global_gradients,
    dense_gradients,
    global_sum,
)
from xlm_tf.objectives.back_translation import most_translated
from xlm_tf.objectives.sentence_pairs import BACK_TRANSLATED, MASKED
from xlm_tf.training.global_batch_trainer import GlobalBatchTrainer
from xlm_tf.training.seq2seq_trainer import smoothed_losses

_OF_ENCODER = ("token_ids", "language_ids", "position_ids", "segment_ids")


@keras.saving.register_keras_serializable("xlm_tf")
class MultitaskTrainer(GlobalBatchTrainer):
    """Wraps an `XLMSeq2SeqLM` for `fit` on batches of several objectives.

    A batch predicts masked tokens by the encoder, or writes texts by the decoder; both
    by the one prediction head. The sources of back-translation are written in the step
    itself, by the weights before it, greedily or sampled, and without gradients. Losses
    weigh by token count over the whole global batch, as in `MaskedLMTrainer`.

    Args:
        seq2seq_lm: an `XLMSeq2SeqLM` whose backbone has languages.
        label_smoothing: float, of the tokens that are written: share of the probability
            that is spread evenly.
        clip_norm, accumulation_steps: see `Seq2SeqTrainer`.
        sampling_temperature: float, of translations that are sampled for
            back-translation, by the `sampling_draws` of a batch; None: greedily.

    `compile` takes the optimizer only. `fit` takes datasets of batches, see
    `xlm_tf.objectives.sentence_pairs`; reports `loss` (nats per target) and `accuracy`,
    both weighted by tokens over all replicas.
    """

    def __init__(
        self,
        seq2seq_lm,
        label_smoothing=0.0,
        clip_norm=None,
        accumulation_steps=1,
        sampling_temperature=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        # Batches have the shape of their texts, and XLA would compile a step for each.
        self.supports_jit = False
        self.seq2seq_lm = seq2seq_lm
        self.label_smoothing = label_smoothing
        self.sampling_temperature = sampling_temperature
        self.clip_norm = clip_norm
        self.accumulation_steps = accumulation_steps

    def call(self, inputs, training=False):
        """Logits of what a batch predicts, float32 (B, P, V) or (B, T, V)."""
        return tf.cond(
            _kind(inputs) == MASKED,
            lambda: self._masked_logits(self._encoded(inputs, training)),
            lambda: self._written_logits(self._decoded(inputs, training)),
        )

    def train_step(self, data):
        inputs, targets, weights = data
        inputs = self.back_translated(inputs)
        num_targets = tf.maximum(global_sum(tf.reduce_sum(weights)), 1.0)
        gradients = self.gradients_by_parts(
            (inputs, targets, weights), num_targets, self.accumulation_steps
        )
        apply_global_gradients(
            self.optimizer, gradients, self.trainable_weights, self.clip_norm
        )
        return self.step_results()

    def back_translated(self, inputs):
        """The inputs with the model's translations as sources, where they need any.

        Args:
            inputs: dict of a batch, see `SentencePairs`.

        Returns:
            dict of the same; in a batch of another objective they are as they were.
        """
        names = [name for name in inputs if name.startswith("encoder_")]

        def translated():
            sources = self._translations(inputs)
            return [tf.ensure_shape(sources[name], (None, None)) for name in names]

        own = tf.cond(
            _kind(inputs) == BACK_TRANSLATED,
            translated,
            lambda: [tf.identity(inputs[name]) for name in names],
        )
        return {**inputs, **dict(zip(names, own, strict=True))}

    def _translations(self, inputs):
        """What the model translates the sources into: the encoder's inputs."""
        model, tokenizer = self.seq2seq_lm, self.seq2seq_lm.preprocessor.tokenizer
        mask = tf.cast(inputs["encoder_padding_mask"], "int32")
        lengths = tf.reduce_sum(mask, axis=1)
        # No more than the model has positions.
        room = model.backbone.max_sequence_length - 2
        limits = tf.minimum(most_translated(lengths), room)
        start = tf.zeros_like(inputs["prediction"])[:, None] + tokenizer.start_token_id
        source = {
            **_of_sources(inputs),
            "prompt": start,
            "target_language_ids": inputs["written_language_ids"],
        }
        if self.sampling_temperature is None:
            strategy = BeamSearch(num_beams=1, early_stopping=True)
        else:
            draws = inputs["sampling_draws"]
            strategy = DrawnSampling.at(self.sampling_temperature, draws)
        token_ids = strategy.decode(
            model.decoding_step(),
            *model.decoding_inputs(source),
            limits,
            end_id=tokenizer.end_token_id,
            pad_id=tokenizer.pad_token_id,
        ).token_ids[:, 0]  # (B, T), which ends with the end token, or at its limit
        token_ids, is_real = _as_text(token_ids, limits, tokenizer)
        each = tf.zeros_like(token_ids)
        return {
            "encoder_token_ids": token_ids,
            "encoder_padding_mask": is_real,
            "encoder_language_ids": each + inputs["written_language_ids"][:, None],
            "encoder_position_ids": each + tf.range(tf.shape(each)[1])[None],
            "encoder_segment_ids": tf.cast(is_real, "int32"),
        }

    def _gradients(self, data, num_targets):
        """Dense gradients of the data's share of the global mean loss, scaled."""
        inputs, targets, weights = data
        is_target = tf.where(weights > 0)  # (N, 2)
        targets, weights = (tf.gather_nd(x, is_target) for x in (targets, weights))
        loss_weights = 1.0
        if "loss_weights" in inputs:  # of the objective, see `mix`
            loss_weights = tf.gather(inputs["loss_weights"], is_target[:, 0])

        def gradients_of(states_of, logits_of, label_smoothing):
            with tf.GradientTape() as tape:
                states = tf.gather_nd(states_of(inputs, training=True), is_target)
                losses, is_right = smoothed_losses(
                    logits_of(states), targets, label_smoothing
                )
                loss = tf.reduce_sum(losses * weights * loss_weights)
                loss = self.optimizer.scale_loss(loss / num_targets)
            return losses, is_right, dense_gradients(tape, loss, self.trainable_weights)

        losses, is_right, gradients = tf.cond(
            _kind(inputs) == MASKED,
            lambda: gradients_of(self._encoded, self._masked_logits, 0.0),
            lambda: gradients_of(
                self._decoded, self._written_logits, self.label_smoothing
            ),
        )
        self.loss_metric.update_state(losses, sample_weight=weights)
        self.accuracy_metric.update_state(is_right, sample_weight=weights)
        return gradients

    def _encoded(self, inputs, training):
        """States of the encoder at the positions to predict, (B, P, D)."""
        of_encoder = {
            name: inputs[f"encoder_{name}"] for name in (*_OF_ENCODER, "padding_mask")
        }
        states = self.seq2seq_lm.backbone.encoder(of_encoder, training=training)
        return gather_positions(states, inputs["mask_positions"])

    def _decoded(self, inputs, training):
        """States of the decoder, (B, T, D)."""
        inputs = {
            name: value
            for name, value in inputs.items()
            if name in self.seq2seq_lm.backbone.input_names
        }
        states = self.seq2seq_lm.backbone(inputs, training=training)
        return states["decoder_sequence_output"]

    def _masked_logits(self, states):
        encoder = self.seq2seq_lm.backbone.encoder
        return self.seq2seq_lm.prediction_head(
            states, token_embedding=encoder.token_embedding
        )

    def _written_logits(self, states):
        return self.seq2seq_lm.logits(states)


def _kind(inputs):
    """What a batch predicts, int32 scalar; a replica may have no row of it."""
    return tf.reduce_max(tf.concat([[MASKED], inputs["prediction"]], axis=0))


def _as_text(token_ids, limits, tokenizer):
    """What was decoded, int32 (B, T), between the start and the end token.

    Args:
        token_ids: int32 tensor (B, T), each with an end token, or cut at its limit.
        limits: int32 tensor (B,).
        tokenizer: a tokenizer of `xlm_tf.text`.

    Returns:
        int32 (B, T + 2), and bool (B, T + 2), which of it is real.
    """
    ends = tf.cast(token_ids == tokenizer.end_token_id, "int32")
    places = tf.range(tf.shape(token_ids)[1])[None]
    is_text = (tf.cumsum(ends, axis=1) == 0) & (places < limits[:, None])
    lengths = tf.reduce_sum(tf.cast(is_text, "int32"), axis=1)[:, None]
    token_ids = tf.pad(token_ids, ((0, 0), (1, 1)))
    places = tf.range(tf.shape(token_ids)[1])[None]
    for where, token in (
        (places == 0, tokenizer.start_token_id),
        (places == lengths + 1, tokenizer.end_token_id),
        (places > lengths + 1, tokenizer.pad_token_id),
    ):
        token_ids = tf.where(where, token, token_ids)
    return token_ids, places <= lengths + 1


def _of_sources(inputs):
    names = ("token_ids", "padding_mask", "language_ids", "position_ids")
    return {f"encoder_{name}": inputs[f"encoder_{name}"] for name in names}
