"""The tokenizer that LiteRT has, made to read what ours reads.

TensorFlow Text's op for phones knows a normaliser and pieces with scores, nothing else.
SentencePiece finds added words before it normalises, and our tokenizer finds special
tokens before that. Here both become rules of the normaliser, the longest of which
applies: an added word becomes a character of no text, and so does a special token,
between spaces.
"""

import sentencepiece
import tensorflow as tf
import tensorflow_text
from sentencepiece import sentencepiece_model_pb2

from export.added_words import added_words
from xlm_tf.text.sentencepiece_tokenizer import XLMSentencePieceTokenizer

# Private characters: of the special tokens, and what those become in a text.
_FIRST_MARK = 0xF0100
_FIRST_WORD = 0x100000  # the second private plane
_NO_MARK = "\U000f00ff"
# White space before `<mask>` goes with it, also where no rule makes it a space.
_WHITE_SPACE = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000"


class PhoneTokenizer:
    """Strings -> ids, in ops that LiteRT has with TensorFlow Text's one.

    Args:
        tokenizer: an `XLMSentencePieceTokenizer`.

    Raises:
        ValueError: a tokenizer for which the op gives other ids; says why.
    """

    def __init__(self, tokenizer):
        _check(tokenizer)
        model = sentencepiece_model_pb2.ModelProto.FromString(tokenizer.proto)
        specials = _special_tokens(tokenizer)
        rules = _rules(tokenizer)
        # A piece of its own character: no rule may say that a text stays as it is.
        pieces = {piece.piece: piece for piece in model.pieces}
        for number, word in enumerate(added_words(tokenizer)):
            rules = {
                text: norm for text, norm in rules.items() if not text.startswith(word)
            }
            mark = chr(_FIRST_WORD + number)
            rules |= {word: mark, mark: _NO_MARK}
            pieces[word.replace(" ", "▁")].piece = mark
        self._special_ids = {}  # SentencePiece's -> ours
        for number, (token, token_id) in enumerate(specials.items()):
            mark = chr(_FIRST_MARK + number)
            rules[mark] = _NO_MARK
            rules[token] = f" {mark} "
            if token_id == tokenizer.mask_token_id:
                for space in _WHITE_SPACE:
                    if rules.get(space, space) not in (" ", ""):
                        rules[space + token] = rules[token]
            self._special_ids[len(model.pieces)] = token_id
            model.pieces.add(
                piece=f"▁{mark}",
                score=0.0,
                type=sentencepiece_model_pb2.ModelProto.SentencePiece.USER_DEFINED,
            )
        normalizer = sentencepiece.SentencePieceNormalizer(norm_map=list(rules.items()))
        spec = sentencepiece_model_pb2.NormalizerSpec.FromString(
            normalizer.serialized_normalizer_spec()
        )
        model.normalizer_spec.precompiled_charsmap = spec.precompiled_charsmap
        self._unknown_id = tokenizer.unk_token_id
        self._op = tensorflow_text.FastSentencepieceTokenizer(model.SerializeToString())

    def __call__(self, texts):
        """string (B,) -> ids of all texts int32 (N,), row splits int32 (B + 1,)."""
        pieces = self._op.tokenize(texts)
        ids = tf.where(pieces.values == 0, self._unknown_id, pieces.values + 1)
        for piece_id, token_id in self._special_ids.items():
            ids = tf.where(pieces.values == piece_id, token_id, ids)
        return ids, tf.cast(pieces.row_splits, "int32")


def _check(tokenizer):
    if not isinstance(tokenizer, XLMSentencePieceTokenizer):
        raise ValueError(
            "string_input needs a SentencePiece vocabulary: LiteRT has no op for XLM's "
            "BPE. Use string_input=False."
        )
    model = sentencepiece_model_pb2.ModelProto.FromString(tokenizer.proto)
    spec, normalizer = model.trainer_spec, model.normalizer_spec
    if spec.model_type != sentencepiece_model_pb2.TrainerSpec.UNIGRAM or (
        spec.byte_fallback
    ):
        raise ValueError(
            "string_input needs a plain unigram vocabulary: LiteRT's tokenizer is "
            "wrong for BPE and for byte fallback. Use string_input=False."
        )
    wrong = {
        "treat_whitespace_as_suffix": spec.treat_whitespace_as_suffix,
        "add_dummy_prefix": not normalizer.add_dummy_prefix,
        "remove_extra_whitespaces": not normalizer.remove_extra_whitespaces,
        "escape_whitespaces": not normalizer.escape_whitespaces,
    }
    wrong = [name for name, is_wrong in wrong.items() if is_wrong]
    if wrong:
        raise ValueError(
            "string_input needs a vocabulary in which words begin with a space, and "
            "runs of spaces are one. Use string_input=False. Received: a SentencePiece "
            f"model with another choice of {', '.join(wrong)}."
        )


def _special_tokens(tokenizer):
    """dict from the special tokens that a text may hold to their ids."""
    tokens = [tokenizer.mask_token]
    if tokenizer.special_tokens_in_strings:
        tokens += ["<s>", "<pad>", "</s>", "<unk>"]
    return {token: tokenizer.token_to_id(token) for token in tokens}


def _rules(tokenizer):
    """dict of the normaliser's rules: what text becomes what."""
    model = sentencepiece_model_pb2.ModelProto.FromString(tokenizer.proto)
    if not model.normalizer_spec.precompiled_charsmap:
        return {}  # every character stays as it is
    normalizer = sentencepiece.SentencePieceNormalizer(model_proto=tokenizer.proto)
    return dict(normalizer.Decompile())
