"""Models from, and as, the checkpoint files of the field, by `from_preset`."""

import contextlib
import dataclasses
import json
from pathlib import Path

import keras
import keras_hub
import numpy as np
from sentencepiece import sentencepiece_model_pb2

from xlm_tf.checkpoints import (
    fairseq,
    huggingface,
    model_settings,
    original,
    sentence_transformers,
    tokenizer_settings,
)
from xlm_tf.checkpoints.declared_settings import read_json_if_there
from xlm_tf.checkpoints.huggingface import CONFIG_FILE
from xlm_tf.checkpoints.model_files import check_no_other_model, is_model_file
from xlm_tf.checkpoints.model_names import HUB, no_model, resolve
from xlm_tf.checkpoints.normalization_rules import lowercased
from xlm_tf.checkpoints.released_models import PRESETS
from xlm_tf.checkpoints.sentence_transformers import MODULES_FILE, POOLINGS
from xlm_tf.checkpoints.tensor_files import Tensors, open_folder
from xlm_tf.checkpoints.tokenizer_json import read_tokenizer_json
from xlm_tf.layers.initializers import skip_initialization
from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.causal_lm import XLMCausalLM
from xlm_tf.models.class_heads import choose_head
from xlm_tf.models.masked_lm import XLMMaskedLM
from xlm_tf.models.question_answering import XLMQuestionAnswering
from xlm_tf.models.text_classifier import XLMTextClassifier
from xlm_tf.models.text_embedder import XLMTextEmbedder
from xlm_tf.models.token_classifier import XLMTokenClassifier
from xlm_tf.output_files import replaced_files
from xlm_tf.text.bpe_tokenizer import MERGES_FILE, VOCABULARY_FILE, XLMBPETokenizer
from xlm_tf.text.sentencepiece_tokenizer import XLMSentencePieceTokenizer

SENTENCEPIECE_FILE = "sentencepiece.bpe.model"
TOKENIZER_FILE = "tokenizer.json"
GENERATION_FILE = "generation_config.json"
# An adapter that transformers loads upon the weights, unasked.
ADAPTER_FILE = "adapter_config.json"
_FILES = [
    CONFIG_FILE,
    GENERATION_FILE,
    ADAPTER_FILE,
    MODULES_FILE,
    sentence_transformers.CONFIG_FILE,
    sentence_transformers.TRANSFORMER_FILE,
    "*_Pooling/config.json",
    "*_Normalize/config.json",
    SENTENCEPIECE_FILE,
    TOKENIZER_FILE,
    tokenizer_settings.CONFIG_FILE,
    tokenizer_settings.SPECIAL_TOKENS_FILE,
    tokenizer_settings.ADDED_TOKENS_FILE,
    VOCABULARY_FILE,
    MERGES_FILE,
]
_SAFETENSORS = ["model*.safetensors", "model.safetensors.index.json"]
_PICKLED = ["pytorch_model*.bin", "pytorch_model.bin.index.json"]
# What json files a preset of Keras has, of which a damaged one is named.
_KERAS_FILES = (CONFIG_FILE, "task.json", "preprocessor.json", "tokenizer.json")
_ARCHITECTURES = {
    "xlm": ("XLM", "WithLMHeadModel", "ForQuestionAnsweringSimple"),
    "xlm-roberta": ("XLMRoberta", "ForMaskedLM", "ForQuestionAnswering"),
    "xlm-roberta-xl": ("XLMRobertaXL", "ForMaskedLM", "ForQuestionAnswering"),
}


@dataclasses.dataclass
class Checkpoint:
    """What is needed to build a model.

    Attributes:
        path: Path, a folder or a file.
        config: dict, as of transformers' config.json.
        tensors: `Tensors`.
        vocabulary: list of tokens, where the file holds them (XLM's `.pth`).
        arguments: dict, arguments of the backbone instead of the configuration's.
        root: Path, the folder of sentence-transformers that the encoder is part of;
            defaults to the encoder's own.
        ignored: tuple of str, names of settings in its files to pass over.
    """

    path: Path
    config: dict
    tensors: Tensors
    vocabulary: list | None = None
    arguments: dict = dataclasses.field(default_factory=dict)
    root: Path | None = None
    ignored: tuple = ()

    @property
    def folder(self):
        """The folder of the file, or the path itself."""
        return self.path if self.path.is_dir() else self.path.parent

    @property
    def config_path(self):
        """The file that the configuration is from."""
        return self.path / CONFIG_FILE if self.path.is_dir() else self.path

    @property
    def embedding_folder(self):
        """The folder of sentence-transformers that it is, or None."""
        root = self.root or self.folder
        return root if sentence_transformers.is_of_embedder(root) else None


