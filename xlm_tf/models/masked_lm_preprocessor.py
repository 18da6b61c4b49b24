"""Masked language modelling, from raw text: inputs, targets and weights, in graph."""

import keras
import keras_hub
import tensorflow as tf

from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.text_packing import TextPacking
from xlm_tf.models.token_targets import weighed_tokens


@keras.saving.register_keras_serializable("xlm_tf")
class XLMMaskedLMPreprocessor(TextPacking, keras_hub.models.MaskedLMPreprocessor):
    """Raw text -> token ids with random positions masked, targets and weights.

    For `fit` on raw strings. Large pretraining runs use `xlm_tf.objectives`, which
    pack rows and are deterministic.

    Args:
        tokenizer: a tokenizer of `xlm_tf.text`.
        sequence_length: int, longest text in tokens, specials included; what is
            longer is cut.
        num_separators: int, `</s>` tokens between the texts of a pair: 2 (XLM-R) or
            1 (XLM).
        languages: list of str, the languages of the model's language embedding, in
            the order of its rows; None where it has none.
        language: str, the language of texts that come without one.
        mask_selection_rate: float, share of the tokens to predict.
        mask_selection_length: int, P, most predictions a text.
        mask_token_rate: float, share of the selected that become `<mask>`.
        random_token_rate: float, share of the selected that become a random token.

    Call arguments:
        x: string tensor (B,), or a list of str, or a dict with `text` and `language`.
        sample_weight: float (B,), one per text.

    Returns:
        `(inputs, targets, weights)`: inputs as the backbone's plus `mask_positions`
        int (B, P); targets int (B, P); weights float (B, P), 0 where unused.

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
        mask_selection_rate=0.15,
        mask_selection_length=96,
        mask_token_rate=0.8,
        random_token_rate=0.1,
        **kwargs,
    ):
        super().__init__(
            tokenizer,
            sequence_length=sequence_length,
            mask_selection_rate=mask_selection_rate,
            mask_selection_length=mask_selection_length,
            mask_token_rate=mask_token_rate,
            random_token_rate=random_token_rate,
            **kwargs,
        )
        self.set_packing(num_separators, languages, language)

    def build(self, input_shape):
        self.masker = keras_hub.layers.MaskedLMMaskGenerator(
            mask_selection_rate=self.mask_selection_rate,
            mask_selection_length=self.mask_selection_length,
            mask_token_rate=self.mask_token_rate,
            random_token_rate=self.random_token_rate,
            vocabulary_size=self.tokenizer.vocabulary_size(),
            mask_token_id=self.tokenizer.mask_token_id,
            unselectable_token_ids=self.tokenizer.special_token_ids,
        )
        self.built = True

    def call(self, x, y=None, sample_weight=None):
        if y is not None:
            raise ValueError(
                "The targets of a masked language model are the texts themselves: pass "
                "texts alone, without `y`; pairs of texts are a tuple of two."
            )
        inputs = self.pack(x)
        masked = self.masker(inputs["token_ids"])
        # The masker forgets how wide no texts are.
        shape = tf.shape(inputs["token_ids"])
        inputs["token_ids"] = tf.reshape(masked["token_ids"], shape)
        inputs["mask_positions"] = tf.cast(masked["mask_positions"], "int32")
        weights = weighed_tokens(masked["mask_weights"], sample_weight)
        return inputs, masked["mask_ids"], weights

    def get_config(self):
        return {**super().get_config(), **self.packing_config()}
