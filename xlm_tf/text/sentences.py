"""Sentences of a text in any language, and where long texts can be cut."""

import re

_CLOSING = "\"'»”’)\\]"
# The end of a sentence, with what closes it and the space after it. The full stops of
# Chinese and Japanese need no space; and an empty line ends a sentence, too.
_END = re.compile(
    rf"([.!?…؟۔।॥։።፧။។]+|፡፡)[{_CLOSING}]*\s+"
    r"|[。！？｡]+[」』”’）》】]*\s*"
    r"|\n[^\S\n]*\n\s*"
)
_LAST_WORD = re.compile(r"[^\s\"'«“„(\[]*\Z")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")  # J, U.S, z.B
# Words with a full stop that a sentence goes on after, also with a capital letter: of
# English and Latin; German and Dutch; French, Spanish, Portuguese and Italian; Polish,
# Czech and Turkish; Russian.
_ABBREVIATIONS = """
mr mrs ms dr prof st rev gen col lt sgt gov sen rep hon vs cf al fig figs eq eqs sec
secs ref refs vol vols approx ca viz resp dept univ inc ltd
bzw vgl ggf evtl inkl zzgl sog hr fr str geb mio mrd abs nr dhr mevr bijv
mme mlle mm sr sra srta dra ud uds pág núm av ej dott sig ing
np tzn tzw godz tzv mgr doç bkz
проф гг тыс млн млрд руб им ул
"""
# Those that are abbreviations before a number alone.
_BEFORE_NUMBERS = """
no nos p pp art ch cap sect s jan feb mar apr jun jul aug sep sept oct nov dec
"""
_ABBREVIATIONS, _BEFORE_NUMBERS = (
    frozenset(words.split()) for words in (_ABBREVIATIONS, _BEFORE_NUMBERS)
)


def split_sentences(text):
    """The sentences of a text, as well as punctuation tells.

    A mark of punctuation is the end of a sentence where a space and no lower-case
    letter follow; a full stop is none after initials, common abbreviations and short
    numbers ("3. Oktober"). What this gets wrong: sentences that end with such a word,
    other abbreviations before a capital letter, and those of Thai and Lao, which have
    no mark.

    Args:
        text: str.

    Returns:
        List of str; joined, with the spaces in their place, they are the text.
    """
    parts, begin = [], 0
    for match in _END.finditer(text):
        if not _goes_on(text, match):
            parts.append(text[begin : match.end()])
            begin = match.end()
    parts.append(text[begin:])
    return [part for part in parts if part.strip()]


def sentence_spans(text):
    """Where the sentences of a text stand, without the spaces around them.

    Args:
        text: str.

    Returns:
        List of pairs of int, start and end, of what `split_sentences` gives.
    """
    spans, end = [], 0
    for part in split_sentences(text):
        start = text.index(part, end)
        end = start + len(part)
        begin = end - len(part.lstrip())
        spans.append((begin, begin + len(part.strip())))
    return spans


def _goes_on(text, match):
    """Whether a sentence goes on after a mark and a space."""
    following = text[match.end() : match.end() + 1]
    if match[1] is None:
        return following == "と" and match[0][-1] in "」』"  # 「…。」と
    if following.islower():
        return True
    if match[1] != ".":
        return False
    word = _LAST_WORD.search(text, max(match.start() - 20, 0), match.start())[0]
    if _INITIALS.fullmatch(word):
        # Letters that have two cases: a syllable of Korean is a word.
        return word[-1].islower() or word[-1].isupper()
    if word.isdigit():
        return len(word) < 3
    word = word.casefold()
    is_number = following.isdigit() and word in _BEFORE_NUMBERS
    return is_number or word in _ABBREVIATIONS


def chunks(text, fits):
    """A text in parts that fit: whole sentences where they do, else words.

    Args:
        text: str.
        fits: function from str to bool.

    Returns:
        List of str, stripped, with at least one part. A single word that does not fit
        is a part of its own.
    """
    if fits(text):
        return [text]
    sentences = split_sentences(text)
    if len(sentences) == 1:
        sentences = re.findall(r"\S+\s*", text) or [text]
        if len(sentences) == 1:
            return [text]
    parts, current = [], ""
    for sentence in sentences:
        if current and not fits(current + sentence):
            parts.append(current)
            current = ""
        current += sentence
    parts.append(current)
    return [piece for part in parts for piece in chunks(part.strip(), fits)]
