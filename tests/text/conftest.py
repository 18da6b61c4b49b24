"""A small SentencePiece model, trained in the session on text written here."""

import io

import pytest
import sentencepiece

SENTENCES = [
    "The quick brown fox jumps over the lazy dog.",
    "A small model reads small texts, and it reads them fast.",
    "Der schnelle braune Fuchs springt über den faulen Hund.",
    "Ein kleines Modell liest kleine Texte.",
    "Le renard brun saute par-dessus le chien paresseux.",
    "Быстрая лиса прыгает через ленивую собаку.",
    "敏捷的棕色狐狸跳过了懒狗。",
    "الثعلب البني السريع يقفز فوق الكلب الكسول.",
]


@pytest.fixture(scope="session")
def sentences():
    """Texts in six languages, which the model `spm_proto` knows."""
    return SENTENCES


@pytest.fixture(scope="session")
def spm_proto():
    """Bytes of a model with the special pieces of XLM-R's."""
    return train(unk_id=0, bos_id=1, eos_id=2, pad_id=-1)


@pytest.fixture(scope="session")
def other_spm_proto():
    """Bytes of a model with other special pieces, as of T5."""
    return train(pad_id=0, eos_id=1, unk_id=2, bos_id=-1)


def train(**special_ids):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES * 3),
        model_writer=model,
        vocab_size=180,
        hard_vocab_limit=False,
        character_coverage=1.0,
        minloglevel=2,
        **special_ids,
    )
    return model.getvalue()