def find(preset, ignored_settings=()):
    """The checkpoint that a preset is, or None for the presets of Keras.

    Args:
        preset: see `from_preset` of the models.
        ignored_settings: collection of str, names of settings to pass over.

    Raises:
        FileNotFoundError: there is no such model, with the nearest name, or nothing
            that is one at the path.
    """
    arguments, preset = {}, resolve(preset)
    if preset in PRESETS:
        arguments = PRESETS[preset].arguments
        preset = PRESETS[preset].source
    if preset.startswith(HUB):
        path = _download(preset.removeprefix(HUB))
        if path is None:
            return None
    else:
        path = Path(preset)
    root, path = path, sentence_transformers.transformer_folder(path)
    if not huggingface.is_huggingface(path):
        model_file = fairseq.find_model_file(path)
        if model_file:
            return Checkpoint(
                model_file,
                *fairseq.read_checkpoint(model_file, ignored_settings),
                ignored=tuple(ignored_settings),
            )
        model_file = original.find_model_file(path)
        if model_file:
            return Checkpoint(
                model_file,
                *original.read_checkpoint(model_file, ignored_settings),
                ignored=tuple(ignored_settings),
            )
        if "://" not in preset and not (path / CONFIG_FILE).is_file():
            raise FileNotFoundError(_no_model(path))
        for name in _KERAS_FILES:
            read_json_if_there(path / name)
        return None
    config = huggingface.read_config(path)
    return Checkpoint(
        path,
        config,
        open_folder(path),
        arguments=arguments,
        root=root,
        ignored=tuple(ignored_settings),
    )


def _no_model(path):
    """What is wrong with a path that holds no model."""
    if path.is_file():
        return (
            f"{path} is not a file that a model is loaded from: fairseq's .pt and "
            "XLM's .pth are. Expected one of them, or the folder of a model; a .keras "
            "file is read by keras.models.load_model."
        )
    inner = path / "model"
    hint = f" Did you mean {inner}?" if (inner / CONFIG_FILE).is_file() else ""
    return (
        f"{path} holds no model: no {CONFIG_FILE}, as transformers and save_to_preset "
        f"write it, no {fairseq.MODEL_FILE} of fairseq, and not one .pth of XLM.{hint}"
    )


def _download(repository):
    """The folder of a repository of the hub; None where it is one of Keras."""
    from huggingface_hub import hf_hub_download, snapshot_download
    from huggingface_hub.errors import RemoteEntryNotFoundError, RepositoryNotFoundError

    try:
        folder = Path(hf_hub_download(repository, CONFIG_FILE)).parent
    except RepositoryNotFoundError as error:
        raise FileNotFoundError(no_model(HUB + repository)) from error
    except RemoteEntryNotFoundError as error:
        raise FileNotFoundError(
            f"{HUB}{repository} holds no {CONFIG_FILE}: it is neither a model of "
            "transformers nor one of Keras."
        ) from error
    if not huggingface.is_huggingface(folder):
        return None
    # Files that are there are not asked for again, and a broken download goes on.
    folder = Path(snapshot_download(repository, allow_patterns=_FILES + _SAFETENSORS))
    if not any(folder.glob("*.safetensors")):
        folder = Path(snapshot_download(repository, allow_patterns=_FILES + _PICKLED))
    return folder


