import gzip
import warnings

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from xlm_tf.data.corpus_report import CorpusReport
from xlm_tf.data.plain_text import iterate_plain_text, scan_plain_text
from xlm_tf.data.plain_text_dataset import BLOCK, is_usable, read_plain_text


def texts(dataset):
    batches = dataset.batch(4096).as_numpy_iterator()
    return [text.decode() for batch in batches for text in batch["text"]]


def write(path, content):
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["text.txt", "text.txt.gz"])
def test_one_sentence_a_line_with_its_language(tmp_path, name):
    path = write(tmp_path / name, b"Habari.\n\n  Kwa heri. \r\n \t\nAsante")
    dataset = read_plain_text(path, "sw")
    assert dataset.element_spec == {
        "text": tf.TensorSpec((), tf.string),
        "language": tf.TensorSpec((), tf.string),
    }
    assert texts(dataset) == ["Habari.", "Kwa heri.", "Asante"]
    assert {example["language"].numpy() for example in dataset} == {b"sw"}
    report = scan_plain_text(path)
    assert (report.sentences, report.empty, report.broken) == (3, 2, 0)


def test_files_follow_one_another(tmp_path):
    paths = [
        write(tmp_path / "b.txt", b"one\ntwo"),
        write(tmp_path / "a.txt.gz", b"three\n"),
    ]
    assert texts(read_plain_text(paths, "en")) == ["one", "two", "three"]
    assert list(iterate_plain_text(paths)) == ["one", "two", "three"]


def test_gzip_files_joined_into_one_are_read_to_the_end(tmp_path):
    path = tmp_path / "joined.gz"
    path.write_bytes(gzip.compress(b"a\nb\n") + gzip.compress(b"c\n"))
    assert texts(read_plain_text(path, "en")) == ["a", "b", "c"]
    assert scan_plain_text(path).sentences == 3


def test_blocks_lose_no_line(tmp_path):
    lines = [f"line {number}" for number in range(2 * BLOCK + 17)]
    lines[BLOCK - 1] = lines[BLOCK] = ""
    path = write(tmp_path / "long.txt", "\n".join(lines).encode())
    assert texts(read_plain_text(path, "en")) == [line for line in lines if line]


def test_broken_lines_are_counted_and_named(tmp_path):
    good = write(tmp_path / "good.txt", b"fine\n")
    bad = write(
        tmp_path / "bad.txt", b"one\ncaf\xe9\n\ntwo\nU\x00T\x00F\nthree\n\xed\xa0\x80\n"
    )
    report = scan_plain_text([good, bad])
    assert (report.sentences, report.empty, report.broken) == (4, 1, 3)
    assert [(line.file, line.line_number) for line in report.broken_lines] == [
        (str(bad), 2),
        (str(bad), 5),
        (str(bad), 7),
    ]
    assert "not UTF-8" in report.summary()
    assert f"{bad}:2" in report.summary()
    assert "NUL" in report.broken_lines[1].reason
    with pytest.warns(UserWarning, match=r"bad\.txt:2: not UTF-8"):
        dataset = read_plain_text([good, bad], "en")
    assert texts(dataset) == ["fine", "one", "two", "three"]


