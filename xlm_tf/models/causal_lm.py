"""Left-to-right language modelling: scoring texts, and writing on."""

import dataclasses

import keras
import keras_hub
import numpy as np
import tensorflow as tf

from xlm_tf.checkpoints.checkpoint_head import never
from xlm_tf.checkpoints.finding import find_checkpoint
from xlm_tf.generation.search_arguments import whole_number
from xlm_tf.layers.prediction_head import PredictionHead
from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.backend import require_tensorflow
from xlm_tf.models.loading import load_checkpoint
from xlm_tf.models.masked_lm import XLMMaskedLM, read_language_model_head
from xlm_tf.models.optional_inputs import OptionalInputs
from xlm_tf.models.task import XLMTask
from xlm_tf.models.text_fields import batched, different_strings, text_fields
from xlm_tf.models.text_packing import TextPacking
from xlm_tf.models.text_writing import TextWriter, TextWriting, as_asked
from xlm_tf.models.token_targets import weighed_tokens
from xlm_tf.private_keras import read_preset


@keras.saving.register_keras_serializable("xlm_tf")
class XLMCausalLMPreprocessor(
    TextWriting, TextPacking, keras_hub.models.CausalLMPreprocessor
):
    """Raw text -> token ids, the tokens that follow them, and weights, in graph.

    The texts are `start text end`, both as the tokenizer says: `</s>` is XLM's start
    and end, `<s>` the start of XLM-R.

    Args:
        tokenizer: a tokenizer of `xlm_tf.text`.
        sequence_length: int, longest text in tokens, specials included; what is
            longer is cut. Also the length up to which `generate` writes.
        num_separators: int, `</s>` tokens between the texts of a pair: 2 (XLM-R) or
            1 (XLM).
        languages: list of str, the languages of the model's language embedding, in
            the order of its rows; None where it has none.
        language: str, the language of texts that come without one.
        unknown_characters: what `generate` writes for characters that the vocabulary
            does not have: "copy" for those of the text that is continued, and for
            others the "mark" U+2047; "mark" for all; or "omit".

    Call arguments:
        x: string tensor (B,), or a list of str, or a dict with `text` and `language`.
        sample_weight: float (B,), one a text.

    Returns:
        `(inputs, targets, weights)`: inputs as the backbone's; targets int (B, T),
        the inputs shifted by one; weights float (B, T), 0 where nothing follows.

    Raises:
        ValueError: `y` was passed, which the texts themselves are.
    """

    backbone_cls = XLMBackbone

    def __init__(
        self,
        tokenizer,
        sequence_length=512,
        num_separators=2,
        languages=None,
        language=None,
        unknown_characters="copy",
        **kwargs,
    ):
        super().__init__(tokenizer, sequence_length=sequence_length, **kwargs)
        self.set_packing(num_separators, languages, language)
        self.unknown_characters = unknown_characters

    def build(self, input_shape):
        self.built = True

    def call(self, x, y=None, sample_weight=None):
        if y is not None:
            raise ValueError(
                "The targets of a causal language model are the texts themselves, "
                "shifted by one: pass texts alone, without `y`."
            )
        inputs = self.pack(x)
        token_ids, padding_mask = inputs["token_ids"], inputs["padding_mask"]
        pad = tf.fill(tf.shape(token_ids[..., :1]), self.tokenizer.pad_token_id)
        targets = tf.concat([token_ids[..., 1:], pad], axis=-1)  # (B, T)
        has_next = tf.concat(
            [padding_mask[..., 1:], tf.zeros_like(padding_mask[..., :1])], axis=-1
        )
        weights = weighed_tokens(tf.cast(has_next, "float32"), sample_weight)
        return inputs, targets, weights

    def generate_preprocess(self, x, sequence_length=None):
        """Texts to be continued -> `start text`, padded at the end.

        Args:
            x: as for the call.
            sequence_length: int, most tokens of one, instead of the preprocessor's.

        Returns:
            dict of `token_ids` int32 (B, P), `padding_mask` bool (B, P) and, where the
            model has languages, `language_ids` int32 (B, P).
        """
        fields = text_fields(x)
        language = fields.get("language")
        room = (sequence_length or self.sequence_length) - 1
        tokens = self._tokenize(fields["text"], language)[:, :room]
        start = self._special(tokens.nrows("int32"), self.tokenizer.start_token_id)
        ids = tf.concat([start, tokens], axis=1)  # (B, None)
        token_ids = ids.to_tensor(self.tokenizer.pad_token_id)
        length = tf.shape(token_ids)[1]
        inputs = {
            "token_ids": token_ids,
            "padding_mask": tf.sequence_mask(ids.row_lengths(), length),
        }
        if self.languages is not None:
            index = self._language_index(language, fields["text"])  # (B,)
            inputs["language_ids"] = tf.tile(index[:, None], (1, length))
        return inputs

    def copies_from(self, x, num_given):
        """What the unknown characters of continuations are copied from.

        Args:
            x: the texts that are continued, as for `generate_preprocess`.
            num_given: int64 tensor (B,), how many unknown ones each begins with, as
                far as it is continued.

        Returns:
            A function for `generate_postprocess`.
        """
        fields = text_fields(x)

        def copies(number, num_places):
            parts = self._unknown_parts(fields["text"], fields.get("language"))
            position = tf.ragged.range(parts.row_lengths())
            parts = tf.ragged.boolean_mask(parts, position < num_given[:, None])
            return tf.gather(parts, number)

        return copies

    def get_config(self):
        config = {**super().get_config(), **self.packing_config()}
        config["unknown_characters"] = self.unknown_characters
        for name in ("add_start_token", "add_end_token"):  # every text has both
            del config[name]
        return config