def load(model_class, checkpoint, load_weights=True, dtype=None, **arguments):
    """A model of a class from a checkpoint.

    Args:
        model_class: `XLMBackbone` or a task of the package.
        checkpoint: `Checkpoint`.
        load_weights: bool, False for random weights in the same shape.
        dtype: dtype policy of the backbone.
        **arguments: of the class, instead of what the checkpoint says. `num_classes`
            or `labels` ask for a new head, see `ClassHead`.

    Returns:
        The model; tasks with a preprocessor where the checkpoint has a tokenizer.

    Raises:
        ValueError: a missing, extra or misshapen tensor or a setting that can be
            neither obeyed nor passed over, which are named, or a class without a form
            in such files.
    """
    config, tensors = checkpoint.config, checkpoint.tensors
    _check_settings(model_class, checkpoint)
    of_backbone = {**huggingface.backbone_arguments(config), **checkpoint.arguments}
    prefix = huggingface.prefix_of(config, tensors.names)
    names = huggingface.backbone_names(config)
    extra = huggingface.unexpected(
        tensors, [name for own in names.values() for name in _as_tuple(own)], prefix
    )
    if extra:
        raise ValueError(
            f"{checkpoint.path} holds tensors that no model of the family has: "
            f"{', '.join(extra[:5])}."
        )
    head = {}
    follow = skip_initialization() if load_weights else contextlib.nullcontext()
    if issubclass(model_class, XLMBackbone):
        with follow:
            model = model_class(**{**of_backbone, **arguments}, dtype=dtype)
        backbone = model
    else:
        arguments, head = _head(model_class, checkpoint, arguments)
        with follow:
            backbone = XLMBackbone(**of_backbone, dtype=dtype)
        if "preprocessor" not in arguments:
            arguments["preprocessor"] = _preprocessor(model_class, checkpoint, backbone)
        model = model_class(backbone, **arguments)
    if load_weights:
        huggingface.load_weights(tensors, [backbone], names, prefix)
        huggingface.load_weights(tensors, model.layers, head, "")
    return model


def _check_settings(model_class, checkpoint):
    """Refuse a checkpoint that says more than a model of the class can obey."""
    path, config = checkpoint.config_path, checkpoint.config
    model_settings.check_config(path, config, checkpoint.ignored)
    adapter = checkpoint.folder / ADAPTER_FILE
    if adapter.is_file() and ADAPTER_FILE not in checkpoint.ignored:
        raise ValueError(
            f"{adapter} asks for an adapter upon the weights, which is not here. Merge "
            "it into them with the library that made it, and save that; or pass "
            f"ignored_settings=[{ADAPTER_FILE!r}] to from_preset for the weights alone."
        )
    if issubclass(model_class, XLMCausalLM):
        model_settings.check_generation(
            path, model_settings.search_settings(config), checkpoint.ignored
        )
        path = checkpoint.folder / GENERATION_FILE
        model_settings.check_generation(
            path, read_json_if_there(path), checkpoint.ignored
        )


def task_class(checkpoint):
    """The task that a checkpoint was trained for, as its tensors say.

    Args:
        checkpoint: `Checkpoint`.

    Raises:
        ValueError: it holds an encoder without a head, or a head that is not here.
    """
    names = checkpoint.tensors.names
    if checkpoint.embedding_folder is not None:
        return XLMTextEmbedder
    for name, task in (
        ("qa_outputs.weight", XLMQuestionAnswering),
        ("classifier.weight", XLMTokenClassifier),
        ("classifier.out_proj.weight", XLMTextClassifier),
        ("sequence_summary.summary.weight", XLMTextClassifier),
        ("lm_head.bias", XLMMaskedLM),
        ("pred_layer.proj.bias", XLMMaskedLM),
    ):
        if name in names:
            _check_architecture(checkpoint, task)
            return task
    raise ValueError(
        f"{checkpoint.path} holds an encoder without a task's head. Load it with the "
        "class of a task, such as XLMTextEmbedder.from_preset, and save that."
    )


def _check_architecture(checkpoint, model_class):
    """That a head's tensors are those of the class, where the checkpoint says it."""
    heads = {
        XLMTextClassifier: "ForSequenceClassification",
        XLMTokenClassifier: "ForTokenClassification",
        XLMQuestionAnswering: "ForQuestionAnswering",
    }
    for name in checkpoint.config.get("architectures") or []:
        head = heads.get(model_class)
        # A masked language model's tensors are no other's.
        if head is not None and "For" in name and head not in name:
            raise ValueError(
                f"{checkpoint.config_path} is of the architecture {name}, whose head "
                f"is not that of {model_class.__name__}. Load the encoder alone with "
                "XLMBackbone.from_preset, and train a new head on it."
            )


