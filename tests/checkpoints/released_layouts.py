"""Folders as released embedders and rerankers have them, with small random weights."""

import numpy as np

import xlm_tf
from tests.checkpoints.json_files import write_json

# Longest text in tokens, instead of 128, 512 or 8,192.
LENGTH = 24
DIM = 16
TEXTS = [
    "The quick brown fox",
    "Der faule Hund. " * 30,  # longer than LENGTH
    "ленивую собаку",
    "",
]
# The keys of config.json, as released; the sizes are small ones.
_SHARED_CONFIG = {
    "attention_probs_dropout_prob": 0.1,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": DIM,
    "initializer_range": 0.02,
    "intermediate_size": 32,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "position_embedding_type": "absolute",
    "use_cache": True,
}
XLMR_CONFIG = {
    **_SHARED_CONFIG,
    "architectures": ["XLMRobertaModel"],
    "bos_token_id": 0,
    "classifier_dropout": None,
    "eos_token_id": 2,
    "layer_norm_eps": 1e-05,
    "max_position_embeddings": LENGTH + 10,
    "model_type": "xlm-roberta",
    "output_past": True,
    "pad_token_id": 1,
    "torch_dtype": "float32",
    "transformers_version": "4.33.0",
    "type_vocab_size": 1,
}
BERT_CONFIG = {
    **_SHARED_CONFIG,
    "architectures": ["BertModel"],
    "gradient_checkpointing": False,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": LENGTH + 8,
    "model_type": "bert",
    "pad_token_id": 0,
    "transformers_version": "4.7.0",
    "type_vocab_size": 2,
}
_MASK = {"content": "<mask>", "lstrip": True, "rstrip": False, "single_word": False}
_SPECIAL_TOKENS = {
    "bos_token": "<s>",
    "cls_token": "<s>",
    "eos_token": "</s>",
    "pad_token": "<pad>",
    "sep_token": "</s>",
    "unk_token": "<unk>",
}
_XLMR_TOKENIZER = {
    **_SPECIAL_TOKENS,
    "clean_up_tokenization_spaces": True,
    "mask_token": {"__type": "AddedToken", "normalized": True, **_MASK},
    "model_max_length": LENGTH + 8,
    "sp_model_kwargs": {},
    "tokenizer_class": "XLMRobertaTokenizer",
}
_BERT_TOKENIZER = {
    **_SPECIAL_TOKENS,
    "do_lower_case": True,
    "mask_token": {"__type": "AddedToken", "normalized": True, **_MASK},
    "model_max_length": LENGTH + 8,
    "name_or_path": "old_models/paraphrase-multilingual-MiniLM-L12-v2/0_Transformer",
    "special_tokens_map_file": None,
    "strip_accents": None,
    "tokenize_chinese_chars": True,
    "tokenizer_class": "PreTrainedTokenizerFast",
}
_VERSIONS = {
    "__version__": {
        "sentence_transformers": "2.0.0",
        "transformers": "4.7.0",
        "pytorch": "1.9.0+cu102",
    }
}
# config.json, tokenizer_config.json, pooling, whether vectors are normalised, and
# config_sentence_transformers.json, where there is one.
LAYOUTS = {
    "multilingual-e5-base": (XLMR_CONFIG, _XLMR_TOKENIZER, "mean_tokens", True, None),
    "multilingual-e5-small": (
        {**BERT_CONFIG, "tokenizer_class": "XLMRobertaTokenizer"},
        _XLMR_TOKENIZER,
        "mean_tokens",
        True,
        None,
    ),
    "paraphrase-multilingual-mpnet-base-v2": (
        {**XLMR_CONFIG, "gradient_checkpointing": False},
        _XLMR_TOKENIZER,
        "mean_tokens",
        False,
        _VERSIONS,
    ),
    "paraphrase-multilingual-MiniLM-L12-v2": (
        BERT_CONFIG,
        _BERT_TOKENIZER,
        "mean_tokens",
        False,
        _VERSIONS,
    ),
    "bge-m3": (XLMR_CONFIG, _XLMR_TOKENIZER, "cls_token", True, _VERSIONS),
}


def backbone_of(config, vocabulary_size):
    """An `XLMBackbone` of such a configuration, with random weights."""
    is_bert = config["model_type"] == "bert"
    backbone = xlm_tf.XLMBackbone(
        vocabulary_size=vocabulary_size,
        num_layers=config["num_hidden_layers"],
        num_heads=config["num_attention_heads"],
        hidden_dim=config["hidden_size"],
        intermediate_dim=config["intermediate_size"],
        max_sequence_length=config["max_position_embeddings"] - (0 if is_bert else 2),
        num_token_types=config["type_vocab_size"],
        position_offset=0 if is_bert else 2,
        layer_norm_epsilon=config["layer_norm_eps"],
    )
    generator = np.random.default_rng(0)
    for variable in backbone.weights:
        noise = generator.normal(scale=0.1, size=variable.shape)
        variable.assign(np.asarray(variable) + noise.astype("float32"))
    return backbone


def write_encoder(folder, config, tokenizer_config, proto):
    """Write the encoder and its tokenizer's files; gives the backbone."""
    # As released, the model has more rows than the tokenizer has tokens.
    size = xlm_tf.XLMSentencePieceTokenizer(proto).vocabulary_size() + 35
    backbone = backbone_of(config, size)
    backbone.save_to_huggingface(folder)
    (folder / "sentencepiece.bpe.model").write_bytes(proto)
    write_json(folder / "config.json", {**config, "vocab_size": size})
    write_json(folder / "tokenizer_config.json", tokenizer_config)
    special = {**_SPECIAL_TOKENS, "mask_token": {**_MASK, "normalized": False}}
    write_json(folder / "special_tokens_map.json", special)
    return backbone


def write_embedder(folder, name, proto):
    """Write the folder of a released embedder; gives its backbone."""
    config, tokenizer_config, pooling, normalize, versions = LAYOUTS[name]
    backbone = write_encoder(folder, config, tokenizer_config, proto)
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
    modules += [("2_Normalize", "Normalize")] if normalize else []
    write_json(
        folder / "modules.json",
        [
            {
                "idx": i,
                "name": str(i),
                "path": path,
                "type": f"sentence_transformers.models.{kind}",
            }
            for i, (path, kind) in enumerate(modules)
        ],
    )
    modes = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens")
    write_json(
        folder / "1_Pooling" / "config.json",
        {
            "word_embedding_dimension": DIM,
            **{f"pooling_mode_{mode}": mode == pooling for mode in modes},
        },
    )
    settings = {"max_seq_length": LENGTH, "do_lower_case": False}
    write_json(folder / "sentence_bert_config.json", settings)
    if versions is not None:
        write_json(folder / "config_sentence_transformers.json", versions)
    return backbone
