"""Checkpoints in Hugging Face's format: XLM, XLM-R and XLM-R XL.

A folder holds `config.json` and the weights, see `tensor_files`. The other formats are
read as what they would be in this one. Nothing in a checkpoint is executed.
"""

import json
from pathlib import Path

import keras
import numpy as np

from xlm_tf.checkpoints.declared_settings import read_json
from xlm_tf.checkpoints.model_settings import (
    DEFAULTS,
    FAMILY,
    named_alike,
    ordered_names,
)
from xlm_tf.checkpoints.tensor_files import write_safetensors
from xlm_tf.layers.merged_weights import merged_weights

CONFIG_FILE = "config.json"
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
)
_BUFFERS = ("position_ids", "token_type_ids")
MAX_SHARD_BYTES = 5_000_000_000


def is_huggingface(folder):
    """Whether a folder is a checkpoint of transformers, not a Keras preset."""
    path = Path(folder, CONFIG_FILE)
    return path.is_file() and "model_type" in read_json(path)


def read_config(folder):
    """The configuration of a checkpoint of the family, its settings named alike.

    Raises:
        ValueError: it is of another architecture, or contradicts itself.
    """
    path = Path(folder, CONFIG_FILE)
    config = read_json(path)
    if config.get("model_type") not in FAMILY:
        raise ValueError(
            f"{folder} holds a model of type {config.get('model_type')!r}. Expected "
            f"one of {FAMILY}."
        )
    return named_alike(path, config)


def labels_of(config, path=CONFIG_FILE):
    """Names of the classes in the order of their ids, or None where there are none.

    Args:
        config: dict, as of a config.json.
        path: of its file, for messages.

    Raises:
        ValueError: ids or names that are not one for each class.
    """
    given = config.get("label2id") or {}
    if all(str(name).startswith("LABEL_") for name in given) and config.get("id2label"):
        given = {}  # transformers' placeholders, beside the names
    return ordered_names({**config, "label2id": given}, "label2id", "id2label", path)


def problem_type_of(config, path, num_classes, reranker):
    """A classifier's `problem_type`, or None where the checkpoint does not say.

    transformers' own field; or what sentence-transformers applies to the one logit of
    a reranker: a sigmoid, or nothing, as in a regression.

    Args:
        config: dict, as of a config.json.
        path: of its file, for messages.
        num_classes: int, of the head.
        reranker: dict, of sentence-transformers' own file; empty where there is none.

    Raises:
        ValueError: a value that is not known.
    """
    known = {
        "single_label_classification": "single_label_classification",
        "multi_label_classification": "multi_label_classification",
        "regression": "regression",
    }
    name, value = "problem_type", config.get("problem_type")
    if value is None:
        known = {
            "torch.nn.modules.activation.Sigmoid": "multi_label_classification",
            # Of several classes, it says that the answer is logits.
            "torch.nn.modules.linear.Identity": "regression"
            if num_classes == 1
            else None,
        }
        name = "activation_fn"
        value = (
            (config.get("sentence_transformers") or {}).get(name)
            or config.get("sbert_ce_default_activation_function")
            or reranker.get(name)
        )
    if value is None:
        return None
    if value not in known:
        raise ValueError(
            f"{path} has {name}={value!r}, which is not supported. Expected one of "
            f"{list(known)}, or none. Pass problem_type to from_preset."
        )
    return known[value]


def languages_of(config, path=CONFIG_FILE):
    """Languages in the order of their ids; None where they are unnamed.

    Args:
        config: dict, as of a config.json.
        path: of its file, for messages.

    Raises:
        ValueError: ids or names that are not one for each language.
    """
    return ordered_names(config, "lang2id", "id2lang", path)


