"""XLM (2019) in transformers' files: `XLMModel` and what is built on it."""

from xlm_tf.checkpoints.declared_settings import OBEYED, no_effect, only
from xlm_tf.checkpoints.family import Family, activation_name
from xlm_tf.checkpoints.model_settings import SHARED_SETTINGS, SUMMARY_SETTINGS
from xlm_tf.checkpoints.tensor_names import dense, norm, qkv
from xlm_tf.checkpoints.xlm_tokenizer import XLM_TOKENIZER

# Names of the same setting, in older files and newer ones.
_ALIASES = {
    "n_words": "vocab_size",
    "hidden_size": "emb_dim",
    "num_attention_heads": "n_heads",
    "num_hidden_layers": "n_layers",
    "pad_index": "pad_token_id",
    "bos_index": "bos_token_id",
    "eos_index": "eos_token_id",
}
# What a file means where it says nothing: transformers' own defaults.
_DEFAULTS = {
    "vocab_size": 30145,
    "emb_dim": 2048,
    "n_layers": 12,
    "n_heads": 16,
    "dropout": 0.1,
    "attention_dropout": 0.1,
    "gelu_activation": True,
    "sinusoidal_embeddings": False,
    "causal": False,
    "n_langs": 1,
    "use_lang_emb": True,
    "max_position_embeddings": 512,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 2,
}
_SETTINGS = {
    **SHARED_SETTINGS,
    **dict.fromkeys(_DEFAULTS, OBEYED),
    **dict.fromkeys(SUMMARY_SETTINGS, OBEYED),
    "asm": only(False),
    "is_encoder": only(True),
    "lang2id": OBEYED,
    "id2lang": OBEYED,
    **no_effect(
        "dropout of the head is training's",
        "summary_first_dropout summary_last_dropout",
    ),
    **no_effect(
        "of the beam head for answers, which is refused", "start_n_top end_n_top"
    ),
    **no_effect("texts come with their languages", "lang_id"),
    "attention_setting": only("v1"),
    "encoder_only": only(True),
    **no_effect(
        "the weights say it: a projection of its own has a tensor",
        "share_inout_emb same_enc_dec",
    ),
    **no_effect(
        "of the original's training, whose arguments some released files hold",
        "max_vocab min_count amp fp16 accumulate_gradients context_size bptt "
        "batch_size tokens_per_batch max_batch_size max_len group_by_size "
        "lg_sampling_factor lgs sample_alpha save_periodic split_data use_apex "
        "word_blank word_dropout word_keep word_mask word_mask_keep_rand "
        "word_pred word_rand word_shuffle clip_grad_norm epoch_size max_epoch "
        "optimizer stopping_criterion validation_metrics dump_path exp_name "
        "exp_id data_path clm_steps mlm_steps lambda_clm lambda_mlm",
    ),
}


def _arguments_of(config):
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


def _config_of(backbone):
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
        "gelu_activation": activation_name(backbone) == "gelu",
        "causal": backbone.causal,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": backbone.pad_token_id,
        "pad_index": backbone.pad_token_id,
    }


def _tensors_of(arguments):
    names = {
        "embeddings/token_embedding/embeddings": "embeddings.weight",
        "embeddings/position_table": "position_embeddings.weight",
        **norm("embeddings/norm", "layer_norm_emb"),
    }
    if arguments["num_languages"]:
        names["embeddings/language_table"] = "lang_embeddings.weight"
    for i in range(arguments["num_layers"]):
        block, attention = f"encoder_block_{i}", f"attentions.{i}"
        names |= {
            **qkv(
                f"{block}/attention/qkv_dense", [f"{attention}.{x}_lin" for x in "qkv"]
            ),
            **dense(f"{block}/attention/output_dense", f"{attention}.out_lin"),
            **norm(f"{block}/attention_norm", f"layer_norm1.{i}"),
            **dense(f"{block}/feed_forward/intermediate_dense", f"ffns.{i}.lin1"),
            **dense(f"{block}/feed_forward/output_dense", f"ffns.{i}.lin2"),
            **norm(f"{block}/feed_forward_norm", f"layer_norm2.{i}"),
        }
    return names


def _decoder_tensors_of(arguments):
    """Those of an encoder, and of the attention to the source and its norm."""
    names = {
        f"decoder_{path.removeprefix('encoder_')}": tuple(
            f"decoder.{name}" for name in own
        )
        if isinstance(own, tuple)
        else f"decoder.{own}"
        for path, own in _tensors_of(arguments).items()
    }
    for i in range(arguments["num_layers"]):
        block, attention = f"decoder_block_{i}", f"decoder.encoder_attn.{i}"
        names |= {
            **dense(f"{block}/source_attention/query_dense", f"{attention}.q_lin"),
            **qkv(
                f"{block}/source_attention/key_value_dense",
                [f"{attention}.{x}_lin" for x in "kv"],
            ),
            **dense(f"{block}/source_attention/output_dense", f"{attention}.out_lin"),
            **norm(f"{block}/source_attention_norm", f"decoder.layer_norm15.{i}"),
        }
    return names


XLM = Family(
    model_type="xlm",
    class_name="XLM",
    heads="xlm",
    prefix="transformer.",
    num_separators=1,
    settings=_SETTINGS,
    defaults=_DEFAULTS,
    aliases=_ALIASES,
    arguments_of=_arguments_of,
    config_of=_config_of,
    tensors_of=_tensors_of,
    decoder_tensors_of=_decoder_tensors_of,
    tokenizer=XLM_TOKENIZER,
)
