"""Noise of ten kinds in real text: what `cleaning.py` plants and looks for."""

import dataclasses
import html
import ipaddress
import random
import string
from pathlib import Path

import yaml

# Lines of sites by language, parallel; other languages repeat lines of their own.
BOILERPLATE = yaml.safe_load(
    Path(__file__).with_name("boilerplate.yaml").read_text(encoding="utf-8")
)
# Languages that are taken for each other.
RELATED = {
    "ar": ("fa", "ur"),
    "bg": ("ru", "uk"),
    "cs": ("pl",),
    "de": ("nl",),
    "es": ("pt", "it"),
    "fa": ("ar", "ur"),
    "it": ("es", "pt"),
    "ja": ("zh",),
    "nl": ("de",),
    "pl": ("cs",),
    "pt": ("es", "it"),
    "ru": ("uk", "bg"),
    "uk": ("ru", "bg"),
    "ur": ("fa", "ar"),
    "zh": ("ja",),
}
# What UTF-8 is read as, more often than once where it is usual.
MISREAD_AS = ("cp1252", "cp1252", "cp1252", "latin-1", "latin-1", "cp1251", "mac_roman")
# In what texts of a language stood before UTF-8.
LEGACY = {
    "ar": "cp1256",
    "bg": "cp1251",
    "cs": "cp1250",
    "el": "cp1253",
    "he": "cp1255",
    "ja": "shift_jis",
    "ko": "euc_kr",
    "pl": "cp1250",
    "ru": "cp1251",
    "th": "cp874",
    "tr": "cp1254",
    "uk": "cp1251",
    "zh": "gbk",
}
# What ends a sentence.
TERMINAL = tuple(".!?…。！？।؟።")
SITES = ("Morning Post", "dailyreport.example", "Radio Nord", "blog.example.org")


@dataclasses.dataclass
class Noise:
    """A text with noise.

    Attributes:
        text: str.
        variant: str, of the kind.
        before: str, what it was before; None: the text that was given.
        datum: str, what must not be left, of personal data.
    """

    text: str
    variant: str = ""
    before: str | None = None
    datum: str | None = None


@dataclasses.dataclass
class Line:
    """A line of a file, or of two parallel ones.

    Attributes:
        texts: tuple of str, one a file.
        kind: str of `KINDS` or `PAIR_KINDS`; None: it is clean.
        variant: str, of the kind.
        before: tuple of str, what a repair should give; None: only rejecting will do.
        datum: str, what must not be left, or None.
        place: float, lines stand in its order.
    """

    texts: tuple
    kind: str | None = None
    variant: str = ""
    before: tuple | None = None
    datum: str | None = None
    place: float = 0.0


def plant(rows, languages, others, share, seed):
    """A corpus with noise.

    A row is used once: as it is, or for a line with noise; only near duplicates repeat
    a clean one, behind it. Rows that are equal to an earlier one are left out.

    Args:
        rows: list of tuples of str, the texts of one language or of two parallel ones.
        languages: tuple of str, of the texts of a row.
        others: dict from language to list of str, parallel to `rows`.
        share: float, lines of every kind by rows.
        seed: int.

    Returns:
        list of `Line`.
    """
    rng = random.Random(f"{seed} {languages}")
    count = round(share * len(rows))
    # The same rows in all languages: no line is foreign here and clean there.
    order = random.Random(seed).sample(range(len(rows)), len(rows))
    foreign, seen, pool = order[:count], set(), []
    for index in order[count:]:
        if all(rows[index]) and rows[index] not in seen:
            seen.add(rows[index])
            pool.append(rows[index])
    lines = [
        wrong_language(rng, rows[index], languages, others, index) for index in foreign
    ]
    kinds = KINDS | (PAIR_KINDS if len(languages) == 2 else {})
    for kind, add_noise in kinds.items():
        own, rest = [], []
        for row in pool:
            line = None
            if len(own) < count:
                line = add_noise(rng, row, languages)
            if line is None:
                rest.append(row)
            else:
                own.append(dataclasses.replace(line, kind=kind))
        lines += own
        pool = rest
    # A pair with the target of the next one.
    shifted, pool = pool[:count], pool[count:]
    if len(languages) == 2:
        for (source, _), (_, target) in zip(
            shifted, shifted[1:] + shifted[:1], strict=True
        ):
            lines.append(Line((source, target), "misaligned"))
    else:
        pool = shifted + pool
    repeated, pool = pool[:8], pool[8:]
    lines += [boilerplate(rng, languages, repeated) for _ in range(count)]
    clean = [Line(row, place=rng.random()) for row in pool]
    for line in lines:
        line.place = rng.random()
    copies = 0
    for original in rng.sample(clean, len(clean)):
        if copies == count:
            break
        copy = near_duplicate(rng, original.texts, languages, pool)
        if copy:
            copy.place = rng.uniform(original.place, 1)
            lines.append(copy)
            copies += 1
    return sorted(clean + lines, key=lambda line: line.place)


