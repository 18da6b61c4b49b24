"""SentencePiece models with fewer and with more pieces."""

import sentencepiece

from xlm_tf.text import sentencepiece_proto, unknown_characters


def processor(proto):
    return sentencepiece.SentencePieceProcessor(model_proto=proto)


def test_kept_pieces_keep_their_texts(spm_proto):
    whole = processor(spm_proto)
    ids = whole.encode("quick brown fox")
    proto, kept = sentencepiece_proto.trimmed(spm_proto, {i + 1 for i in ids})
    small = processor(proto)
    assert kept[:3] == [0, 1, 2] and set(ids) <= set(kept)
    assert small.vocab_size() == len(kept) < whole.vocab_size()
    assert [kept[i] for i in small.encode("quick brown fox")] == ids
    # An unknown character is as improbable as before.
    scores = [[x.get_score(i) for i in range(3, len(x))] for x in (whole, small)]
    assert min(scores[0]) == min(scores[1])


def test_new_pieces_are_found_wherever_they_stand(spm_proto):
    more = processor(sentencepiece_proto.extended(spm_proto, ["Mon cher"]))
    piece = more.vocab_size() - 1
    assert more.id_to_piece(piece) == "Mon▁cher"
    assert piece in more.encode("fox Mon cher fox")


def test_unknown_characters_have_a_place(spm_proto):
    model = processor(sentencepiece_proto.with_places(spm_proto))
    assert unknown_characters.PLACE in model.decode(model.encode("fox 𓀀"))
