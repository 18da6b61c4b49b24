"""BERT's architecture with XLM-R's vocabulary, in transformers' files: `BertModel`.

Multilingual MiniLM (Wang et al. 2020, arXiv 2002.10957) and the embedders that began
with it: paraphrase-multilingual-MiniLM-L12-v2, multilingual-e5-small.
"""

import dataclasses
from pathlib import Path

from xlm_tf.checkpoints.declared_settings import no_effect, read_json_if_there
from xlm_tf.checkpoints.xlm_roberta import XLM_ROBERTA
from xlm_tf.checkpoints.xlm_roberta_tokenizer import (
    TOKENIZER_FILE,
    XLM_ROBERTA_TOKENIZER,
)

WORD_PIECES_FILE = "vocab.txt"
# XLM-R's, whatever config.json says: there it is that of BERT's own vocabulary.
_PAD_TOKEN_ID = 1
_DEFAULTS = {**XLM_ROBERTA.defaults, "pad_token_id": 0}
_SETTINGS = {
    **XLM_ROBERTA.settings,
    **no_effect("padding is masked, and its id is the vocabulary's", "pad_token_id"),
}
_TOKENIZER_SETTINGS = {
    **XLM_ROBERTA_TOKENIZER.settings,
    **no_effect(
        "of BERT's own tokenizer, which is not the one that tokenizer_class names",
        "do_lower_case do_basic_tokenize never_split tokenize_chinese_chars "
        "strip_accents",
    ),
}


def _check_folder(folder, config):
    """Refuse BERT with a vocabulary of its own, of word pieces."""
    kind = _vocabulary_kind(Path(folder))
    if kind is None and config.get("pad_token_id") == _PAD_TOKEN_ID:
        return  # an encoder without a tokenizer, as it is saved here
    if kind != "Unigram":
        raise ValueError(
            f"{folder} holds a model of type 'bert' with "
            + (f"a {kind} vocabulary" if kind else "no vocabulary")
            + ", which is not supported. Expected XLM-R's vocabulary: "
            f"{XLM_ROBERTA_TOKENIZER.names[0]} or {TOKENIZER_FILE}."
        )


def _vocabulary_kind(folder):
    """As tokenizer.json calls it: "Unigram", "WordPiece"; None where there is none."""
    if (folder / XLM_ROBERTA_TOKENIZER.names[0]).is_file():
        return "Unigram"
    model = read_json_if_there(folder / TOKENIZER_FILE).get("model") or {}
    is_word_pieces = (folder / WORD_PIECES_FILE).is_file()
    return model.get("type", "WordPiece" if is_word_pieces else None)


def _arguments_of(config):
    return {
        **XLM_ROBERTA.arguments_of(config),
        "max_sequence_length": config["max_position_embeddings"],
        "position_offset": 0,
        "pad_token_id": _PAD_TOKEN_ID,
    }


def _config_of(backbone):
    return {
        **XLM_ROBERTA.config_of(backbone),
        "model_type": "bert",
        "max_position_embeddings": backbone.max_sequence_length,
    }


BERT = dataclasses.replace(
    XLM_ROBERTA,
    model_type="bert",
    class_name="Bert",
    heads="bert",
    prefix="bert.",
    settings=_SETTINGS,
    defaults=_DEFAULTS,
    arguments_of=_arguments_of,
    config_of=_config_of,
    tokenizer=dataclasses.replace(XLM_ROBERTA_TOKENIZER, settings=_TOKENIZER_SETTINGS),
    check_folder=_check_folder,
)
