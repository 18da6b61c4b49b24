"""Codes of languages: one type, and the rule by which a spelling finds a language.

A model keeps the names of its languages as its files spell them; users write the same
languages in other ways: `zh_CN`, `zh-Hans`, `ZH`, `zho_Hans`, `zh_CN.UTF-8`.
"""

import functools
import re
import typing

import langcodes
from langcodes.data_dicts import (
    LANGUAGE_REPLACEMENTS,
    LIKELY_SUBTAGS,
    NORMALIZED_MACROLANGUAGES,
)

# Names that are in use and that BCP 47 spells otherwise.
OTHER_NAMES = {
    "als": "gsw",  # Wikipedia's name, which XLM-100 has ...
    "als-latn": "sq-latn",  # ... and FLORES'
    "ar-ar": "ar",  # mBART's name; not Argentina's
    "bat-smg": "sgs",  # this and the next: Wikipedia's names
    "be-x-old": "be-tarask",
    "cbk-zam": "cbk",
    "fiu-vro": "vro",
    "map-bms": "jv-banyumas",
    "nb": "no",  # what `no` without more means, as opposed to `nn`
    "nob": "no",
    "roa-rup": "rup",
    "roa-tara": "nap-tarantin",
    "simple": "en-simple",
    "zh-classical": "lzh",
    "zh-min-nan": "nan",
}
# Written without spaces between words.
_CHINESE = ("zh", "yue", "wuu", "gan", "hak", "nan", "lzh")
UNSPACED_LANGUAGES = {*_CHINESE, "ja", "th", "lo", "km", "my", "shn", "bo", "dz"}
# POSIX: language_REGION.codeset@modifier
POSIX_SCRIPTS = {"latin": "latn", "cyrillic": "cyrl", "devanagari": "deva"}


class LanguageCode(typing.NamedTuple):
    """What a code says, in the spelling of BCP 47.

    Attributes:
        language: str, such as "zh"; of a name that is no code ("english") that name.
        script: str, such as "Hant", or "". A region implies it: that of `zh_TW`.
        region: str, such as "TW", or "".
        variant: str, such as "tarask", or "".
    """

    language: str
    script: str = ""
    region: str = ""
    variant: str = ""


@functools.cache
def parse_language_code(code):
    """What a code of a language says, however it is spelled.

    BCP 47 (`pt-BR`), with underscores (`pt_BR`), in any case, with three letters
    (`por`), deprecated (`iw`), of POSIX (`sr_RS@latin`), FLORES (`zho_Hans`), mBART
    (`en_XX`) and Wikipedia (`zh_classical`). Of a language that is one of several
    under a common code the most usual is the common one: `cmn` is `zh`, `arb` is `ar`,
    `nb` is `no`; `yue` and `nn` stay themselves.

    Args:
        code: str.

    Returns:
        `LanguageCode`.

    Raises:
        ValueError: not a string, or an empty one.
    """
    if not isinstance(code, str) or not code.strip():
        raise ValueError(
            'The code of a language must be a string, such as "en" or "pt-BR" (in YAML '
            f"and JSON in quotation marks). Received: {code!r}."
        )
    tag = _plain(code)
    head, hyphen, rest = tag.partition("-")
    tag = OTHER_NAMES.get(tag) or OTHER_NAMES.get(head, head) + hyphen + rest
    try:
        parsed = langcodes.Language.get(tag).prefer_macrolanguage()
    except langcodes.LanguageTagError:
        return LanguageCode(tag)
    if parsed.language is None:
        return LanguageCode(tag)
    script = parsed.script or ""
    if parsed.territory and not script:
        script = likely_script(parsed.language, parsed.territory)
    variant = "-".join(parsed.variants or ())
    return LanguageCode(parsed.language, script, parsed.territory or "", variant)


def is_language(code):
    """Whether a language has this code, and not only a name like one: bool.

    Args:
        code: str, in any spelling.
    """
    return langcodes.tag_is_valid(parse_language_code(code).language)