def wrong_language(rng, row, languages, others, index):
    """A row of which a side is in another language."""
    side = rng.randrange(len(languages))
    language = languages[side]
    if len(languages) == 2 and rng.random() < 0.25:
        texts = (row[1 - side],) * 2
        return Line(texts, "wrong language", "copy of the other side")
    related = [x for x in RELATED.get(language, ()) if x in others]
    far = [x for x in others if x not in (*related, *languages)]
    is_related = bool(related) and (not far or rng.random() < 0.5)
    other = rng.choice(related if is_related else far)
    texts = replaced(row, side, others[other][index])
    return Line(
        texts, "wrong language", "related language" if is_related else "other language"
    )


def boilerplate(rng, languages, repeated):
    """A line of a site."""
    if not set(languages) <= set(BOILERPLATE):
        return Line(rng.choice(repeated), "boilerplate", "repeated lines")
    number = rng.randrange(len(BOILERPLATE["en"]))
    fill = {
        "site": rng.choice(SITES),
        "year": rng.randint(2017, 2021),
        "number": rng.randint(6, 40),
    }
    texts = tuple(BOILERPLATE[own][number].format(**fill) for own in languages)
    return Line(texts, "boilerplate", "of sites")


def near_duplicate(rng, row, languages, pool):
    """A row that is nearly another one; None where nothing changes."""
    sides = rng.choice(((0, 1), (0, 1), (0,), (1,))) if len(row) == 2 else (0,)
    change = rng.choice((_case, _punctuation, _digits, _word_changed, _word_added))
    texts = row
    for side in sides:
        word = rng.choice(words(rng.choice(pool)[side])[0])
        texts = replaced(texts, side, change(rng, texts[side], word))
    if texts == row:
        return None
    return Line(texts, "near duplicate", change.__name__.strip("_").replace("_", " "))


def on_one_side(noise):
    """A function of rows from one of texts, which is given one side of a pair."""

    def add_noise(rng, row, languages):
        for side in rng.sample(range(len(row)), len(row)):
            made = noise(rng, row[side], languages[side])
            if made:
                before = row[side] if made.before is None else made.before
                return Line(
                    replaced(row, side, made.text),
                    variant=made.variant,
                    before=replaced(row, side, before),
                    datum=made.datum,
                )
        return None

    return add_noise


def on_all_sides(noise):
    """The same, where half of the pairs have the same noise on both sides."""

    def add_noise(rng, row, languages):
        if len(row) == 1 or rng.random() < 0.5:
            return on_one_side(noise)(rng, row, languages)
        seed = rng.random()
        made = [
            noise(random.Random(seed), text, language)
            for text, language in zip(row, languages, strict=True)
        ]
        if None in made:
            return None
        return Line(
            tuple(x.text for x in made),
            variant=made[0].variant,
            before=tuple(
                text if x.before is None else x.before
                for text, x in zip(row, made, strict=True)
            ),
            datum=made[0].datum,
        )

    return add_noise