def backbone_arguments(config):
    """The arguments of `XLMBackbone` that a configuration stands for."""
    stated = {name: value for name, value in config.items() if value is not None}
    config = {**DEFAULTS[config["model_type"]], **stated}
    if config["model_type"] == "xlm":
        has_languages = config["n_langs"] > 1 and config["use_lang_emb"]
        return {
            "vocabulary_size": config["vocab_size"],
            "num_layers": config["n_layers"],
            "num_heads": config["n_heads"],
            "hidden_dim": config["emb_dim"],
            "intermediate_dim": 4 * config["emb_dim"],
            "dropout": config["dropout"],
            "attention_dropout": config["attention_dropout"],
            "max_sequence_length": config["max_position_embeddings"],
            "num_languages": config["n_langs"] if has_languages else 0,
            "num_token_types": 0,
            "position_offset": 0,
            "norm_placement": "post",
            "embedding_norm": True,
            "position_embedding": "sinusoidal"
            if config["sinusoidal_embeddings"]
            else "learned",
            "layer_norm_epsilon": config["layer_norm_eps"],
            "activation": "gelu" if config["gelu_activation"] else "relu",
            "zero_padding_states": True,
            "causal": config["causal"],
            "pad_token_id": config["pad_token_id"],
        }
    is_xl = config["model_type"] == "xlm-roberta-xl"
    return {
        "vocabulary_size": config["vocab_size"],
        "num_layers": config["num_hidden_layers"],
        "num_heads": config["num_attention_heads"],
        "hidden_dim": config["hidden_size"],
        "intermediate_dim": config["intermediate_size"],
        "dropout": config["hidden_dropout_prob"],
        "attention_dropout": config["attention_probs_dropout_prob"],
        # The rows up to the padding token's are never a token's position.
        "max_sequence_length": config["max_position_embeddings"]
        - config["pad_token_id"]
        - 1,
        "num_languages": 0,
        "num_token_types": config["type_vocab_size"],
        "position_embedding": "learned",
        "position_offset": config["pad_token_id"] + 1,
        "norm_placement": "pre" if is_xl else "post",
        "embedding_norm": not is_xl,
        "layer_norm_epsilon": config["layer_norm_eps"],
        "activation": config["hidden_act"],
        "zero_padding_states": False,
        "causal": config["is_decoder"],
        "pad_token_id": config["pad_token_id"],
    }


def backbone_names(config):
    """dict from a variable of `XLMBackbone` to the names of its tensors.

    Three names stand for query, key and value, which are one matrix here. Tensors are
    as PyTorch holds them: kernels (out, in).
    """
    if config["model_type"] == "xlm":
        arguments = backbone_arguments(config)
        names = {
            "embeddings/token_embedding/embeddings": "embeddings.weight",
            "embeddings/position_table": "position_embeddings.weight",
            **_norm("embeddings/norm", "layer_norm_emb"),
        }
        if arguments["num_languages"]:
            names["embeddings/language_table"] = "lang_embeddings.weight"
        for i in range(arguments["num_layers"]):
            block, attention = f"encoder_block_{i}", f"attentions.{i}"
            names |= {
                **_qkv(block, [f"{attention}.{x}_lin" for x in "qkv"]),
                **_dense(f"{block}/attention/output_dense", f"{attention}.out_lin"),
                **_norm(f"{block}/attention_norm", f"layer_norm1.{i}"),
                **_dense(f"{block}/feed_forward/intermediate_dense", f"ffns.{i}.lin1"),
                **_dense(f"{block}/feed_forward/output_dense", f"ffns.{i}.lin2"),
                **_norm(f"{block}/feed_forward_norm", f"layer_norm2.{i}"),
            }
        return names
    is_xl = config["model_type"] == "xlm-roberta-xl"
    names = {
        "embeddings/token_embedding/embeddings": "embeddings.word_embeddings.weight",
        "embeddings/position_table": "embeddings.position_embeddings.weight",
    }
    if backbone_arguments(config)["num_token_types"]:
        names["embeddings/token_type_table"] = "embeddings.token_type_embeddings.weight"
    if is_xl:
        names |= _norm("final_norm", "encoder.LayerNorm")
    else:
        names |= _norm("embeddings/norm", "embeddings.LayerNorm")
    attention_norm = (
        "attention.self_attn_layer_norm" if is_xl else ("attention.output.LayerNorm")
    )
    feed_forward_norm = "LayerNorm" if is_xl else "output.LayerNorm"
    for i in range(backbone_arguments(config)["num_layers"]):
        block, layer = f"encoder_block_{i}", f"encoder.layer.{i}"
        feed_forward = f"{block}/feed_forward"
        names |= {
            **_qkv(
                block,
                [f"{layer}.attention.self.{x}" for x in ("query", "key", "value")],
            ),
            **_dense(
                f"{block}/attention/output_dense", f"{layer}.attention.output.dense"
            ),
            **_norm(f"{block}/attention_norm", f"{layer}.{attention_norm}"),
            **_dense(
                f"{feed_forward}/intermediate_dense", f"{layer}.intermediate.dense"
            ),
            **_dense(f"{feed_forward}/output_dense", f"{layer}.output.dense"),
            **_norm(f"{feed_forward}_norm", f"{layer}.{feed_forward_norm}"),
        }
    return names


def prefix_of(config, names):
    """What stands before the backbone's names in a checkpoint: a task's do so."""
    prefix = "transformer." if config["model_type"] == "xlm" else "roberta."
    return prefix if any(name.startswith(prefix) for name in names) else ""


def projection_of(config):
    """The tensor of the output projection, and that of the token embedding."""
    if config["model_type"] == "xlm":
        return "pred_layer.proj.weight", "transformer.embeddings.weight"
    return "lm_head.decoder.weight", "roberta.embeddings.word_embeddings.weight"


