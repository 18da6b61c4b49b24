import bz2
import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xlm_tf.data import text_lines
from xlm_tf.data.text_lines import (
    FileLines,
    binary_lines,
    check_is_text,
    is_gzip,
    split_lines,
)


def lines_of(path, content):
    path.write_bytes(content)
    found = FileLines()
    lines = [line for _, line in binary_lines(path, found)]
    assert found.lines == len(lines)
    return lines, found.is_plain


@pytest.mark.parametrize(
    ("content", "lines", "is_plain"),
    [
        (b"", [], True),
        (b"\n", [b""], True),
        (b"a\n\nb", [b"a", b"", b"b"], True),
        (b"a\r\nb\r\r\n", [b"a", b"b"], True),
        (b"a\rb\r\nc\n", [b"a b", b"c"], False),
        (b"a\rb\r", [b"a", b"b"], False),  # an old Mac's
        (b"a\r", [b"a"], True),
        (b"a\x0b\x0c\x1c\xc2\x85\xe2\x80\xa8b\n", None, True),
        (b"a\0b\n", [b"a\0b"], True),
    ],
)
def test_a_line_ends_with_a_line_feed(tmp_path, content, lines, is_plain):
    lines = [content.removesuffix(b"\n")] if lines is None else lines
    assert lines_of(tmp_path / "a.txt", content) == (lines, is_plain)
    assert lines_of(tmp_path / "a.gz", gzip.compress(content)) == (lines, is_plain)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("ab\r\n").map(str.encode)))
def test_chunks_change_nothing(chunks):
    whole = split_lines([b"".join(chunks)], "a.txt")
    assert list(split_lines(chunks, "a.txt")) == list(whole)


@pytest.mark.parametrize(
    ("content", "number"),
    [
        (b"x" * 900 + b"\nb\n", 1),
        (b"a\nb\n" + b"x" * 900, 3),
        (b"a\n\n" + b"x" * 900 + b"\r\nb", 3),
        (b"a\r" * 400 + b"\n" + b"x\r" * 500, 2),
    ],
)
def test_a_line_that_would_fill_the_memory_is_refused(
    tmp_path, monkeypatch, content, number
):
    monkeypatch.setattr(text_lines, "CHUNK", 64)
    monkeypatch.setattr(text_lines, "LONGEST_LINE", 800)
    with pytest.raises(ValueError, match=rf"a\.txt, line {number}: longer than"):
        lines_of(tmp_path / "a.txt", content)
    with pytest.raises(ValueError, match=rf"a\.gz, line {number}: longer than"):
        lines_of(tmp_path / "a.gz", gzip.compress(content))


def test_lines_of_old_macs_are_as_many_as_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(text_lines, "CHUNK", 64)
    monkeypatch.setattr(text_lines, "LONGEST_LINE", 800)
    assert lines_of(tmp_path / "a.txt", b"ab\r" * 900) == ([b"ab"] * 900, False)


def test_all_parts_of_a_gzip_file_are_read(tmp_path):
    pack = gzip.compress
    content = pack(b"") + pack(b"a\nb") + pack(b"") + pack(b"c\n") + bytes(700)
    for name in ("parts.gz", "parts.txt"):
        assert lines_of(tmp_path / name, content) == ([b"a", b"bc"], False)
        assert is_gzip(tmp_path / name)
    assert lines_of(tmp_path / "zeros.gz", pack(b"a\n") + b"\0") == ([b"a"], False)
    assert lines_of(tmp_path / "one.gz", pack(b"a\n")) == ([b"a"], True)


@pytest.mark.parametrize(
    "content",
    [gzip.compress(b"a\n")[:-5], gzip.compress(b"a\n") + b"junk", b"plain\n"],
    ids=["truncated", "junk behind", "no gzip"],  # a member holds the time
)
def test_a_damaged_gzip_file_is_named(tmp_path, content):
    with pytest.raises(ValueError, match=r"a\.gz is not a whole gzip file.* again;"):
        lines_of(tmp_path / "a.gz", content)


def test_what_unpacks_to_much_is_read_in_pieces(tmp_path):
    size = 64 << 20
    lines, is_plain = lines_of(
        tmp_path / "a.gz", gzip.compress(b"x" * size + b"\ny", 1)
    )
    assert [len(line) for line in lines] == [size, 1]
    assert is_plain


@pytest.mark.parametrize("content", [b"", b"One\n" * 99])
def test_what_bzip2_wrote_is_refused(tmp_path, content):
    path = tmp_path / "text.txt"
    path.write_bytes(bz2.compress(content))
    with pytest.raises(
        ValueError, match=r"text\.txt is compressed by bzip2\. Expected"
    ):
        check_is_text(path)


@pytest.mark.parametrize("content", [b"BZh", b"BZh9 is a mark\n", b"BZhang\n"])
def test_text_may_begin_like_bzip2(tmp_path, content):
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    check_is_text(path)
