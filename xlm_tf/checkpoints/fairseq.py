"""XLM-R as fairseq saves it: `model.pt`, `dict.txt`, `sentencepiece.bpe.model`."""

import re
from pathlib import Path

from xlm_tf.checkpoints.checkpoint import Checkpoint
from xlm_tf.checkpoints.declared_settings import check_settings, only
from xlm_tf.checkpoints.pickled_tensors import Record, read_pickled
from xlm_tf.checkpoints.tensor_files import Tensors, pickled_tensors
from xlm_tf.checkpoints.xlm_roberta import XLM_ROBERTA, XLM_ROBERTA_XL

MODEL_FILE = "model.pt"
# What fairseq's model of XLM-R reads of its arguments. A checkpoint holds those of the
# whole training; all others are of data, optimizer and the like.
_ARCHITECTURE = {
    "no_scale_embedding": only(True),
    "encoder_learned_pos": only(True),
    "no_token_positional_embeddings": only(False),
    "adaptive_input": only(False),
    "spectral_norm_classification_head": only(False),
    "encoder_layers_to_keep": only(),
    "mha_heads_to_keep": only(-1),
    "ffn_blocks_to_remove": only(-1),
    "activation_fn": only("gelu", "relu"),
    "pooler_activation_fn": only("tanh"),
    "char_inputs": only(False),
    "offset_positions_by_padding": only(True),
    "adaptive_softmax_cutoff": only(),
    "tie_adaptive_weights": only(False),
    "use_cross_attention": only(False),
}
_ENCODER = re.compile(r"(?:model\.)?(?:decoder|encoder)\.(?:sentence_encoder\.)?")
_BUFFERS = re.compile(r"(version|_float_tensor)$")
# fairseq's names and those of transformers. `final_layer_norm` is a layer's second.
_NAMES = (
    (r"embed_tokens\.", "roberta.embeddings.word_embeddings."),
    (r"embed_positions\.", "roberta.embeddings.position_embeddings."),
    (r"(?:emb_layer_norm|layernorm_embedding)\.", "roberta.embeddings.LayerNorm."),
    (r"layer_norm\.", "roberta.encoder.LayerNorm."),
    (r"layers\.(\d+)\.self_attn\.q_proj\.", r"{}attention.self.query."),
    (r"layers\.(\d+)\.self_attn\.k_proj\.", r"{}attention.self.key."),
    (r"layers\.(\d+)\.self_attn\.v_proj\.", r"{}attention.self.value."),
    (r"layers\.(\d+)\.self_attn\.out_proj\.", r"{}attention.output.dense."),
    (r"layers\.(\d+)\.fc1\.", r"{}intermediate.dense."),
    (r"layers\.(\d+)\.fc2\.", r"{}output.dense."),
    (r"lm_head\.weight", "lm_head.decoder.weight"),
    (r"lm_head\.", "lm_head."),
)
_POST_NORM = (
    (r"layers\.(\d+)\.self_attn_layer_norm\.", r"{}attention.output.LayerNorm."),
    (r"layers\.(\d+)\.final_layer_norm\.", r"{}output.LayerNorm."),
)
_PRE_NORM = (
    (r"layers\.(\d+)\.self_attn_layer_norm\.", r"{}attention.self_attn_layer_norm."),
    (r"layers\.(\d+)\.final_layer_norm\.", r"{}LayerNorm."),
)


def find(path):
    """The `.pt` that a path is, or the `model.pt` that it holds, or None."""
    path = Path(path)
    if path.is_dir():
        path = path / MODEL_FILE
    return path if path.suffix == ".pt" and path.is_file() else None


