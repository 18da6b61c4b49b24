"""Left-to-right language modelling: scoring texts, and writing on."""

import dataclasses

import keras
import keras_hub
import tensorflow as tf

from xlm_tf.checkpoints.checkpoint_head import never, no_text_settings
from xlm_tf.checkpoints.finding import find_checkpoint
from xlm_tf.layers.prediction_head import PredictionHead
from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.causal_lm_preprocessor import XLMCausalLMPreprocessor
from xlm_tf.models.generation_mixin import GenerationMixin
from xlm_tf.models.loading import load_checkpoint
from xlm_tf.models.masked_lm import XLMMaskedLM, read_language_model_head
from xlm_tf.models.optional_inputs import OptionalInputs
from xlm_tf.models.task import XLMTask
from xlm_tf.private_keras import read_preset


def _read_head(checkpoint, head, arguments):
    """See `CheckpointHead.read`: a masked LM's head, without a decoding strategy."""
    checkpoint.check_generation()
    return read_language_model_head(checkpoint, head, arguments)


# The tensors are those of a masked language model: nothing in a file tells which it is.
_HEAD_OF_XLM, _HEAD = (
    dataclasses.replace(
        head,
        is_in=never,
        read=_read_head,
        text_settings=no_text_settings,
        keras_hub_class=None,
    )
    for head in XLMMaskedLM.checkpoint_heads
)