def mojibake(rng, text, language):
    """A text of which the bytes were read in another encoding."""
    if text.isascii():
        text = typographic(text)
    way = rng.choice(("once", "once", "once", "twice", "legacy", "lossy"))
    if way == "lossy":
        sign = rng.choice(("\ufffd", "?"))
        made = "".join(x if x.isascii() else sign for x in text)
        return None if made == text else Noise(made, "characters lost", text)
    if way == "legacy" and language in LEGACY:
        packed = text.encode(LEGACY[language], "ignore")
        variant = f"{LEGACY[language]} as cp1252"
        return Noise(misread(packed, "cp1252"), variant, text)
    encoding = rng.choice(MISREAD_AS)
    made = misread(text.encode(), encoding)
    if way == "twice":
        made = misread(made.encode(), encoding)
    if made == text:
        return None
    variant = f"UTF-8 as {encoding}" + (" twice" if way == "twice" else "")
    return Noise(made, variant, text)


def misread(packed, encoding):
    """Bytes as text of an encoding of one byte a character; C1 where it has none."""
    return "".join(
        bytes([byte]).decode(encoding, "ignore") or chr(byte) for byte in packed
    )


def typographic(text):
    """A text with the quotes and dashes of printed English."""
    text = text.replace("'", "\u2019").replace(" - ", " \u2013 ")
    parts = text.split('"')
    return (
        "".join(
            part + ("\u201c", "\u201d")[number % 2]
            for number, part in enumerate(parts[:-1])
        )
        + parts[-1]
    )


def truncated(rng, text, language):
    """A text that ends at 30 to 80 % of its characters."""
    if len(text) < 20:
        return None
    cut = round(len(text) * rng.uniform(0.3, 0.8))
    made = text[:cut].rstrip()
    if made.endswith(TERMINAL):
        return None
    is_word_cut = text[cut - 1].isalpha() and text[cut].isalpha()
    return Noise(made, "in a word" if is_word_cut else "between words")


def html_remains(rng, text, language):
    """A text with what an extractor of web pages leaves."""
    name = rng.choice(("title", "entry-content", "post-body", "lead", "story__text"))
    number = rng.randint(2, 9_999)
    way = rng.choice(("tags", "entities", "broken tag", "script", "style"))
    before = text
    if way == "tags":
        made = rng.choice(
            (
                f'<p class="{name}">{text}</p>',
                f"<div id='{name}-{number}'><span>{text}</span>",
                with_word(rng, text, "<b>{}</b>"),
                with_word(rng, text, f'<a href="/{name}/{number}.html">{{}}</a>'),
                f'<img src="/img/{number}.jpg" alt="" width="{number}"/>{text}<br/>',
                f"<li>{text}</li>",
                f"{text}<br><br />",
            )
        )
    elif way == "entities":
        made = rng.choice(
            (
                f"&nbsp;&nbsp;{text}&nbsp;",
                html.escape(html.escape(f'"{text}"')),
                f"&raquo; {text} &laquo;",
                f"{text} &#8230;&nbsp;&gt;&gt;",
                text.replace(" ", "&nbsp;", 3) if " " in text else f"&ldquo;{text}",
            )
        )
        before = html.unescape(html.unescape(made))
    elif way == "broken tag":
        made = rng.choice(
            (
                f"{text}</p",
                f'class="{name}">{text}',
                f'{text} <a href="http://www.example.com/{name}?id={number}',
                f"</span></div>{text}",
                f'{text} <img src="{name}{number}.png" alt=',
                f"br /> {text}",
            )
        )
    elif way == "script":
        made = rng.choice(
            (
                f'<script type="text/javascript">var id={number};</script>{text}',
                f"{text} document.write('<div id=\"ad{number}\"></div>');",
                f"window.dataLayer = window.dataLayer || []; {text}",
                f"{text} (function(d, s, id) {{ var js = d.getElementById(id); }})();",
                f"jQuery(document).ready(function($) {{ $('.{name}').hide(); }});",
                f"//<![CDATA[ var page = {number}; //]]> {text}",
            )
        )
    else:
        made = rng.choice(
            (
                f".{name} {{ color: #333; margin: 0 auto; }} {text}",
                f"<style>#{name} {{display:none}}</style>{text}",
                f"{text} @media (min-width: {number}px) {{ .{name} {{ width: 9px }} }}",
                f'<span style="font-size: 12px; color: #{number:06d}">{text}</span>',
                f"/* {name} */ {text} padding-left: 10px;",
            )
        )
    return Noise(made, way, before)