def masked_lm_names(config, tied=True):
    """dict from a variable of `XLMMaskedLM`'s head to its tensor's name."""
    names = {}
    if not tied:
        names["prediction_head/projection"] = projection_of(config)[0]
    if config["model_type"] == "xlm":
        return {**names, "prediction_head/bias": "pred_layer.proj.bias"}
    return {
        **names,
        "prediction_head/bias": "lm_head.bias" if tied else "lm_head.decoder.bias",
        **_dense("prediction_head/dense", "lm_head.dense"),
        **_norm("prediction_head/norm", "lm_head.layer_norm"),
    }


def classifier_names(config):
    """dict from a variable of `XLMTextClassifier`'s head to its tensor's name."""
    if config["model_type"] == "xlm":
        return _dense("logits_dense", "sequence_summary.summary")
    return {
        **_dense("hidden_dense", "classifier.dense"),
        **_dense("logits_dense", "classifier.out_proj"),
    }


def token_classifier_names(config):
    """dict from a variable of `XLMTokenClassifier`'s head to its tensor's name."""
    return _dense("logits_dense", "classifier")


def question_answering_names(config):
    """dict from a variable of `XLMQuestionAnswering`'s head to its tensor's name."""
    return _dense("span_dense", "qa_outputs")


def load_weights(checkpoint, layers, names, prefix):
    """Read tensors into variables.

    Args:
        checkpoint: `Tensors`.
        layers: list of Keras layers whose variables are to be filled.
        names: dict from a variable's path to one tensor name, or to three.
        prefix: str, before every name in the checkpoint.

    Raises:
        ValueError: a tensor is missing or has another shape; names it.
    """
    variables = {
        variable.path: variable for layer in layers for variable in layer.variables
    }
    for path, own in names.items():
        variable = _variable(variables, path)
        parts = own if isinstance(own, tuple) else (own,)
        missing = [
            prefix + part for part in parts if prefix + part not in checkpoint.names
        ]
        if missing:
            raise ValueError(
                f"{checkpoint.source} lacks the tensor {missing[0]}: {path} needs it."
            )
        is_kernel = path.endswith("/kernel")
        shape = list(variable.shape)
        shape[-1] //= len(parts)
        if is_kernel:
            shape.reverse()
        for part in parts:
            stored = checkpoint.shape(prefix + part)
            if stored != tuple(shape):
                raise ValueError(
                    f"The tensor {prefix + part} of {checkpoint.source} has the shape "
                    f"{stored}. Expected {tuple(shape)}, for {path}: configuration and "
                    "weights disagree."
                )
        if len(parts) == 1 and is_kernel:
            variable.assign(checkpoint.read(prefix + own).T)
            continue
        if len(parts) == 1 and keras.backend.backend() != "tensorflow":
            variable.assign(checkpoint.read(prefix + own))
            continue
        if len(parts) == 1:
            # Some rows at a time: the token embedding is most of a model.
            for rows, value in checkpoint.blocks(prefix + own):
                variable.value[rows].assign(value.astype(variable.dtype))
            continue
        tensors = [checkpoint.read(prefix + part) for part in parts]
        variable.assign(
            np.concatenate([t.T if is_kernel else t for t in tensors], axis=-1)
        )


def save_weights(folder, layers, names, extra):
    """Write variables as safetensors, in files of at most 5 GB each.

    Args:
        folder: Path.
        layers: list of Keras layers whose variables are to be written, with adapters
            merged into them.
        names: dict from a variable's path to one tensor name, or to three.
        extra: dict of further small arrays by their names.
    """
    variables = merged_weights(layers)
    shards, size = [{}], 0
    for path, own in names.items():
        variable = _variable(variables, path)
        num_bytes = 4 * int(np.prod(variable.shape))
        if size and size + num_bytes > MAX_SHARD_BYTES:
            shards.append({})
            size = 0
        shards[-1][path] = own
        size += num_bytes
    files = {}
    for number, shard in enumerate(shards, start=1):
        file = "model.safetensors"
        if len(shards) > 1:
            file = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        tensors = dict(extra) if number == 1 else {}
        for path, own in shard.items():
            value = np.asarray(_variable(variables, path))
            if value.dtype.itemsize < 4:  # safetensors of NumPy has no bfloat16
                value = value.astype("float32")
            parts = own if isinstance(own, tuple) else (own,)
            for name, part in zip(
                parts, np.split(value, len(parts), axis=-1), strict=True
            ):
                tensor = part.T if path.endswith("/kernel") else part
                tensors[name] = np.ascontiguousarray(tensor)
        write_safetensors(tensors, folder / file, {"format": "pt"})
        files |= dict.fromkeys(tensors, file)
    if len(shards) > 1:
        index = {"metadata": {}, "weight_map": files}
        path = folder / "model.safetensors.index.json"
        path.write_text(json.dumps(index, indent=2), encoding="utf-8")