def read(model_file, ignored=()):
    """A checkpoint of fairseq, as transformers would hold it.

    Args:
        model_file: Path of a `model.pt`.
        ignored: tuple of str, names of settings to pass over.

    Returns:
        `Checkpoint`.

    Raises:
        ValueError: it was refused (see `read_pickled`), it is not of XLM-R, or it has a
            tensor or a setting that no model of the family has, which is named.
    """
    content = read_pickled(model_file)
    if not isinstance(content, dict) or "model" not in content:
        raise ValueError(f"{model_file} holds no model of fairseq.")
    stored = {
        name: tensor
        for name, tensor in pickled_tensors(content["model"]).items()
        if not _BUFFERS.search(name)
    }
    short = {_ENCODER.sub("", name, count=1): name for name in stored}
    is_pre_norm = "layer_norm.weight" in short
    rules = [*_NAMES, *(_PRE_NORM if is_pre_norm else _POST_NORM)]
    tensors = {}
    for name, full_name in short.items():
        tensor = stored[full_name]
        packed = re.fullmatch(r"layers\.(\d+)\.self_attn\.in_proj_(weight|bias)", name)
        head = re.fullmatch(r"classification_heads\.[^.]+\.(.+)", name)
        if packed:
            layer = f"roberta.encoder.layer.{packed[1]}.attention.self."
            for part, kind in enumerate(("query", "key", "value")):
                tensors[f"{layer}{kind}.{packed[2]}"] = (tensor, part, 3)
        elif head:
            tensors[f"classifier.{head[1]}"] = tensor
        else:
            tensors[_translated(name, rules, model_file, full_name)] = tensor
    return Checkpoint(
        model_file,
        XLM_ROBERTA_XL if is_pre_norm else XLM_ROBERTA,
        _config(content, short, stored, model_file, ignored),
        Tensors(model_file, tensors),
        ignored=ignored,
    )


def _translated(name, rules, model_file, full_name):
    for pattern, replacement in rules:
        match = re.match(pattern, name)
        if match:
            layer = match[1] if match.groups() else ""
            return (
                replacement.format(f"roberta.encoder.layer.{layer}.")
                + name[match.end() :]
            )
    raise ValueError(
        f"{model_file} holds tensors that no model of the family has: {full_name}."
    )


def _config(content, short, stored, model_file, ignored):
    settings = _plain(content.get("cfg") or content.get("args") or {})
    settings = settings.get("model", settings) or {}
    if not isinstance(settings, dict) or "encoder_attention_heads" not in settings:
        raise ValueError(
            f"{model_file} does not say how many attention heads it has "
            "(encoder_attention_heads): it is not of XLM-R as fairseq saves it."
        )

    check_settings(
        model_file,
        {name: settings[name] for name in _ARCHITECTURE if name in settings},
        _ARCHITECTURE,
        ignored,
    )

    def shape(name):
        if name not in short:
            raise ValueError(f"{model_file} lacks the tensor {name}.")
        return stored[short[name]].shape

    vocabulary_size, hidden_dim = shape("embed_tokens.weight")
    layers = {int(m[1]) for name in short if (m := re.match(r"layers\.(\d+)\.", name))}
    return {
        "vocab_size": vocabulary_size,
        "num_hidden_layers": len(layers),
        "num_attention_heads": settings["encoder_attention_heads"],
        "hidden_size": hidden_dim,
        "intermediate_size": shape("layers.0.fc1.weight")[0],
        "hidden_dropout_prob": settings.get("dropout", 0.1),
        "attention_probs_dropout_prob": settings.get("attention_dropout", 0.1),
        "hidden_act": settings.get("activation_fn", "gelu"),
        "max_position_embeddings": shape("embed_positions.weight")[0],
        # fairseq has no token types; transformers keeps one row of zeros for them.
        "type_vocab_size": 0,
        "layer_norm_eps": 1e-5,
        "pad_token_id": 1,
    }


def _plain(value):
    """Settings as dicts and values, whether of argparse, omegaconf or dicts."""
    if isinstance(value, Record):
        fields = value.fields
        if "_val" in fields:
            return _plain(fields["_val"])
        value = fields.get("_content", fields)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value