def _read_head(checkpoint, head, arguments):
    """See `CheckpointHead.read`: a masked LM's head, without a decoding strategy."""
    checkpoint.check_generation()
    return read_language_model_head(checkpoint, head, arguments)


# The tensors are those of a masked language model: nothing in a file tells which it is.
_HEAD_OF_XLM, _HEAD = (
    dataclasses.replace(head, is_in=never, read=_read_head)
    for head in XLMMaskedLM.checkpoint_heads
)


@keras.saving.register_keras_serializable("xlm_tf")
class XLMCausalLM(OptionalInputs, TextWriter, XLMTask, keras_hub.models.CausalLM):
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
        cls, preset, load_weights=True, causal=False, ignored_settings=(), **kwargs
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
            ignored_settings: as for the other models.
            **kwargs: arguments of the class instead of those saved; `dtype` is the
                policy of the backbone.

        Returns:
            `XLMCausalLM`.

        Raises:
            FileNotFoundError, ValueError: there is no such preset, it does not fit,
                or it is not of a causal model.
        """
        checkpoint = find_checkpoint(preset, ignored_settings)
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

    def generate(self, inputs, max_length=None, with_scores=False, language=None):
        """Continue some texts.

        Every text is continued as if it were alone: those of one length are decoded
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
            language: str, of all texts, where the model or its tokenizer has any.

        Returns:
            What came in, a str or a list: the best text, which begins with the one
            given, or a list of the n best where the search returns several (of a text
            without a continuation, of that one). With `with_scores` a tuple of that
            and the scores, floats, of the continuations.

        Raises:
            ValueError: there is no preprocessor, or a `max_length` below 1.
        """
        require_tensorflow("generate")
        if self.preprocessor is None:
            raise ValueError(
                "`generate` reads and writes texts, for which it needs a preprocessor: "
                "pass one to XLMCausalLM."
            )
        if max_length is not None:
            max_length = whole_number("max_length", max_length)
        fields = dict(inputs) if isinstance(inputs, dict) else {"text": inputs}
        if "text" not in fields:
            text_fields(fields)  # says what is missing
        is_single = isinstance(fields["text"], str)
        fields["text"] = batched(fields["text"])
        if not fields["text"]:
            return ([], []) if with_scores else []
        if language is not None:
            fields["language"] = [language] * len(fields["text"])
        for own in different_strings(fields.get("language", [])):
            self.preprocessor.check_language(own)
        tokenizer = self.preprocessor.tokenizer
        longest = self.longest(max_length)
        given = self.preprocessor.generate_preprocess(fields, longest)
        lengths = np.sum(given.pop("padding_mask"), axis=1)  # (B,)
        texts, scores = ([None] * len(lengths) for _ in range(2))
        for length in np.unique(lengths).tolist():
            rows = np.flatnonzero(lengths == length)
            prompts = {
                name: tf.gather(value[:, :length], rows)
                for name, value in given.items()
            }  # (N, P)
            token_ids = prompts["token_ids"][:, None]  # (N, 1, P)
            own_scores = np.zeros((len(rows), 1))
            if length < longest:
                decoded = self.decode(prompts, longest - length)
                own_scores = decoded.scores.numpy()
                token_ids = tf.repeat(token_ids, own_scores.shape[1], axis=1)
                token_ids = tf.concat([token_ids, decoded.token_ids], axis=2)
            is_unknown = prompts["token_ids"] == tokenizer.unk_token_id
            copies = self.preprocessor.copies_from(
                {
                    name: tf.gather(tf.broadcast_to(value, lengths.shape), rows)
                    for name, value in fields.items()
                },
                tf.reduce_sum(tf.cast(is_unknown, "int64"), axis=1),
            )
            own_texts = self.preprocessor.written(token_ids, copies)
            for row, text, score in zip(
                rows, own_texts, own_scores.tolist(), strict=True
            ):
                texts[row], scores[row] = text, score
        texts, scores = as_asked(texts, scores, self.num_return, is_single)
        return (texts, scores) if with_scores else texts

    def longest(self, max_length=None):
        """Most tokens of a text that `generate` writes, int: see there."""
        if max_length is None:
            max_length = self.preprocessor.sequence_length
        return min(max_length, self.backbone.max_sequence_length)

    def decode(self, inputs, max_length):
        """Search the continuations of token ids, in graph unless run eagerly.

        Args:
            inputs: dict of `token_ids` int32 (N, P), texts of the same length, and
                `language_ids` int32 (N, P) where the model has languages.
            max_length: int, most tokens of a continuation, 1 at least.

        Returns:
            `xlm_tf.generation.search.Decoded`.
        """
        if self.run_eagerly:
            return self.search(inputs, max_length)
        if getattr(self, "generate_function", None) is None:  # compile=False
            # One graph for all numbers and lengths of texts.
            ids = tf.TensorSpec((None, None), tf.int32)
            self.generate_function = tf.function(
                self.search,
                input_signature=[
                    {name: ids for name in inputs},
                    tf.TensorSpec((), tf.int32),
                ],
            )
        return self.generate_function(inputs, max_length)

    def search(self, inputs, max_length):
        """The search that `compile` was given, in graph: see `decode`."""
        token_ids = inputs["token_ids"]  # (N, P)
        language_ids = inputs.get("language_ids")
        source, languages_before = {}, None
        if language_ids is not None:
            languages_before = language_ids[:, :-1]
            source["language_ids"] = language_ids[:, -1]  # (N,)
        caches = self.backbone.prefill(token_ids[:, :-1], languages_before)

        def step(token_ids, index, caches, source, mask, language_ids):
            return self.backbone.step(token_ids, index, caches, mask, language_ids)

        tokenizer = self.preprocessor.tokenizer
        return self.chosen_search.decode(
            self.search_step(step),
            token_ids[:, -1][:, None],
            caches,
            source,
            max_length,
            end_id=tokenizer.end_token_id,
            pad_id=tokenizer.pad_token_id,
            num_cached=tf.shape(token_ids)[1] - 1,
        )

    def get_config(self):
        return {
            **super().get_config(),
            "head_transform": self.head_transform,
            "tied": self.tied,
            "decoding": keras.saving.serialize_keras_object(self.decoding),
        }
