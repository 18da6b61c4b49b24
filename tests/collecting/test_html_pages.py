"""The main text of pages, however they are built, and none of what surrounds it."""

import pytest

from tests.collecting.web_files import ARTICLES, page, text_of
from xlm_tf.collecting.html_pages import read_html, text_of_fragment

MENU = "".join(f'<li><a href="/{i}">Menu entry {i}</a></li>' for i in range(12))
FOOTER = '<div class="footer"><p>Copyright. <a href="/p">Privacy policy</a></p></div>'
LAYOUTS = {
    "divisions": ("<div>{menu}</div><div>{text}</div>{footer}", "<div>%s</div>"),
    "paragraphs": ("<div>{menu}</div><div>{text}</div>{footer}", "<p>%s</p>"),
    "breaks": ("<div>{menu}</div><div>{text}</div>{footer}", "%s<br><br>"),
    "table": (
        "<table><tr><td>{menu}</td><td>{text}</td></tr></table>{footer}",
        "%s<br>",
    ),
    "spans": ("<nav>{menu}</nav><section>{text}</section>{footer}", "<span>%s</span> "),
    "nothing": ("{text}", "%s<br>"),
}


@pytest.mark.parametrize("language", ["en", "ru", "zh", "sw"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout, language):
    frame, paragraph = LAYOUTS[layout]
    text = "".join(paragraph % x for x in ARTICLES[language])
    body = frame.format(menu=f"<ul>{MENU}</ul>", text=text, footer=FOOTER)
    found, _ = read_html(f"<html><body>{body}</body></html>")
    assert found.replace("\n", "").replace(" ", "") == (
        text_of(language).replace("\n", "").replace(" ", "")
    )


def test_dates():
    assert read_html(page("en", date="2022-05-06T10:00:00Z"))[1] == "2022-05-06"
    assert read_html(page("en"))[1] is None
    story = [f"On 3 May 1999 the {x}" for x in ARTICLES["en"]]
    assert read_html(page("en", paragraphs=story))[1] is None


def test_what_is_no_page():
    assert read_html("") == ("", None)
    assert read_html("<p>x</p>")[1] is None
    assert read_html("<html><body></body></html>") == ("", None)


def test_all_the_text_of_a_fragment():
    text = """<p>One
    <b>two</b><br>three</p><style>p {}</style>four<!-- five --><ul><li>six</ul>
    <pre>seven
    eight</pre>"""
    lines = ["One two", "three", "four", "six", "seven", "eight"]
    assert text_of_fragment(text).splitlines() == lines
    assert text_of_fragment("Only &lt;text&gt; &amp; more") == "Only <text> & more"
    assert text_of_fragment("") == ""
