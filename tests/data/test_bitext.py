import gzip
import json

import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xlm_tf.data.bitext import read_bitext, read_parallel_text
from xlm_tf.data.pair_files import bitext_pairs, scan_bitext, scan_parallel_text
from xlm_tf.data.plain_text_dataset import BLOCK


def pairs(dataset):
    return [
        (source.decode(), target.decode())
        for batch in dataset.batch(4096).as_numpy_iterator()
        for source, target in zip(batch["source"], batch["target"], strict=True)
    ]


def write(path, content):
    content = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["pairs.tsv", "pairs.tsv.gz"])
def test_tsv(tmp_path, name):
    path = write(tmp_path / name, "one\tun\n\n two \t deux\r\nthree\t\n")
    dataset = read_bitext(path, "en", "fr")
    assert pairs(dataset) == [("one", "un"), ("two", "deux")]
    languages = [
        (example["source_language"].numpy(), example["target_language"].numpy())
        for example in dataset
    ]
    assert languages == [(b"en", b"fr")] * 2
    assert dataset.element_spec == {
        name: tf.TensorSpec((), tf.string)
        for name in ("source", "target", "source_language", "target_language")
    }
    report = scan_bitext(path, "en", "fr")
    assert (report.sentences, report.empty, report.broken) == (2, 2, 0)


@pytest.mark.parametrize("name", ["pairs.jsonl", "pairs.jsonl.gz"])
def test_jsonl_with_either_kind_of_keys(tmp_path, name):
    lines = [
        {"source": "one", "target": "un", "more": 1},
        {"fr": "deux", "en": "two"},
        {"source": "", "target": "rien"},
    ]
    path = write(tmp_path / name, "\n".join(map(json.dumps, lines)))
    assert pairs(read_bitext(path, "en", "fr")) == [("one", "un"), ("two", "deux")]
    assert scan_bitext(path, "en", "fr").empty == 1


def test_broken_lines_are_counted_and_named(tmp_path):
    tsv = write(
        tmp_path / "a.tsv", b"one\tun\nno tab\ntwo\tdeux\tzwei\n\xff\tx\nb\tc\n"
    )
    jsonl = write(
        tmp_path / "b.jsonl",
        b'{"source": "one", "target": "un"}\n{"source": "one"\n[1, 2]\n'
        b'{"source": 1, "target": "x"}\n"text"\n'
        b'{"source": "half \\ud800", "target": "x"}\n'
        b'{"source": "NUL \\u0000", "target": "x"}\n'
        + b"[" * 100_000
        + b"\n"
        + b'{"source": "two", "target": "deux"}\n' * 8,
    )
    report = scan_bitext([tsv, jsonl], "en", "fr")
    assert report.sentences == 11
    places = [(line.file, line.line_number) for line in report.broken_lines]
    assert places == [(str(tsv), n) for n in (2, 3, 4)] + [
        (str(jsonl), n) for n in (2, 3, 4, 5, 6, 7, 8)
    ]
    assert report.broken == 10
    with pytest.warns(UserWarning, match=r"a\.tsv:2: columns must be"):
        dataset = read_bitext([tsv, jsonl], "en", "fr")
    assert len(pairs(dataset)) == 11


def test_keys_are_languages_in_any_spelling(tmp_path):
    lines = [
        {"id": "7", "en": "one", "zh-Hans": "一"},
        {"EN": "two", "zh_CN": "二"},
        {"source": "three", "zho": "三"},
        {"en": "no", "zh_TW": "沒有", "": ""},
    ]
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, lines)))
    with pytest.warns(UserWarning, match="a.jsonl:4: no texts under"):
        read = pairs(read_bitext(path, "en_US", "zh_CN"))
    assert read == [("one", "一"), ("two", "二"), ("three", "三")]


@pytest.mark.slow
@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.text("ab \t\r\xa0é狐\0\ufeff").map(str.encode)
        | st.binary(max_size=6).map(lambda line: line.replace(b"\n", b"")),
        max_size=30,
    )
)
def test_the_graph_reads_what_the_scan_counts(tmp_path, lines):
    # A file that begins as UTF-16 does, or as something compressed, is refused.
    lines = [b"", *lines, *[b"one\tun"] * 31]
    path = write(tmp_path / "any.tsv", b"\n".join(lines))
    report = scan_bitext(path, "en", "fr")
    found = list(bitext_pairs(path, "en", "fr"))
    assert pairs(read_bitext(path, "en", "fr", report)) == found
    assert len(found) == report.sentences


@pytest.mark.slow
def test_blocks_lose_no_pair(tmp_path):
    expected = [(f"source {n}", f"target {n}") for n in range(2 * BLOCK + 5)]
    tsv = "".join(f"{source}\t{target}\n" for source, target in expected)
    assert pairs(read_bitext(write(tmp_path / "a.tsv", tsv), "en", "fr")) == expected
    sides = [
        write(tmp_path / f"{n}.txt", "\n".join(side))
        for n, side in enumerate(zip(*expected, strict=True))
    ]
    assert pairs(read_parallel_text(*sides, "en", "fr")) == expected


@pytest.mark.parametrize("content", ["", "\n\n", "only\t\n"])
def test_a_file_without_pairs_is_an_error(tmp_path, content):
    path = write(tmp_path / "a.tsv", content)
    with pytest.raises(ValueError, match=r"a\.tsv: there is no text"):
        read_bitext(path, "en", "fr")


