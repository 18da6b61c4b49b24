import gettext
import io
import struct
import subprocess
import sys
import zipfile

import pytest

from xlm_tf.data.gettext_catalogues import (
    iterate_messages,
    language_of_locale,
)

HEADER = (
    "Content-Type: text/plain; charset={charset}\nPlural-Forms: nplurals={n}; "
    "plural={plural};\n"
)
FRENCH = ("2", "(n > 1)")
ARABIC = (
    "6",
    "n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5",
)


def mo_file(messages, plural=FRENCH, charset="utf-8", order="<"):
    """A compiled catalogue, as GNU msgfmt writes it."""
    header = HEADER.format(charset=charset, n=plural[0], plural=plural[1])
    entries = sorted({"": header, **messages}.items())
    encoded = [[text.encode(charset) for text in entry] for entry in entries]
    count = len(encoded)
    ids_at, translations_at = 28, 28 + 8 * count
    offset = 28 + 16 * count
    tables, data = [], b""
    for column in (0, 1):
        for entry in encoded:
            tables.append((len(entry[column]), offset + len(data)))
            data += entry[column] + b"\0"
    head = struct.pack(
        f"{order}7I", 0x950412DE, 0, count, ids_at, translations_at, 0, 0
    )
    table = b"".join(struct.pack(f"{order}2I", *row) for row in tables)
    return head + table + data


def write_catalogue(root, locale, content, name="django.mo"):
    path = root / "locale" / locale / "LC_MESSAGES" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def triples(sources, languages=None):
    return [
        (message.source, message.language, message.target)
        for message in iterate_messages(sources, languages)
    ]


MESSAGES = {
    "Enter a valid date.": "Saisissez une date valide.",
    "Hello %(name)s, you have {count} messages": "Bonjour %(name)s, {count} messages",
    "%(n)d day\0%(n)d days": "%(n)d jour\0%(n)d jours",
    "month\4May": "mai",
    "Untranslated": "",
    "Django": "Django",
}
FRENCH_TRIPLES = {
    ("Enter a valid date.", "fr", "Saisissez une date valide."),
    (
        "Hello %(name)s, you have {count} messages",
        "fr",
        "Bonjour %(name)s, {count} messages",
    ),
    ("%(n)d day", "fr", "%(n)d jour"),
    ("%(n)d days", "fr", "%(n)d jours"),
    ("May", "fr", "mai"),
}


@pytest.mark.parametrize("order", ["<", ">"])
def test_compiled_catalogues_of_a_folder(tmp_path, order):
    content = mo_file(MESSAGES, order=order)
    # The writer above is right: the standard library reads the same.
    standard = gettext.GNUTranslations(io.BytesIO(content))
    assert standard.gettext("Enter a valid date.") == "Saisissez une date valide."
    assert standard.ngettext("%(n)d day", "%(n)d days", 5) == "%(n)d jours"
    write_catalogue(tmp_path / "shop", "fr", content)
    found = triples([tmp_path])
    assert len(found) == len(FRENCH_TRIPLES)
    assert set(found) == FRENCH_TRIPLES


def test_the_singular_takes_the_form_for_one(tmp_path):
    # Arabic's first form is said of nothing.
    forms = "\0".join(["صفر", "واحد", "اثنان", "قليل", "كثير", "آخر"])
    content = mo_file({"a minute\0%d minutes": forms}, ARABIC)
    write_catalogue(tmp_path, "ar", content)
    assert triples([tmp_path]) == [
        ("a minute", "ar", "واحد"),
        ("%d minutes", "ar", "آخر"),
    ]


def test_languages_with_one_form_give_one_pair(tmp_path):
    content = mo_file({"%d item\0%d items": "%d 项"}, ("1", "0"))
    write_catalogue(tmp_path, "zh_Hans", content)
    assert triples([tmp_path]) == [("%d item", "zh", "%d 项")]


def test_locales_are_languages(tmp_path):
    assert language_of_locale("zh_Hans") == "zh"
    assert language_of_locale("zh_CN") == "zh"
    assert language_of_locale("zh-hans") == "zh"
    assert language_of_locale("zh_TW") == "zh_Hant"
    assert language_of_locale("zh_Hant_TW") == "zh_Hant"
    assert language_of_locale("zh_HK") == "zh_HK"
    assert language_of_locale("sr@latin") == "sr@latin"
    assert language_of_locale("pt_BR") == "pt_BR"
    assert language_of_locale("fr") == "fr"
    for locale in ("pt_BR", "pt", "zh_CN", "en"):
        write_catalogue(tmp_path, locale, mo_file({"a": f"{locale} a"}))
    assert triples([tmp_path]) == [
        ("a", "pt", "pt a"),
        ("a", "pt_BR", "pt_BR a"),
        ("a", "zh", "zh_CN a"),
    ]
    assert triples([tmp_path], ["zh"]) == [("a", "zh", "zh_CN a")]
    # Asked for in another spelling, they are named in it.
    messages = iterate_messages([tmp_path], ["pt-BR", "zh-Hans"])
    assert {m.language for m in messages} == {"pt-BR"}
    messages = iterate_messages([tmp_path], ["por", "zho"])
    assert {m.language for m in messages} == {"por", "zho"}


PO = r"""
# Translators:
#, fuzzy
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\n"
"Plural-Forms: nplurals=2; plural=(n > 1);\n"

#: shop/forms.py:12
msgid "Enter a valid date."
msgstr "Saisissez une date valide."
#, fuzzy, python-format
#| msgid "before"
msgid "Guessed by the tool"
msgstr "Deviné"
#, python-format
msgid ""
"Hello %(name)s, you have "
"{count} messages"
msgstr ""
"Bonjour %(name)s, "
"{count} messages"

msgctxt "month"
msgid "May"
msgstr "mai"
msgid "Untranslated"
msgstr ""

msgid "%(n)d day"
msgid_plural "%(n)d days"
msgstr[0] "%(n)d jour"
msgstr[1] "%(n)d jours"

msgid "A \"quoted\"\tline\nand \\n"
msgstr "Une ligne « citée »\net \\n"

#~ msgid "obsolete"
#~ msgstr "obsolète"
"""


