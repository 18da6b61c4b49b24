"""The tokenizer that a recipe names by its files."""

import sentencepiece

from xlm_tf.models.loading import load_tokenizer
from xlm_tf.text.bpe_tokenizer import XLMBPETokenizer
from xlm_tf.text.fingerprint import tokenizer_fingerprint
from xlm_tf.text.sentencepiece_tokenizer import XLMSentencePieceTokenizer


def tokens_of(recipe):
    """What tells whether recipes have the same tokens: str.

    Args:
        recipe: `PretrainingRecipe`.

    Raises:
        ValueError: see `read_tokenizer`; other errors of an initial model.
    """
    if recipe.initial_model is None:
        return tokenizer_fingerprint(read_tokenizer(recipe))
    tokenizer = load_tokenizer(recipe.initial_model)
    if tokenizer is None:
        raise ValueError(
            f"recipe.initial_model {recipe.initial_model} comes without a tokenizer."
        )
    return tokenizer_fingerprint(tokenizer)


def read_tokenizer(recipe):
    """The tokenizer of the files that a recipe names.

    Args:
        recipe: `PretrainingRecipe` or `FinetuningRecipe`, with `vocabulary` or `bpe`.

    Returns:
        A tokenizer of `xlm_tf.text`.

    Raises:
        ValueError: a file that is no vocabulary; names the field.
    """
    if recipe.bpe is None:
        proto = recipe.vocabulary.read_bytes()
        try:
            # TensorFlow's reader says more than that it is none.
            sentencepiece.SentencePieceProcessor(model_proto=proto)
        except RuntimeError as error:
            raise ValueError(
                f"recipe.vocabulary: {recipe.vocabulary} is no SentencePiece model. "
                "`xlm-tf vocabulary` makes one; of another kind (BPE) are the "
                "vocabularies of recipe.bpe."
            ) from error
        try:
            return XLMSentencePieceTokenizer(proto)
        except ValueError as error:
            raise ValueError(
                f"recipe.vocabulary: {recipe.vocabulary} cannot be used: {error}"
            ) from error
    bpe = recipe.bpe
    try:
        return XLMBPETokenizer(
            bpe.vocabulary,
            bpe.codes,
            lowercase=bpe.lowercase,
            words=bpe.words,
            max_vocabulary=bpe.max_vocabulary,
        )
    except ValueError as error:
        raise ValueError(f"recipe.bpe cannot be used: {error}") from error
