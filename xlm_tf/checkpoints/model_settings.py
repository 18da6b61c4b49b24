"""The settings of `config.json` that all families have, and what they mean."""

from xlm_tf.checkpoints.declared_settings import (
    OBEYED,
    check_settings,
    no_effect,
    only,
)

# How texts are generated: of generative models alone, see `check_generation`.
_GENERATION = {
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
SUMMARY_SETTINGS = {
    "summary_type": only("first"),
    "summary_use_proj": only(True),
    "summary_activation": only(),
    "summary_proj_to_labels": only(True),
}
# Of every family; each has its own beside them.
SHARED_SETTINGS = {
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
    # An encoder does not generate; a model that does has `check_generation`.
    **dict.fromkeys(_GENERATION, OBEYED),
    "sentence_transformers": OBEYED,
    "sbert_ce_default_activation_function": OBEYED,
}


def named_alike(path, config, aliases):
    """A configuration with one name for every setting.

    Args:
        path: of the file, for messages.
        config: dict, as in a config.json.
        aliases: dict from another name of a setting to the one that is used.

    Returns:
        dict.

    Raises:
        ValueError: two names of one setting with two values.
    """
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


def check_summary(path, config, ignored=()):
    """Refuse the settings of a classification head of XLM that is another one."""
    own = {name: config[name] for name in SUMMARY_SETTINGS if name in config}
    check_settings(path, own, SUMMARY_SETTINGS, ignored)


def check_generation(path, settings, ignored=()):
    """Refuse decoding strategies: they are arguments of `compile` here.

    Args:
        path: of the file, for messages.
        settings: dict, of a generation_config.json or a config.json.
        ignored: names of settings to pass over.
    """
    check_settings(path, settings, _GENERATION, ignored)


def generation_settings(config):
    """Those of generation that older versions wrote into config.json."""
    return {name: config[name] for name in _GENERATION if name in config}


def labels_of(config, path="config.json"):
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


def languages_of(config, path="config.json"):
    """Languages in the order of their ids; None where they are unnamed.

    Args:
        config: dict, as of a config.json.
        path: of its file, for messages.

    Raises:
        ValueError: ids or names that are not one for each language.
    """
    return ordered_names(config, "lang2id", "id2lang", path)


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
