"""Texts to embed, perhaps with a prompt before them: the inputs of the backbone."""

import keras
import keras_hub
import tensorflow as tf

from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.preprocessor import PackedTextPreprocessor
from xlm_tf.models.text_fields import text_fields
from xlm_tf.models.text_packing import PACKING_ARGUMENTS

PROMPT_ARGUMENTS = ("prompts", "default_prompt_name", "include_prompt")


@keras.saving.register_keras_serializable("xlm_tf")
class XLMTextEmbedderPreprocessor(
    PackedTextPreprocessor, keras_hub.models.TextEmbedderPreprocessor
):
    """Raw texts -> inputs of the backbone, in graph.

    Args:
        tokenizer, sequence_length, num_separators, languages, language: see
            `XLMTextClassifierPreprocessor`.
        prompts: dict from a name, such as "query", to what is put before a text, such
            as "query: " (multilingual E5). It may be set later.
        default_prompt_name: str, the prompt of texts for which none is chosen; None for
            none. It may be set later.
        include_prompt: bool, whether a prompt's tokens count when states are pooled.

    Call arguments are those of `XLMTextClassifierPreprocessor`; texts get the default
    prompt.

    Returns:
        dict, as that; where prompts do not count, also `prompt_length` int32 (B,), the
        first tokens of each text that are not pooled.
    """

    backbone_cls = XLMBackbone
    preset_arguments = (*PACKING_ARGUMENTS, *PROMPT_ARGUMENTS)

    def __init__(
        self,
        tokenizer,
        sequence_length=512,
        num_separators=2,
        languages=None,
        language=None,
        prompts=None,
        default_prompt_name=None,
        include_prompt=True,
        **kwargs,
    ):
        super().__init__(
            tokenizer, sequence_length, num_separators, languages, language, **kwargs
        )
        if not isinstance(include_prompt, bool):
            raise ValueError(
                "include_prompt must be True or False. Received: "
                f"include_prompt={include_prompt!r}."
            )
        self._default_prompt_name = None
        self.prompts = prompts
        self.default_prompt_name = default_prompt_name
        self.include_prompt = include_prompt

    @property
    def prompts(self):
        """dict from a name to what is put before a text."""
        return dict(self._prompts)

    @prompts.setter
    def prompts(self, prompts):
        prompts = dict(prompts or {})
        for name, prompt in prompts.items():
            if not isinstance(name, str) or not isinstance(prompt, str):
                raise ValueError(
                    "prompts must be a dict from names to texts, as in "
                    f"{{'query': 'query: '}}. Received: prompts={prompts!r}."
                )
        default = self._default_prompt_name
        if default is not None and default not in prompts:
            raise ValueError(
                f"prompts must hold the default one, {default!r}: set "
                f"default_prompt_name first. Received: {_names(prompts)}."
            )
        self._prompts = tuple(prompts.items())  # Keras would track a dict

    @property
    def default_prompt_name(self):
        """The name of the prompt of texts for which none is chosen, or None."""
        return self._default_prompt_name

    @default_prompt_name.setter
    def default_prompt_name(self, name):
        if name is not None:
            self.prompt(name)
        self._default_prompt_name = name

    def prompt(self, name=None):
        """What is put before texts, a str.

        Args:
            name: str, of a prompt; None for the default one.

        Raises:
            ValueError: there is no such prompt.
        """
        name = self._default_prompt_name if name is None else name
        if name is None:
            return ""
        prompts = self.prompts
        if name not in prompts:
            raise ValueError(
                f"This model has no prompt {name!r}. Expected {_names(prompts)}."
            )
        return prompts[name]

    def pack(self, x, prompt=None):
        """Turn texts into the backbone's inputs.

        Args:
            x: see `TextPacking.pack`.
            prompt: str, put before every text; the default one where it is None.

        Returns:
            dict, see the class.
        """
        prompt = self.prompt() if prompt is None else prompt
        if not prompt and self.include_prompt:
            return super().pack(x)
        fields = text_fields(x)
        text = fields["text"]
        packed = super().pack({**fields, "text": tf.strings.join([prompt, text])})
        if not self.include_prompt:
            fields.pop("text_pair", None)
            alone = {**fields, "text": tf.fill(tf.shape(text), prompt)}
            mask = super().pack(alone)["padding_mask"]
            # All tokens but the end; without a prompt, the start counts too.
            length = tf.reduce_sum(tf.cast(mask, "int32"), axis=-1) - 1
            packed["prompt_length"] = length if prompt else tf.zeros_like(length)
        return packed

    def get_config(self):
        return {
            **super().get_config(),
            "prompts": self.prompts,
            "default_prompt_name": self.default_prompt_name,
            "include_prompt": self.include_prompt,
        }


def _names(prompts):
    if not prompts:
        return "none: it has no prompts"
    return f"one of {', '.join(map(repr, prompts))}"