@keras.saving.register_keras_serializable("xlm_tf")
class XLMCausalLM(OptionalInputs, GenerationMixin, XLMTask, keras_hub.models.CausalLM):
    """A causal backbone with the prediction head: XLM's models of the CLM objective.

    Args:
        backbone: an `XLMBackbone` with `causal=True`.
        preprocessor: an `XLMCausalLMPreprocessor`, or None to pass token ids.
        head_transform: bool, see `XLMMaskedLM`; the released causal models, all of
            XLM's form, have none.
        tied: bool, project with the token embedding.
        decoding: the search that texts are written with, as `sampler` of `compile`;
            saved with the model. Defaults to "greedy".

    Call arguments:
        inputs: dict as for the backbone.

    Returns:
        float32 logits (B, T, V) of the token after every position.

    Raises:
        ValueError: the backbone is not causal.

    Example:
    ```python
    import xlm_tf
    tokenizer = xlm_tf.XLMMaskedLM.from_preset("xlm_tiny").preprocessor.tokenizer
    backbone = xlm_tf.XLMBackbone(
        vocabulary_size=tokenizer.vocabulary_size(), num_layers=2, num_heads=2,
        hidden_dim=16, intermediate_dim=64, max_sequence_length=32, causal=True,
    )
    preprocessor = xlm_tf.XLMCausalLMPreprocessor(tokenizer, sequence_length=32)
    model = xlm_tf.XLMCausalLM(backbone, preprocessor)
    model.fit(["The file was not found.", "Datei nicht gefunden."], batch_size=2)
    model.compile(sampler=xlm_tf.BeamSearch(num_beams=2))
    model.generate("The file", max_length=8)
    model.compile(sampler="greedy")
    for piece in model.stream("The file", max_length=8):
        print(piece, end="", flush=True)
    ```

    Source: Lample and Conneau 2019 (arXiv 1901.07291), section 3.2.
    """

    backbone_cls = XLMBackbone
    preprocessor_cls = XLMCausalLMPreprocessor
    checkpoint_heads = (
        _HEAD_OF_XLM,  # of the same class in transformers
        dataclasses.replace(_HEAD, architecture="ForCausalLM"),
    )
    input_names = XLMBackbone.input_names
    learns_from = "texts"
    padding_output = 0.0
    default_sampler = "greedy"

    def __init__(
        self,
        backbone,
        preprocessor=None,
        head_transform=False,
        tied=True,
        decoding=None,
        **kwargs,
    ):
        if not backbone.causal:
            raise ValueError(
                "XLMCausalLM needs a backbone whose tokens see the past only. Received "
                "one with causal=False. If its weights are of a causal model whose "
                "files do not say so, as those of xlm-clm-enfr-1024 on the hub and "
                "XLM's own .pth files do not, pass causal=True to "
                "XLMCausalLM.from_preset. A masked language model is no left-to-right "
                "one: use XLMMaskedLM."
            )
        self.backbone = backbone
        self.preprocessor = preprocessor
        self.head_transform = head_transform
        self.tied = tied
        self.decoding = decoding
        self.prediction_head = PredictionHead.of(backbone, head_transform, tied)
        inputs = backbone.input
        super().__init__(inputs=inputs, outputs=self.forward(inputs), **kwargs)

    @classmethod
    def from_preset(
        cls,
        preset,
        load_weights=True,
        causal=False,
        ignored_settings=(),
        adapter=None,
        **kwargs,
    ):
        """Load a causal language model that was saved, here or elsewhere.

        Args:
            preset: as for the other models; also a preset that `XLMMaskedLM` saved of
                a causal backbone, whose head is kept.
            load_weights: bool, False for random weights in the same shape.
            causal: bool, True for a checkpoint of a causal model whose files do not
                say so: those of the CLM models on the hub, unless they are loaded by
                a name of `xlm_tf.PRESETS`, which knows; and XLM's own `.pth`. Presets
                of Keras always say.
            ignored_settings, adapter: as for the other models.
            **kwargs: arguments of the class instead of those saved; `dtype` is the
                policy of the backbone.

        Returns:
            `XLMCausalLM`.

        Raises:
            FileNotFoundError, ValueError: there is no such preset, it does not fit,
                or it is not of a causal model.
        """
        checkpoint = find_checkpoint(preset, ignored_settings, adapter)
        if checkpoint is not None:
            if causal:
                arguments = {**checkpoint.arguments, "causal": True}
                checkpoint = dataclasses.replace(checkpoint, arguments=arguments)
            return load_checkpoint(cls, checkpoint, load_weights, **kwargs)
        task = read_preset(preset, "task.json")
        if task is not None and task["class_name"] == XLMMaskedLM.__name__:
            masked_lm = XLMMaskedLM.from_preset(
                preset, load_weights, dtype=kwargs.pop("dtype", None)
            )
            return cls.from_masked_lm(masked_lm, **kwargs)
        return super().from_preset(preset, load_weights, ignored_settings, **kwargs)

    @classmethod
    def from_masked_lm(cls, masked_lm, **kwargs):
        """The causal language model that an `XLMMaskedLM` on a causal backbone is.

        Args:
            masked_lm: an `XLMMaskedLM`. Its backbone is shared, its head copied.
            **kwargs: arguments of the class. The preprocessor defaults to one with
                the tokenizer, length and languages of the masked LM's.

        Returns:
            `XLMCausalLM`.

        Raises:
            ValueError: the backbone is not causal.
        """
        if "preprocessor" not in kwargs and masked_lm.preprocessor is not None:
            old = masked_lm.preprocessor
            kwargs["preprocessor"] = cls.preprocessor_cls(
                old.tokenizer, **old.packing_config()
            )
        model = cls(
            masked_lm.backbone,
            head_transform=masked_lm.head_transform,
            tied=masked_lm.tied,
            **kwargs,
        )
        model.prediction_head.set_weights(masked_lm.prediction_head.get_weights())
        return model

    def forward(self, inputs):
        """Logits of every position, see the class."""
        return self.logits(self.backbone(inputs))

    def compile(
        self,
        optimizer="auto",
        loss="auto",
        *,
        weighted_metrics="auto",
        sampler="auto",
        **kwargs,
    ):
        """As KerasHub's, but the default loss is a mean over the real targets.

        Args:
            optimizer, loss, weighted_metrics: see `keras.Model.compile`; "auto" for
                Adam at 2e-5, the cross-entropy, and the accuracy.
            sampler: "greedy", "beam" for a beam search of 4 beams, a
                `xlm_tf.BeamSearch`, or a sampler of KerasHub ("top_k", "top_p",
                "random", or an instance); it becomes the model's `decoding`. "auto"
                for the `decoding` that it has.
            **kwargs: see `keras.Model.compile`.
        """
        if loss == "auto":
            loss = keras.losses.SparseCategoricalCrossentropy(
                from_logits=True,
                reduction="mean_with_sample_weight",
                dtype=self.prediction_head.logits_dtype,
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
        with_scores=False,
        language=None,
        stop_token_ids="auto",
    ):
        """Continue some texts.

        Every text is continued as if it were alone. Texts of all lengths are decoded
        together, after one pass over what is given of them.

        What comes back is what the tokenizer makes of the tokens, those given
        included: an XLM of lower-case words writes the beginning in lower case.
        Characters that the vocabulary does not have are written as
        `unknown_characters` of the preprocessor says. Any string is legal; an empty
        one is continued from the start token, and bytes that are not UTF-8 are read as
        unknown characters. Where a `BeamSearch` has `min_length` or
        `no_repeat_ngram_size`, they look at the continuation alone.

        Args:
            inputs: str, list of str, string tensor, or a dict as for the preprocessor.
            max_length: int, most tokens of a text, the start token and those given
                included; defaults to the preprocessor's `sequence_length`. The model's
                positions bound it in any case. A text that is as long already is cut
                there, and comes back without a continuation, with a score of 0.
            with_scores: bool, return the scores too.
            language: str, of all texts, or list of str, one each, where the model or
                its tokenizer has any.
            stop_token_ids: the token ids that end a text, a list of ints; None for
                none, so that every text is as long as it may be; "auto" for those of
                `decoding`, which are the tokenizer's end token unless it says
                otherwise. A stop token that is no special one is written. Those that
                stand in what is given end nothing.

        Returns:
            What came in, a str or a list: the best text, which begins with the one
            given, or a list of the n best where the search returns several (of a text
            without a continuation, of that one). With `with_scores` a tuple of that
            and the scores, floats, of the continuations.

        Raises:
            ValueError: there is no preprocessor, or a `max_length` below 1.
        """
        languages = {"language": language}
        return self._generate(
            inputs, max_length, with_scores, stop_token_ids, languages
        )

    def stream(self, text, max_length=None, language=None, stop_token_ids="auto"):
        """Continue a text piece by piece, as it is decoded.

        Args:
            text: str, or a dict as for the preprocessor with one str.
            max_length, language, stop_token_ids: see `generate`.

        Returns:
            An iterator over str, which joined are what `generate` returns: first the
            text that is given, then mostly a piece for every token; bytes of a
            character are waited for.

        Raises:
            ValueError: as `generate`; several texts; or a search by beams, which
                knows no token before the end.
        """
        languages = {"language": language}
        return self._stream(text, max_length, stop_token_ids, languages)

    def preprocess(self, fields, max_length):
        """The inputs of `decode`: see `GenerationMixin`."""
        length = self._bounded_length(max_length)
        return self.preprocessor.generate_preprocess(fields, length)

    def max_new_tokens(self, inputs, max_length=None):
        """Most tokens of every continuation, int32 (B,): none where there is no room.

        Args:
            inputs: dict of `generate_preprocess`.
            max_length: int, see `generate`.
        """
        lengths = tf.reduce_sum(tf.cast(inputs["padding_mask"], "int32"), axis=1)
        return tf.maximum(self._bounded_length(max_length) - lengths, 0)

    def _bounded_length(self, max_length):
        if max_length is None:
            max_length = self.preprocessor.sequence_length
        return min(max_length, self.backbone.max_sequence_length)

    def decoding_inputs(self, inputs):
        """Prompt, caches and source: see `GenerationMixin`.

        Texts of all lengths are read at once, with their padding at the end, which no
        token sees. The last token of each is its prompt; what precedes it is cached,
        and `prefix_mask` bool (B, P - 1) tells it from padding.
        """
        token_ids = inputs["token_ids"]  # (B, P)
        prefix_mask = inputs["padding_mask"][:, 1:]
        source = {"prefix_mask": prefix_mask}
        languages = None
        if "language_ids" in inputs:
            languages = inputs["language_ids"][:, :-1]
            source["language_ids"] = inputs["language_ids"][:, 0]  # (B,)
        last = tf.reduce_sum(tf.cast(prefix_mask, "int32"), axis=1)
        prompt = tf.gather(token_ids, last, batch_dims=1)[:, None]
        caches = self.backbone.prefill(token_ids[:, :-1], languages, prefix_mask)
        return prompt, caches, source

    def decoding_step(self):
        """The step function of a decoding strategy: see `GenerationMixin`."""

        def step(token_ids, index, caches, source, mask, language_ids):
            prefix_mask = source["prefix_mask"]  # (A, n)
            num_beams = token_ids.shape[1]
            if mask is None:
                mask = tf.ones((tf.shape(token_ids)[0], num_beams, index + 1), "bool")
            shared = tf.repeat(prefix_mask[:, None], num_beams, axis=1)
            mask = tf.concat([shared, mask], axis=2)  # (A, k, n + (index + 1) * k)
            num_cached = tf.reduce_sum(tf.cast(prefix_mask, "int32"), axis=1)
            positions = index + num_cached[:, None]  # (A, 1)
            return self.backbone.step(token_ids, positions, caches, mask, language_ids)

        return self.step_function(step)

    def written(self, fields, inputs, token_ids):
        """What is given, and its continuations: see `GenerationMixin`.

        Padding between the two is left out, as it is everywhere.
        """
        given = inputs["token_ids"]  # (B, P)
        is_unknown = given == self.preprocessor.tokenizer.unk_token_id
        num_given = tf.reduce_sum(tf.cast(is_unknown, "int64"), axis=1)
        copies = self.preprocessor.copies_from(fields, num_given)
        given = tf.repeat(given[:, None], tf.shape(token_ids)[1], axis=1)
        return tf.concat([given, token_ids], axis=2), copies  # (B, n, P + T)

    def get_config(self):
        return {
            **super().get_config(),
            "head_transform": self.head_transform,
            "tied": self.tied,
            "decoding": keras.saving.serialize_keras_object(self.decoding),
        }
