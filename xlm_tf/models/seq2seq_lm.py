"""Text in, text out: translation and summarisation."""

import dataclasses
import os

import keras
import keras_hub
import tensorflow as tf
from keras import ops

from xlm_tf.layers.prediction_head import PredictionHead
from xlm_tf.models.causal_lm import XLMCausalLM
from xlm_tf.models.generation_mixin import GenerationMixin
from xlm_tf.models.loading import load_task
from xlm_tf.models.losses import LabelSmoothedCrossentropy
from xlm_tf.models.low_rank_adaptation import copy_weights
from xlm_tf.models.masked_lm import XLMMaskedLM, read_projection
from xlm_tf.models.optional_inputs import OptionalInputs
from xlm_tf.models.seq2seq_backbone import XLMSeq2SeqBackbone
from xlm_tf.models.seq2seq_lm_preprocessor import XLMSeq2SeqLMPreprocessor
from xlm_tf.models.task import XLMTask

(_BACKBONE_HEAD,) = XLMSeq2SeqBackbone.checkpoint_heads


def _read_head(checkpoint, head, arguments):
    """See `CheckpointHead.read`: the decoder, and its projection."""
    _, of_decoder = _BACKBONE_HEAD.read(checkpoint, _BACKBONE_HEAD, {})
    embedding = of_decoder["decoder_embeddings/token_embedding/embeddings"]
    arguments, of_head = read_projection(checkpoint, head, arguments, embedding)
    return arguments, {**of_decoder, **of_head}


