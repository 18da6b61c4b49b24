"""XLM-R as KerasHub saves it: the presets of `XLMRobertaBackbone` and its tasks.

A preset is a folder. config.json and task.json name classes and their arguments,
preprocessor.json and tokenizer.json how texts are read; weights are HDF5 files. All of
it is read as data: no class is made because a file names it.
"""

import dataclasses
import math
import re
from pathlib import Path

from xlm_tf.checkpoints.checkpoint import CONFIG_FILE, Checkpoint
from xlm_tf.checkpoints.declared_settings import (
    OBEYED,
    check_settings,
    no_effect,
    only,
    read_json,
    read_json_if_there,
)
from xlm_tf.checkpoints.sentence_transformers import Embedding
from xlm_tf.checkpoints.tensor_files import RowsAfterZeros, Tensors, read_hdf5
from xlm_tf.checkpoints.xlm_roberta import XLM_ROBERTA
from xlm_tf.checkpoints.xlm_roberta_tokenizer import XLM_ROBERTA_TOKENIZER
from xlm_tf.text.sentencepiece_tokenizer import XLMSentencePieceTokenizer

TASK_FILE = "task.json"
PREPROCESSOR_FILE = "preprocessor.json"
TOKENIZER_FILE = "tokenizer.json"
VOCABULARY_FILE = "assets/tokenizer/vocabulary.spm"
WEIGHTS_FILE = "model.weights.h5"
SHARDS_FILE = "model.weights.json"
TASK_WEIGHTS_FILE = "task.weights.h5"
FILES = (
    CONFIG_FILE,
    TASK_FILE,
    PREPROCESSOR_FILE,
    TOKENIZER_FILE,
    VOCABULARY_FILE,
    WEIGHTS_FILE,
    SHARDS_FILE,
    TASK_WEIGHTS_FILE,
)
_PACKAGES = ("keras_hub", "keras_nlp")
BACKBONE = "XLMRobertaBackbone"
_CLASSIFIERS = ("XLMRobertaTextClassifier", "XLMRobertaClassifier")  # new name, old
_MASKED_LM = "XLMRobertaMaskedLM"
_EMBEDDER = "XLMRobertaTextEmbedder"

