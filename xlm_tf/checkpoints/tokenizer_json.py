"""XLM-R's vocabulary out of a `tokenizer.json`, all that newer folders hold."""

import base64
import json
from pathlib import Path

from sentencepiece import sentencepiece_model_pb2

SPECIAL_TOKENS = ["<s>", "<pad>", "</s>", "<unk>"]


def sentencepiece_of(path):
    """The SentencePiece model that a file of the tokenizers library was made from.

    Args:
        path: str or Path of a `tokenizer.json`.

    Returns:
        bytes of a SentencePiece model.

    Raises:
        ValueError: not the unigram vocabulary of XLM-R; says what differs.
    """
    content = json.loads(Path(path).read_text("utf-8"))
    model = content.get("model", {})
    vocabulary = model.get("vocab")
    if model.get("type", "Unigram") != "Unigram" or not isinstance(vocabulary, list):
        raise ValueError(
            f"{path} holds a {model.get('type')} vocabulary. Expected XLM-R's, Unigram."
        )
    tokens = [token for token, _ in vocabulary]
    if tokens[:4] != SPECIAL_TOKENS or tokens[-1] != "<mask>":
        raise ValueError(
            f"{path} must begin with the tokens {SPECIAL_TOKENS} and end with <mask>. "
            f"Received: {tokens[:4]} and {tokens[-1:]}."
        )
    proto = sentencepiece_model_pb2.ModelProto()
    piece = sentencepiece_model_pb2.ModelProto.SentencePiece
    for token, kind in (
        ("<unk>", piece.UNKNOWN),
        ("<s>", piece.CONTROL),
        ("</s>", piece.CONTROL),
    ):
        proto.pieces.add(piece=token, score=0.0, type=kind)
    for token, score in vocabulary[4:-1]:
        proto.pieces.add(piece=token, score=score)
    proto.trainer_spec.model_type = sentencepiece_model_pb2.TrainerSpec.UNIGRAM
    proto.trainer_spec.vocab_size = len(proto.pieces)
    proto.trainer_spec.unk_id, proto.trainer_spec.bos_id = 0, 1
    proto.trainer_spec.eos_id, proto.trainer_spec.pad_id = 2, -1
    proto.normalizer_spec.name = "nmt_nfkc"
    proto.normalizer_spec.precompiled_charsmap = _charsmap(content.get("normalizer"))
    return proto.SerializeToString()


def _charsmap(normalizer):
    """The compiled table of a normaliser, or of the first in a sequence with one."""
    for step in (normalizer or {}).get("normalizers", [normalizer or {}]):
        if step.get("precompiled_charsmap"):
            return base64.b64decode(step["precompiled_charsmap"])
    return b""
