"""What files are, by their content, and which inputs are refused before work starts."""

import bz2
import gzip
import os
import random

import pytest

from tests.collecting.test_feed_entries import ATOM, RSS
from tests.collecting.test_wiki_pages import DUMP
from tests.collecting.web_files import Archive, page
from xlm_tf.collecting.input_files import find_files, kind_of

HTML = page("en")
CONTENTS = {
    "page": (HTML, "html"),
    "old.htm": ("<HTML><HEAD></HEAD>", "html"),
    "xhtml": (
        '<?xml version="1.0"?>\n<!-- a --><!DOCTYPE html PUBLIC "-//W3C//DTD" "x">'
        '<html xmlns="http://www.w3.org/1999/xhtml"></html>',
        "html",
    ),
    "fragment": ("<p>A piece.</p>", "html"),
    "text.html": ("Words before <b>markup</b>.", "html"),
    "dump": (DUMP, "wiki"),
    "rss": (RSS.format(encoding="utf-8"), "feed"),
    "atom": (ATOM, "feed"),
    "rdf": ('<rdf:RDF xmlns="http://purl.org/rss/1.0/">', "feed"),
    "svg": ('<?xml version="1.0"?><svg xmlns="x"></svg>', None),
    "text": ("Only text.", None),
    "json.html": ('{"a": 1}', None),
    "css": ("p > a { color: red }", None),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_kinds(tmp_path, name):
    content, kind = CONTENTS[name]
    path = tmp_path / name
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        path.write_bytes(content.encode(encoding))
        assert kind_of(path) == kind
    for pack in (gzip.compress, bz2.compress):
        path.write_bytes(pack(content.encode()))
        assert kind_of(path) == kind


def test_archives(tmp_path):
    path = tmp_path / "any name"
    for packed in (True, False):
        with Archive(path, gzip=packed) as archive:
            archive.text("http://a.example", "x")
        assert kind_of(path) == "warc"


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\0", b"PK\3\4", b"\0\0", b" "])
def test_other_kinds(tmp_path, content):
    path = tmp_path / "x.html"
    path.write_bytes(content)
    assert kind_of(path) is None


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_cut_files_are_what_they_begin_with(tmp_path, pack):
    noise = random.Random(1).randbytes(3000).hex()
    path = tmp_path / "cut"
    for content, kind in ((HTML + noise, "html"), ("No page. " + noise, None)):
        packed = pack(content.encode())
        # bzip2 has blocks of more than that.
        for length in (len(packed) * 2 // 3, 20):
            path.write_bytes(packed[:length])
            is_told = pack is gzip.compress and length > 20
            assert kind_of(path) == (kind if is_told else "damaged")


def find(tmp_path, *names):
    paths = [tmp_path / name for name in names]
    return find_files(paths, tmp_path / "out")


def test_folders_in_their_order(tmp_path):
    folder = tmp_path / "in"
    for name in ("b/2.html", "b/10.html", "a.html", "c/x/y.html"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HTML)
    (folder / "b" / "style.css").write_text("p {}")
    (folder / "empty.html").touch()
    os.mkfifo(folder / "pipe")
    (folder / "d").symlink_to(tmp_path)
    files, (left_out,) = find(tmp_path, "in")
    names = [str(file.path.relative_to(folder)) for file in files]
    assert names == ["a.html", "b/10.html", "b/2.html", "c/x/y.html"]
    assert left_out == {
        "another kind of file": 2,
        "empty file": 1,
        "link to a folder": 1,
    }


def test_what_is_refused(tmp_path):
    (tmp_path / "empty").touch()
    (tmp_path / "hollow").mkdir()
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "x.html").write_text(HTML)
    (tmp_path / "packed.gz").write_bytes(gzip.compress(b"no archive"))
    (tmp_path / "cut.html.gz").write_bytes(gzip.compress(HTML.encode())[:20])
    with pytest.raises(FileNotFoundError, match=r"no file or folder .*absent"):
        find(tmp_path, "absent")
    with pytest.raises(ValueError, match=r"empty is empty\. Expected WARC"):
        find(tmp_path, "pages", "empty")
    with pytest.raises(ValueError, match="hollow holds no file"):
        find(tmp_path, "hollow")
    with pytest.raises(ValueError, match=r"packed\.gz is another kind of file"):
        find(tmp_path, "packed.gz")
    with pytest.raises(ValueError, match=r"cut\.html\.gz is damaged or cut off"):
        find(tmp_path, "cut.html.gz")
    for twice in (("pages", "pages"), ("pages", "pages/x.html")):
        with pytest.raises(ValueError, match="read once"):
            find(tmp_path, *twice)
    with pytest.raises(ValueError, match="outside of what is read"):
        find_files([tmp_path], tmp_path / "out")
