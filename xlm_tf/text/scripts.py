"""Which scripts the languages are written in: facts of Unicode's CLDR."""

from langcodes.data_dicts import LIKELY_SUBTAGS

from xlm_tf.text.language_codes import likely_script, parse_language_code

# The scripts' codes (ISO 15924), and their Unicode names.
_NAMES = {
    "Arab": ("Arabic",),
    "Armn": ("Armenian",),
    "Beng": ("Bengali",),
    "Cans": ("Canadian_Aboriginal",),
    "Cher": ("Cherokee",),
    "Copt": ("Coptic",),
    "Cyrl": ("Cyrillic",),
    "Deva": ("Devanagari",),
    "Ethi": ("Ethiopic",),
    "Geor": ("Georgian",),
    "Grek": ("Greek",),
    "Gujr": ("Gujarati",),
    "Guru": ("Gurmukhi",),
    "Hans": ("Han",),
    "Hant": ("Han",),
    "Hebr": ("Hebrew",),
    "Jpan": ("Han", "Hiragana", "Katakana"),
    "Khmr": ("Khmer",),
    "Knda": ("Kannada",),
    "Kore": ("Hangul", "Han"),
    "Laoo": ("Lao",),
    "Latn": ("Latin",),
    "Lisu": ("Lisu",),
    "Mlym": ("Malayalam",),
    "Mong": ("Mongolian",),
    "Mymr": ("Myanmar",),
    "Nkoo": ("Nko",),
    "Olck": ("Ol_Chiki",),
    "Orya": ("Oriya",),
    "Sinh": ("Sinhala",),
    "Syrc": ("Syriac",),
    "Taml": ("Tamil",),
    "Telu": ("Telugu",),
    "Tfng": ("Tifinagh",),
    "Thaa": ("Thaana",),
    "Thai": ("Thai",),
    "Tibt": ("Tibetan",),
    "Yiii": ("Yi",),
}
# Written in two scripts, where a code does not say which.
# Letters beside which those of another script stand without a space, as ranges of a
# regular expression: of Thai, Lao, Burmese, Khmer, Japanese, Chinese, Korean.
UNSPACED_LETTERS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u9fff\uac00-\ud7af"
_OF_TWO = {"ku": ("Latn", "Arab"), "sr": ("Cyrl", "Latn"), "uz": ("Latn", "Cyrl")}


def scripts_of(language):
    """The codes of the scripts that a language is written in.

    Args:
        language: str, see `parse_language_code`; one that says its script, or implies
            it as `zh_TW` does, is written in that one.

    Returns:
        tuple of str, such as ("Deva",); empty where it is not known.
    """
    code = parse_language_code(language)
    if code.script:
        return (code.script,)
    if code.language in _OF_TWO:
        return _OF_TWO[code.language]
    is_known = code.language in LIKELY_SUBTAGS
    return (likely_script(code.language),) if is_known else ()


def script_pattern(languages):
    """A regular expression (RE2) of texts in the scripts of some languages.

    Digits, punctuation and symbols belong to every script.

    Args:
        languages: list of str, see `scripts_of`.

    Returns:
        str.

    Raises:
        ValueError: a language whose script is not known here.
    """
    scripts = {language: scripts_of(language) for language in languages}
    unknown = [
        language
        for language, own in scripts.items()
        if not own or not set(own) <= set(_NAMES)
    ]
    if unknown:
        raise ValueError(
            f"The script of {', '.join(unknown)} is not known: give a corpus of it "
            "instead, or say it, as in sr-Latn. Known scripts are "
            f"{', '.join(_NAMES)}."
        )
    names = {name for own in scripts.values() for code in own for name in _NAMES[code]}
    pattern = "".join(rf"\p{{{name}}}" for name in sorted(names))
    return rf"[{pattern}\p{{Common}}\p{{Inherited}}]*"
