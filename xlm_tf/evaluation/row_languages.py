"""The languages of rows, as a model names them."""

from xlm_tf.text.language_codes import match_language


def name_languages(rows, preprocessor, language=None):
    """Give rows the model's name of their language, `of_model`, where it has any.

    Args:
        rows: list of dict with `language`, changed.
        preprocessor: that of the model.
        language: str, of all rows, instead of their own.

    Raises:
        ValueError: a language that the model does not have.
    """
    if not reads_languages(preprocessor):
        return
    names = preprocessor.languages
    for row in rows:
        own = language or row["language"]
        row["of_model"] = match_language(own, names) if names else own


def name_pair_languages(rows, preprocessor):
    """As `name_languages`, of the two sides of rows.

    Args:
        rows: list of dict with `source_language` and `target_language`, changed: they
            get `source_of_model` and `target_of_model`.
        preprocessor: that of the model.
    """
    if not reads_languages(preprocessor):
        return
    names = preprocessor.languages
    for row in rows:
        for side in ("source", "target"):
            own = row[f"{side}_language"]
            row[f"{side}_of_model"] = match_language(own, names) if names else own


def reads_languages(preprocessor):
    """Whether a model, or its tokenizer, wants to know the language of a text."""
    in_tokenizer = getattr(preprocessor.tokenizer, "reads_language", False)
    return bool(preprocessor.languages or in_tokenizer)


def language_of_model(rows):
    """The model's name of the language of rows of one language, or None."""
    return rows[0].get("of_model")


def rows_by_language(rows):
    """dict from languages, sorted, to the rows of each."""
    languages = {}
    for row in rows:
        languages.setdefault(row["language"], []).append(row)
    return dict(sorted(languages.items()))
