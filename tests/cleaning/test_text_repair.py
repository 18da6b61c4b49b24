import time

import pytest

from xlm_tf.cleaning.text_repair import TextRepair, one_space, without_tags


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("schÃ¶n, daÃŸ es geht", "schön, daß es geht"),
        ("РџСЂРёРІРµС‚, РєР°Рє РґРµР»Р°?", "Привет, как дела?"),
        ("<p>Hallo &amp; <b>W</b>elt</p>", "Hallo & Welt"),
        ("&lt;b&gt;fett&lt;/b&gt;", "fett"),
        ('<div class="x" id=y>Text<br/>mehr', "Text mehr"),
        ("vor <script>var x = '<p>';</script>nach", "vor nach"),
        ("e\u0301te\u0301  \u00a0 là", "été là"),
        ("zwei\x07 Glocken", "zwei Glocken"),
        ("\ufeffein­fach", "einfach"),
        # What must stay as it is.
        ("if a<b && c>d: x < y", "if a<b && c>d: x < y"),
        ("If a<b and c>d, or q<p while s>t.", "If a<b and c>d, or q<p while s>t."),
        ("<input disabled name=x>a<p hidden>b<td data-x nowrap>c", "a b c"),
        ("می\u200cخواهم «سلام»", "می\u200cخواهم «سلام»"),
        ("क्षत्रिय हूँ", "क्षत्रिय हूँ"),
        ("L’été “ça va”…", "L’été “ça va”…"),
        ("ﬁn ＡＢＣ", "ﬁn ＡＢＣ"),
    ],
)
def test_it_mends_lines_and_leaves_good_ones(text, meant):
    assert TextRepair()(text) == meant


def test_every_step_can_be_left_out():
    text = "<i>schÃ¶n</i>  e\u0301"
    assert TextRepair(mojibake=False)(text) == "schÃ¶n é"
    assert TextRepair(markup=False)(text) == "<i>schön</i> é"
    assert TextRepair(normalization=None)(text) == "schön e\u0301"
    assert TextRepair(normalization="NFKC")("ﬁn ＡＢＣ") == "fin ABC"


def test_tags_alone_and_long_beginnings_of_tags():
    assert without_tags("<br><hr />").strip() == ""
    assert without_tags("<a " * 5000) == "<a " * 5000
    assert without_tags("<unbekannt>x</unbekannt>") == "<unbekannt>x</unbekannt>"
    assert one_space(" a\u2028b\u3000\tc\r\n") == "a b c"


@pytest.mark.parametrize(
    "unit", ["<!--", "<script>", "<style><!--", "<!doctype", "<a b='"]
)
def test_beginnings_without_ends_take_no_longer_by_the_character(unit):
    text = unit * (400_000 // len(unit))
    start = time.perf_counter()
    assert without_tags(text) == text
    assert time.perf_counter() - start < 5


def test_what_no_reader_sees_goes_up_to_its_own_end():
    assert without_tags("a<!-- <style> -->b<STYLE x=1>c</Style >d").split() == [*"abd"]
    text = "1<script>2</style>3</script>4<!-- 5 <style> 6 </style>7"
    assert without_tags(text) == "1 4<!-- 5  7"
    assert without_tags("<!DOCTYPE html><![CDATA[a]]>").strip() == "a"
