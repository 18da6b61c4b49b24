"""Checkpoints in Hugging Face's format: XLM, XLM-R and XLM-R XL.

A folder holds `config.json` and the weights as safetensors, in one file or several
with an index. Nothing in it is executed.
"""

import json
from pathlib import Path

import numpy as np
import safetensors

FAMILY = ("xlm", "xlm-roberta", "xlm-roberta-xl")
# What a checkpoint may hold beyond a model: buffers, and heads that were not asked for.
_HEADS = (
    "lm_head.",
    "pred_layer.",
    "classifier.",
    "sequence_summary.",
    "qa_outputs.",
    "pooler.",
    "transformer.pooler.",
    "roberta.pooler.",
)
_BUFFERS = ("position_ids", "token_type_ids")


def is_huggingface(folder):
    """Whether a folder is a checkpoint of transformers, not a Keras preset."""
    path = Path(folder, "config.json")
    return path.is_file() and "model_type" in json.loads(path.read_text("utf-8"))


def read_config(folder):
    """The configuration of a checkpoint of the family.

    Raises:
        ValueError: it is of another architecture, or of a decoder.
    """
    config = json.loads(Path(folder, "config.json").read_text("utf-8"))
    if config.get("model_type") not in FAMILY:
        raise ValueError(
            f"{folder} holds a model of type {config.get('model_type')!r}. Expected "
            f"one of {FAMILY}."
        )
    if config.get("causal") or config.get("is_decoder"):
        raise ValueError(
            f"{folder} holds a causal language model: its attention sees the past "
            "only, which an encoder cannot load."
        )
    return config


def backbone_arguments(config):
    """The arguments of `XLMBackbone` that a configuration stands for."""
    if config["model_type"] == "xlm":
        languages = config.get("n_langs", 1)
        has_languages = languages > 1 and config.get("use_lang_emb", True)
        return {
            "vocabulary_size": config.get("vocab_size", config.get("n_words", 30145)),
            "num_layers": config.get("n_layers", 12),
            "num_heads": config.get("n_heads", 16),
            "hidden_dim": config.get("emb_dim", 2048),
            "intermediate_dim": 4 * config.get("emb_dim", 2048),
            "dropout": config.get("dropout", 0.1),
            "attention_dropout": config.get("attention_dropout", 0.1),
            "max_sequence_length": config.get("max_position_embeddings", 512),
            "num_languages": languages if has_languages else 0,
            "position_embedding": "sinusoidal"
            if config.get("sinusoidal_embeddings")
            else "learned",
            "layer_norm_epsilon": config.get("layer_norm_eps", 1e-12),
            "activation": "gelu" if config.get("gelu_activation", True) else "relu",
            "zero_padding_states": True,
            "pad_token_id": config.get("pad_index", 2),
        }
    pad_token_id = config.get("pad_token_id", 1)
    is_xl = config["model_type"] == "xlm-roberta-xl"
    return {
        "vocabulary_size": config["vocab_size"],
        "num_layers": config["num_hidden_layers"],
        "num_heads": config["num_attention_heads"],
        "hidden_dim": config["hidden_size"],
        "intermediate_dim": config["intermediate_size"],
        "dropout": config.get("hidden_dropout_prob", 0.1),
        "attention_dropout": config.get("attention_probs_dropout_prob", 0.1),
        # The rows up to the padding token's are never a token's position.
        "max_sequence_length": config["max_position_embeddings"] - pad_token_id - 1,
        "num_token_types": config.get("type_vocab_size", 1),
        "position_offset": pad_token_id + 1,
        "norm_placement": "pre" if is_xl else "post",
        "embedding_norm": not is_xl,
        "layer_norm_epsilon": config.get("layer_norm_eps", 1e-5),
        "activation": config.get("hidden_act", "gelu"),
        "pad_token_id": pad_token_id,
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
        "embeddings/token_type_table": "embeddings.token_type_embeddings.weight",
    }
    if is_xl:
        names |= _norm("final_norm", "encoder.LayerNorm")
    else:
        names |= _norm("embeddings/norm", "embeddings.LayerNorm")
    attention_norm = (
        "attention.self_attn_layer_norm" if is_xl else ("attention.output.LayerNorm")
    )
    feed_forward_norm = "LayerNorm" if is_xl else "output.LayerNorm"
    for i in range(config["num_hidden_layers"]):
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


def masked_lm_names(config):
    """dict from a variable of `XLMMaskedLM`'s head to its tensor's name."""
    if config["model_type"] == "xlm":
        return {"prediction_head/bias": "pred_layer.proj.bias"}
    return {
        "prediction_head/bias": "lm_head.bias",
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


class Checkpoint:
    """The tensors of a folder, read one at a time.

    Args:
        folder: str or Path with `model.safetensors`, or with parts and an index.

    Raises:
        FileNotFoundError: the folder or a part of it is missing.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        index = self.folder / "model.safetensors.index.json"
        if index.is_file():
            files = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
        else:
            files = {"model.safetensors"}
        self._files = {}
        for name in sorted(files):
            path = self.folder / name
            if not path.is_file():
                raise FileNotFoundError(
                    f"{self.folder} holds no {name}. Expected a checkpoint with its "
                    "weights as safetensors."
                )
            with safetensors.safe_open(path, framework="numpy") as file:
                self._files |= dict.fromkeys(file.keys(), path)
        self.names = set(self._files)

    def read(self, name):
        """One tensor as a NumPy array, in its own type."""
        with safetensors.safe_open(self._files[name], framework="numpy") as file:
            return file.get_tensor(name)


def load_weights(checkpoint, layers, names, prefix):
    """Read tensors into variables.

    Args:
        checkpoint: `Checkpoint`.
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
                f"{checkpoint.folder} lacks the tensor {missing[0]}: {path} needs it."
            )
        tensors = [checkpoint.read(prefix + part) for part in parts]
        value = np.concatenate(
            [t.T if t.ndim == 2 and _is_kernel(path) else t for t in tensors], axis=-1
        )
        if tuple(value.shape) != tuple(variable.shape):
            raise ValueError(
                f"The tensor {prefix + parts[0]} of {checkpoint.folder} has the shape "
                f"{tensors[0].shape}, which does not fit {path}, "
                f"{tuple(variable.shape)}: configuration and weights disagree."
            )
        variable.assign(value)


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


def _is_kernel(path):
    return path.endswith("/kernel")


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
