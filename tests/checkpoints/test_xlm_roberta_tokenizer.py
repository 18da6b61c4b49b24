"""The vocabulary of XLM-R beside a checkpoint."""

import shutil
from pathlib import Path

import pytest

import xlm_tf

FOLDER = Path(__file__).resolve().parents[1] / "data" / "checkpoints"


def test_two_vocabularies_in_one_folder_are_refused(tmp_path):
    shutil.copy(FOLDER / "xlmr_fairseq_split" / "model.pt", tmp_path)
    tiny = Path(xlm_tf.PRESETS["xlm_tiny"].source)
    shutil.copy(tiny / "sentencepiece.bpe.model", tmp_path)
    (tmp_path / "dict.txt").write_text("▁the 7\n▁of 6\n")
    with pytest.raises(ValueError, match="two vocabularies: they differ from line 1"):
        xlm_tf.XLMMaskedLM.from_preset(tmp_path)
    (tmp_path / "dict.txt").unlink()
    with pytest.raises(ValueError, match=r"has 4000 tokens. Expected 40"):
        xlm_tf.XLMMaskedLM.from_preset(tmp_path)
