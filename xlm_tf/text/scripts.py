"""Which scripts the languages are written in: facts of Unicode's CLDR."""

_LATIN = (
    "af az br bs ca cs cy da de en eo es et eu fi fr fy ga gd gl ha hr hu id is it jv "
    "la lt lv mg ms nl no om pl pt ro sk sl so sq su sv sw tl tr uz vi xh"
)
_OTHER = {
    "Arabic": "ar fa ku ps sd ug ur",
    "Armenian": "hy",
    "Bengali": "as bn",
    "Cyrillic": "be bg kk ky mk mn ru sr uk",
    "Devanagari": "hi mr ne sa",
    "Ethiopic": "am",
    "Georgian": "ka",
    "Greek": "el",
    "Gujarati": "gu",
    "Gurmukhi": "pa",
    "Han": "zh",
    "Hangul": "ko",
    "Hebrew": "he yi",
    "Kannada": "kn",
    "Khmer": "km",
    "Lao": "lo",
    "Malayalam": "ml",
    "Myanmar": "my",
    "Oriya": "or",
    "Sinhala": "si",
    "Tamil": "ta",
    "Telugu": "te",
    "Thai": "th",
}

SCRIPTS = {language: ("Latin",) for language in _LATIN.split()}
for _script, _languages in _OTHER.items():
    SCRIPTS |= {language: (_script,) for language in _languages.split()}
SCRIPTS |= {
    "ja": ("Han", "Hiragana", "Katakana"),
    "ko": ("Hangul", "Han"),
    "ku": ("Latin", "Arabic"),
    "sr": ("Cyrillic", "Latin"),
    "uz": ("Latin", "Cyrillic"),
}


def script_pattern(languages):
    """A regular expression (RE2) of texts in the scripts of some languages.

    Digits, punctuation and symbols belong to every script.

    Args:
        languages: list of str.

    Returns:
        str.

    Raises:
        ValueError: a language whose script is not known here.
    """
    unknown = [language for language in languages if language not in SCRIPTS]
    if unknown:
        raise ValueError(
            f"The script of {', '.join(unknown)} is not known: give a corpus of it "
            f"instead. Known are {', '.join(sorted(SCRIPTS))}."
        )
    names = {script for language in languages for script in SCRIPTS[language]}
    scripts = "".join(rf"\p{{{name}}}" for name in sorted(names))
    return rf"[{scripts}\p{{Common}}\p{{Inherited}}]*"