def test_a_file_of_another_kind_is_an_error(tmp_path):
    path = write(tmp_path / "a.tsv", "no tabs\n" * 3 + "a\tb\n")
    with pytest.raises(ValueError, match=r"3 of 4 lines cannot be read.*a\.tsv:1"):
        read_bitext(path, "en", "fr")
    with pytest.raises(ValueError, match=r"are read from \.tsv or \.jsonl"):
        read_bitext(write(tmp_path / "a.xml", "<a/>"), "en", "fr")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.tsv"):
        read_bitext(tmp_path / "absent.tsv", "en", "fr")
    here = write(tmp_path / "here.txt", "a")
    with pytest.raises(FileNotFoundError, match=r"absent\.txt"):
        read_parallel_text(here, tmp_path / "absent.txt", "en", "fr")


def test_line_aligned_files(tmp_path):
    source = write(tmp_path / "en.txt.gz", b"one\n\nthree\nfour\nfive\n")
    target = write(tmp_path / "fr.txt", b"un\ndeux\ntr\xe9s\nquatre\ncinq")
    report = scan_parallel_text(source, target)
    assert (report.sentences, report.empty, report.broken) == (3, 1, 1)
    broken = report.broken_lines[0]
    assert (broken.file, broken.line_number) == (str(target), 3)
    with pytest.warns(UserWarning, match=r"fr\.txt:3: not UTF-8"):
        dataset = read_parallel_text(source, target, "en", "fr")
    expected = [("one", "un"), ("four", "quatre"), ("five", "cinq")]
    assert pairs(dataset) == expected
    assert {example["target_language"].numpy() for example in dataset} == {b"fr"}


def test_unequal_line_counts_are_an_error_that_names_both(tmp_path):
    source = write(tmp_path / "en.txt", "one\ntwo\nthree\n")
    target = write(tmp_path / "fr.txt", "un\ndeux\n")
    for sides in ((source, target), (target, source)):
        with pytest.raises(ValueError, match=r"en\.txt with 3") as error:
            read_parallel_text(*sides, "en", "fr")
        assert "fr.txt with 2" in str(error.value)


def test_real_line_aligned_files(shared_data):
    sides = [shared_data / "multi30k" / f"val.{side}.gz" for side in ("en", "de")]
    report = scan_parallel_text(*sides)
    assert (report.sentences, report.broken) == (1014, 0)
    first = next(iter(read_parallel_text(*sides, "en", "de", report)))
    assert first["source"].numpy().startswith(b"A group of men")
    assert first["target"].numpy().startswith("Eine Gruppe von Männern".encode())


def test_a_list_of_targets_is_as_many_pairs(tmp_path):
    path = write(
        tmp_path / "a.jsonl",
        '{"source": "long", "de": ["kurz", "knapp"]}\n{"source": "x", "de": []}\n'
        '{"source": "last", "de": ["Schluss"]}\n',
    )
    with pytest.warns(UserWarning, match="no texts under source and target"):
        read = pairs(read_bitext(path, "en", "de"))
    assert read == [("long", "kurz"), ("long", "knapp"), ("last", "Schluss")]


@pytest.mark.parametrize("name", ["a.tsv", "a.jsonl"])
def test_a_file_that_has_changed_is_named(tmp_path, name):
    lines = {"a.tsv": "one\tun\n", "a.jsonl": '{"source": "one", "target": "un"}\n'}
    path = write(tmp_path / name, lines[name] * 2000)
    dataset = read_bitext(path, "en", "fr")
    assert len(pairs(dataset)) == 2000
    write(path, lines[name] * 1500)
    with pytest.raises(tf.errors.OpError, match=rf"{name} has changed .* 2,000"):
        pairs(dataset)


@pytest.mark.parametrize("longer", [0, 1])
def test_a_line_aligned_file_that_has_changed_is_named(tmp_path, longer):
    sides = [write(tmp_path / name, "a\n" * 1200) for name in ("en.txt", "fr.txt")]
    dataset = read_parallel_text(*sides, "en", "fr")
    write(sides[longer], "a\n" * 1100)
    with pytest.raises(tf.errors.InvalidArgumentError, match=sides[longer].name):
        pairs(dataset)


def test_lines_go_together_whatever_else_looks_like_an_end(tmp_path):
    parts = [b"one\n", b"", b"two\rhalves\r\n", b"three\x0c\xe2\x80\xa8\n", b"four"]
    source = tmp_path / "en.gz"
    source.write_bytes(b"".join(map(gzip.compress, parts)) + b"\0" * 512)
    target = write(tmp_path / "fr.txt", "un\ndeux\r\ntrois\nquatre\n")
    assert pairs(read_parallel_text(source, target, "en", "fr")) == [
        ("one", "un"),
        ("two halves", "deux"),
        ("three\x0c\u2028", "trois"),
        ("four", "quatre"),
    ]
    tsv = tmp_path / "pairs.tsv"  # gzip by its first bytes
    tsv.write_bytes(gzip.compress(b"") + gzip.compress(b"a\rb\t\xef\xbb\xbfc\r\n"))
    assert pairs(read_bitext(tsv, "en", "fr")) == [("a b", "c")]
    jsonl = tmp_path / "pairs.jsonl.gz"
    line = b'\xef\xbb\xbf{"source": "a",\r "target": "c"}\n'
    jsonl.write_bytes(gzip.compress(b"") + gzip.compress(line) + b"\0")
    assert pairs(read_bitext(jsonl, "en", "fr")) == [("a", "c")]
