"""The files of fastBPE and of transformers, and those that are none."""

import json

import pytest

import xlm_tf


def test_the_form_of_transformers(bpe_tokenizer, tmp_path):
    bpe_tokenizer.save_assets(tmp_path)
    vocabulary = json.loads((tmp_path / "vocab.json").read_text())
    assert vocabulary["low</w>"] == 25
    assert (tmp_path / "merges.txt").read_text().startswith("l o\nlo w</w>\n")
    again = xlm_tf.XLMBPETokenizer(tmp_path / "vocab.json", tmp_path / "merges.txt")
    assert again.get_vocabulary() == bpe_tokenizer.get_vocabulary()
    assert again.get_merges() == bpe_tokenizer.get_merges()


def test_bad_files(bpe_files, tmp_path):
    with pytest.raises(FileNotFoundError):
        xlm_tf.XLMBPETokenizer(tmp_path / "none", bpe_files / "codes")
    bad = tmp_path / "bad"
    bad.write_text("low 7\nno-count\n")
    with pytest.raises(ValueError, match=r"bad, line 2: expected a token and"):
        xlm_tf.XLMBPETokenizer(bad, bpe_files / "codes")
    bad.write_text("l o 5\nlow\n")
    with pytest.raises(ValueError, match=r"bad, line 2: expected two symbols"):
        xlm_tf.XLMBPETokenizer(bpe_files / "vocab", bad)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8"])
def test_files_of_windows_lose_no_merge(tmp_path, bpe_files, encoding):
    for name in ("codes", "vocab"):
        text = (bpe_files / name).read_text().replace("\n", "\r\n")
        (tmp_path / name).write_bytes(text.encode(encoding))
    tokenizer = xlm_tf.XLMBPETokenizer(tmp_path / "vocab", tmp_path / "codes")
    assert tokenizer.get_merges()[0] == ("l", "o")
    expected = xlm_tf.XLMBPETokenizer(bpe_files / "vocab", bpe_files / "codes")
    assert tokenizer.get_vocabulary() == expected.get_vocabulary()
    assert tokenizer.get_merges() == expected.get_merges()
    (tmp_path / "vocab.json").write_bytes(
        json.dumps({x: i for i, x in enumerate(expected.get_vocabulary())}).encode(
            encoding
        )
    )
    tokenizer = xlm_tf.XLMBPETokenizer(tmp_path / "vocab.json", tmp_path / "codes")
    assert tokenizer.get_vocabulary() == expected.get_vocabulary()


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_files_in_another_encoding_are_named(tmp_path, bpe_files, encoding):
    (tmp_path / "codes").write_text("l é 5\n", encoding=encoding)
    with pytest.raises(ValueError, match="codes must be UTF-8"):
        xlm_tf.XLMBPETokenizer(bpe_files / "vocab", tmp_path / "codes")
    with pytest.raises(ValueError, match="codes must be UTF-8"):
        xlm_tf.XLMBPETokenizer(tmp_path / "codes", bpe_files / "codes")
