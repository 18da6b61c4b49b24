"""Message catalogues of programs (gettext .mo and .po) as parallel text.

Translated programs carry their messages in dozens of languages: short, clean,
aligned by message. Catalogues are read from a folder tree, from an installed Python
package, or inside a wheel without unpacking it.
"""

import codecs
import contextlib
import dataclasses
import gettext
import importlib.util
import re
import struct
import zipfile
import zlib
from pathlib import Path

from xlm_tf.text.language_codes import parse_language_code

SOURCE_LANGUAGE = "en"  # the language that gettext message ids are written in
# .../locale/LANGUAGE/LC_MESSAGES/DOMAIN.mo
_CATALOGUE = re.compile(
    r"(?:^|/)(?P<locale>[A-Za-z]{2,3}(?:[_-]\w+)?(?:@\w+)?)/LC_MESSAGES/"
    r"(?P<domain>[^/]+)\.(?P<format>mo|po)$"
)


@dataclasses.dataclass(frozen=True)
class Message:
    """One translated message of a program.

    Attributes:
        package: str, the package or folder that the catalogue is from.
        source: str, the message in English (gettext's message id). Placeholders such
            as `%(name)s` and `{count}` are part of the text.
        language: str, language of `target`: `fr`, `pt_BR`; Simplified Chinese is
            `zh`.
        target: str, the translation.
    """

    package: str
    source: str
    language: str
    target: str


def language_of_locale(locale):
    """The language of a gettext locale: `zh_Hans` and `zh_CN` are `zh`.

    Regional variants stay apart (`pt_BR` is not `pt`): they are other texts. Chinese
    goes by script, as its two written forms are other texts; `zh` is the simplified.
    """
    code = parse_language_code(locale)
    if (code.language, code.region) in (("zh", ""), ("zh", "CN"), ("zh", "TW")):
        return "zh_Hant" if code.script == "Hant" else "zh"
    return locale.replace("-", "_")


