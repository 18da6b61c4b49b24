"""The settings of `config.json` and `generation_config.json`, and their meaning."""

from xlm_tf.checkpoints.declared_settings import (
    OBEYED,
    check_settings,
    no_effect,
    only,
)

FAMILY = ("xlm", "xlm-roberta", "xlm-roberta-xl")
# Names of the same setting, in older files and newer ones.
_ALIASES = {
    "xlm": {
        "n_words": "vocab_size",
        "hidden_size": "emb_dim",
        "num_attention_heads": "n_heads",
        "num_hidden_layers": "n_layers",
        "pad_index": "pad_token_id",
        "bos_index": "bos_token_id",
        "eos_index": "eos_token_id",
    },
    "xlm-roberta": {},
    "xlm-roberta-xl": {},
}
# What a file means where it says nothing: transformers' own defaults.
_ROBERTA_DEFAULTS = {
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
DEFAULTS = {
    "xlm": {
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
    },
    "xlm-roberta": _ROBERTA_DEFAULTS,
    "xlm-roberta-xl": {
        **_ROBERTA_DEFAULTS,
        "vocab_size": 250880,
        "hidden_size": 2560,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "intermediate_size": 10240,
        "max_position_embeddings": 514,
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-5,
    },
}
# How a search writes texts: read for models that write, see `check_generation`.
_SEARCH = {
    "max_length": only(20),
    "min_length": only(0),
    "do_sample": only(False),
    "early_stopping": only(False),
    "num_beams": only(1),
    "num_beam_groups": only(1),
    "diversity_penalty": only(0.0),
    "repetition_penalty": only(1.0),
    "encoder_repetition_penalty": only(1.0),
    "length_penalty": only(1.0),
    "no_repeat_ngram_size": only(0),
    "encoder_no_repeat_ngram_size": only(0),
    "num_return_sequences": only(1),
    "bad_words_ids": only(),
    "forced_bos_token_id": only(),
    "forced_eos_token_id": only(),
    "suppress_tokens": only(),
    "begin_suppress_tokens": only(),
    "exponential_decay_length_penalty": only(),
    "max_new_tokens": only(),
    "min_new_tokens": only(),
    **no_effect(
        "of sampling, which do_sample turns on",
        "temperature top_k top_p typical_p epsilon_cutoff eta_cutoff min_p",
    ),
    **no_effect(
        "of what transformers returns, not of what it writes",
        "output_scores output_logits output_attentions output_hidden_states "
        "return_dict_in_generate remove_invalid_values renormalize_logits use_cache "
        "cache_implementation",
    ),
    **no_effect("the tokenizer's", "bos_token_id eos_token_id pad_token_id"),
    **no_effect("of encoder-decoders", "decoder_start_token_id"),
    **no_effect("of the file", "transformers_version _from_model_config"),
}
# Of a classifier's head in XLM, see `check_summary`.
_SUMMARY = {
    "summary_type": only("first"),
    "summary_use_proj": only(True),
    "summary_activation": only(),
    "summary_proj_to_labels": only(True),
}
_ALL = {
    "model_type": OBEYED,
    "vocab_size": OBEYED,
    "max_position_embeddings": OBEYED,
    "layer_norm_eps": OBEYED,
    "pad_token_id": OBEYED,
    "architectures": OBEYED,
    "id2label": OBEYED,
    "label2id": OBEYED,
    "problem_type": OBEYED,
    "is_encoder_decoder": only(False),
    "add_cross_attention": only(False),
    "cross_attention_hidden_size": only(),
    "position_embedding_type": only("absolute"),
    "pruned_heads": only({}),
    "quantization_config": only(),
    "auto_map": only(),
    "adapters": only(),
    **no_effect(
        "says where the file came from",
        "_name_or_path name_or_path _commit_hash transformers_version name language "
        "_num_labels num_labels finetuning_task task_specific_params model_card",
    ),
    **no_effect(
        "of transformers' calls: how and what it returns, in which type and memory",
        "dtype torch_dtype use_bfloat16 torchscript return_dict output_hidden_states "
        "output_attentions output_past use_cache gradient_checkpointing "
        "chunk_size_feed_forward _attn_implementation _attn_implementation_autoset "
        "attn_implementation xla_device tf_legacy_loss use_return_dict",
    ),
    **no_effect(
        "of weights that are not in the file; new ones begin as everywhere here",
        "initializer_range init_std embed_init_std",
    ),
    **no_effect(
        "the weights say it: a tied projection is equal to the embedding",
        "tie_word_embeddings tie_encoder_decoder",
    ),
    **no_effect(
        "the tokenizer says it",
        "tokenizer_class prefix bos_token_id eos_token_id sep_token_id cls_token_id "
        "unk_token_id mask_token_id unk_index mask_index model_max_length "
        "decoder_start_token_id",
    ),
    # An encoder has no search; one that writes is checked by `check_generation`.
    **dict.fromkeys(_SEARCH, OBEYED),
    "sentence_transformers": OBEYED,
    "sbert_ce_default_activation_function": OBEYED,
}
_SETTINGS = {
    "xlm": {
        **_ALL,
        **dict.fromkeys(DEFAULTS["xlm"], OBEYED),
        **dict.fromkeys(_SUMMARY, OBEYED),
        "asm": only(False),
        "is_encoder": only(True),
        "lang2id": OBEYED,
        "id2lang": OBEYED,
        **no_effect("dropout of the head is training's", "summary_first_dropout"),
        **no_effect("dropout of the head is training's", "summary_last_dropout"),
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
    },
    "xlm-roberta": {
        **_ALL,
        **dict.fromkeys(_ROBERTA_DEFAULTS, OBEYED),
        "hidden_act": only("gelu", "relu"),
        **no_effect("dropout of the head is training's", "classifier_dropout"),
    },
}
_SETTINGS["xlm-roberta-xl"] = _SETTINGS["xlm-roberta"]


def named_alike(path, config):
    """A configuration with one name for every setting.

    Args:
        path: of the file, for messages.
        config: dict, as in a config.json of the family.

    Returns:
        dict.

    Raises:
        ValueError: two names of one setting with two values.
    """
    aliases = _ALIASES[config["model_type"]]
    result = {name: value for name, value in config.items() if name not in aliases}
    for alias, name in aliases.items():
        if config.get(alias) is None:
            continue
        if result.setdefault(name, config[alias]) != config[alias]:
            raise ValueError(
                f"{path} has {name}={result[name]!r} and {alias}={config[alias]!r}, "
                "which are two names of one setting. Delete the wrong one."
            )
    return result


def check_config(path, config, ignored=()):
    """Refuse a configuration with a setting that no model here has."""
    check_settings(path, config, _SETTINGS[config["model_type"]], ignored)


def check_summary(path, config, ignored=()):
    """Refuse a head of XLM for classes that is not the one here."""
    own = {name: config[name] for name in _SUMMARY if name in config}
    check_settings(path, own, _SUMMARY, ignored)


def check_generation(path, settings, ignored=()):
    """Refuse settings of a search: they are arguments of `compile` here.

    Args:
        path: of the file, for messages.
        settings: dict, of a generation_config.json or a config.json.
        ignored: names of settings to pass over.
    """
    check_settings(path, settings, _SEARCH, ignored)


def search_settings(config):
    """Those of a config.json that older versions wrote of a search."""
    return {name: config[name] for name in _SEARCH if name in config}


def ordered_names(config, to_id, from_id, path):
    """Names in the order of their ids, from either or both directions of a table.

    Args:
        config: dict with a table from name to id, or one from id to name.
        to_id, from_id: str, the names of the two tables in it.
        path: of the file, for messages.

    Returns:
        List of str, or None where there is neither.

    Raises:
        ValueError: ids that are not 0, 1, 2 ..., each once, or tables that contradict
            each other.
    """
    table = config.get(to_id) or {}
    pairs = sorted((int(i), str(name)) for name, i in table.items())
    inverse = config.get(from_id) or {}
    other = sorted((int(i), str(name)) for i, name in inverse.items())
    if pairs and other and pairs != other:
        raise ValueError(
            f"{path}: {to_id} and {from_id} contradict each other. Received: {table} "
            f"and {inverse}."
        )
    pairs = pairs or other
    if not pairs:
        return None
    names = [name for _, name in pairs]
    if [i for i, _ in pairs] != list(range(len(pairs))) or len(set(names)) < len(names):
        raise ValueError(
            f"{path}: the ids of {to_id if table else from_id} must be 0, 1, 2 ..., "
            f"each of one name. Received: {table or inverse}."
        )
    return names