# What every layer and preprocessor of Keras says.
_OF_LAYERS = {
    **no_effect("names nothing that is computed", "name config_file"),
    "trainable": only(True),
    "dtype": OBEYED,
}
_BACKBONE_SETTINGS = {
    **_OF_LAYERS,
    **dict.fromkeys(
        (
            "vocabulary_size",
            "num_layers",
            "num_heads",
            "hidden_dim",
            "intermediate_dim",
            "dropout",
            "max_sequence_length",
        ),
        OBEYED,
    ),
}
_TASK_SETTINGS = {
    **_OF_LAYERS,
    "backbone": OBEYED,
    "preprocessor": OBEYED,
}
_ACTIVATIONS = ("linear", "softmax", "sigmoid", "tanh", "relu")
_CLASSIFIER_SETTINGS = {
    **_TASK_SETTINGS,
    "num_classes": OBEYED,
    "activation": only(*_ACTIVATIONS),
    "hidden_dim": OBEYED,
    "dropout": OBEYED,
}
_EMBEDDER_SETTINGS = {
    **_TASK_SETTINGS,
    "pooling_mode": only("mean", "cls", "max"),
    "normalize": only(True, False),
}
MASKING = (
    "mask_selection_rate",
    "mask_selection_length",
    "mask_token_rate",
    "random_token_rate",
)
_PREPROCESSOR_SETTINGS = {
    **_OF_LAYERS,
    "tokenizer": OBEYED,
    "sequence_length": OBEYED,
    "truncate": only("round_robin"),
    **dict.fromkeys(MASKING, OBEYED),
}
_TOKENIZER_SETTINGS = {
    **_OF_LAYERS,
    "proto": only(),
    "sequence_length": only(),
    "add_bos": only(False),
    "add_eos": only(False),
}
# Layers in a file of KerasHub, in a model of it, and the modules of transformers. Each
# has two variables: a kernel, or a scale, and a bias.
_LAYERS_OF_BLOCKS = (
    (
        "self_attention_layer/query_dense",
        "self_attention_layer/query",
        "attention.self.query",
    ),
    (
        "self_attention_layer/key_dense",
        "self_attention_layer/key",
        "attention.self.key",
    ),
    (
        "self_attention_layer/value_dense",
        "self_attention_layer/value",
        "attention.self.value",
    ),
    (
        "self_attention_layer/output_dense",
        "self_attention_layer/attention_output",
        "attention.output.dense",
    ),
    *(
        (name, name, module)
        for name, module in (
            ("self_attention_layer_norm", "attention.output.LayerNorm"),
            ("feedforward_intermediate_dense", "intermediate.dense"),
            ("feedforward_output_dense", "output.dense"),
            ("feedforward_layer_norm", "output.LayerNorm"),
        )
    ),
)
_LAYERS_OF_HEADS = (
    ("dense", "pooled_dense", "classifier.dense"),
    ("dense_1", "logits", "classifier.out_proj"),
    (
        "masked_lm_head/intermediate_dense",
        "mlm_head/intermediate_dense",
        "lm_head.dense",
    ),
    (
        "masked_lm_head/intermediate_layer_norm",
        "mlm_head/intermediate_layer_norm",
        "lm_head.layer_norm",
    ),
)
POSITIONS = "embeddings.position_embeddings.weight"
# A variable alone, likewise.
_VARIABLES = (
    (
        "token_and_position_embedding/token_embedding/0",
        "embeddings/token_embedding/embeddings",
        "embeddings.word_embeddings.weight",
    ),
    (
        "token_and_position_embedding/position_embedding/0",
        "embeddings/position_embedding/embeddings",
        POSITIONS,
    ),
)
_VARIABLES_OF_HEADS = (("masked_lm_head/0", "mlm_head/output_bias", "lm_head.bias"),)
# What a file may hold beside a model's weights; Keras 3.5 wrote an encoder into
# the file of its task too, where it does not read it.
_PASSED_OVER = re.compile(r"(^|/)(seed_generator|optimizer|xlm_roberta_backbone)/")


def find(path):
    """The folder, where it is a preset of KerasHub and not one of this package."""
    config = Path(path, CONFIG_FILE)
    if config.is_file() and _name_in(read_json(config))[0] in _PACKAGES:
        return Path(path)
    return None


def read(folder, ignored=()):
    """A preset of KerasHub, as transformers would hold it.

    Args:
        folder: Path, as `find` returns it.
        ignored: tuple of str, names of settings to pass over; "task.json" for the
            encoder alone.

    Returns:
        `Checkpoint`.

    Raises:
        ValueError: it is of another class, has a setting that can be neither obeyed nor
            passed over, or is damaged; says what.
        FileNotFoundError: its weights are missing.
    """
    folder = Path(folder)
    path = folder / CONFIG_FILE
    content = read_json(path)
    name = _name_in(content)[1]
    if name in (*_CLASSIFIERS, _MASKED_LM):
        raise ValueError(
            f"{path} is of an {name}: so old a KerasNLP saved tasks in a way that "
            "KerasHub reads no more, nor is it read here. Load it with that KerasNLP "
            "and save its backbone, on which a new head is trained."
        )
    if name != BACKBONE:
        raise ValueError(
            f"{folder} holds a {name} of KerasHub. Expected {BACKBONE}, which is "
            "XLM-R: KerasHub itself loads the others, by "
            f"keras_hub.models.{name}.from_preset."
        )
    config = _arguments(path, content, _BACKBONE_SETTINGS, ignored)
    sizes = _sizes(path, config, "num_layers", "num_heads", "hidden_dim")
    of_task = _read_task(folder, config, ignored)
    tensors = _tensors_of(folder, of_task["saved_as"], *sizes)
    _check_classes(folder, of_task["task_arguments"], tensors)
    return Checkpoint(
        folder,
        _FAMILY,
        _config_of(path, config),
        Tensors(folder, tensors),
        ignored=ignored,
        **of_task,
    )