def _head(model_class, checkpoint, arguments):
    """The arguments of a task, and the names of its head's tensors."""
    config, tensors = checkpoint.config, checkpoint.tensors
    transform = config["model_type"] != "xlm"
    if issubclass(model_class, XLMTextEmbedder):
        folder = checkpoint.embedding_folder
        if folder is None:
            return arguments, {}
        embedding = sentence_transformers.read_embedding(
            folder,
            huggingface.backbone_arguments(config)["hidden_dim"],
            checkpoint.ignored,
        )
        said = {"pooling": embedding.pooling, "normalize": embedding.normalize}
        return {**said, **arguments}, {}
    if issubclass(model_class, XLMMaskedLM | XLMCausalLM):
        tied = _is_tied(config, tensors)
        arguments = {"head_transform": transform, "tied": tied, **arguments}
        return arguments, huggingface.masked_lm_names(config, tied)
    if issubclass(model_class, XLMQuestionAnswering):
        names = huggingface.question_answering_names(config)
        if not any(name.startswith("qa_outputs.") for name in tensors.names):
            raise ValueError(
                f"{checkpoint.path} has no head for question answering. Make a new one "
                "with XLMQuestionAnswering(XLMBackbone.from_preset(...)), and train it."
            )
        if "qa_outputs.weight" not in tensors.names:
            raise ValueError(
                f"{checkpoint.path} has transformers' beam head for question answering "
                "(XLMForQuestionAnswering), which is not here. Expected the simple one."
            )
        return arguments, names
    if issubclass(model_class, XLMTextClassifier):
        names = huggingface.classifier_names(config)
        arguments = {"head_transform": transform, **arguments}
        model_settings.check_summary(checkpoint.config_path, config, checkpoint.ignored)
    elif issubclass(model_class, XLMTokenClassifier):
        names = huggingface.token_classifier_names(config)
    else:
        raise ValueError(f"{model_class.__name__} has no form in {checkpoint.path}.")
    arguments, names = _classes(model_class, checkpoint, arguments, names)
    is_classifier = issubclass(model_class, XLMTextClassifier)
    if names and is_classifier and "problem_type" not in arguments:
        arguments["problem_type"] = huggingface.problem_type_of(
            config,
            checkpoint.config_path,
            arguments["num_classes"],
            read_json_if_there(checkpoint.folder / sentence_transformers.CONFIG_FILE),
        )
    return arguments, names


def _classes(model_class, checkpoint, arguments, names):
    """Number and names of a head's classes: the checkpoint's, or the caller's."""
    kernel, tensors = names["logits_dense/kernel"], checkpoint.tensors
    saved = tensors.shape(kernel)[0] if kernel in tensors.names else None
    if saved is None:
        return choose_head(arguments, None, checkpoint.path)[0], {}
    labels = huggingface.labels_of(checkpoint.config, checkpoint.config_path)
    arguments, is_saved = choose_head(arguments, (saved, labels), checkpoint.path)
    if not is_saved:
        return arguments, {}
    _check_architecture(checkpoint, model_class)
    if labels and len(labels) != saved:
        raise ValueError(
            f"{checkpoint.config_path} names {len(labels)} classes: {labels}. Expected "
            f"{saved}, as the head has."
        )
    return {**arguments, "num_classes": saved, "labels": labels}, names


def _is_tied(config, tensors):
    """Whether the output projection is the token embedding, as it nearly always is."""
    projection, embedding = huggingface.projection_of(config)
    if not {projection, embedding} <= tensors.names:
        return True
    return tensors.equal(projection, embedding)


