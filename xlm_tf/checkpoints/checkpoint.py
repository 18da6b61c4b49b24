"""A checkpoint of any format, as transformers would hold it."""

import dataclasses
from pathlib import Path

from xlm_tf.checkpoints import sentence_transformers, tokenizer_settings
from xlm_tf.checkpoints.declared_settings import check_settings, read_json_if_there
from xlm_tf.checkpoints.family import Family
from xlm_tf.checkpoints.model_settings import (
    check_generation,
    generation_settings,
    languages_of,
)
from xlm_tf.checkpoints.tensor_files import Tensors

CONFIG_FILE = "config.json"
GENERATION_FILE = "generation_config.json"
# What a checkpoint may hold beyond a model: buffers, and heads that were not asked for.
_HEADS = (
    "lm_head.",
    "pred_layer.",
    "classifier.",
    "sequence_summary.",
    "logits_proj.",
    "qa_outputs.",
    "pooler.",
    "transformer.pooler.",
    "roberta.pooler.",
    "bert.pooler.",
    "cls.",
)
_BUFFERS = ("position_ids", "token_type_ids")


@dataclasses.dataclass
class Checkpoint:
    """What is needed to build a model.

    Attributes:
        path: Path, a folder or a file.
        family: `Family`.
        config: dict, as of transformers' config.json.
        tensors: `Tensors`.
        vocabulary: list of tokens, where the file holds them (XLM's `.pth`).
        ignored: tuple of str, names of settings in its files to pass over.
        arguments: dict, arguments of the backbone instead of the configuration's.
        root: Path, the folder of sentence-transformers that the encoder is part of;
            defaults to the encoder's own.
        saved_as: str, the class of KerasHub that the file names; None in other formats.
        task_arguments: dict, arguments of the task that the file states.
        preprocessor_arguments: dict, arguments of its preprocessor, likewise.
        embedding: `sentence_transformers.Embedding`, where a file that is not of
            sentence-transformers says how vectors are made.
        prompts: dict from a name to a prompt, of an embedder whose files name none.
        num_decoder_layers: int, blocks of the decoder beside the encoder; 0 where there
            is none.
        tokenizer_folder: Path, where the tokenizer's files are; defaults to the folder
            of the path.
    """

    path: Path
    family: Family
    config: dict
    tensors: Tensors
    vocabulary: list | None = None
    ignored: tuple = ()
    arguments: dict = dataclasses.field(default_factory=dict)
    root: Path | None = None
    saved_as: str | None = None
    task_arguments: dict = dataclasses.field(default_factory=dict)
    preprocessor_arguments: dict = dataclasses.field(default_factory=dict)
    embedding: sentence_transformers.Embedding | None = None
    prompts: dict = dataclasses.field(default_factory=dict)
    num_decoder_layers: int = 0
    tokenizer_folder: Path | None = None

    def __post_init__(self):
        if self.tokenizer_folder is None:
            self.tokenizer_folder = self.folder

    @property
    def folder(self):
        """The folder of the file, or the path itself."""
        return self.path if self.path.is_dir() else self.path.parent

    @property
    def config_path(self):
        """The file that the configuration is from."""
        return self.path / CONFIG_FILE if self.path.is_dir() else self.path

    @property
    def backbone_arguments(self):
        """The arguments of `XLMBackbone`, dict."""
        return {**self.family.backbone_arguments(self.config), **self.arguments}

    @property
    def backbone_tensors(self):
        """dict from a variable of `XLMBackbone` to its tensor's name, or to three."""
        return self.family.backbone_tensors(self.config)

    @property
    def decoder_tensors(self):
        """As `backbone_tensors`, for the decoder's variables, with whole names."""
        if not self.num_decoder_layers:
            return {}
        arguments = {**self.backbone_arguments, "num_layers": self.num_decoder_layers}
        return self.family.decoder_tensors_of(arguments)

    @property
    def prefix(self):
        """What stands before the backbone's names: a model with a head has some."""
        prefix = self.family.prefix
        has_prefix = any(name.startswith(prefix) for name in self.tensors.names)
        return prefix if has_prefix else ""

    @property
    def is_of_embedder(self):
        """Whether it says how vectors are made, as sentence-transformers does."""
        if self.embedding is not None:
            return True
        return sentence_transformers.is_of_embedder(self.root or self.folder)

    def read_embedding(self):
        """What it says of them: a `sentence_transformers.Embedding`."""
        if self.embedding is not None:
            return self.embedding
        width = self.backbone_arguments["hidden_dim"]
        embedding = sentence_transformers.read_embedding(
            self.root or self.folder, width, self.ignored
        )
        if any(embedding.prompts.values()):
            return embedding
        return dataclasses.replace(
            embedding, prompts={**embedding.prompts, **self.prompts}
        )

    def read_tokenizer_settings(self):
        """The `TokenizerSettings` of the tokenizer's folder."""
        return tokenizer_settings.read_tokenizer_settings(
            self.tokenizer_folder, self.family.tokenizer, self.ignored
        )

    def check_settings(self):
        """Refuse what no model of the family can obey.

        Raises:
            ValueError: a setting of config.json; names it.
        """
        settings = self.family.settings
        check_settings(self.config_path, self.config, settings, self.ignored)

    def check_generation(self):
        """Refuse decoding strategies: they are arguments of `compile` here.

        Raises:
            ValueError: one that differs from transformers' default; names it.
        """
        in_config = generation_settings(self.config)
        check_generation(self.config_path, in_config, self.ignored)
        path = self.folder / GENERATION_FILE
        check_generation(path, read_json_if_there(path), self.ignored)

    def check_tensors(self, of_heads):
        """Refuse tensors that no model of the family has.

        Args:
            of_heads: collection of str, names of tensors of the tasks' heads.

        Raises:
            ValueError: there are some; names them.
        """
        used = {*of_heads}
        for own in (*self.backbone_tensors.values(), *self.decoder_tensors.values()):
            for name in own if isinstance(own, tuple) else (own,):
                used |= {name, self.prefix + name}
        extra = sorted(
            name
            for name in self.tensors.names - used
            if not name.startswith(_HEADS) and not name.endswith(_BUFFERS)
        )
        if extra:
            raise ValueError(
                f"{self.path} holds tensors that no model of the family has: "
                f"{', '.join(extra[:5])}."
            )

    def check_architecture(self, head):
        """See that tensors of a head's names are of that head.

        Args:
            head: `CheckpointHead`.

        Raises:
            ValueError: the configuration names another class of transformers.
        """
        for name in self.config.get("architectures") or []:
            if "For" in name and head.architecture not in name:
                raise ValueError(
                    f"{self.config_path} is of the architecture {name}, whose head is "
                    f"not that of {self.family.class_name}{head.architecture}. Load "
                    "the encoder alone with XLMBackbone.from_preset, and train a new "
                    "head on it."
                )

    def languages(self, settings):
        """Names of the language embedding's rows; numbers where nothing names them.

        Args:
            settings: `TokenizerSettings` of the folder.

        Raises:
            ValueError: names that contradict each other, or of other rows.
        """
        languages = languages_of(self.config, self.config_path)
        if languages and settings.languages and languages != settings.languages:
            raise ValueError(
                f"{self.config_path} and the {tokenizer_settings.CONFIG_FILE} beside "
                f"it order languages differently. Received: {languages} and "
                f"{settings.languages}."
            )
        languages = languages or settings.languages
        num_languages = self.backbone_arguments["num_languages"]
        if languages is None:
            return [str(i) for i in range(num_languages)]
        if len(languages) != num_languages:
            raise ValueError(
                f"{self.path} names {len(languages)} languages: {languages}. Expected "
                f"{num_languages}, the rows of the language embedding."
            )
        return languages