def check_new_head(checkpoint):
    """Refuse to begin a head on what KerasHub saved with another task's.

    Args:
        checkpoint: `Checkpoint` of any format, without the head that is asked for.

    Raises:
        ValueError: says how to begin one.
    """
    if checkpoint.saved_as not in (None, BACKBONE):
        raise ValueError(
            f"{checkpoint.path} holds an {checkpoint.saved_as} of KerasHub, which has "
            "another head than is asked for. xlm_tf.load_task loads it as what it is; "
            "a new head, to be trained, begins with the class of a task on "
            "xlm_tf.XLMBackbone.from_preset(...)."
        )


def tensor_names(num_layers):
    """dict from the variables of KerasHub's models, by their paths, to the tensors of
    transformers, without the prefix of a model with a head."""
    names = {variable: tensor for _, variable, tensor in _all_variables()}
    for _, layer, module in _all_layers(num_layers):
        names |= {
            f"{layer}/kernel": f"{module}.weight",
            f"{layer}/gamma": f"{module}.weight",
            f"{layer}/bias": f"{module}.bias",
            f"{layer}/beta": f"{module}.bias",
        }
    return names


def _all_layers(num_layers):
    yield "layer_normalization", "embeddings_layer_norm", "embeddings.LayerNorm"
    for i in range(num_layers):
        number = f"_{i}" if i else ""
        for stored, layer, module in _LAYERS_OF_BLOCKS:
            yield (
                f"transformer_encoder{number}/{stored}",
                f"transformer_layer_{i}/{layer}",
                f"encoder.layer.{i}.{module}",
            )
    yield from _LAYERS_OF_HEADS


def _all_variables():
    return *_VARIABLES, *_VARIABLES_OF_HEADS


def _stored_names(num_layers):
    """dict from paths in files, in one spelling, to tensors of transformers."""
    names = {stored: tensor for stored, _, tensor in _all_variables()}
    for stored, _, module in _all_layers(num_layers):
        names |= {f"{stored}/0": f"{module}.weight", f"{stored}/1": f"{module}.bias"}
    return names


def _name_in(content):
    """`(package, class)` of an object that Keras serialized."""
    content = content if isinstance(content, dict) else {}
    package, _, name = str(content.get("registered_name")).partition(">")
    return package, name


def _arguments(path, content, settings, ignored):
    """The arguments of an object that Keras serialized, all of them known.

    A missing one is None.
    """
    config = content.get("config") if isinstance(content, dict) else None
    if not isinstance(config, dict):
        raise ValueError(
            f"{path} must hold objects with their config, as Keras writes them. "
            f"Received: {content!r}."
        )
    check_settings(path, config, settings, ignored)
    dtype = config.get("dtype")
    if isinstance(dtype, dict) and dtype.get("class_name") != "DTypePolicy":
        raise ValueError(
            f"{path} is of a quantised model (dtype: {dtype.get('class_name')}), which "
            "is not supported. Expected weights that are floats."
        )
    return {name: value for name, value in config.items() if name not in ignored}


def _sizes(path, config, *names):
    for name in names:
        value = config.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(
                f"{path} must say {name}, a number of at least 1. Received: {name}="
                f"{value!r}."
            )
    return [config[name] for name in names]


def _read_task(folder, backbone, ignored):
    """What a preset says beyond its encoder: a dict of attributes of `Checkpoint`."""
    path = folder / TASK_FILE
    task = {} if TASK_FILE in ignored else read_json_if_there(path)
    texts = _preprocessor(folder / PREPROCESSOR_FILE, None, ignored)
    name, of_head, embedding = BACKBONE, {}, None
    if task:
        name = _name_in(task)[1]
        own = _task_arguments(path, task, name, backbone, ignored)
        if own.get("preprocessor"):
            texts = _preprocessor(path, own["preprocessor"], ignored)
        if name in _CLASSIFIERS:
            (num_classes,) = _sizes(path, own, "num_classes")
            of_head = {
                "num_classes": num_classes,
                "dropout": own.get("dropout", 0.0),
                "activation": own.get("activation"),
            }
        elif name == _EMBEDDER:
            pooling = own.get("pooling_mode", "mean")
            embedding = Embedding(
                pooling="first" if pooling == "cls" else pooling,
                normalize=own.get("normalize", True),
                max_length=texts.get("sequence_length"),
                lowercase=False,
            )
    return {
        "saved_as": name,
        "task_arguments": of_head,
        "preprocessor_arguments": texts,
        "embedding": embedding,
    }


