"""The files of XLM-R's tokenizer: a SentencePiece model, or a `tokenizer.json`."""

import dataclasses
from pathlib import Path

from sentencepiece import sentencepiece_model_pb2

from xlm_tf.checkpoints.declared_settings import OBEYED, no_effect, only
from xlm_tf.checkpoints.family import TokenizerFiles
from xlm_tf.checkpoints.normalization_rules import lowercased
from xlm_tf.checkpoints.tokenizer_json import read_tokenizer_json
from xlm_tf.checkpoints.tokenizer_settings import SHARED_SETTINGS, tokens_after
from xlm_tf.text.sentencepiece_tokenizer import XLMSentencePieceTokenizer

SENTENCEPIECE_FILE = "sentencepiece.bpe.model"
TOKENIZER_FILE = "tokenizer.json"
DICTIONARY_FILE = "dict.txt"  # fairseq's
_SPECIAL_TOKENS = {
    "bos_token": ("<s>",),
    "cls_token": ("<s>",),
    "eos_token": ("</s>",),
    "sep_token": ("</s>",),
    "unk_token": ("<unk>",),
    "pad_token": ("<pad>",),
    "mask_token": ("<mask>",),
}
_SETTINGS = {
    **SHARED_SETTINGS,
    **dict.fromkeys(_SPECIAL_TOKENS, OBEYED),
    "tokenizer_class": only(
        "XLMRobertaTokenizer",
        "XLMRobertaTokenizerFast",
        "PreTrainedTokenizerFast",
        "TokenizersBackend",
    ),
    "add_prefix_space": only(True),
    "sp_model_kwargs": only({}),
    **no_effect("masked; positions count real tokens", "padding_side"),
    **no_effect("the vocabulary's own file says it", "unk_id byte_fallback"),
}


def _load(checkpoint, settings, lowercase):
    folder = checkpoint.tokenizer_folder
    own, other = folder / SENTENCEPIECE_FILE, folder / TOKENIZER_FILE
    model, added = None, {}
    if other.is_file():
        # What transformers reads, where both are.
        proto, added = read_tokenizer_json(other, checkpoint.ignored)
        model = sentencepiece_model_pb2.ModelProto.FromString(proto)
    if own.is_file():
        original = sentencepiece_model_pb2.ModelProto.FromString(own.read_bytes())
        if model is not None and _vocabulary_of(model) != _vocabulary_of(original):
            raise ValueError(
                f"{own} and the {TOKENIZER_FILE} beside it are of two vocabularies, or "
                "normalise texts differently. Delete the wrong one."
            )
        model = original
    if model is None:
        return None
    if lowercase:
        spec = model.normalizer_spec
        spec.precompiled_charsmap = lowercased(spec.precompiled_charsmap)
    tokenizer = XLMSentencePieceTokenizer(model.SerializeToString())
    vocabulary = tokenizer.get_vocabulary()
    _check_dictionary(folder, vocabulary[4:-1])
    settings = dataclasses.replace(settings, added={**settings.added, **added})
    tokens = tokens_after(vocabulary, tokenizer.special_tokens, settings, folder)
    if not tokens:
        return tokenizer
    config = tokenizer.get_config()
    config["added_tokens"] = [[token.content, token.normalized] for token in tokens]
    return XLMSentencePieceTokenizer.from_config({**config, "proto": tokenizer.proto})


def _vocabulary_of(model):
    """What two files of one vocabulary have in common."""
    pieces = [piece.piece for piece in model.pieces]
    return pieces, model.normalizer_spec.precompiled_charsmap


def _check_dictionary(folder, pieces):
    """Refuse a SentencePiece model that is not of the `dict.txt` beside it, if any.

    Args:
        folder: Path.
        pieces: list of str, of the SentencePiece model after its three specials.
    """
    path = Path(folder, DICTIONARY_FILE)
    if not path.is_file():
        return
    lines = path.read_text("utf-8-sig").split("\n")
    tokens = [line.rsplit(" ", 1)[0] for line in lines if line]
    if tokens != pieces:
        at = next(
            (
                i
                for i, (token, piece) in enumerate(zip(tokens, pieces, strict=False))
                if token != piece
            ),
            min(len(tokens), len(pieces)),
        )
        raise ValueError(
            f"{path} and the SentencePiece model beside it are of two vocabularies: "
            f"they differ from line {at + 1} on."
        )


def _save(tokenizer, folder):
    (folder / SENTENCEPIECE_FILE).write_bytes(tokenizer.proto)
    settings = {"tokenizer_class": "XLMRobertaTokenizer"}
    tokens = enumerate(tokenizer.added_tokens, tokenizer.mask_token_id + 1)
    added = {
        str(token_id): {
            "content": token,
            "lstrip": False,
            "normalized": normalized,
            "rstrip": False,
            "single_word": False,
            "special": not normalized,
        }
        for token_id, (token, normalized) in tokens
    }
    if added:
        settings["added_tokens_decoder"] = added
    return settings


XLM_ROBERTA_TOKENIZER = TokenizerFiles(
    tokenizer_cls=XLMSentencePieceTokenizer,
    names=(SENTENCEPIECE_FILE, TOKENIZER_FILE),
    settings=_SETTINGS,
    special_tokens=_SPECIAL_TOKENS,
    load=_load,
    save=_save,
)