def repeated_characters(rng, text, language):
    """A text with characters or words again and again."""
    way = rng.choice(("letters", "signs", "only signs", "word", "only word", "phrase"))
    times = rng.randint(5, 30)
    if way == "letters":
        letters = [i for i, x in enumerate(text) if x.isalpha()]
        if not letters:
            return None
        i = rng.choice(letters)
        made = text[:i] + text[i] * max(times, 8) + text[i + 1 :]
    elif way == "signs":
        made = rng.choice((f"{text} {{}}", f"{{}} {text}", f"{text}{{}}")).format(
            rng.choice("-=*_.!#~?") * max(times, 10)
        )
    elif way == "only signs":
        made = rng.choice(("-", "=", "*", "_", "- ", "* ", ". ", "+-", "#", "~", "aeh"))
        made = (made * (times + 3)).strip()
    elif way == "word":
        gap = " " if " " in text else ""
        made = with_word(rng, text, gap.join(["{}"] * times))
    else:
        own, gap = words(text)
        size = min(len(own), 1 if way == "only word" else rng.randint(2, 5))
        first = rng.randrange(len(own) - size + 1)
        phrase = own[first : first + size]
        if way == "only word":
            own = phrase * times
        else:
            own[first : first + size] = phrase * rng.randint(4, 10)
        made = gap.join(own)
    return None if made == text else Noise(made, way)


def personal_data(rng, text, language):
    """A text with an address, a phone number, a number of a card or an account."""
    way, datum = rng.choice(DATA)(rng)
    place = rng.random()
    name = LEADS[way.split(",")[0]]
    lead = rng.choice(("", f"{name}: ", f"{name} "))
    if place < 0.4:
        made = f"{text} {lead}{datum}"
    elif place < 0.6:
        made = f"{text} ({lead}{datum})"
    elif place < 0.7:
        made = f"{lead}{datum} {text}"
    else:
        made = with_word(rng, text, f"{{}} {datum}")
    return Noise(made, way, datum=datum)


LEADS = {
    "mail address": "E-mail",
    "phone number": "Tel.",
    "card number": "Visa",
    "IBAN": "IBAN",
    "IPv4 address": "IP",
    "IPv6 address": "IP",
}
FIRST_NAMES = ("maria", "j", "ahmed", "li.wei", "kowalski", "Anna", "o.brien", "paul")
LAST_NAMES = ("smith", "mueller", "garcia", "tanaka", "ivanova", "okoro", "dubois")
DOMAINS = (
    "gmail.com",
    "yahoo.co.uk",
    "web.de",
    "mail.ru",
    "orange.fr",
    "uni-koeln.de",
    "example.org",
    "qq.com",
    "news.example.com.br",
)
PHONES = (
    "+49 30 ########",
    "0171/#######",
    "(089) ## ## ## ##",
    "+1-202-555-####",
    "(415) 555-####",
    "415-555-####",
    "020 7946 ####",
    "+44 7911 1#####",
    "+33 1 42 ## ## ##",
    "06.12.##.##.##",
    "+34 91# ### ###",
    "+39 06 #### ####",
    "+48 22 ### ## ##",
    "+7 (495) ###-##-##",
    "8 (912) ###-##-##",
    "+90 212 ### ## ##",
    "+91 98### #####",
    "+81 3-5###-####",
    "03-3###-####",
    "+86 138 #### ####",
    "138########",
    "+82 2-5##-####",
    "+254 7## ######",
    "+55 11 9####-####",
    "+62 812-####-####",
    "0049 221 #######",
)
# Digits of the account by country; letters where the bank's code has some.
IBANS = {
    "DE": "##################",
    "FR": "#######################",
    "GB": "NWBK##############",
    "ES": "####################",
    "IT": "X######################",
    "NL": "INGB##########",
    "CH": "#################",
    "PL": "########################",
    "FI": "##############",
    "TR": "######################",
}
CARDS = ("4###############", "5###############", "37#############", "6011############")


