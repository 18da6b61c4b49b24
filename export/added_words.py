"""Words that were added to a vocabulary, each found wherever its text occurs."""

from sentencepiece import sentencepiece_model_pb2

from xlm_tf.text.sentencepiece_tokenizer import XLMSentencePieceTokenizer


def added_words(tokenizer):
    """The user-defined pieces of a SentencePiece vocabulary.

    Args:
        tokenizer: a tokenizer of `xlm_tf.text`. Words added to XLM's BPE are merges and
            symbols like all others.

    Returns:
        list of str.
    """
    if not isinstance(tokenizer, XLMSentencePieceTokenizer):
        return []
    model = sentencepiece_model_pb2.ModelProto.FromString(tokenizer.proto)
    user_defined = sentencepiece_model_pb2.ModelProto.SentencePiece.USER_DEFINED
    return [
        piece.piece.replace("▁", " ")
        for piece in model.pieces
        if piece.type == user_defined
    ]
