"""Files of pickles: their tensors, and everything else refused."""

import os
import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

import xlm_tf
from xlm_tf.checkpoints.pickled_tensors import Record, StoredTensor, read_pickled

FOLDER = Path(__file__).resolve().parents[1] / "data" / "checkpoints"


class Reduced:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def write_zip(path, content, protocol=2):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(content, protocol))
        archive.writestr("archive/byteorder", "little")


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.system, ("touch {}",), "system"),
        (eval, ("open({!r}, 'w')",), "eval"),
        (exec, ("open({!r}, 'w')",), "exec"),
        (os.mkdir, ("{}",), "mkdir"),
        (getattr, (os, "system"), "getattr"),
    ],
)
def test_a_planted_call_is_refused(
    tmp_path, protocol, is_zip, function, arguments, name
):
    proof = tmp_path / "executed"
    if function is getattr:
        content = Reduced(getattr, Reduced(__import__, "os"), "system")
        name = "getattr|__import__"
    else:
        content = Reduced(function, *(x.format(str(proof)) for x in arguments))
    content = {"weight": content}
    path = tmp_path / "pytorch_model.bin"
    if is_zip:
        write_zip(path, content, protocol)
    else:
        path.write_bytes(pickle.dumps(content, protocol))
    with pytest.raises(ValueError, match=f"refused.*asks to call .*({name})"):
        read_pickled(path)
    assert not proof.exists()


def test_a_model_with_a_planted_call_is_not_loaded(tmp_path):
    proof = tmp_path / "executed"
    shutil.copy(FOLDER / "xlmr_bin" / "config.json", tmp_path)
    write_zip(tmp_path / "pytorch_model.bin", Reduced(os.mkdir, str(proof)))
    with pytest.raises(ValueError, match=r"asks to call \w+\.mkdir"):
        xlm_tf.XLMBackbone.from_preset(tmp_path)
    assert not proof.exists()


def test_settings_are_records_and_their_classes_are_not_imported(tmp_path):
    path = tmp_path / "x.bin"
    # A class that cannot be found cannot be pickled either: written by hand.
    body = b"\x80\x02cfairseq.nowhere\nSettings\n)\x81}X\x06\x00\x00\x00layersK\x02sb."
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", body)
    record = read_pickled(path)
    assert isinstance(record, Record)
    assert record.class_name == "fairseq.nowhere.Settings"
    assert record.fields == {"layers": 2}


@pytest.mark.parametrize("name", ["xlmr_bin", "xlmr_bin_legacy"])
def test_tensors_stay_in_their_file_until_they_are_read(name):
    content = read_pickled(FOLDER / name / "pytorch_model.bin")
    table = content["roberta.embeddings.word_embeddings.weight"]
    assert isinstance(table, StoredTensor)
    assert table.shape == (40, 16)
    assert table.read().dtype == np.float32
    whole = xlm_tf.XLMBackbone.from_preset(FOLDER / "xlmr")
    np.testing.assert_array_equal(table.read(), whole.token_embedding.embeddings)


@pytest.mark.parametrize("name", ["xlmr_bin", "xlmr_bin_legacy"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_broken_file_is_an_error(tmp_path, name, share):
    whole = (FOLDER / name / "pytorch_model.bin").read_bytes()
    shutil.copy(FOLDER / name / "config.json", tmp_path)
    path = tmp_path / "pytorch_model.bin"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ValueError, match=r"damaged|cut off|not a file"):
        xlm_tf.XLMMaskedLM.from_preset(tmp_path)


def test_bytes_of_another_kind(tmp_path):
    path = tmp_path / "pytorch_model.bin"
    path.write_bytes(b"<!DOCTYPE html><html>404</html>")
    with pytest.raises(ValueError, match="not a file of PyTorch's tensors"):
        read_pickled(path)
    path.write_bytes(pickle.dumps(7))
    with pytest.raises(ValueError, match="not of PyTorch's tensors"):
        read_pickled(path)
