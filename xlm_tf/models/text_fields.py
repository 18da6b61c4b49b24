"""Texts, their pairs and their languages, as the tensors that preprocessors read."""

import tensorflow as tf

FIELDS = ("text", "text_pair", "language", "language_pair")
LANGUAGE_FIELDS = (
    "language",
    "language_pair",
    "source_language",
    "target_language",
)


def text_fields(x):
    """The dict of string tensors that `x`, in any of its forms, stands for."""
    if isinstance(x, tuple):
        if len(x) != 2:
            raise ValueError(
                "A tuple of texts must hold two, text and pair. "
                f"Received: a tuple of {len(x)}."
            )
        x = {"text": x[0], "text_pair": x[1]}
    if not isinstance(x, dict):
        x = text_columns(x)
    check_fields(x)
    return aligned({key: text_column(value) for key, value in x.items()})


def check_fields(x, needed=FIELDS[:1], optional=FIELDS[1:]):
    """Raise ValueError where a dict lacks a needed field, or has an unknown one."""
    if not set(needed) <= set(x) <= {*needed, *optional}:
        raise ValueError(
            f"Inputs are {', '.join(f'`{name}`' for name in needed)} and, where they "
            f"apply, {', '.join(optional)}. Received: {sorted(x)}."
        )


def text_columns(x):
    """Texts, or pairs of them as rows of two, -> dict of `text` and `text_pair`."""
    x = tf.convert_to_tensor(x, tf.string)
    if x.shape.rank == 2 and x.shape[1] == 2:
        return {"text": x[:, 0], "text_pair": x[:, 1]}
    return {"text": x}


def text_column(values):
    """Texts -> string tensor; a column (B, 1) as (B,)."""
    values = tf.convert_to_tensor(values, tf.string)
    if values.shape.rank == 2 and values.shape[1] == 1:
        return values[:, 0]
    return values


def aligned(fields):
    """Fields whose rows belong together, checked before any op reads them.

    Ops further on trust that two texts of a pair come in equal numbers, and would read
    foreign memory where they do not. The check is part of the graph, so that what is
    exported carries it.

    Args:
        fields: dict of string tensors: `text`, () or (B,), and other texts of the same
            shape; of languages one per text, or one for all.

    Returns:
        dict of the same tensors.

    Raises:
        ValueError: a shape that does not fit, where it is known.
        tf.errors.InvalidArgumentError: where it is not known before the graph runs.
    """
    fields = {
        name: tf.ensure_shape(value, (None,)) if value.shape.rank is None else value
        for name, value in fields.items()
    }
    text = fields["text"]
    checks = []
    for name, value in fields.items():
        if value.shape.rank > 1:
            raise ValueError(
                f"`{name}` must be one string or a list of strings. "
                f"Received: an array of the shape {value.shape}."
            )
        one_for_all = name in LANGUAGE_FIELDS
        if value.shape.rank == text.shape.rank or one_for_all:
            sizes = value.shape.num_elements(), text.shape.num_elements()
            if None in sizes:
                # The rows of a matrix that a server let in are no texts either.
                sizes = tf.size(value), tf.shape(text)[0] if text.shape.rank else 1
            fits = sizes[0] == sizes[1]
            if one_for_all:
                fits = fits | (sizes[0] == 1)
        else:
            sizes, fits = ("a single one", "a list"), False
        expected = f"`{name}` must hold one string for every one of `text`"
        expected += ", or one for all. " if one_for_all else ". "
        if tf.is_tensor(fits):
            checks.append(tf.debugging.Assert(fits, [expected, *sizes]))
        elif not fits:
            raise ValueError(f"{expected}Received: {sizes[0]} for {sizes[1]}.")
    with tf.control_dependencies(checks):
        return {name: tf.identity(value) for name, value in fields.items()}


def different_strings(values):
    """The different ones among str, bytes or tensors of them: list of str."""
    values = tf.reshape(tf.convert_to_tensor(values, tf.string), [-1]).numpy()
    return [value.decode("utf-8", "replace") for value in dict.fromkeys(values)]


def with_language(texts, language):
    """What `pack` takes for texts of a language, of one each, or of the default.

    Args and raises: as for `language_of_each`.
    """
    languages = language_of_each(texts, language)
    return texts if languages is None else {"text": texts, "language": languages}


def language_of_each(texts, language):
    """The languages of texts: list of str, or None where none is said.

    Args:
        texts: list of str.
        language: str, of all; list of str, one each; or None.

    Raises:
        ValueError: as many languages as there are texts were expected.
    """
    if language is None:
        return None
    if isinstance(language, str):
        return [language] * len(texts)
    if len(language) != len(texts):
        raise ValueError(
            "`language` must be one str for all texts, or a list with one for every "
            f"text. Received: {len(language)} for {len(texts)} texts."
        )
    return list(language)
