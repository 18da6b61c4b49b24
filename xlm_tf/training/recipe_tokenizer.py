"""The tokenizer that a recipe names by its files."""

from xlm_tf.text.bpe_tokenizer import XLMBPETokenizer
from xlm_tf.text.sentencepiece_tokenizer import XLMSentencePieceTokenizer


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
        try:
            return XLMSentencePieceTokenizer(recipe.vocabulary.read_bytes())
        except ValueError as error:
            raise ValueError(
                f"recipe.vocabulary: {recipe.vocabulary} cannot be used: {error} Of "
                "another kind (BPE) are the vocabularies of recipe.bpe."
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
