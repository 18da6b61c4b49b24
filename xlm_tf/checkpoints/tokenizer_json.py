"""XLM-R's tokenizer out of a `tokenizer.json`, all that newer folders hold."""

from sentencepiece import sentencepiece_model_pb2

from xlm_tf.checkpoints.added_tokens import added_token
from xlm_tf.checkpoints.declared_settings import (
    OBEYED,
    check_settings,
    no_effect,
    only,
    read_json,
)
from xlm_tf.checkpoints.normalization_rules import rules_of

SPECIAL_TOKENS = ["<s>", "<pad>", "</s>", "<unk>"]
MASK_TOKEN = "<mask>"
_FILE = {
    "model": OBEYED,
    "normalizer": OBEYED,
    "added_tokens": OBEYED,
    "pre_tokenizer": OBEYED,
    "post_processor": OBEYED,
    **no_effect("of the file", "version"),
    **no_effect("transformers sets them anew at every call", "truncation padding"),
    **no_effect("texts are written by SentencePiece's own rule", "decoder"),
}
_MODEL = {
    "type": only("Unigram"),
    "vocab": OBEYED,
    "unk_id": only(3),
    "byte_fallback": only(False, True),
    **no_effect("SentencePiece has one rule, which is that of True", "fuse_unk"),
}
_METASPACE = {
    "type": only("Metaspace"),
    "replacement": only("▁"),
    "str_rep": only("▁"),
    "add_prefix_space": only(True),
    "prepend_scheme": only("always"),
    "split": only(True),
}
# Pieces of a text, as names of parts: what is said of types has no effect, since pairs
# have one token type.
_SINGLE = ["<s>", "A", "</s>"]
_PAIR = [*_SINGLE, "</s>", "B", "</s>"]
_BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def read_tokenizer_json(path, ignored=()):
    """The SentencePiece model that a file of the tokenizers library was made from.

    Args:
        path: str or Path of a `tokenizer.json`.
        ignored: names of settings to pass over.

    Returns:
        `(proto, added_tokens)`: bytes of a SentencePiece model; dict from id to
        `AddedToken`, of the tokens beside its pieces.

    Raises:
        ValueError: not the unigram vocabulary of XLM-R, or a setting that cannot be
            obeyed; says what differs.
    """
    content = read_json(path)
    check_settings(path, content, _FILE, ignored)
    model = content.get("model") or {}
    vocabulary = model.get("vocab")
    if model.get("type", "Unigram") != "Unigram" or not isinstance(vocabulary, list):
        raise ValueError(
            f"{path} holds a {model.get('type')} vocabulary. Expected XLM-R's, Unigram."
        )
    check_settings(path, model, _MODEL, ignored)
    _check_pre_tokenizer(path, content, ignored)
    _check_post_processor(path, content.get("post_processor"))
    tokens = [token for token, _ in vocabulary]
    if tokens[:4] != SPECIAL_TOKENS or tokens[-1] != MASK_TOKEN:
        raise ValueError(
            f"{path} must begin with the tokens {SPECIAL_TOKENS} and end with <mask>. "
            f"Received: {tokens[:4]} and {tokens[-1:]}."
        )
    added = [
        added_token(entry, path, ignored=ignored)
        for entry in content.get("added_tokens") or []
    ]
    proto = _sentencepiece(path, vocabulary, model.get("byte_fallback") is True)
    proto.normalizer_spec.precompiled_charsmap = rules_of(
        content.get("normalizer"), path
    )
    return proto.SerializeToString(), {token.id: token for token in added}


def _sentencepiece(path, vocabulary, byte_fallback):
    proto = sentencepiece_model_pb2.ModelProto()
    piece = sentencepiece_model_pb2.ModelProto.SentencePiece
    for token, kind in (
        ("<unk>", piece.UNKNOWN),
        ("<s>", piece.CONTROL),
        ("</s>", piece.CONTROL),
    ):
        proto.pieces.add(piece=token, score=0.0, type=kind)
    for token, score in vocabulary[4:-1]:
        is_byte = byte_fallback and token in _BYTES
        proto.pieces.add(
            piece=token, score=score, type=piece.BYTE if is_byte else piece.NORMAL
        )
    if byte_fallback and not {token for token, _ in vocabulary}.issuperset(_BYTES):
        raise ValueError(
            f"{path} has the setting byte_fallback=true, and not a token for every "
            "byte (<0x00> to <0xFF>), without which SentencePiece has no such rule."
        )
    proto.trainer_spec.model_type = sentencepiece_model_pb2.TrainerSpec.UNIGRAM
    proto.trainer_spec.vocab_size = len(proto.pieces)
    proto.trainer_spec.byte_fallback = byte_fallback
    proto.trainer_spec.unk_id, proto.trainer_spec.bos_id = 0, 1
    proto.trainer_spec.eos_id, proto.trainer_spec.pad_id = 2, -1
    proto.normalizer_spec.name = "nmt_nfkc"
    return proto


def _check_pre_tokenizer(path, content, ignored):
    """That words are split at white space, and begin with SentencePiece's mark."""
    pre_tokenizer = content.get("pre_tokenizer") or {}
    steps = pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    kinds = [step.get("type") for step in steps]
    normalizer = content.get("normalizer") or {}
    joins_spaces = any(
        step.get("type") == "Replace" for step in normalizer.get("normalizers", [])
    )
    if kinds != ["WhitespaceSplit", "Metaspace"] and not (
        kinds == ["Metaspace"] and joins_spaces
    ):
        raise ValueError(
            f"{path} splits words by the pre_tokenizer {kinds}. Expected XLM-R's, "
            "WhitespaceSplit and Metaspace."
        )
    check_settings(f"{path}, pre_tokenizer,", steps[-1], _METASPACE, ignored)


def _check_post_processor(path, processor):
    """That `<s>` and `</s>` stand around texts and pairs as in XLM-R."""
    kind = (processor or {}).get("type")
    if kind == "TemplateProcessing":
        templates = [
            [next(iter(part.values()))["id"] for part in processor.get(name, [])]
            for name in ("single", "pair")
        ]
    elif kind == "RobertaProcessing":
        ends = [processor.get("cls", [None])[0], processor.get("sep", [None])[0]]
        templates = [_SINGLE, _PAIR] if ends == ["<s>", "</s>"] else ends
    else:
        templates = kind
    if templates != [_SINGLE, _PAIR]:
        raise ValueError(
            f"{path} puts the special tokens around texts by the post_processor "
            f"{templates}. Expected XLM-R's: {_SINGLE} and, for pairs, {_PAIR}."
        )