def _preprocessor(task_class, checkpoint, backbone):
    settings = tokenizer_settings.read_tokenizer_settings(
        checkpoint.folder, checkpoint.config["model_type"], checkpoint.ignored
    )
    embedding = None
    if issubclass(task_class, XLMTextEmbedder) and checkpoint.embedding_folder:
        embedding = sentence_transformers.read_embedding(
            checkpoint.embedding_folder, backbone.hidden_dim, checkpoint.ignored
        )
    lowercase = embedding is not None and embedding.lowercase
    tokenizer = load_tokenizer(checkpoint, settings, lowercase)
    if tokenizer is None:
        return None
    if tokenizer.vocabulary_size() > backbone.vocabulary_size:
        raise ValueError(
            f"The vocabulary of {checkpoint.path} has {tokenizer.vocabulary_size()} "
            f"tokens. Expected {backbone.vocabulary_size}, those of the model."
        )
    # sentence-transformers' own length comes before the tokenizer's.
    length = embedding.max_length if embedding is not None else None
    length = length or settings.max_length or backbone.max_sequence_length
    arguments = {
        "sequence_length": min(length, backbone.max_sequence_length),
        "num_separators": 1 if isinstance(tokenizer, XLMBPETokenizer) else 2,
    }
    if backbone.num_languages:
        arguments["languages"] = _languages(checkpoint, settings, backbone)
    return task_class.preprocessor_cls(tokenizer, **arguments)


def _languages(checkpoint, settings, backbone):
    """Names of a language embedding's rows; numbers where nothing names them."""
    languages = huggingface.languages_of(checkpoint.config, checkpoint.config_path)
    if languages and settings.languages and languages != settings.languages:
        raise ValueError(
            f"{checkpoint.config_path} and the {tokenizer_settings.CONFIG_FILE} beside "
            f"it order languages differently. Received: {languages} and "
            f"{settings.languages}."
        )
    languages = languages or settings.languages
    if languages is None:
        return [str(i) for i in range(backbone.num_languages)]
    if len(languages) != backbone.num_languages:
        raise ValueError(
            f"{checkpoint.path} names {len(languages)} languages: {languages}. "
            f"Expected {backbone.num_languages}, the rows of the language embedding."
        )
    return languages


def load_tokenizer(checkpoint, settings, lowercase=False):
    """The tokenizer whose files lie beside a checkpoint, or None.

    Args:
        checkpoint: `Checkpoint`.
        settings: `TokenizerSettings` of its folder.
        lowercase: bool, lower-case texts first (sentence-transformers).
    """
    folder, config = checkpoint.folder, checkpoint.config
    if config["model_type"] != "xlm":
        return _sentencepiece_tokenizer(folder, settings, lowercase, checkpoint.ignored)
    vocabulary, merges = folder / VOCABULARY_FILE, folder / MERGES_FILE
    if checkpoint.vocabulary:
        codes = sorted(folder.glob("codes*"))
        if len(codes) != 1:
            return None
        vocabulary, merges = checkpoint.vocabulary, codes[0]
    elif not (vocabulary.is_file() and merges.is_file()):
        return None
    lowercase = settings.lowercase
    if lowercase is None:
        # The models of 17 and 100 languages, alone, keep case, and have no language
        # embedding.
        lowercase = config.get("use_lang_emb", True) or config.get("n_langs", 1) == 1
    start = (
        {} if settings.start_token is None else {"start_token": settings.start_token}
    )
    tokenizer = XLMBPETokenizer(vocabulary, merges, lowercase=lowercase, **start)
    added = tokenizer_settings.tokens_after(
        tokenizer.get_vocabulary(), tokenizer.special_tokens, settings, folder
    )
    if added:
        raise ValueError(
            f"{folder} adds the token {added[0].content!r} to a vocabulary of byte "
            "pairs, which is not here. Expected none but <special0> to <special9>."
        )
    return tokenizer


def _sentencepiece_tokenizer(folder, settings, lowercase, ignored):
    own, other = folder / SENTENCEPIECE_FILE, folder / TOKENIZER_FILE
    model, added = None, {}
    if other.is_file():
        # What transformers reads, where both are.
        proto, added = read_tokenizer_json(other, ignored)
        model = sentencepiece_model_pb2.ModelProto.FromString(proto)
    if own.is_file():
        original = sentencepiece_model_pb2.ModelProto.FromString(own.read_bytes())
        if model is not None and _vocabulary_of(model) != _vocabulary_of(original):
            raise ValueError(
                f"{own} and the {TOKENIZER_FILE} beside it are of two vocabularies, or "
                "normalise texts differently. Delete the wrong one."
            )
        model = original
    if model is None:
        return None
    if lowercase:
        spec = model.normalizer_spec
        spec.precompiled_charsmap = lowercased(spec.precompiled_charsmap)
    tokenizer = XLMSentencePieceTokenizer(model.SerializeToString())
    vocabulary = tokenizer.get_vocabulary()
    fairseq.check_dictionary(folder, vocabulary[4:-1])
    settings = dataclasses.replace(settings, added={**settings.added, **added})
    tokens = tokenizer_settings.tokens_after(
        vocabulary, tokenizer.special_tokens, settings, folder
    )
    if not tokens:
        return tokenizer
    config = tokenizer.get_config()
    config["added_tokens"] = [[token.content, token.normalized] for token in tokens]
    return XLMSentencePieceTokenizer.from_config({**config, "proto": tokenizer.proto})


