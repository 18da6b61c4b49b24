"""Dumps of MediaWiki, and the text of markup."""

import bz2
import gzip

import pytest

from xlm_tf.collecting import pages
from xlm_tf.collecting.packed_files import PackedFile
from xlm_tf.collecting.pages import LeftOut, Page
from xlm_tf.collecting.wiki_pages import text_of_markup, wiki_pages

HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" xml:lang="de">
<siteinfo><sitename>Wikipedia</sitename>
<base>https://de.wikipedia.org/wiki/Wikipedia:Hauptseite</base>
<namespaces><namespace key="0"/><namespace key="6">Datei</namespace>
<namespace key="14">Kategorie</namespace></namespaces></siteinfo>
"""


def wiki_page(title, text, ns=0, more="", model="wikitext"):
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    return f"""<page><title>{title}</title><ns>{ns}</ns><id>1</id>{more}
<revision><id>2</id><timestamp>2023-05-06T07:08:09Z</timestamp><model>{model}</model>
<text bytes="1" xml:space="preserve">{text}</text></revision></page>
"""


DUMP = (
    HEAD
    + wiki_page("Hafen (Stadt)", "Der '''Hafen'''. [[Datei:X.jpg|mini|Ein Bild]]")
    + wiki_page("Häfen", "#WEITERLEITUNG [[Hafen]]", more='<redirect title="Hafen" />')
    + wiki_page("Diskussion:Hafen", "Hallo", ns=1)
    + wiki_page("Vorlage.js", "var x;", model="javascript")
    + wiki_page("Öl & Gas".replace("&", "&amp;"), "Text & more.")
    + "</mediawiki>"
)


def read(path, content):
    path.write_bytes(content)
    with PackedFile(path) as file:
        return list(wiki_pages(file))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_pages_of_a_dump(tmp_path, pack):
    found = read(tmp_path / "x.xml", pack(DUMP.encode()))
    first, *left_out, last = found
    assert first.source == "https://de.wikipedia.org/wiki/Hafen_(Stadt)"
    assert first.date == "2023-05-06"
    assert text_of_markup(first.content, first.markers) == "Der Hafen."
    assert last.source == "https://de.wikipedia.org/wiki/%C3%96l_%26_Gas"
    assert last.content == "Text & more."
    assert left_out == [
        LeftOut(pages.REDIRECT),
        LeftOut(pages.OTHER_NAMESPACE),
        LeftOut(pages.NOT_WIKITEXT),
    ]


def test_the_last_of_several_revisions(tmp_path):
    old = "<revision><text>Old.</text></revision>"
    dump = HEAD + wiki_page("A", "New.", more=old) + "</mediawiki>"
    (found,) = read(tmp_path / "x.xml", dump.encode())
    assert found.content == "New."


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_a_dump_that_is_cut_keeps_what_was_whole(tmp_path, pack):
    many = [wiki_page(f"P{i}", f"Page {i}. " * 5000) for i in range(100)]
    content = pack((HEAD + "".join(many)).encode())
    found = read(tmp_path / "x", content[: len(content) * 2 // 3])
    whole = [item for item in found if isinstance(item, Page)]
    assert found[:-1] == whole
    if pack is not bz2.compress:  # of which a block is all of it
        assert 30 < len(whole) < 99
    assert found[-1].reason == pages.UNREADABLE
    assert "nothing more can be read" in found[-1].note


def test_entities_are_not_unfolded(tmp_path):
    levels = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
    bomb = f'<!DOCTYPE mediawiki [<!ENTITY e0 "bomb">{levels}]>'
    page = wiki_page("A", "SECRET").replace("SECRET", "&e11;")
    found = read(tmp_path / "x", (bomb + HEAD + page + "</mediawiki>").encode())
    assert all("bomb" not in str(item) for item in found)
    secret = tmp_path / "secret"
    secret.write_text("SECRET")
    outside = f'<!DOCTYPE mediawiki [<!ENTITY e11 SYSTEM "file://{secret}">]>'
    found = read(tmp_path / "x", (outside + HEAD + page + "</mediawiki>").encode())
    assert all("SECRET" not in str(item) for item in found)


MARKUP = """{{Infobox|name=[[Berlin]]}}'''Berlin''' ({{IPA|x}}; ) is the
[[capital city|capital]] of [[Germany]].<ref name="a">A {{note}}</ref><ref name="b" />
[[File:X.jpg|thumb|A [[picture]] of it]] See [http://x.example its site], not [http://y].

== History ==
It was ''founded'' in 1237.<br/>R&amp;D, 5&nbsp;km.
* one
** two<!-- and a comment -->
{| class="wikitable"
! a !! b
|-
| 1 || 2
|}
<math>x^2</math><gallery>X.jpg|Y</gallery>
=== Empty ===
{{x}}
== References ==
<references />
[[Category:Cities]] [[Kategorie:Stadt]] [[de:Berlin]]
__NOTOC__
"""


def test_the_text_of_markup():
    assert text_of_markup(MARKUP, ("file", "category", "kategorie")).splitlines() == [
        "Berlin is the",
        "capital of Germany.",
        "See its site, not .",
        "History",
        "It was founded in 1237.",
        "R&D, 5 km.",
        "one",
        "two",
    ]


def test_broken_markup_stays_text():
    assert text_of_markup("[[open {{brace ''italic", ()) != ""
    assert text_of_markup("", ()) == ""
    assert text_of_markup("{{only|a template}}", ()) == ""
