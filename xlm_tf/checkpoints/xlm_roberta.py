"""XLM-R and XLM-R XL in transformers' files: `XLMRobertaModel`, `XLMRobertaXLModel`."""

import dataclasses

from xlm_tf.checkpoints.declared_settings import OBEYED, no_effect, only
from xlm_tf.checkpoints.family import Family, activation_name
from xlm_tf.checkpoints.model_settings import SHARED_SETTINGS
from xlm_tf.checkpoints.tensor_names import dense, norm, qkv
from xlm_tf.checkpoints.xlm_roberta_tokenizer import XLM_ROBERTA_TOKENIZER

# What a file means where it says nothing: transformers' own defaults.
_DEFAULTS = {
    "vocab_size": 30522,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 1,
    "is_decoder": False,
}
_XL_DEFAULTS = {
    **_DEFAULTS,
    "vocab_size": 250880,
    "hidden_size": 2560,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "intermediate_size": 10240,
    "max_position_embeddings": 514,
    "type_vocab_size": 1,
    "layer_norm_eps": 1e-5,
}
_SETTINGS = {
    **SHARED_SETTINGS,
    **dict.fromkeys(_DEFAULTS, OBEYED),
    "hidden_act": only("gelu", "relu"),
    **no_effect("dropout of the head is training's", "classifier_dropout"),
}


def _arguments_of(config):
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
        "norm_placement": "post",
        "embedding_norm": True,
        "layer_norm_epsilon": config["layer_norm_eps"],
        "activation": config["hidden_act"],
        "zero_padding_states": False,
        "causal": config["is_decoder"],
        "pad_token_id": config["pad_token_id"],
    }


def _xl_arguments_of(config):
    return {**_arguments_of(config), "norm_placement": "pre", "embedding_norm": False}


def _config_of(backbone):
    return {
        "model_type": "xlm-roberta",
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
        "hidden_act": activation_name(backbone),
        "is_decoder": backbone.causal,
        "bos_token_id": 0,
        "pad_token_id": backbone.pad_token_id,
        "eos_token_id": 2,
    }


def _xl_config_of(backbone):
    return {**_config_of(backbone), "model_type": "xlm-roberta-xl"}


def _tensors_of(arguments):
    attention_norm, output_norm = "attention.output.LayerNorm", "output.LayerNorm"
    names = norm("embeddings/norm", "embeddings.LayerNorm")
    return names | _encoder(arguments, attention_norm, output_norm)


def _xl_tensors_of(arguments):
    attention_norm, output_norm = "attention.self_attn_layer_norm", "LayerNorm"
    names = norm("final_norm", "encoder.LayerNorm")
    return names | _encoder(arguments, attention_norm, output_norm)


def _encoder(arguments, attention_norm, output_norm):
    names = {
        "embeddings/token_embedding/embeddings": "embeddings.word_embeddings.weight",
        "embeddings/position_table": "embeddings.position_embeddings.weight",
    }
    if arguments["num_token_types"]:
        names["embeddings/token_type_table"] = "embeddings.token_type_embeddings.weight"
    for i in range(arguments["num_layers"]):
        block, layer = f"encoder_block_{i}", f"encoder.layer.{i}"
        attention, ffn = f"{block}/attention", f"{block}/feed_forward"
        parts = [f"{layer}.attention.self.{x}" for x in ("query", "key", "value")]
        names |= {
            **qkv(f"{attention}/qkv_dense", parts),
            **dense(f"{attention}/output_dense", f"{layer}.attention.output.dense"),
            **norm(f"{attention}_norm", f"{layer}.{attention_norm}"),
            **dense(f"{ffn}/intermediate_dense", f"{layer}.intermediate.dense"),
            **dense(f"{ffn}/output_dense", f"{layer}.output.dense"),
            **norm(f"{ffn}_norm", f"{layer}.{output_norm}"),
        }
    return names


XLM_ROBERTA = Family(
    model_type="xlm-roberta",
    class_name="XLMRoberta",
    heads="xlm-roberta",
    prefix="roberta.",
    num_separators=2,
    settings=_SETTINGS,
    defaults=_DEFAULTS,
    aliases={},
    arguments_of=_arguments_of,
    config_of=_config_of,
    tensors_of=_tensors_of,
    tokenizer=XLM_ROBERTA_TOKENIZER,
)
# Pre-LN, without a norm of the embeddings; the same settings, heads and tokenizer.
XLM_ROBERTA_XL = dataclasses.replace(
    XLM_ROBERTA,
    model_type="xlm-roberta-xl",
    class_name="XLMRobertaXL",
    defaults=_XL_DEFAULTS,
    arguments_of=_xl_arguments_of,
    config_of=_xl_config_of,
    tensors_of=_xl_tensors_of,
)