def _digits_for(rng, pattern):
    return "".join(rng.choice(string.digits) if x == "#" else x for x in pattern)


def _mail(rng):
    name = rng.choice((".", "_", "", "-")).join(
        (rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES))
    )
    name += rng.choice(("", "", str(rng.randint(1, 99)), "+news"))
    return "mail address", f"{name}@{rng.choice(DOMAINS)}"


def _phone(rng):
    number = _digits_for(rng, rng.choice(PHONES))
    is_international = number.startswith(("+", "00"))
    return f"phone number, {'inter' * is_international}national", number


def _card(rng):
    digits = _digits_for(rng, rng.choice(CARDS))[:-1]
    doubled = [
        sum(divmod(int(x) * (2 if i % 2 == 0 else 1), 10))
        for i, x in enumerate(reversed(digits))
    ]
    digits += str(-sum(doubled) % 10)
    return "card number", rng.choice((" ", "-", "")).join(in_groups(digits))


def _iban(rng):
    country = rng.choice(list(IBANS))
    account = _digits_for(rng, IBANS[country])
    number = int("".join(str(int(x, 36)) for x in f"{account}{country}00"))
    iban = f"{country}{98 - number % 97:02d}{account}"
    return "IBAN", rng.choice((" ", "")).join(in_groups(iban))


def _ipv4(rng):
    octets = [rng.randint(11, 223), *(rng.randint(0, 255) for _ in range(3))]
    return "IPv4 address", ".".join(map(str, octets))


def _ipv6(rng):
    address = ipaddress.IPv6Address((0x2001 << 112) | rng.getrandbits(108))
    if rng.random() < 0.5:
        address = ipaddress.IPv6Address(int(address) & ~(((1 << 64) - 1) << 16))
    return "IPv6 address", rng.choice((address.compressed, address.exploded))


DATA = (_mail, _phone, _card, _iban, _ipv4, _ipv6)


def swapped_sides(rng, row, languages):
    """A pair the other way round."""
    return Line(row[::-1])


# Kinds that change a row, and those of pairs alone; the others are made by `plant`.
KINDS = {
    "mojibake": on_one_side(mojibake),
    "truncated": on_one_side(truncated),
    "HTML remains": on_all_sides(html_remains),
    "repeated characters": on_one_side(repeated_characters),
    "personal data": on_all_sides(personal_data),
}
PAIR_KINDS = {"swapped sides": swapped_sides}


def words(text):
    """(what a text has between spaces, " "), or (pairs of characters, "")."""
    own = text.split()
    if len(own) > 2:
        return own, " "
    return [text[i : i + 2] for i in range(0, len(text), 2)], ""


def with_word(rng, text, pattern):
    """A text in which a word has become what a pattern makes of it."""
    own, gap = words(text)
    place = rng.randrange(len(own))
    own[place] = pattern.replace("{}", own[place])
    return gap.join(own)


def in_groups(text):
    """A text in groups of four characters."""
    return [text[i : i + 4] for i in range(0, len(text), 4)]


def replaced(row, side, text):
    """A row with another text on a side."""
    return (*row[:side], text, *row[side + 1 :])


def _case(rng, text, word):
    return rng.choice((text.upper(), text.lower(), text.title()))


def _punctuation(rng, text, word):
    without = "".join(x for x in text if x not in string.punctuation + "。、，“”„«»।")
    exclaimed = text.rstrip(".!?。।") + rng.choice(("!", "...", " .", ";"))
    return rng.choice((without, exclaimed, text.replace(",", " -"), f'"{text}"'))


def _digits(rng, text, word):
    if any(map(str.isdigit, text)):
        return "".join(str(rng.randint(1, 9)) if x.isdigit() else x for x in text)
    number = rng.randint(1, 99)
    return rng.choice((f"{number}. {text}", f"{text} [{number}]"))


def _word_changed(rng, text, word):
    return with_word(rng, text, word)


def _word_added(rng, text, word):
    return with_word(rng, text, f"{{}}{' ' if ' ' in text else ''}{word}")
