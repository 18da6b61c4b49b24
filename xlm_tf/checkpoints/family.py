"""What a family of models is in transformers' files, which others are read as."""

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class TokenizerFiles:
    """How a family's tokenizer is stored.

    Attributes:
        tokenizer_cls: the tokenizer's class.
        names: tuple of str, its own files.
        settings: dict from a name to a `Setting`, those of tokenizer_config.json.
        special_tokens: dict from a setting to the tokens that it may name.
        load: function `(checkpoint, settings, lowercase)` of a `Checkpoint`, its
            `TokenizerSettings`, and whether texts are lower-cased first, that returns
            the tokenizer, or None where there is none.
        save: function `(tokenizer, folder)` that writes its files, and returns a dict
            of settings for tokenizer_config.json. Raises a ValueError for what they
            cannot say.
    """

    tokenizer_cls: type
    names: tuple
    settings: dict
    special_tokens: dict
    load: Callable
    save: Callable


def _accept(folder, config):
    pass


@dataclasses.dataclass(frozen=True)
class Family:
    """An architecture of transformers: its settings, its tensors, its tokenizer.

    Attributes:
        model_type: str, as in config.json.
        class_name: str, what the names of its classes begin with: "XLMRoberta".
        heads: str, by which tasks declare their heads, see `CheckpointHead`: families
            whose heads have the same tensors share it.
        prefix: str, before the encoder's tensors in a model with a head.
        num_separators: int, `</s>` tokens between the texts of a pair.
        settings: dict from a name to a `Setting`, those of config.json.
        defaults: dict, what config.json means where it says nothing.
        aliases: dict from other names of a setting to the one that is used here.
        arguments_of: function from a complete configuration to the arguments of
            `XLMBackbone`.
        config_of: function from an `XLMBackbone` to a configuration.
        tensors_of: function from the arguments of `XLMBackbone` to a dict from its
            variables to the names of their tensors, without the prefix. Three names
            stand for query, key and value, which are one matrix here. Tensors are as
            PyTorch holds them: kernels (out, in).
        decoder_tensors_of: function as `tensors_of`, from the arguments of an encoder
            like the decoder to names for the decoder's variables in an
            `XLMSeq2SeqBackbone`; None for a family without encoder-decoders.
        tokenizer: `TokenizerFiles`.
        check_folder: function `(folder, config)` that raises a ValueError where a
            folder of this `model_type` holds another kind of model.
    """

    model_type: str
    class_name: str
    heads: str
    prefix: str
    num_separators: int
    settings: dict
    defaults: dict
    aliases: dict
    arguments_of: Callable
    config_of: Callable
    tensors_of: Callable
    tokenizer: TokenizerFiles
    check_folder: Callable = _accept
    decoder_tensors_of: Callable | None = None

    def backbone_arguments(self, config):
        """The arguments of `XLMBackbone` that a configuration stands for."""
        stated = {name: value for name, value in config.items() if value is not None}
        return self.arguments_of({**self.defaults, **stated})

    def backbone_tensors(self, config):
        """dict from variables of `XLMBackbone` to names, see `tensors_of`."""
        return self.tensors_of(self.backbone_arguments(config))


def activation_name(backbone):
    """The name of a backbone's activation, as configurations write it."""
    return getattr(backbone.activation, "__name__", str(backbone.activation))
