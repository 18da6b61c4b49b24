"""SentencePiece models as their serialised messages: with fewer or with more pieces."""

from sentencepiece import sentencepiece_model_pb2

from xlm_tf.text import unknown_characters


def with_places(proto):
    """A model that decodes `<unk>` as the place of an unknown character.

    Serialised messages one after another are one message, in which the last value of a
    field counts.
    """
    spec = sentencepiece_model_pb2.TrainerSpec(unk_surface=unknown_characters.PLACE)
    place = sentencepiece_model_pb2.ModelProto(trainer_spec=spec)
    return proto + place.SerializeToString()


def trimmed(proto, token_ids):
    """A model with some of the pieces.

    Args:
        proto: bytes.
        token_ids: set of int, fairseq's ids of the pieces to keep: one more than the
            model's own. Special pieces stay in any case.

    Returns:
        `(proto, kept)`: bytes, and the list of the ids that its pieces had.
    """
    model = sentencepiece_model_pb2.ModelProto.FromString(proto)
    normal = sentencepiece_model_pb2.ModelProto.SentencePiece.NORMAL
    pieces = list(model.pieces)
    # The least probable piece says how improbable an unknown character is.
    scores = [piece.score for piece in pieces]
    lowest = scores.index(min(scores[3:]))
    kept = [
        i
        for i, piece in enumerate(pieces)
        if i < 3 or i == lowest or piece.type != normal or i + 1 in token_ids
    ]
    del model.pieces[:]
    model.pieces.extend(pieces[i] for i in kept)
    model.trainer_spec.vocab_size = len(kept)
    return model.SerializeToString(), kept


def extended(proto, tokens):
    """A model with more pieces, each found wherever its text occurs.

    Args:
        proto: bytes.
        tokens: list of str.

    Returns:
        bytes.
    """
    model = sentencepiece_model_pb2.ModelProto.FromString(proto)
    for token in tokens:
        model.pieces.add(
            piece=token.replace(" ", "▁"),
            score=0.0,
            type=sentencepiece_model_pb2.ModelProto.SentencePiece.USER_DEFINED,
        )
    model.trainer_spec.vocab_size = len(model.pieces)
    return model.SerializeToString()
