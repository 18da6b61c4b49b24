"""Lines into a command, in the encoding that it is told."""

import argparse
import bz2
import gzip
import io
import lzma
import sys

import pytest

from xlm_tf.cli.text_lines import check_lines, encoding, read_lines

TEXT = "été\n\nfin, 狐\r\nno end"
LINES = ["été", "", "fin, 狐", "no end"]


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("utf-8", TEXT.encode()),
        ("utf-8", TEXT.encode("utf-8-sig")),
        ("utf-16", TEXT.encode("utf-16")),
        ("utf-16-le", TEXT.encode("utf-16-le")),
        ("gb18030", TEXT.encode("gb18030")),
    ],
)
def test_files_and_stdin(tmp_path, monkeypatch, encoding, content):
    path = tmp_path / "in.txt"
    path.write_bytes(content)
    assert list(read_lines(str(path), encoding)) == LINES
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert list(read_lines("-", encoding)) == LINES
    check_lines("-")


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize(
    ("pack", "kind"),
    [
        (lzma.compress, "compressed by xz"),
        (bz2.compress, "compressed by bzip2"),
        (lambda text: gzip.compress(lzma.compress(text)), "compressed by xz"),
        (lambda text: b"PK\x03\x04" + text, "a zip archive"),
    ],
)
def test_what_others_packed_is_named(tmp_path, encoding, pack, kind):
    path = tmp_path / "in.txt"
    path.write_bytes(pack(TEXT.encode()))
    with pytest.raises(ValueError, match=rf"in\.txt is {kind}\. Expected text, plain"):
        list(read_lines(str(path), encoding))


def test_gzip(tmp_path):
    path = tmp_path / "in.txt.gz"
    path.write_bytes(gzip.compress(TEXT.encode()))
    assert list(read_lines(str(path))) == LINES


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("one\nété\n".encode("latin-1"), r"line 2: not UTF-8 .* --encoding latin-1"),
        ("one\n".encode("utf-16"), "is UTF-16: pass --encoding utf-16"),
        ("one\n".encode("utf-16-be"), "line 1: holds a NUL, as UTF-16"),
        ("one\n".encode("utf-32"), "is UTF-32"),
    ],
)
def test_another_encoding_is_named(tmp_path, content, message):
    path = tmp_path / "in.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        check_lines(str(path))
    assert "in.txt" in str(caught.value)


def test_what_is_not_in_the_encoding_that_was_named(tmp_path):
    path = tmp_path / "in.txt"
    path.write_text("one\nété\n")
    with pytest.raises(ValueError, match=r"in\.txt, line 1 or later: not ascii"):
        check_lines(str(path), "ascii")
    with pytest.raises(FileNotFoundError, match="There is no file"):
        check_lines(str(tmp_path / "absent"))
    with pytest.raises(IsADirectoryError, match="is a folder"):
        check_lines(str(tmp_path))


def test_what_a_line_is_does_not_depend_on_the_encoding(tmp_path):
    text = "one\rhalf\r\ntwo\x0c\u2028\n\nthree\r"
    lines = ["one half", "two\x0c\u2028", "", "three"]
    path = tmp_path / "in"
    path.write_bytes(gzip.compress(b"") + gzip.compress(text.encode()) + bytes(512))
    assert list(read_lines(str(path))) == lines
    path.write_text(text, encoding="utf-16", newline="")
    assert list(read_lines(str(path), "utf-16")) == lines


@pytest.mark.parametrize("name", ["rot13", "base64", "zlib", "klingon"])
def test_what_is_no_encoding_of_texts(name):
    with pytest.raises(argparse.ArgumentTypeError, match="no text encoding"):
        encoding(name)