@functools.cache
def likely_script(language, region=None):
    """The script that a language is usually written in, such as "Hant" in Taiwan."""
    parts = langcodes.Language.make(language=language, territory=region)
    return parts.maximize().script or ""


def match_language(code, names, what="the model's"):
    """The name that a model, a recipe or a table has for a language.

    A code finds the name that is spelled as it is. Otherwise it finds the one that
    says the same (`zh_CN` finds `zh-Hans-CN`, `eng_Latn` finds `en`); otherwise the
    one that says the same and less (`pt-BR` finds `pt`, `zh-TW` finds `zh-Hant` before
    `zh`); otherwise the one that says the same and more, if it is the only one (`pt`
    finds `pt-BR`, where there is no `pt-PT`). What contradicts is never found: not
    `pt-PT` for `pt-BR`, not `zh-Hans` for `zh-TW`.

    Args:
        code: str, see `parse_language_code`.
        names: iterable of str.
        what: str, whose names these are, for the error.

    Returns:
        str, one of `names`.

    Raises:
        ValueError: the code finds none or several; says which there are.
    """
    names = list(names)
    if code in names:
        return code
    asked = parse_language_code(code)
    codes = [parse_language_code(name) for name in names]
    less = [name for name, own in zip(names, codes, strict=True) if _says(asked, own)]
    found = less
    if less:
        most = max(map(_parts_of, less))
        found = [name for name in less if _parts_of(name) == most]
    else:
        found = [
            name for name, own in zip(names, codes, strict=True) if _says(own, asked)
        ]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(
            f"A language must say which of {what} it is: {', '.join(found)}. "
            f"Received: {code!r}."
        )
    raise ValueError(
        f"A language must be one of {what}: {', '.join(names)}. Received: {code!r}."
    )


def _says(code, less):
    """Whether a code says all that another one says."""
    return all(part in ("", own) for part, own in zip(less, code, strict=True))


def _parts_of(name):
    return sum(map(bool, parse_language_code(name)))


def _plain(code):
    """Lower case, hyphens, without what is no part of a language's name."""
    tag, _, modifier = code.strip().lower().replace("_", "-").partition("@")
    tag = re.sub(r"\..*", "", tag)  # the codeset
    tag = re.sub(r"-xx$", "", tag)  # no region
    if modifier in POSIX_SCRIPTS:
        language, hyphen, region = tag.partition("-")
        tag = f"{language}-{POSIX_SCRIPTS[modifier]}{hyphen}{region}"
    elif len(modifier) > 4:  # not @euro
        tag = f"{tag}-{modifier}"
    return tag


def other_spellings(languages):
    """Codes that stand for others: deprecated, of three letters, OTHER_NAMES.

    Args:
        languages: collection of str, as in `LanguageCode`.

    Returns:
        dict from the code to the usual one of those languages, in lower case: of
        "sr", `{"srp": "sr", "scc": "sr", "sh": "sr-latn", ...}`.
    """
    known = {**LANGUAGE_REPLACEMENTS, **NORMALIZED_MACROLANGUAGES, **OTHER_NAMES}
    codes = {spelling.lower(): parse_language_code(spelling) for spelling in known}
    return {
        spelling: "-".join(filter(None, code)).lower()
        for spelling, code in codes.items()
        if code.language in languages
    }


@functools.cache
def regions_with_scripts(language):
    """Regions in which a language is written in another script than usual.

    Args:
        language: str, as in `LanguageCode`.

    Returns:
        dict from region to script, such as `{"TW": "Hant", ...}` of "zh".
    """
    usual = likely_script(language)
    regions = {}
    for tag in LIKELY_SUBTAGS:
        first, _, region = tag.partition("-")
        if first == language and re.fullmatch("[A-Z]{2}|[0-9]{3}", region):
            script = likely_script(language, region)
            if script != usual:
                regions[region] = script
    return regions
