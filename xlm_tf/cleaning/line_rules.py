"""Rules that a line of text must keep, whatever stands around it.

Most are the public heuristics for web documents, kept by single lines here: C4 (Raffel
et al. 2020, arXiv 1910.10683, section 2.2), CCNet (Wenzek et al. 2020, arXiv
1911.00359) and Gopher (Rae et al. 2021, arXiv 2112.11446, appendix A.1.1). Limits are
wider than theirs of English documents, where lines of 30 languages ask for it.
"""

import collections
import functools
import re

from xlm_tf.cleaning.text_repair import (
    BLOCK_TAGS,
    INLINE_TAGS,
    REPLACEMENT,
    REST_OF_TAG,
)
from xlm_tf.cleaning.wrong_decoding import WrongDecoding
from xlm_tf.optional_packages import import_optional
from xlm_tf.text.language_codes import UNSPACED_LANGUAGES, parse_language_code
from xlm_tf.text.scripts import script_pattern

# Of languages without spaces, about.
_LETTERS_PER_WORD = 2
# Languages whose sentences end with a space, if with anything. Vowels that they write
# before their consonant end no word.
UNPUNCTUATED = ("th", "lo")
_WAITING_VOWEL = re.compile(r"[\u0e40-\u0e44\u0ec0-\u0ec4]$")
# Of all scripts: marks that end a sentence, and what may stand behind them.
_TERMINAL = "".join(
    (
        ".!?…‼⁇⁈⁉",  # Latin, Cyrillic, Hebrew...
        "。！？｡．",  # Chinese and Japanese
        "؟۔؛",  # Arabic and Urdu
        "।॥",  # Devanagari and its neighbours
        "։",  # Armenian
        "።፧፨",  # Ethiopic
        "။",  # Burmese
        "។៕",  # Khmer
        "།༎",  # Tibetan
        ";\u037e",  # Greek's question mark
    )
)
_CLOSING = r"\"'”’»›」』）)\]}】〉》“„*\s"
_ENDING = re.compile(rf"(?:[{re.escape(_TERMINAL)}]|::|፡፡)[{_CLOSING}]*$|[”»」』]$")
# Chinese and Japanese write two ellipses for one.
_SYMBOLS = re.compile(r"#|…+|\.{3,}")
_RUN = re.compile(r"([^\W\d_])\1{4,}|([^\w\s])\2{5,}|(_)\3{5,}|(0)\4{9,}")
_REPEATED = re.compile(r"(\S.{1,10}?)\1\1\1")
# Gopher's, of documents: words of an n-gram, and its share of the characters.
_TOP_NGRAMS = {2: 0.20, 3: 0.18, 4: 0.16}
# A word so often, one behind the other.
_MIN_IN_A_ROW = 3
# An n-gram of a line that stands there less often is no habit.
_MIN_REPEATS = 4
# What all that is markup has some of: most lines have none.
_MARKUP_SIGN = re.compile(r"[<>{}=&$\[(@!*;]")
_MARKUP = re.compile(
    # Tags that are whole, that end a part, or that a line's end cuts off; `<` stands in
    # formulas, too.
    rf"</?[a-z][\w:-]*{REST_OF_TAG}|</[a-z]"
    rf"|<(?=\w\w)(?:{BLOCK_TAGS}|{INLINE_TAGS})(?:[\s/]|$)"
    r"|<[a-z]+\s[\w-]+\s?=|<[a-z]$"
    r"|<!--|-->|/>"
    r"|\b(?:href|src|alt|class|id|style|width|height|target|rel|type|on[a-z]{4,9})"
    r"\s?=\s?(?:[\"'“”]|\\)"
    r"|&(?:[a-z]{2,8}|#x?[0-9a-f]{2,6});"
    # Of programs, with what stands in no sentence about one.
    r"|\bfunction\s?\w*\s?\([\w\s,$]*\)\s?\{|[(=,:]\s?function\s?\w*\("
    r"|(?-i:\b(?:var|const)\s\w+\s?=|\blet\s\w+\s?=[^.;]{0,80};)"
    r"|\b(?:document|window)\.(?-i:[a-z]\w*)\s?[(.=\[;]"
    r"|/\*|\*/|[\w-]:\s?[\d.]+(?:px|r?em|pt|vw|%);"
    r"|[;{]\s?\}|\{\s?[\w-]+\s?:|\$\([\"'#.a-z]|\)\s?=>|=>\s?[({]"
    r"|@media\b|!important"
    r"|\[/(?:[biu]|url)\]|\[url\b",
    re.I,
)
# C4's, and a sign that stands in no sentence.
_PHRASES = (
    "javascript",
    "lorem ipsum",
    "{",
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
    "©",
)


