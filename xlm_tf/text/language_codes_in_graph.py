"""The rule of `match_language` as TensorFlow ops, for training and serving."""

import tensorflow as tf

from xlm_tf.text.language_codes import (
    POSIX_SCRIPTS,
    likely_script,
    other_spellings,
    parse_language_code,
    regions_with_scripts,
)

_SCRIPT = "-[a-z]{4}"
_REGION = "-(?:[a-z]{2}|[0-9]{3})"
_VARIANT = "-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3})"
_HEAD = "^([a-z]{2,3})"
_CODE = f"{_HEAD}({_SCRIPT})?({_REGION})?((?:{_VARIANT})*)$"


def languages_found(language, names):
    """Which names a code finds, by the rule of `xlm_tf.text.language_codes`.

    The deprecated codes of regions alone ("UK" for "GB") are not known here.

    Args:
        language: string tensor (B,).
        names: list of str, L of them.

    Returns:
        bool tensor (B, L): one true in a row is the name; several, or none, an error.
    """
    codes = [[part.lower() for part in parse_language_code(name)] for name in names]
    own = tf.constant(codes)[None]  # (1, L, 4)
    asked = tf.stack(_parts(language, {code[0] for code in codes}), axis=1)[:, None]
    is_equal = asked == own  # (B, L, 4)
    says_less = tf.reduce_all(is_equal | (own == ""), axis=2)  # (B, L)
    says_more = tf.reduce_all(is_equal | (asked == ""), axis=2)
    num_parts = tf.constant([sum(map(bool, code)) for code in codes])
    num_parts = tf.where(says_less, num_parts, 0)
    most = tf.reduce_max(num_parts, axis=1, keepdims=True)  # (B, 1)
    found = tf.where(most > 0, says_less & (num_parts == most), says_more)
    is_exact = language[:, None] == tf.constant(names)[None]
    return tf.where(tf.reduce_any(is_exact, axis=1, keepdims=True), is_exact, found)


def known_languages(language, languages):
    """The languages that codes name, where they are some known ones.

    Args:
        language: string tensor (B,), however it is spelled.
        languages: set of str, as in `LanguageCode`.

    Returns:
        string tensor (B,): those of `languages` as they stand there, whatever script,
        region or variant the codes say; something else for the others.
    """
    # Of two letters nearly all are usual.
    is_usual = tf.strings.regex_full_match(language, "[a-z]{2}")
    unusual = [code for code in other_spellings(languages) if len(code) == 2]
    is_usual &= ~tf.reduce_any(language[:, None] == tf.constant(unusual)[None], axis=1)
    return tf.cond(
        tf.reduce_all(is_usual),
        lambda: language,
        lambda: tf.strings.regex_replace(_usual(language, languages), "-.*", ""),
    )


def _usual(language, languages):
    """string (B,), in lower case with hyphens, `languages` in their usual spelling."""
    aliases = other_spellings(languages)
    tag = _in_plain_form(language)
    tag = _replace_whole(tag, aliases)
    # Of `zh-yue` and the like the second part is the language.
    tag = tf.strings.regex_replace(tag, r"^[a-z]{2,3}-([a-z]{3}(?:-.*)?)$", r"\1")
    tag = tf.strings.regex_replace(tag, "-[a-z0-9]-.*", "")  # extensions
    head = tf.strings.regex_replace(tag, "-.*", "")
    rest = tf.strings.regex_replace(tag, "^[^-]*", "")
    return _replace_whole(head, aliases) + rest


def _parts(language, languages):
    """Language, script, region and variant, in lower case: string tensors (B,)."""
    tag = _usual(language, languages)
    is_code = tf.strings.regex_full_match(tag, _CODE)
    parts = [tf.strings.regex_replace(tag, _CODE, rf"\{i}") for i in range(1, 5)]
    parts = [tf.strings.regex_replace(part, "^-", "") for part in parts]
    head, script, region, variant = (tf.where(is_code, part, "") for part in parts)
    implied = tf.where((script == "") & (region != ""), head + "-" + region, "")
    scripts = {}
    for own in sorted(languages):
        others = regions_with_scripts(own)
        scripts |= {f"{own}-{x}".lower(): y.lower() for x, y in others.items()}
    is_other = tf.zeros_like(is_code)
    if scripts:
        is_region = implied[:, None] == tf.constant(list(scripts))[None]
        is_other = tf.reduce_any(is_region, axis=1)
        chosen = tf.gather(list(scripts.values()), tf.argmax(is_region, axis=1))
        script = tf.where(is_other, chosen, script)
    usual = {own: likely_script(own).lower() for own in sorted(languages)}
    is_usual = (implied != "") & ~is_other
    script = tf.where(is_usual, _replace_whole(head, usual), script)
    return [tf.where(is_code, head, tag), script, region, variant]


def _in_plain_form(language):
    tag = tf.strings.lower(tf.strings.strip(language))
    tag = tf.strings.regex_replace(tag, "_", "-")
    tag = tf.strings.regex_replace(tag, r"\.[^@]*", "")
    for modifier, script in POSIX_SCRIPTS.items():
        pattern = rf"^([^-@]+)([^@]*)@{modifier}$"
        tag = tf.strings.regex_replace(tag, pattern, rf"\1-{script}\2")
    tag = tf.strings.regex_replace(tag, "@(.{5,})$", r"-\1")
    return tf.strings.regex_replace(tag, "@.*|-xx$", "")


def _replace_whole(strings, replacements):
    """string (B,), those that are keys of a dict replaced by their values."""
    if not replacements:
        return strings
    is_key = strings[:, None] == tf.constant(list(replacements))[None]
    values = tf.gather(list(replacements.values()), tf.argmax(is_key, axis=1))
    return tf.where(tf.reduce_any(is_key, axis=1), values, strings)