def _vocabulary_of(model):
    """What two files of one vocabulary have in common."""
    pieces = [piece.piece for piece in model.pieces]
    return pieces, model.normalizer_spec.precompiled_charsmap


def save(model, folder):
    """Write a model as transformers reads it, see `save_to_huggingface`."""
    is_backbone = isinstance(model, keras_hub.models.Backbone)
    backbone = model if is_backbone else model.backbone
    if not isinstance(backbone, XLMBackbone):
        raise ValueError(
            f"{type(model).__name__} has no form in transformers, which has no "
            "encoder-decoder of this family. Use save_to_preset, or save the encoder "
            "alone: model.backbone.encoder.save_to_huggingface(...)."
        )
    preprocessor = None if is_backbone else model.preprocessor
    languages = getattr(preprocessor, "languages", None)
    labels = getattr(model, "labels", None)
    if labels is None and hasattr(model, "num_classes"):
        labels = [f"LABEL_{i}" for i in range(model.num_classes)]
    config = huggingface.config_of(backbone, labels, languages)
    head, architecture = _saved_head(model, config)
    family = _ARCHITECTURES[config["model_type"]][0]
    config["architectures"] = [family + architecture]
    is_bare = architecture == "Model"
    names = huggingface.backbone_names(config)
    if not backbone.num_token_types:
        names.pop("embeddings/token_type_table", None)
    prefix = "transformer." if config["model_type"] == "xlm" else "roberta."
    prefix = "" if is_bare else prefix
    names = {
        path: tuple(prefix + name for name in own)
        if isinstance(own, tuple)
        else prefix + own
        for path, own in names.items()
    }
    extra = {}
    if config.get("type_vocab_size") and not backbone.num_token_types:
        extra[f"{prefix}embeddings.token_type_embeddings.weight"] = np.zeros(
            (1, backbone.hidden_dim), "float32"
        )
    if "lm_head.decoder.bias" in head.values():
        # There twice, of which the untied projection's is used.
        extra["lm_head.bias"] = np.array(model.prediction_head.bias)
    if preprocessor is not None:
        _check_preprocessor(model, config)
    check_no_other_model(folder)
    layers = [backbone, *([] if is_backbone else model.layers)]
    with replaced_files(folder, is_model_file) as new:
        (new / CONFIG_FILE).write_text(json.dumps(config, indent=2), encoding="utf-8")
        huggingface.save_weights(new, layers, {**names, **head}, extra)
        if isinstance(model, XLMTextEmbedder):
            _save_modules(model, new)
        if preprocessor is not None:
            _save_tokenizer(preprocessor, new)


def _check_preprocessor(model, config):
    """Refuse what the files of a tokenizer cannot say."""
    preprocessor = model.preprocessor
    tokenizer = preprocessor.tokenizer
    is_bpe = isinstance(tokenizer, XLMBPETokenizer)
    if is_bpe != (config["model_type"] == "xlm"):
        raise ValueError(
            "In transformers, XLM has byte pairs and XLM-R SentencePiece. Received: a "
            f"{type(tokenizer).__name__} and a model of type {config['model_type']}."
        )
    if is_bpe and tokenizer.words != "moses":
        raise ValueError(
            "transformers splits the texts of XLM by Moses' rules. Received: words="
            f"{tokenizer.words!r}. Use save_to_preset, or save a task without a "
            "preprocessor."
        )
    separators = 1 if is_bpe else 2
    reads_pairs = isinstance(model, XLMTextClassifier | XLMQuestionAnswering)
    if reads_pairs and preprocessor.num_separators != separators:
        raise ValueError(
            f"transformers puts {separators} </s> between the texts of a pair. "
            f"Received: num_separators={preprocessor.num_separators}."
        )