def test_a_caller_with_a_report_is_not_warned_again(tmp_path):
    path = write(tmp_path / "bad.txt", b"one\ntwo\n\xff\n")
    report = scan_plain_text(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert texts(read_plain_text(path, "en", report)) == ["one", "two"]


def test_only_the_first_broken_lines_are_named_but_all_are_counted():
    report = CorpusReport(sentences=1000)
    for number in range(50):
        report.add_broken("f.txt", number + 1, "not UTF-8")
    assert report.broken == 50
    assert len(report.broken_lines) == 20
    assert "and 30 more" in report.summary()


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(
    content=st.lists(
        st.one_of(
            st.binary(max_size=12),
            st.text(max_size=6).map(lambda text: text.encode("utf-8")),
            st.sampled_from(
                [
                    b"\xef\xbb\xbfBOM",
                    b"a\rb",
                    b"\r",
                    b"\x1c",
                    b"\xc2\xa0",
                    b"\xf4\x90\x80\x80",
                    b"\xef\xbf\xbe",
                    b"\xc0\x80",
                    b" \xef\xbb\xbf ",
                ]
            ),
        ),
        max_size=20,
    )
)
def test_graph_and_python_judge_every_line_alike(tmp_path_factory, content):
    # A file that begins as UTF-16 does, or as something compressed, is refused.
    content = b"\n".join([b"", *content])
    path = tmp_path_factory.mktemp("lines") / "any.txt"
    path.write_bytes(content)
    report = CorpusReport()
    expected = list(iterate_plain_text(path, report))
    assert texts(read_plain_text(path, "en", report)) == expected
    assert report.sentences == len(expected)
    total = report.sentences + report.empty + report.broken
    assert total == report.files[str(path)].lines


def test_usable_says_so_line_by_line():
    lines = tf.constant([b"text", b"", b"\xff", b"a\x00", "日本".encode()])
    found = is_usable(lines, CorpusReport(broken=2))
    assert found.numpy().tolist() == [True, False, False, False, True]


def test_a_byte_order_mark_is_no_text(tmp_path):
    path = write(tmp_path / "windows.txt", b"\xef\xbb\xbfone\r\ntwo\r\n")
    assert texts(read_plain_text(path, "en")) == ["one", "two"]


def test_a_missing_file_is_named(tmp_path):
    for function in (scan_plain_text, lambda path: read_plain_text(path, "en")):
        with pytest.raises(FileNotFoundError, match=r"absent\.txt"):
            function(tmp_path / "absent.txt")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(ValueError, match="is a folder"):
        scan_plain_text(tmp_path)


def test_no_file_at_all():
    with pytest.raises(ValueError, match="At least one corpus file"):
        read_plain_text([], "en")


@pytest.mark.parametrize("content", [b"", b"\n \n\n"])
def test_a_file_without_text_is_an_error(tmp_path, content):
    path = write(tmp_path / "empty.txt", content)
    with pytest.raises(ValueError, match=r"empty\.txt: there is no text"):
        read_plain_text(path, "en")


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        ("cp1251", r"cannot be read.*other\.txt:1: not UTF-8"),
        ("utf-16", "is UTF-16 text. Expected UTF-8"),
        ("utf-32", "is UTF-32 text. Expected UTF-8"),
        ("utf-16-le", r"cannot be read.*other\.txt:1: not UTF-8 text: it holds a NUL"),
    ],
)
def test_a_file_in_another_encoding_is_an_error(tmp_path, encoding, message):
    text = "Быстрая лиса\nпрыгает\nчерез собаку\n" * 5
    for name in ("other.txt", "other.txt.gz"):
        path = write(tmp_path / name, text.encode(encoding))
        with pytest.raises(ValueError, match=message.replace("txt:", f"{name[6:]}:")):
            read_plain_text(path, "ru")


def test_damaged_gzip_files_are_named(tmp_path):
    whole = gzip.compress(b"".join(b"line %d\n" % n for n in range(5000)))
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    cases = {"cut": whole[:-50], "plain": b"text\n", "damaged": bytes(damaged)}
    for name, content in cases.items():
        path = tmp_path / f"{name}.gz"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"{name}\.gz is not a whole gzip file"):
            scan_plain_text(path)


def test_a_file_that_has_changed_is_named(tmp_path):
    first, second = (write(tmp_path / f"{n}.txt", b"line\n" * 1100) for n in "ab")
    dataset = read_plain_text([first, second], "en")
    assert len(texts(dataset)) == 2200
    write(second, b"line\n" * 1101)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"b\.txt has changed"):
        texts(dataset)
    whole = write(tmp_path / "c.txt.gz", b"line\n" * 900)
    dataset = read_plain_text(whole, "en")
    whole.write_bytes(whole.read_bytes()[:-12])  # which TensorFlow does not notice
    with pytest.raises(tf.errors.OpError, match=r"c\.txt\.gz|data"):
        texts(dataset)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.text("ab \r\n\t\x0b\x0c\x1c\x85\u2028é\ufeff").map(str.encode), max_size=6
    ),
    st.booleans(),
    st.integers(0, 3),
)
def test_files_in_many_parts_are_read_as_they_are_counted(
    tmp_path_factory, parts, packed, padding
):
    path = tmp_path_factory.mktemp("parts") / "any"  # gzip by its first bytes
    if packed:
        parts = [gzip.compress(part) for part in parts]
        path.write_bytes(b"".join(parts) + b"\0" * (512 * padding if parts else 0))
    else:
        path.write_bytes(b"".join(parts))
    report = CorpusReport()
    expected = list(iterate_plain_text(path, report))
    assert texts(read_plain_text(path, "en", report)) == expected


def test_real_text_in_30_languages(shared_data):
    for path in sorted((shared_data / "ntrex").glob("ntrex.*.txt.gz")):
        report = scan_plain_text(path)
        assert (report.sentences, report.broken) == (1997, 0), path
    assert len(texts(read_plain_text(path, "zh"))) == 1997