def _check_classes(folder, of_head, tensors):
    kernel = tensors.get("classifier.out_proj.weight")
    num_classes = of_head.get("num_classes")
    if None not in (kernel, num_classes) and kernel.shape[0] != num_classes:
        raise ValueError(
            f"{folder / TASK_FILE} has num_classes={num_classes}. Expected "
            f"{kernel.shape[0]}, as the head in {TASK_WEIGHTS_FILE} has."
        )


def _task_arguments(path, task, name, backbone, ignored):
    """The arguments of a task, whose backbone must be that of config.json."""
    if name in _CLASSIFIERS:
        settings = _CLASSIFIER_SETTINGS
    elif name == _EMBEDDER:
        settings = _EMBEDDER_SETTINGS
    elif name == _MASKED_LM:
        settings = _TASK_SETTINGS
    else:
        raise ValueError(
            f"{path} is of a task {name}, which is not supported. Expected one of "
            f"{', '.join((*_CLASSIFIERS, _MASKED_LM, _EMBEDDER))}. For the encoder "
            f"without it, pass ignored_settings=[{TASK_FILE!r}] to from_preset."
        )
    arguments = _arguments(path, task, settings, ignored)
    content = arguments.get("backbone")
    own = _arguments(path, content, _BACKBONE_SETTINGS, ignored)
    for argument in _BACKBONE_SETTINGS.keys() - _OF_LAYERS.keys():
        if own.get(argument) != backbone.get(argument):
            raise ValueError(
                f"{path} and the {CONFIG_FILE} beside it are of two models: they have "
                f"{argument}={own.get(argument)!r} and {backbone.get(argument)!r}."
            )
    hidden_dim = arguments.get("hidden_dim")
    if hidden_dim is not None and hidden_dim != backbone["hidden_dim"]:
        raise ValueError(
            f"{path} has a head with hidden_dim={hidden_dim}, which is not supported. "
            f"Expected {backbone['hidden_dim']}, as the encoder has. For the encoder "
            f"without the head, pass ignored_settings=[{TASK_FILE!r}] to from_preset."
        )
    return arguments


def _preprocessor(path, content, ignored):
    """What preprocessor.json, or the part of task.json, says of texts: a dict."""
    content = read_json_if_there(path) if content is None else content
    if not content:
        return {}
    arguments = _arguments(path, content, _PREPROCESSOR_SETTINGS, ignored)
    if arguments.get("sequence_length") is not None:
        _sizes(path, arguments, "sequence_length")
    return {
        name: arguments[name]
        for name in ("sequence_length", *MASKING)
        if arguments.get(name) is not None
    }


def _config_of(path, config):
    """The config.json of transformers that a backbone's arguments stand for."""
    names = "vocabulary_size", "intermediate_dim"
    vocabulary_size, intermediate_dim = _sizes(path, config, *names)
    dropout = config.get("dropout", 0.1)
    config = {"max_sequence_length": 512, **config}
    (length,) = _sizes(path, config, "max_sequence_length")
    return {
        "vocab_size": vocabulary_size,
        "num_hidden_layers": config["num_layers"],
        "num_attention_heads": config["num_heads"],
        "hidden_size": config["hidden_dim"],
        "intermediate_size": intermediate_dim,
        "hidden_act": "gelu",
        "hidden_dropout_prob": dropout,
        "attention_probs_dropout_prob": dropout,
        # KerasHub's table begins with the first position, transformers' with two rows
        # that no token has.
        "max_position_embeddings": length + 2,
        # KerasHub adds the one token type to the positions.
        "type_vocab_size": 0,
        "layer_norm_eps": 1e-5,
        "pad_token_id": 1,
    }


