"""Settings are declared, and files that cannot be read are named."""

import pytest

import xlm_tf
from tests.checkpoints.json_files import write_json
from xlm_tf.checkpoints.declared_settings import check_settings, only
from xlm_tf.models.loading import load_task


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "modules.json",
        "tokenizer_config.json",
        "tokenizer.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "sentence_bert_config.json",
        "model.safetensors.index.json",
        "1_Pooling/config.json",
    ],
)
def test_unreadable_files_are_named(folder, name):
    modules = [{"path": "", "type": "x.Transformer"}]
    modules += [{"path": "1_Pooling", "type": "x.Pooling"}]
    write_json(folder / "modules.json", modules)
    write_json(folder / "1_Pooling" / "config.json", {"pooling_mode": "mean"})
    for content in (b'{"a": ', b"\xff\xfe{", b'"text"'):
        (folder / name).write_bytes(content)
        with pytest.raises(ValueError, match=name):
            xlm_tf.XLMTextEmbedder.from_preset(folder)


def test_unreadable_files_of_keras_are_named(own_model, tmp_path):
    xlm_tf.XLMTextEmbedder.from_preset(own_model).save_to_preset(tmp_path)
    (tmp_path / "task.json").write_text("{")
    with pytest.raises(ValueError, match=r"task\.json is not JSON"):
        load_task(tmp_path)


def test_true_is_not_one():
    check_settings("x", {"a": 1}, {"a": only(1.0)})
    with pytest.raises(ValueError, match="a=True"):
        check_settings("x", {"a": True}, {"a": only(1)})