@keras.saving.register_keras_serializable("xlm_tf")
class XLMSeq2SeqLM(
    OptionalInputs, GenerationMixin, XLMTask, keras_hub.models.Seq2SeqLM
):
    """The encoder-decoder with its output layer: translation and summarisation.

    Args:
        backbone: an `XLMSeq2SeqBackbone`.
        preprocessor: an `XLMSeq2SeqLMPreprocessor`, or None to pass token ids.
        head_transform: bool, see `XLMMaskedLM`.
        tied: bool, project with the target's token embedding.
        decoding: the search that texts are written with, as `sampler` of `compile`;
            saved with the model. Defaults to "beam".

    Call arguments:
        inputs: dict as for the backbone.

    Returns:
        float32 logits (B, T, V) of the next token.

    Example:
    ```python
    model = xlm_tf.XLMSeq2SeqLM.from_masked_lm("xlm_tiny")
    model.compile(optimizer="adam", label_smoothing=0.1)
    model.fit((["A dog runs."], ["Ein Hund rennt."]), batch_size=1, epochs=3)
    model.generate(["A dog runs."])
    ```
    """

    backbone_cls = XLMSeq2SeqBackbone
    checkpoint_heads = (
        dataclasses.replace(
            _BACKBONE_HEAD,
            tensors={"prediction_head/bias": "decoder.pred_layer.proj.bias"},
            untied_tensors={
                "prediction_head/projection": "decoder.pred_layer.proj.weight"
            },
            arguments={"head_transform": False},
            is_in=lambda checkpoint: checkpoint.num_decoder_layers > 0,
            read=_read_head,
        ),
    )
    preprocessor_cls = XLMSeq2SeqLMPreprocessor
    input_names = XLMSeq2SeqBackbone.input_names
    learns_from = "pairs"
    padding_output = 0.0
    default_sampler = "beam"

    def __init__(
        self,
        backbone,
        preprocessor=None,
        head_transform=False,
        tied=True,
        decoding=None,
        **kwargs,
    ):
        self.backbone = backbone
        self.preprocessor = preprocessor
        self.head_transform = head_transform
        self.tied = tied
        self.decoding = decoding
        self.prediction_head = PredictionHead.of(backbone, head_transform, tied)
        inputs = backbone.input
        super().__init__(inputs=inputs, outputs=self.forward(inputs), **kwargs)

    @classmethod
    def from_masked_lm(
        cls,
        masked_lm,
        num_decoder_layers=None,
        share_embeddings=None,
        preprocessor=None,
        decoder=None,
        **kwargs,
    ):
        """Encoder, decoder and output layer from one or two language models.

        The decoder's attention to the source begins at random, unless an
        encoder-decoder gives it.

        Args:
            masked_lm: an `XLMMaskedLM` or `XLMCausalLM`, or a preset of one; beside a
                `decoder` also an `XLMSeq2SeqLM`, whose encoder is taken.
            num_decoder_layers: int; defaults to all of the decoder's.
            share_embeddings: bool, one embedding layer for source and target; defaults
                to True, or to False with a `decoder`, which has its own.
            preprocessor: an `XLMSeq2SeqLMPreprocessor`; defaults to one with the
                tokenizer and languages of the masked LM's.
            decoder: an `XLMMaskedLM`, an `XLMCausalLM` or an `XLMSeq2SeqLM`, or a
                preset of one, of the same form, vocabulary and languages: what decoder
                and output layer begin with. Defaults to `masked_lm`.
            **kwargs: further arguments of the class.

        Returns:
            `XLMSeq2SeqLM`.

        Raises:
            ValueError: a preset is of another task, or the decoder does not fit the
                encoder.

        Source: Lample and Conneau 2019, section 5.2.
        """
        of_encoder = (XLMMaskedLM, XLMCausalLM)
        if decoder is not None:
            of_encoder = (*of_encoder, cls)
            decoder = _loaded(decoder, of_encoder, "A decoder")
        masked_lm = _loaded(masked_lm, of_encoder, "An encoder-decoder")
        if decoder is not None:
            _check_same_texts(masked_lm, decoder)
        encoder = masked_lm.backbone
        encoder = getattr(encoder, "encoder", encoder)
        if encoder.causal:
            config = {**encoder.get_config(), "causal": False}
            other = type(encoder).from_config(config)
            copy_weights(encoder, other)
            encoder = other
        if share_embeddings is None:
            share_embeddings = decoder is None
        if decoder is not None and num_decoder_layers is None:
            other = decoder.backbone
            num_decoder_layers = getattr(other, "num_decoder_layers", None)
            num_decoder_layers = num_decoder_layers or other.num_layers
        backbone = XLMSeq2SeqBackbone(
            encoder,
            num_decoder_layers=num_decoder_layers,
            share_embeddings=share_embeddings,
        )
        backbone.initialize_decoder(None if decoder is None else decoder.backbone)
        if preprocessor is None and masked_lm.preprocessor is not None:
            old = masked_lm.preprocessor
            preprocessor = XLMSeq2SeqLMPreprocessor(
                old.tokenizer,
                sequence_length=old.sequence_length,
                languages=old.languages,
                language=old.language,
            )
        writer = decoder or masked_lm
        model = cls(
            backbone,
            preprocessor=preprocessor,
            head_transform=writer.head_transform,
            tied=writer.tied,
            **kwargs,
        )
        for variable, other in zip(
            writer.prediction_head.weights, model.prediction_head.weights, strict=True
        ):
            other.assign(variable)
        return model

    def forward(self, inputs):
        """Logits of every position of the target, see the class."""
        states = self.backbone(inputs)["decoder_sequence_output"]  # (B, T, D)
        return self.logits(states)

    def compile(
        self,
        optimizer="auto",
        loss="auto",
        *,
        weighted_metrics="auto",
        sampler="auto",
        label_smoothing=0.1,
        **kwargs,
    ):
        """As KerasHub's, with label smoothing and a beam search.

        Args:
            optimizer, loss, weighted_metrics: see `keras.Model.compile`; "auto" for
                Adam at 2e-5, the label-smoothed cross-entropy, and the accuracy.
            sampler: a `xlm_tf.BeamSearch`, "beam" for one of 4 beams, "greedy", or a
                sampler of KerasHub ("top_k", "top_p", "random", or an instance); it
                becomes the model's `decoding`. "auto" for the `decoding` that it has.
            label_smoothing: float, of the "auto" loss.
            **kwargs: see `keras.Model.compile`.
        """
        if loss == "auto":
            loss = LabelSmoothedCrossentropy(
                label_smoothing, dtype=self.prediction_head.logits_dtype
            )
        super().compile(
            optimizer=optimizer,
            loss=loss,
            weighted_metrics=weighted_metrics,
            sampler=sampler,
            **kwargs,
        )

    def generate(
        self,
        inputs,
        max_length=None,
        source_language=None,
        target_language=None,
        with_scores=False,
        stop_token_ids="auto",
    ):
        """Write the target of some texts.

        The target of a text without tokens is empty, with a score of 0.

        Args:
            inputs: str, list of str, string tensor, or a dict as for the preprocessor.
            max_length: int, most tokens of a target; defaults to half more than its
                source has, and 10.
            source_language, target_language: str, of all texts, or list of str, one
                each, where the model has several.
            with_scores: bool, return the scores too.
            stop_token_ids: the token ids that end a target, a list of ints; None for
                none, so that every target is as long as it may be; "auto" for those
                of `decoding`, which are the tokenizer's end token unless it says
                otherwise. A stop token that is no special one is written.

        Returns:
            What came in, a str or a list: the best target, or a list of the n best
            where the search returns several (of an empty text, of that one). With
            `with_scores` a tuple of that and the scores, floats.

        Raises:
            ValueError: there is no preprocessor; a `max_length` below 1; or a language
                that the model does not read or write.
        """
        languages = {
            "source_language": source_language,
            "target_language": target_language,
        }
        return self._generate(
            inputs, max_length, with_scores, stop_token_ids, languages
        )

    def stream(
        self,
        text,
        max_length=None,
        source_language=None,
        target_language=None,
        stop_token_ids="auto",
    ):
        """Write the target of a text piece by piece, as it is decoded.

        Args:
            text: str, or a dict as for the preprocessor with one str.
            max_length, source_language, target_language, stop_token_ids: see
                `generate`.

        Returns:
            An iterator over str, which joined are what `generate` returns. A piece
            is mostly that of one token; bytes of a character are waited for, and so
            is the end from the first unknown character on, if it is to be copied:
            how many there are says which.

        Raises:
            ValueError: as `generate`; several texts; or a search by beams, which
                knows no token before the end.

        Example:
        ```python
        model = xlm_tf.XLMSeq2SeqLM.from_masked_lm("xlm_tiny", decoding="greedy")
        for piece in model.stream("A dog runs.", max_length=4):
            print(piece, end="", flush=True)
        ```
        """
        languages = {
            "source_language": source_language,
            "target_language": target_language,
        }
        return self._stream(text, max_length, stop_token_ids, languages)

    def preprocess(self, fields, max_length):
        """The inputs of `decode`: see `GenerationMixin`."""
        return self.preprocessor.generate_preprocess(fields)

    def max_new_tokens(self, inputs, max_length=None):
        """Most tokens of every text that is written, int32 (B,).

        None of a source without tokens, which stays empty. Otherwise half more than
        the source has, and 10, so that a text does not depend on the others of its
        batch; and never more than the preprocessor's `target_length`. A `max_length`
        is bounded by the positions alone.

        Args:
            inputs: dict of `generate_preprocess`.
            max_length: int, instead.
        """
        mask = tf.cast(inputs["encoder_padding_mask"], "int32")
        length = tf.reduce_sum(mask, axis=1)  # (B,)
        if max_length is not None:
            limits = tf.zeros_like(length) + max_length
        else:
            limits = length + length // 2 + 10
            limits = tf.minimum(limits, self.preprocessor.target_length)
        room = self.backbone.max_sequence_length - inputs["prompt"].shape[1]
        limits = tf.clip_by_value(limits, 1, room)
        token_ids, tokenizer = inputs["encoder_token_ids"], self.preprocessor.tokenizer
        is_token = (token_ids != tokenizer.start_token_id) & (
            token_ids != tokenizer.end_token_id
        )
        is_token &= tf.cast(mask, "bool")
        return tf.where(tf.reduce_any(is_token, axis=1), limits, 0)

    def decoding_inputs(self, inputs):
        """Prompt, caches and source: see `GenerationMixin`."""
        prompt = inputs["prompt"]
        source = self.backbone.encode(inputs)
        if "target_language_ids" in inputs:
            source["language_ids"] = inputs["target_language_ids"]  # (B,)
        return prompt, self.backbone.empty_caches(ops.shape(prompt)[0]), source

    def decoding_step(self):
        """The step function of a decoding strategy: see `GenerationMixin`."""
        return self.step_function(self.backbone.step)

    def written(self, fields, inputs, token_ids):
        """The targets alone: see `GenerationMixin`."""
        return token_ids, self.preprocessor.copies_from(fields)

    def get_config(self):
        return {
            **super().get_config(),
            "head_transform": self.head_transform,
            "tied": self.tied,
            "decoding": keras.saving.serialize_keras_object(self.decoding),
        }