class LineRules:
    """The rules for lines of one language.

    Args:
        settings: `xlm_tf.cleaning.cleaning_recipe.Rules`.
        language: str.
        identifier: `LanguageIdentifier`, or None where the rule is off.
        listed_words: frozenset of str in lower case, the user's word list; some may
            be several words.
    """

    def __init__(self, settings, language, identifier=None, listed_words=frozenset()):
        self.code = parse_language_code(language).language
        self.is_spaced = self.code not in UNSPACED_LANGUAGES
        self.wrong_decoding = WrongDecoding(language)
        self.settings = settings
        self.identifier = identifier
        self.label = identifier and identifier.label_of(language)
        self.listed = _listed(listed_words, self.is_spaced)
        regex = import_optional("regex", "Rules of text", "pip install 'xlm-tf[clean]'")
        self.letters = regex.compile(r"[\p{L}\p{M}]+")
        self.foreign = None
        if settings.script:
            own = script_pattern([language]).removesuffix("*")
            self.foreign = regex.compile(rf"[\p{{L}}--{own}]", regex.V1)
        # Cheap ones first.
        checks = {
            "length": self._length,
            "script": self.foreign and self._script,
            "encoding": self._encoding,
            "word_length": self.is_spaced and self._word_length,
            "letters": self._letters,
            "symbols": self._symbols,
            "markup": self._markup,
            "phrases": self._phrases,
            "ending": self._ending,
            "repetition": self._repetition,
            "word_lists": self.listed and self._word_list,
            "language": identifier and self._language,
        }
        self.checks = {
            name: check
            for name, check in checks.items()
            if check and getattr(settings, name) not in (None, False)
        }

    def broken_by(self, text):
        """The first rule that a line breaks.

        Args:
            text: str, repaired.

        Returns:
            (name of the rule, what it saw), or None.
        """
        line = _Line(text)
        for name, check in self.checks.items():
            seen = check(line)
            if seen:
                return name, seen
        return None

    def _length(self, line):
        limits = self.settings.length
        count = self._word_count(line)
        if count < limits.min_words:
            return "1 word" if count == 1 else f"{count} words"
        if len(line.text) > limits.max_characters:
            return f"{len(line.text):,} characters"
        return None

    def _word_count(self, line):
        count = len(line.words)
        if not self.is_spaced:
            letters = sum(map(len, self.letters.findall(line.text)))
            count = max(count, letters // _LETTERS_PER_WORD)
        return count

    def _encoding(self, line):
        if REPLACEMENT in line.text:
            return "characters that were lost before"
        return self.wrong_decoding(line.text)

    def _word_length(self, line):
        limits = self.settings.word_length
        mean = sum(map(len, line.words)) / len(line.words)
        return None if limits.min <= mean <= limits.max else f"{mean:.1f} characters"

    def _letters(self, line):
        limits = self.settings.letters
        characters = sum(map(len, line.words))
        share = sum(map(len, self.letters.findall(line.text))) / characters
        if share < limits.min_share:
            return f"{share:.0%} of the characters"
        if self.is_spaced:
            words = [word for word in line.words if any(map(str.isalnum, word))]
            written = sum(any(map(str.isalpha, word)) for word in words)
            if written < limits.min_share_of_words * len(words):
                return f"{written} of {len(words)} words"
        return None

    def _symbols(self, line):
        found = len(_SYMBOLS.findall(line.text))
        if found <= 1:
            return None
        count = self._word_count(line)
        is_much = found > self.settings.symbols.max_share * count
        return f"{found} of {count} words" if is_much else None

    def _markup(self, line):
        if not _MARKUP_SIGN.search(line.text):
            return None
        return _shown(_MARKUP.search(line.text))

    def _phrases(self, line):
        text = line.text.casefold()
        return next((phrase for phrase in _PHRASES if phrase in text), None)

    def _ending(self, line):
        has_end = ends_a_sentence(line.text)
        if self.code in UNPUNCTUATED:
            has_end = not ends_in_a_syllable(line.text)
        return None if has_end else f"...{line.text[-12:]}"

    def _repetition(self, line):
        found = _RUN.search(line.text) or _REPEATED.search(line.text)
        if found and _is_word_like(found):
            return _shown(found)
        words = line.folded
        if not words or collections.Counter(words).most_common(1)[0][1] < _MIN_IN_A_ROW:
            return None
        for first, second, third in zip(words, words[1:], words[2:], strict=False):
            if first == second == third and any(map(str.isalpha, first)):
                return f"{first} {first} {first}"
        characters = sum(map(len, words))
        for size, most in _TOP_NGRAMS.items():
            ngrams = zip(*(words[start:] for start in range(size)), strict=False)
            (top, count), *_ = collections.Counter(ngrams).most_common(1) or [((), 0)]
            if count >= _MIN_REPEATS:
                share = count * sum(map(len, top)) / characters
                if share > most:
                    return f"{' '.join(top)}, {count} times"
        return None

    def _word_list(self, line):
        words, phrases = self.listed
        own = (word.strip(_EDGES) for word in line.folded)
        found = next((word for word in own if word in words), None)
        if found is None and phrases is not None:
            found = _shown(phrases.search(" ".join(line.folded)))
        return found

    def _script(self, line):
        letters = sum(map(len, self.letters.findall(line.text)))
        foreign = len(self.foreign.findall(line.text))
        share = 1 - foreign / letters if letters else 1
        is_own = share >= self.settings.script.min_share
        return None if is_own else f"{share:.0%} of the letters"

    def _language(self, line):
        return self.identifier.mistaken_for(
            line.text, self.label, self.settings.language.margin
        )


_EDGES = "".join(map(chr, range(33, 48))) + ":;<=>?@[]{}…“”„‚‘’«»‹›¿¡।۔،؛؟。，！？"


class _Line:
    """A line, and its words by its spaces."""

    def __init__(self, text):
        self.text = text
        self.words = text.split()

    @functools.cached_property
    def folded(self):
        return [word.casefold() for word in self.words]


def _listed(entries, is_spaced):
    """Words, and an expression for what is found otherwise; None where none are."""
    if not entries:
        return None
    # Words of scripts without spaces stand anywhere.
    words = {
        entry
        for entry in entries
        if is_spaced and entry.strip(_EDGES).split() == [entry]
    }
    phrases = sorted(entries - words, key=lambda entry: (-len(entry), entry))
    if not phrases:
        return words, None
    pattern = "|".join(map(re.escape, phrases))
    return words, re.compile(rf"(?<!\w)(?:{pattern})(?!\w)" if is_spaced else pattern)


def ends_a_sentence(text):
    """Whether a text ends as sentences do, with quotes and brackets behind: bool."""
    return _ENDING.search(text) is not None


def ends_in_a_syllable(text):
    """Whether a text of Thai or Lao ends where no word does: bool."""
    return _WAITING_VOWEL.search(text) is not None


def _is_word_like(found):
    """Whether what is repeated is more than digits, such as of 1000000000."""
    return any(not x.isdigit() for x in found.group(0))


def _shown(found):
    return found and found.group(0)[:30]
