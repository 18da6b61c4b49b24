"""Word vectors in text files, as fastText and MUSE write them."""

import gzip

import numpy as np
import pytest

from xlm_tf.data import word_vectors
from xlm_tf.data.corpus_report import CorpusReport
from xlm_tf.data.word_vectors import (
    check_dimension,
    read_word_vectors,
    vector_dimension,
)


@pytest.fixture
def write(tmp_path):
    """Writes a file of vectors and returns its path."""

    def write(content, name="wiki.en.vec"):
        path = tmp_path / name
        content = content if isinstance(content, bytes) else content.encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write


def read(path, report=None):
    words, vectors = [], []
    for own, rows in read_word_vectors(path, report):
        words += own
        vectors.append(rows)
    return words, np.concatenate(vectors)


@pytest.mark.parametrize("name", ["wiki.en.vec", "vectors-en.txt", "a.align.vec.gz"])
def test_words_and_vectors(write, name, monkeypatch):
    # fastText ends lines with a space; its words may hold other white space.
    content = "4 3\nthe 0.5 -1 2e-1 \n, 1 2 3\nNew\u00a0York 4 5 6\n\u2028 7 8 9"
    monkeypatch.setattr(word_vectors, "WORDS_AT_ONCE", 3)
    path = write(content, name)
    assert vector_dimension(path) == 3
    words, vectors = read(path)
    assert words == ["the", ",", "New\u00a0York", "\u2028"]
    expected = [[0.5, -1, 0.2], [1, 2, 3], [4, 5, 6], [7, 8, 9]]
    np.testing.assert_array_equal(vectors, np.array(expected, "float32"))


def test_broken_lines_are_named_and_left_out(write):
    lines = [b"9 2", b"a 1 2", b"b 1", b"c 1 x", b"d 1 nan", b"\xff 1 2", b"", b"e 3 4"]
    path = write(b"\n".join([*lines, b"f 5 6", b"g 7 8", b"h 1 1"]))
    report = CorpusReport()
    words, vectors = read(path, report)
    assert words == ["a", "e", "f", "g", "h"]
    assert vectors.shape == (5, 2)
    assert report.broken == 5
    places = [line.line_number for line in report.broken_lines]
    assert places == [3, 4, 5, 6, 7]
    assert "expected a word and 2 numbers: 'b 1'" in str(report.broken_lines[0])
    with pytest.warns(UserWarning, match="5 broken lines"):
        read(path)


def test_words_that_nobody_wants_are_passed_over(write):
    path = write("4 1\na 1\nb x\nc 3\na 4\n")
    report = CorpusReport()
    wanted = read_word_vectors(path, report, lambda number, word: word == "a")
    ((words, vectors),) = wanted
    assert (words, vectors.tolist(), report.broken) == (["a", "a"], [[1], [4]], 0)


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("2 3\n", "wiki.en.bin", r"wiki\.en\.bin is of another format.*beside every"),
        ("2 3\n", "vectors-en.pth", "--export txt"),
        ("the 0.1 0.2\n", "glove.vec", r"glove\.vec:1: expected two whole numbers"),
        ("", "empty.vec", "expected two whole numbers"),
        ("10 0\nthe\n", "none.vec", "expected two whole numbers"),
        ("10 3\n", "header.vec", "there is no text"),
        ("2 3\na 1 2\nb 1 2\n", "wide.vec", "2 of 2 lines cannot be read"),
        (b"PK\x03\x04", "zip.vec", "is a zip archive"),
        (b"\x1f\x8b\x08rest", "cut.vec", "not a whole gzip"),
    ],
)
def test_what_is_no_file_of_vectors(write, content, name, message):
    path = write(content, name)
    with pytest.raises(ValueError, match=message):
        list(read_word_vectors(path))


def test_another_dimension(write, tmp_path):
    path = write("1 300\n")
    check_dimension(path, 300)
    with pytest.raises(ValueError, match=r"of 300 numbers, and .* hidden_dim 256"):
        check_dimension(path, 256)
    with pytest.raises(FileNotFoundError, match="absent"):
        vector_dimension(tmp_path / "absent.vec")