def config_of(backbone, labels=None, languages=None):
    """The `config.json` of a backbone, the inverse of `backbone_arguments`.

    Args:
        backbone: an `XLMBackbone`.
        labels: list of str, names of the classes of its task.
        languages: list of str, in the order of the language embedding's rows.

    Returns:
        dict.

    Raises:
        ValueError: the backbone is of a form that transformers does not have.
    """
    for model_type in FAMILY:
        config = _config_as(backbone, model_type)
        own = {key: getattr(backbone, key) for key in backbone_arguments(config)}
        own["activation"] = _activation_name(backbone)
        arguments = backbone_arguments(config)
        if arguments["num_token_types"] == 1 and own["num_token_types"] == 0:
            own["num_token_types"] = 1  # a row of zeros is added
        if arguments == own:
            break
    else:
        raise ValueError(
            "This model has no form in transformers, whose models are XLM (positions "
            "from 0, no token types, padding states of zero, intermediate_dim of 4 x "
            "hidden_dim), XLM-R (position_offset=pad_token_id + 1, no languages, "
            "norm_placement='post') and XLM-R XL ('pre', without embedding_norm). "
            f"Received: {backbone.get_config()}."
        )
    if labels is not None:
        config["id2label"] = {str(i): label for i, label in enumerate(labels)}
        config["label2id"] = {label: i for i, label in enumerate(labels)}
    if languages is not None:
        config["lang2id"] = {language: i for i, language in enumerate(languages)}
        config["id2lang"] = {str(i): language for i, language in enumerate(languages)}
    return config


def _config_as(backbone, model_type):
    if model_type == "xlm":
        return {
            "model_type": "xlm",
            "vocab_size": backbone.vocabulary_size,
            "emb_dim": backbone.hidden_dim,
            "n_layers": backbone.num_layers,
            "n_heads": backbone.num_heads,
            "dropout": backbone.dropout,
            "attention_dropout": backbone.attention_dropout,
            "max_position_embeddings": backbone.max_sequence_length,
            "n_langs": max(backbone.num_languages, 1),
            "use_lang_emb": backbone.num_languages > 0,
            "sinusoidal_embeddings": backbone.position_embedding == "sinusoidal",
            "layer_norm_eps": backbone.layer_norm_epsilon,
            "gelu_activation": _activation_name(backbone) == "gelu",
            "causal": backbone.causal,
            "bos_token_id": 0,
            "eos_token_id": 1,
            "pad_token_id": backbone.pad_token_id,
            "pad_index": backbone.pad_token_id,
        }
    return {
        "model_type": model_type,
        "vocab_size": backbone.vocabulary_size,
        "num_hidden_layers": backbone.num_layers,
        "num_attention_heads": backbone.num_heads,
        "hidden_size": backbone.hidden_dim,
        "intermediate_size": backbone.intermediate_dim,
        "hidden_dropout_prob": backbone.dropout,
        "attention_probs_dropout_prob": backbone.attention_dropout,
        "max_position_embeddings": backbone.max_sequence_length
        + backbone.pad_token_id
        + 1,
        "type_vocab_size": max(backbone.num_token_types, 1),
        "layer_norm_eps": backbone.layer_norm_epsilon,
        "hidden_act": _activation_name(backbone),
        "is_decoder": backbone.causal,
        "bos_token_id": 0,
        "pad_token_id": backbone.pad_token_id,
        "eos_token_id": 2,
    }


def _activation_name(backbone):
    return getattr(backbone.activation, "__name__", str(backbone.activation))


def unexpected(checkpoint, used, prefix):
    """Tensors that no part of the family has, sorted."""
    return sorted(
        name
        for name in checkpoint.names - {prefix + name for name in used} - set(used)
        if not name.startswith(_HEADS) and not name.endswith(_BUFFERS)
    )


def _variable(variables, path):
    if path in variables:
        return variables[path]
    # A head's layers are named without the task before them.
    (variable,) = [v for p, v in variables.items() if p.endswith("/" + path)]
    return variable


def _qkv(block, names):
    layer = f"{block}/attention/qkv_dense"
    return {
        f"{layer}/kernel": tuple(f"{name}.weight" for name in names),
        f"{layer}/bias": tuple(f"{name}.bias" for name in names),
    }


def _dense(layer, name):
    return {f"{layer}/kernel": f"{name}.weight", f"{layer}/bias": f"{name}.bias"}


def _norm(layer, name):
    return {f"{layer}/gamma": f"{name}.weight", f"{layer}/beta": f"{name}.bias"}
