"""The words that XLM's models were trained on: Moses' rules and three segmenters."""

import functools
import unicodedata

from xlm_tf.optional_packages import import_optional
from xlm_tf.text.language_codes import parse_language_code

# Row order in which the original replaces Romanian letters: cedilla, comma, plain.
_ROMANIAN = str.maketrans("ŞşŢţȘșȚțĂăÂâÎî", "SsTtSsTtAaAaIi")
_INSTALL = {
    "sacremoses": "pip install 'xlm-tf[legacy]'",
    "rjieba": "pip install 'xlm-tf[chinese]'",
    "pythainlp": "pip install 'xlm-tf[thai]'",
    "Mykytea": "pip install kytea, and a model of KyTea",
}


def split_words(text, language="en", segmenter=None):
    """The words of a raw text, as XLM 2019 counts them.

    Punctuation is normalised, characters that do not print are left out, and the text
    is split by the rules of the Moses tokenizer for its language. Chinese, Thai and
    Japanese are cut by rjieba, PyThaiNLP and KyTea, as transformers does it (for
    Chinese the models' training used Stanford's segmenter, which differs).

    Args:
        text: str.
        language: str, such as "fr", see `parse_language_code`.
        segmenter: function from str to a list of words, instead of the usual one for a
            language without spaces.

    Returns:
        List of str.

    Raises:
        ModuleNotFoundError: the package for the language is not installed; says how.
    """
    language = parse_language_code(language).language
    if language == "zh" and segmenter is None:
        # Cut before the normalisation, as transformers does it.
        text = " ".join(_import("rjieba").cut(text))
        return _normalize(text, language).split()
    text = _normalize(text, language)
    if segmenter is not None:
        return [word for word in segmenter(text) if word.strip()]
    if language == "th":
        return _import("pythainlp.tokenize").word_tokenize(text)
    if language == "ja":
        return list(_kytea().getWS(text))
    if language == "ro":
        text = text.translate(_ROMANIAN)
    return _tokenizer(language).tokenize(text, return_str=False, escape=False)


def lowercase_and_remove_accents(text):
    """Lower case without combining marks: what the models of up to 15 languages read.

    Args:
        text: str.

    Returns:
        str.
    """
    decomposed = unicodedata.normalize("NFD", text.lower())
    kept = (c for c in decomposed if unicodedata.category(c) != "Mn")
    return "".join(kept).lower()


def _normalize(text, language):
    return _normalizer(language).normalize(text)


@functools.cache
def _normalizer(language):
    return _import("sacremoses").MosesPunctNormalizer(
        lang=language, pre_replace_unicode_punct=True, post_remove_control_chars=True
    )


@functools.cache
def _tokenizer(language):
    return _import("sacremoses").MosesTokenizer(lang=language)


@functools.cache
def _kytea():
    return _import("Mykytea").Mykytea("")


def _import(name):
    install = _INSTALL[name.partition(".")[0]]
    return import_optional(
        name, "XLM's words", f"{install}. Or split the text yourself, and pass words."
    )
