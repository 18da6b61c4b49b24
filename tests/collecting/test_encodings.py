"""Pages in many encodings, whatever they say of themselves."""

import codecs

import pytest

from tests.collecting.web_files import ARTICLES, page
from xlm_tf.collecting.encodings import decode
from xlm_tf.data.language_identification import LanguageIdentifier

ENCODED = [
    ("ru", "windows-1251", "cp1251"),
    ("ru", "koi8-r", "koi8-r"),
    ("ja", "shift_jis", "cp932"),
    ("ja", "euc-jp", "euc-jp"),
    ("zh", "gb18030", "gb18030"),
    ("zh", "gb2312", "gb2312"),
    ("pl", "iso-8859-2", "iso-8859-2"),
    ("pl", "windows-1250", "cp1250"),
    ("de", "iso-8859-1", "cp1252"),
    ("de", "macintosh", "mac_roman"),
    ("ru", "utf-8", "utf-8"),
]
WRONG = ["utf-8", "iso-8859-1", "windows-1251", "shift_jis", "no-such-encoding"]


@pytest.fixture(scope="module")
def identifier():
    return LanguageIdentifier()


@pytest.mark.parametrize("language, name, codec", ENCODED)
def test_right_declarations(language, name, codec, identifier):
    text = page(language, charset=name)
    assert decode(text.encode(codec), None, identifier) == text
    text = page(language)
    assert decode(text.encode(codec), name, identifier) == text


@pytest.mark.parametrize("language, name, codec", ENCODED)
def test_missing_and_wrong_declarations(language, name, codec, identifier):
    text = page(language)
    assert decode(text.encode(codec), None, identifier) == text
    for wrong in WRONG:
        text = page(language, charset=wrong)
        assert decode(text.encode(codec), None, identifier) == text
        assert decode(text.encode(codec), wrong, identifier) == text


def test_a_declaration_decides_where_the_text_does_not(identifier):
    assert decode("<p>12 °C</p>".encode("cp1252"), "iso-8859-1", identifier) == (
        "<p>12 °C</p>"
    )
    quoted = "<p>5 € for “this”</p>"
    assert decode(quoted.encode("cp1252"), "iso-8859-1", identifier) == quoted


@pytest.mark.parametrize(
    "mark, codec",
    [
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF8, "utf-8"),
        (b"", "utf-16-le"),
        (b"", "utf-16-be"),
        (b"", "iso2022_jp"),
    ],
)
def test_marks_and_wide_characters(mark, codec, identifier):
    text = page("ja", charset="iso-2022-jp" if codec == "iso2022_jp" else "koi8-r")
    assert decode(mark + text.encode(codec), None, identifier) == text


def test_japanese_in_seven_bits_that_no_page_names(identifier):
    text = page("ja", charset="utf-8")
    assert decode(text.encode("iso2022_jp"), None, identifier) == text
    ascii_text = page("en", charset="utf-8").encode("ascii", "xmlcharrefreplace")
    assert decode(ascii_text, None, identifier) == ascii_text.decode()


def test_a_few_broken_bytes_do_not_change_the_encoding(identifier):
    content = page("ru", charset="utf-8").encode()
    cut = content.index("Гавань".encode()) + 201  # in the middle of a letter
    broken = content[:cut] + b"\xff" + content[cut:]
    found = decode(broken, "utf-8", identifier)
    assert "Гавань маленького города" in found
    assert ARTICLES["ru"][1] in found
    assert found.count("\ufffd") <= 3


def test_bytes_that_are_no_text(identifier):
    noise = bytes(range(256)) * 4
    assert isinstance(decode(noise, "idna", identifier), str)
    assert decode(b"", None, identifier) == ""
