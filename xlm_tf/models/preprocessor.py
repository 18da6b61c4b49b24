"""What the preprocessors of several tasks are made of."""

import keras
import keras_hub

from xlm_tf.models.text_packing import TextPacking


class TaskPreprocessor(keras_hub.models.Preprocessor):
    """Base of preprocessors for tasks that KerasHub does not have."""

    def __init__(self, tokenizer, sequence_length=512, **kwargs):
        super().__init__(**kwargs)
        self.tokenizer = tokenizer
        self.sequence_length = sequence_length

    def get_config(self):
        return {**super().get_config(), "sequence_length": self.sequence_length}


class PackedTextPreprocessor(TextPacking):
    """Mixin for the preprocessors whose output is the packed text alone."""

    def __init__(
        self,
        tokenizer,
        sequence_length=512,
        num_separators=2,
        languages=None,
        language=None,
        **kwargs,
    ):
        super().__init__(tokenizer, sequence_length=sequence_length, **kwargs)
        self.set_packing(num_separators, languages, language)

    def build(self, input_shape):
        self.built = True

    def call(self, x, y=None, sample_weight=None):
        return keras.utils.pack_x_y_sample_weight(self.pack(x), y, sample_weight)

    def get_config(self):
        config = {**super().get_config(), **self.packing_config()}
        config.pop("truncate", None)
        return config
