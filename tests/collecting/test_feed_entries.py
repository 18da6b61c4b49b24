"""Entries of RSS and Atom files."""

import pytest

from xlm_tf.collecting.feed_entries import feed_entries
from xlm_tf.collecting.pages import HAS_ENTITIES, NO_TEXT

RSS = """<?xml version="1.0" encoding="{encoding}"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>
<title>Новости</title><link>http://a.example/</link><description>x</description>
<item><title>A</title><link>http://a.example/1</link>
<pubDate>Tue, 05 Mar 2024 23:30:00 +0000</pubDate>
<description>Коротко &amp;amp; ясно.</description>
<content:encoded><![CDATA[<p>Первый <b>абзац</b>.</p><p>Второй.</p>
<script>var x</script><svg><title>x</title></svg>]]></content:encoded></item>
<item><title>B</title><description>&lt;p&gt;Только &lt;i&gt;описание&lt;/i&gt;.
&lt;/p&gt;</description></item>
</channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>x</title>
<entry><title>A</title><link href="http://b.example/1"/>
<updated>2024-04-05T06:07:08Z</updated>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>One.</p><p>Two.</p>
</div></content></entry>
<entry><title>B</title><published>not a day</published>
<summary>Sum &lt; total.</summary>
</entry></feed>"""


@pytest.mark.parametrize("encoding", ["utf-8", "windows-1251", "koi8-r", "utf-16"])
def test_rss(encoding):
    found = feed_entries(RSS.format(encoding=encoding).encode(encoding), "x.xml")
    assert found == [
        ("Первый абзац.\nВторой.", "http://a.example/1", "2024-03-05"),
        ("Только описание.", "x.xml", None),
    ]


def test_atom():
    assert feed_entries(ATOM.encode(), "x.xml") == [
        ("One.\nTwo.", "http://b.example/1", "2024-04-05"),
        ("Sum < total.", "x.xml", None),
    ]


def test_entities_are_refused():
    bomb = '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "bomb">]>' + ATOM
    assert feed_entries(bomb.encode(), "x") == HAS_ENTITIES
    assert feed_entries(bomb.encode("utf-16"), "x") == HAS_ENTITIES


def test_feeds_without_entries():
    assert feed_entries(b"<rss><channel></channel></rss>", "x") == NO_TEXT
    assert feed_entries(b"<feed>", "x") == NO_TEXT


def test_a_feed_that_is_cut_keeps_what_was_whole():
    content = RSS.format(encoding="utf-8").encode()
    found = feed_entries(content[: content.index(b"<title>B")], "x")
    assert found[0][0] == "Первый абзац.\nВторой."


@pytest.mark.parametrize(
    ("day", "date"),
    [
        ("2021-03-04", "2021-03-04"),
        ("0000-00-00T00:00:00Z", None),
        ("99999-99-99", None),
        ("Mon, 01 Jan 9999 00:00:00 GMT", None),
        ("Thu, 31 Feb 2021 10:00:00 GMT", None),
        ("", None),
    ],
)
def test_days_that_are_none(day, date):
    feed = ATOM.replace("2024-04-05T06:07:08Z", day)
    assert feed_entries(feed.encode(), "x")[0][2] == date


def test_an_update_stands_for_a_publication_of_no_day():
    days = "<updated>2024-01-02</updated><published>0000-00-00"
    feed = ATOM.replace("<published>not a day", days)
    assert feed_entries(feed.encode(), "x")[1][2] == "2024-01-02"