def iterate_messages(sources, languages=None):
    """Read the messages of several catalogues.

    Args:
        sources: list of str or Path: folders that hold `LANGUAGE/LC_MESSAGES/*.mo`
            (or .po) at any depth, wheel files, or names of installed packages.
        languages: collection of str, the languages to read, which messages then have
            as it spells them (`pt-BR`, `pt_br`). Defaults to all.

    Yields:
        `Message`s in a fixed order: sources as given, then by path, then as in the
        catalogue. Plural forms come as messages of their own: the singular with the
        form for one, the plural with the last. Where a .mo and a .po of one domain
        stand side by side, the .mo is read. Left out are untranslated and fuzzy
        messages, those that are the same in both languages (names, or untranslated
        too), the header, and catalogues in English itself.

    Raises:
        FileNotFoundError: a source that is neither a file, a folder nor an installed
            package.
        ValueError: a source without catalogues, or a catalogue that cannot be read;
            names the file.
    """
    for source in sources:
        with _catalogues(source) as (package, catalogues):
            if not catalogues:
                raise ValueError(
                    f"No catalogue (LANGUAGE/LC_MESSAGES/*.mo or *.po) in {source}."
                )
            for name, read in catalogues:
                match = _CATALOGUE.search(name)
                language = language_of_locale(match["locale"])
                if language == SOURCE_LANGUAGE:
                    continue
                if languages is not None:
                    same = _same_language(language, languages)
                    if same is None:
                        continue
                    language = same
                parse = _parse_mo if match["format"] == "mo" else _parse_po
                try:
                    pairs = list(parse(read()))
                except (OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
                    raise ValueError(
                        f"{source}: {name} is not a readable catalogue: {error}"
                    ) from error
                for message, translation in pairs:
                    # Some tools write the message itself for a missing translation.
                    if (
                        message != translation
                        and message.strip()
                        and translation.strip()
                    ):
                        yield Message(package, message, language, translation)


def _same_language(language, languages):
    """The one of some languages that says the same, however it is spelled, or None."""
    if language in languages:
        return language
    code = parse_language_code(language)
    return next((x for x in languages if parse_language_code(x) == code), None)


@contextlib.contextmanager
def _catalogues(source):
    """(package name, [(path inside the source, function that reads its bytes)])."""
    path = Path(source)
    with contextlib.ExitStack() as stack:
        if path.is_file():
            try:
                archive = stack.enter_context(zipfile.ZipFile(path))
            except zipfile.BadZipFile as error:
                raise ValueError(f"{path} is not a wheel: {error}") from error
            names = archive.namelist()
            readers = {name: (lambda name=name: archive.read(name)) for name in names}
            package = path.name.split("-")[0]
        else:
            if not path.is_dir():
                path = _installed_package(source)
            readers = {
                file.relative_to(path).as_posix(): file.read_bytes
                for file in path.rglob("*.[mp]o")
            }
            package = path.name
        names = sorted(name for name in readers if _CATALOGUE.search(name))
        yield (
            package,
            [
                (name, readers[name])
                for name in names
                if name.endswith(".mo") or name[:-3] + ".mo" not in readers
            ],
        )


def _installed_package(name):
    spec = None
    if re.fullmatch(r"[A-Za-z_]\w*(\.\w+)*", str(name)):
        spec = importlib.util.find_spec(str(name))
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(
            f"{name} is neither a wheel, a folder nor an installed package."
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _parse_mo(data):
    """Yield (message, translation) of a compiled catalogue.

    Not `gettext.GNUTranslations`: it drops the plural message ids. The format is in
    the GNU gettext manual, section "The Format of GNU MO Files".
    """
    if len(data) < 20 or data[:4] not in (b"\xde\x12\x04\x95", b"\x95\x04\x12\xde"):
        raise ValueError("it does not start as a .mo file does")
    order = "<" if data[:4] == b"\xde\x12\x04\x95" else ">"
    count, ids_at, translations_at = struct.unpack_from(f"{order}3I", data, 8)

    def string(table, index):
        if table + 8 * (index + 1) > len(data):
            raise ValueError("it ends before its table of strings does")
        length, offset = struct.unpack_from(f"{order}2I", data, table + 8 * index)
        if offset + length > len(data):
            raise ValueError("it ends before its last string does")
        return data[offset : offset + length]

    # The header is the translation of the empty message, the first.
    first = string(ids_at, 0) if count else None
    header = string(translations_at, 0).decode("latin-1") if first == b"" else ""
    charset, singular_form = _charset(header), _singular_form(header)
    for index in range(count):
        message = string(ids_at, index).decode(charset)
        forms = string(translations_at, index).decode(charset).split("\0")
        # msgctxt and msgid are joined by EOT, msgid and msgid_plural by NUL.
        singular, _, plural = message.rpartition("\4")[2].partition("\0")
        yield from _pairs(singular, plural, forms, singular_form)


def _parse_po(data):
    """Yield (message, translation) of a catalogue in its source form.

    The format is in the GNU gettext manual, section "The Format of PO Files".
    """
    text = data.decode(_charset(data.decode("latin-1"))).removeprefix("\ufeff")
    entry, field, is_fuzzy, singular_form = {}, None, False, 0
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        line = line.strip()  # noqa: PLW2901
        keyword = _PO_KEYWORD.match(line)
        is_continued = line.startswith('"') or (
            keyword and keyword[1].startswith("msgstr")
        )
        if entry and field.startswith("msgstr") and not is_continued:
            forms = [form for key, form in entry.items() if key.startswith("msgstr")]
            if not entry["msgid"]:
                singular_form = _singular_form(forms[0])
            elif not is_fuzzy:
                plural = entry.get("msgid_plural")
                yield from _pairs(entry["msgid"], plural, forms, singular_form)
            entry, field, is_fuzzy = {}, None, False
        if line.startswith('"'):
            if field is None:
                raise ValueError(f"line {number}: a string outside of a message")
            entry[field] += _unquote(line, number)
        elif keyword:
            field = keyword[1]
            if field.startswith("msgstr") and "msgid" not in entry:
                raise ValueError(f"line {number}: a translation without its msgid")
            entry[field] = _unquote(keyword[2], number)
        elif line.startswith("#,"):
            is_fuzzy = "fuzzy" in line
        elif line and not line.startswith("#"):
            raise ValueError(
                f"line {number}: neither a message nor a comment: {line!r}"
            )


_PO_KEYWORD = re.compile(r"(msgctxt|msgid|msgid_plural|msgstr(?:\[\d+\])?)\s+(\".*)$")
_PO_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}


def _unquote(quoted, number):
    if len(quoted) < 2 or not quoted.endswith('"'):
        raise ValueError(f"line {number}: a string without its closing quote")
    return re.sub(
        r"\\(.)", lambda match: _PO_ESCAPES.get(match[1], match[0]), quoted[1:-1]
    )


def _pairs(singular, plural, forms, singular_form):
    """Singular and plural message, each with one of the one to six plural forms."""
    # An empty message id is the catalogue's header.
    if not singular:
        return
    if not plural or len(forms) == 1:
        yield singular, forms[0]
        return
    yield singular, forms[min(singular_form, len(forms) - 1)]
    yield plural, forms[-1]


def _charset(header):
    match = re.search(r"charset=([\w.-]+)", header)
    charset = match[1] if match else "utf-8"
    try:
        codecs.lookup(charset)
    except LookupError as error:
        if charset == "CHARSET":  # a template that nobody filled in
            return "utf-8"
        raise ValueError(f"it is written in an unknown charset, {charset}") from error
    return charset


def _singular_form(header):
    """Which of the plural forms is said of one thing; in Arabic, the second."""
    match = re.search(r"plural=([^;\n\\]+)", header)
    return int(gettext.c2py(match[1])(1)) if match else 0