def _saved_head(model, config):
    """Names of a head's tensors, and the class of transformers without the family."""
    _, masked_lm, question_answering = _ARCHITECTURES[config["model_type"]]
    is_xlm = config["model_type"] == "xlm"
    if isinstance(model, XLMBackbone | XLMTextEmbedder):
        return {}, "Model"
    if isinstance(model, XLMMaskedLM | XLMCausalLM):
        _check_head_transform(model, is_xlm)
        config["tie_word_embeddings"] = model.tied
        if isinstance(model, XLMCausalLM) and not is_xlm:
            masked_lm = "ForCausalLM"  # XLM has one class for both
        return huggingface.masked_lm_names(config, model.tied), masked_lm
    if isinstance(model, XLMQuestionAnswering):
        return huggingface.question_answering_names(config), question_answering
    if isinstance(model, XLMTokenClassifier):
        return huggingface.token_classifier_names(config), "ForTokenClassification"
    if isinstance(model, XLMTextClassifier):
        _check_head_transform(model, is_xlm)
        if model.pooling != "first":
            raise ValueError(
                "Classifiers of transformers pool the first token. "
                f"Received: pooling={model.pooling!r}."
            )
        activation = keras.activations.serialize(model.activation)
        if activation != "linear":
            raise ValueError(
                "Classifiers of transformers answer with logits. Received: activation="
                f"{activation!r}. Make it with activation=None."
            )
        config["problem_type"] = model.problem_type
        return huggingface.classifier_names(config), "ForSequenceClassification"
    raise ValueError(f"{type(model).__name__} has no form in transformers.")


def _check_head_transform(model, is_xlm):
    if model.head_transform == is_xlm:
        raise ValueError(
            "The head has no form in transformers, where XLM's has head_transform="
            f"False and XLM-R's True. Received: {model.head_transform}."
        )


def _save_modules(embedder, folder):
    modules = [
        ("", "Transformer"),
        ("1_Pooling", "Pooling"),
        *([("2_Normalize", "Normalize")] if embedder.normalize else []),
    ]
    content = [
        {
            "idx": i,
            "name": str(i),
            "path": path,
            "type": f"sentence_transformers.models.{kind}",
        }
        for i, (path, kind) in enumerate(modules)
    ]
    (folder / MODULES_FILE).write_text(json.dumps(content, indent=2))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    pooling = {"word_embedding_dimension": embedder.backbone.hidden_dim}
    pooling |= {name: mode == embedder.pooling for name, mode in POOLINGS.items()}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling, indent=2))
    if embedder.preprocessor is not None:
        length = {"max_seq_length": embedder.preprocessor.sequence_length}
        (folder / "sentence_bert_config.json").write_text(json.dumps(length, indent=2))


def _save_tokenizer(preprocessor, folder):
    tokenizer = preprocessor.tokenizer
    config = {"model_max_length": preprocessor.sequence_length}
    if isinstance(tokenizer, XLMBPETokenizer):
        config["tokenizer_class"] = "XLMTokenizer"
        config["do_lowercase_and_remove_accent"] = tokenizer.lowercase
        config["bos_token"] = tokenizer.start_token
        if preprocessor.languages:
            config["lang2id"] = {x: i for i, x in enumerate(preprocessor.languages)}
            config["id2lang"] = {
                str(i): x for i, x in enumerate(preprocessor.languages)
            }
        tokenizer.save_assets(folder)
    else:
        config["tokenizer_class"] = "XLMRobertaTokenizer"
        (folder / SENTENCEPIECE_FILE).write_bytes(tokenizer.proto)
        tokens = enumerate(tokenizer.added_tokens, tokenizer.mask_token_id + 1)
        added = {
            str(token_id): {
                "content": token,
                "lstrip": False,
                "normalized": normalized,
                "rstrip": False,
                "single_word": False,
                "special": not normalized,
            }
            for token_id, (token, normalized) in tokens
        }
        if added:
            config["added_tokens_decoder"] = added
    path = folder / tokenizer_settings.CONFIG_FILE
    path.write_text(json.dumps(config, indent=2), encoding="utf-8")


def _as_tuple(names):
    return names if isinstance(names, tuple) else (names,)
