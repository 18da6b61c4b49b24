"""SentencePiece models that are not the package's own kind."""

import pytest

import xlm_tf

CODES = """l o 50
lo w</w> 40
e r</w> 30
n e 20
ne w 10
a a 9
aa aa 8
new er</w> 7
"""
TOKENS = [*"lownerasti'", "low", "er", "ne@@", "new@@", "lo@@", "newer", "a@@", "aa@@"]
TOKENS += ["aaaa@@", "l@@", "o@@", "w@@", "n@@", "e@@", "r@@", ".", ",", "!", "s@@"]


@pytest.fixture(scope="session")
def other_spm_proto(train_proto):
    """Bytes of a model with other special pieces, as of T5."""
    return train_proto(pad_id=0, eos_id=1, unk_id=2, bos_id=-1)


@pytest.fixture(scope="session")
def bpe_files(tmp_path_factory):
    """Folder with `codes` and `vocab`, as fastBPE writes them."""
    folder = tmp_path_factory.mktemp("bpe")
    (folder / "codes").write_text(CODES)
    (folder / "vocab").write_text("".join(f"{token} 7\n" for token in TOKENS))
    return folder


@pytest.fixture(scope="session")
def bpe_tokenizer(bpe_files):
    """The tokenizer of these files."""
    return xlm_tf.XLMBPETokenizer(
        bpe_files / "vocab", bpe_files / "codes", language="en"
    )