def _tensors_of(folder, saved_as, num_layers, num_heads, hidden_dim):
    """dict from names of transformers to tensors of a preset's files."""
    paths = _weight_files(folder)
    if saved_as not in (BACKBONE, _EMBEDDER):
        paths.append(_existing(folder / TASK_WEIGHTS_FILE))
    names, tensors = _stored_names(num_layers), {}
    for path in paths:
        for stored, tensor in read_hdf5(path).items():
            if _PASSED_OVER.search(stored):
                continue
            name = names.get(_plain(stored))
            if name is None:
                raise ValueError(
                    f"{path} holds weights that no {BACKBONE} with num_layers="
                    f"{num_layers}, nor a task on it, has: {stored}."
                )
            if re.search(r"self\.(query|key|value)\.weight$", name):
                expected = hidden_dim, num_heads, hidden_dim // num_heads
                if tensor.shape != expected:
                    raise ValueError(
                        f"{stored} of {path} has the shape {tensor.shape}. Expected "
                        f"{expected}: {CONFIG_FILE} and weights disagree."
                    )
            is_of_head = name.startswith(("classifier.", "lm_head."))
            prefix = "" if is_of_head else XLM_ROBERTA.prefix
            tensors[prefix + name] = _as_of_transformers(name, tensor)
    return tensors


def _as_of_transformers(name, tensor):
    if name == POSITIONS:
        return RowsAfterZeros(tensor, 2)
    if name.endswith("_embeddings.weight"):
        return tensor
    if len(tensor.shape) == 1:
        return tensor
    if name.endswith(".bias"):
        return tensor.view((math.prod(tensor.shape),), (1,))
    # A kernel, whose inputs come first; those of an attention's output are two.
    num_inputs = 2 if name.endswith("attention.output.dense.weight") else 1
    rows = math.prod(tensor.shape[:num_inputs])
    columns = math.prod(tensor.shape[num_inputs:])
    return tensor.view((columns, rows), (1, columns))


def _plain(stored):
    """A path in a file in one spelling, whichever release of Keras wrote it."""
    parts = [part.lstrip("_") for part in stored.split("/") if part != "vars"]
    if parts[0] in ("layers", "layer_checkpoint_dependencies"):
        del parts[0]
    return "/".join(parts)


def _weight_files(folder):
    """Paths of the files with the encoder's weights."""
    if (folder / WEIGHTS_FILE).is_file() or not (folder / SHARDS_FILE).is_file():
        return [_existing(folder / WEIGHTS_FILE)]
    return [_existing(folder / name) for name in shards(folder / SHARDS_FILE)]


def shards(path):
    """Names of the files that the index of a sharded model names, in order."""
    weight_map = read_json(path).get("weight_map")
    if not isinstance(weight_map, dict):
        raise ValueError(f"{path} holds no weight_map: it is not an index of weights.")
    names = set()
    for value in weight_map.values():
        names.update(value if isinstance(value, list) else [value])
    return sorted(Path(name).name for name in names)


def _existing(path):
    if not path.is_file():
        raise FileNotFoundError(
            f"{path.parent} holds no {path.name}, which its other files speak of: the "
            "preset is not whole. Copy or download it again."
        )
    return path


def _load_tokenizer(checkpoint, settings, lowercase):
    path = checkpoint.folder / TOKENIZER_FILE
    if not path.is_file():
        return None
    content = read_json(path)
    name = _name_in(content)[1]
    if name != "XLMRobertaTokenizer":
        raise ValueError(
            f"{path} is of the tokenizer {name}. Expected XLMRobertaTokenizer."
        )
    _arguments(path, content, _TOKENIZER_SETTINGS, checkpoint.ignored)
    vocabulary = _existing(checkpoint.folder / VOCABULARY_FILE)
    return XLMSentencePieceTokenizer(vocabulary.read_bytes())


_FAMILY = dataclasses.replace(
    XLM_ROBERTA,
    tokenizer=dataclasses.replace(XLM_ROBERTA_TOKENIZER, load=_load_tokenizer),
)