def test_catalogues_in_source_form(tmp_path):
    write_catalogue(tmp_path, "fr", PO, "django.po")
    quoted = ('A "quoted"\tline\nand \\n', "fr", "Une ligne « citée »\net \\n")
    assert set(triples([tmp_path])) == {*FRENCH_TRIPLES, quoted}
    assert len(triples([tmp_path])) == 6


def test_source_form_with_windows_line_ends_and_no_last_one(tmp_path):
    content = PO.strip().replace("\n", "\r\n") + '\r\n\r\nmsgid "end"\r\nmsgstr "fin"'
    write_catalogue(tmp_path, "fr", content, "django.po")
    found = triples([tmp_path])
    assert ("end", "fr", "fin") in found
    assert len(found) == 7


def test_other_charsets(tmp_path):
    write_catalogue(
        tmp_path, "fr", mo_file({"summer": "été"}, charset="iso-8859-1"), "a.mo"
    )
    content = (
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=koi8-r\\n"\n'
        'msgid "summer"\nmsgstr "лето"\n'
    )
    write_catalogue(tmp_path, "ru", content.encode("koi8-r"), "a.po")
    assert triples([tmp_path]) == [("summer", "fr", "été"), ("summer", "ru", "лето")]


def test_the_compiled_form_stands_for_the_source_beside_it(tmp_path):
    write_catalogue(tmp_path, "fr", mo_file({"a": "compiled"}))
    write_catalogue(tmp_path, "fr", 'msgid "a"\nmsgstr "source"\n', "django.po")
    write_catalogue(tmp_path, "fr", 'msgid "b"\nmsgstr "other"\n', "more.po")
    assert triples([tmp_path]) == [("a", "fr", "compiled"), ("b", "fr", "other")]


def test_wheels_are_read_without_unpacking(tmp_path):
    wheel = tmp_path / "django_shop-1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("shop/locale/fr/LC_MESSAGES/django.mo", mo_file(MESSAGES))
        archive.writestr("shop/models.py", "")
    messages = list(iterate_messages([wheel]))
    assert {m.package for m in messages} == {"django_shop"}
    assert {(m.source, m.language, m.target) for m in messages} == FRENCH_TRIPLES


def test_installed_packages(tmp_path, monkeypatch):
    package = tmp_path / "a_shop"
    package.mkdir()
    (package / "__init__.py").write_text("")
    write_catalogue(package, "fr", mo_file(MESSAGES))
    monkeypatch.syspath_prepend(tmp_path)
    assert set(triples(["a_shop"])) == FRENCH_TRIPLES


def test_sources_that_do_not_exist_are_named(tmp_path):
    for source in (tmp_path / "absent", "no_such_package_here", "no-such-package"):
        with pytest.raises(FileNotFoundError, match="neither a wheel, a folder nor"):
            triples([source])


def test_sources_without_catalogues_are_named(tmp_path):
    with pytest.raises(ValueError, match="No catalogue"):
        triples([tmp_path])
    broken = tmp_path / "broken.whl"
    broken.write_bytes(b"not a zip")
    with pytest.raises(ValueError, match=r"broken\.whl is not a wheel"):
        triples([broken])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.mo", b"something else, long enough", "does not start as a .mo file"),
        ("a.mo", mo_file(MESSAGES)[:-40], "ends before its last string"),
        ("a.mo", mo_file(MESSAGES)[:40], "ends before its"),
        ("a.po", b'msgid "a"\nmsgstr "\xff"\n', "utf-8"),
        ("a.po", b'msgid "a"\nmsgstr "b\n', "line 2: a string without its closing"),
        ("a.po", b'msgid "a"\nnonsense\n', "line 2: neither a message nor"),
        ("a.po", b'"stray"\n', "line 1: a string outside of a message"),
        ("a.po", b'msgstr "stray"\n', "line 1: a translation without its msgid"),
        ("a.po", b'msgid ""\nmsgstr "charset=klingon-8"\n', "unknown charset"),
    ],
)
def test_broken_catalogues_are_named(tmp_path, name, content, message):
    write_catalogue(tmp_path, "fr", content, name)
    with pytest.raises(ValueError, match=message) as error:
        triples([tmp_path])
    assert f"locale/fr/LC_MESSAGES/{name}" in str(error.value)


@pytest.mark.slow
def test_django_in_15_languages(tmp_path):
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    fetched = subprocess.run(
        [*command, "--dest", str(tmp_path), "django==5.2.7"],
        capture_output=True,
        text=True,
        check=False,
    )
    if fetched.returncode:
        pytest.skip(f"Django's wheel cannot be fetched here: {fetched.stderr[-200:]}")
    (wheel,) = tmp_path.glob("*.whl")
    languages = [
        "fr",
        "zh",
        "es",
        "de",
        "tr",
        "ru",
        "ar",
        "el",
        "vi",
        "bg",
        "hi",
        "th",
        "sw",
        "ur",
    ]
    messages = list(iterate_messages([wheel], languages))
    assert {message.language for message in messages} == set(languages)
    french = {m.source: m.target for m in messages if m.language == "fr"}
    assert french["Enter a valid date."] == "Saisissez une date valide."
    assert len(french) > 600
    arabic = {m.source: m.target for m in messages if m.language == "ar"}
    assert arabic["%(num)d minute"] == "%(num)d دقيقة"
