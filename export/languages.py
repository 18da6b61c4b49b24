"""The languages of texts that an export takes."""


def takes_language(preprocessor):
    """Whether a graph of texts takes their language: bool.

    So it does where the model has language embeddings, and where the tokenizer's rules
    for words depend on the language.
    """
    if preprocessor.languages is not None:
        return True
    return getattr(preprocessor.tokenizer, "reads_language", False)


def any_language(preprocessor):
    """The language that a preprocessor is set to, or the first it has: str."""
    if preprocessor.language:
        return preprocessor.language
    if preprocessor.languages:
        return preprocessor.languages[0]
    return preprocessor.tokenizer.language