def _loaded(model, classes, what):
    """A model, or what a preset of one holds.

    Args:
        model: a task, or a preset.
        classes: tuple of the classes that it may be of.
        what: str, what begins with it.

    Raises:
        ValueError: it is of another class.
    """
    if isinstance(model, classes):
        return model
    loaded = load_task(model) if isinstance(model, str | os.PathLike) else model
    if not isinstance(loaded, classes):
        names = " or an ".join(own.__name__ for own in classes)
        raise ValueError(
            f"{what} begins with an {names}. {model} holds a {type(loaded).__name__}."
        )
    return loaded


def _check_same_texts(encoder, decoder):
    """That two models read texts alike: a token's id and a language's are theirs.

    Raises:
        ValueError: they do not.
    """
    one, other = encoder.preprocessor, decoder.preprocessor
    if one is None or other is None:
        return
    tokens = [own.tokenizer.get_vocabulary() for own in (one, other)]
    if tokens[0] != tokens[1]:
        raise ValueError(
            "Encoder and decoder must have one vocabulary. Received: vocabularies of "
            f"{len(tokens[0])} and {len(tokens[1])} tokens, which are not the same."
        )
    if one.languages != other.languages:
        raise ValueError(
            "Encoder and decoder must have the same languages, in one order. "
            f"Received: {one.languages} and {other.languages}."
        )
