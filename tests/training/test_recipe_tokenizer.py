import pytest

from xlm_tf.training.recipe import BPEVocabulary
from xlm_tf.training.recipe_tokenizer import read_tokenizer


class Files:
    """The part of a recipe that names its vocabulary."""

    def __init__(self, vocabulary=None, bpe=None):
        self.vocabulary = vocabulary
        self.bpe = bpe


def test_each_kind_of_file_is_read(tmp_path, tokenizer):
    path = tmp_path / "vocabulary.model"
    path.write_bytes(tokenizer.proto)
    assert read_tokenizer(Files(path)).get_vocabulary() == tokenizer.get_vocabulary()
    for name, text in (("vocab", "a@@ 9\nb 5\nab 3\n"), ("codes", "a b</w> 3\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    bpe = BPEVocabulary(
        vocabulary=tmp_path / "vocab",
        codes=tmp_path / "codes",
        max_vocabulary=16,
        lowercase=False,
        words="whitespace",
    )
    own = read_tokenizer(Files(bpe=bpe))
    assert own.vocabulary_size() == 16  # the last token is left out
    assert (own.lowercase, own.words) == (False, "whitespace")
    assert own(["b ab"]).to_list() == [[15, own.unk_token_id]]


def test_files_of_another_kind_are_named(tmp_path):
    path = tmp_path / "vocab"
    path.write_text("a@@ 9\nb 5\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"recipe\.vocabulary: .*vocab is no Senten"):
        read_tokenizer(Files(path))
    path.write_bytes(b"\x0a\xff\xfe")
    bpe = BPEVocabulary(vocabulary=path, codes=path)
    with pytest.raises(ValueError, match=r"recipe\.bpe cannot be used"):
        read_tokenizer(Files(bpe=bpe))
