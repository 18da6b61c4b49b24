"""Texts as the inputs and targets of a left-to-right language model, in graph."""

import keras
import keras_hub
import tensorflow as tf

from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.generation_preprocessor import GenerationPreprocessorMixin
from xlm_tf.models.text_fields import text_fields
from xlm_tf.models.text_packing import TextPacking
from xlm_tf.models.token_targets import weighed_tokens


@keras.saving.register_keras_serializable("xlm_tf")
class XLMCausalLMPreprocessor(
    GenerationPreprocessorMixin, TextPacking, keras_hub.models.CausalLMPreprocessor
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
        sample_weight: float (B,), one per text.

    Returns:
        `(inputs, targets, weights)`: inputs as the backbone's; targets int (B, T),
        the inputs shifted by one; weights float (B, T), 0 where nothing follows.

    Raises:
        ValueError: `y` was passed, which the texts themselves are.
    """

    backbone_cls = XLMBackbone
    language_fields = ("language",)

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
            index = self._language_index(language, tf.shape(fields["text"])[0])  # (B,)
            inputs["language_ids"] = tf.tile(index[:, None], (1, length))
        return inputs

    def check_languages(self, language=None):
        """See `TextPacking.check_language`; None is right everywhere."""
        if language is not None:
            self.check_language(language)

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
