"""The small files beside a vocabulary."""

import pytest

import xlm_tf
from tests.checkpoints.json_files import write_json
from xlm_tf.checkpoints.huggingface import FAMILIES
from xlm_tf.checkpoints.tokenizer_settings import read_tokenizer_settings


@pytest.mark.parametrize(
    ("family", "settings", "message"),
    [
        ("xlm-roberta", {"do_lower_case": True}, "do_lower_case=True"),
        ("xlm-roberta", {"add_prefix_space": False}, "add_prefix_space=False"),
        ("xlm-roberta", {"tokenizer_class": "BertTokenizer"}, "tokenizer_class="),
        ("xlm-roberta", {"truncation_side": "left"}, "truncation_side='left'"),
        ("xlm-roberta", {"sp_model_kwargs": {"enable_sampling": True}}, "sp_model"),
        ("xlm-roberta", {"sep_token": "<sep>"}, "sep_token, which is not supported"),
        ("xlm-roberta", {"mask_token": {"content": "[MASK]"}}, "mask_token"),
        ("xlm-roberta", {"legacy": False}, "legacy=False, whose effect"),
        ("xlm", {"padding_side": "left"}, "padding_side='left'"),
        ("xlm", {"unk_token": "[UNK]"}, "unk_token"),
        ("xlm", {"lang2id": {"en": 0, "de": 0}}, "each of one name"),
    ],
)
def test_small_files_of_tokenizers(tmp_path, family, settings, message):
    write_json(tmp_path / "tokenizer_config.json", settings)
    files = FAMILIES[family].tokenizer
    with pytest.raises(ValueError, match=message):
        read_tokenizer_settings(tmp_path, files)
    (name,) = settings
    if name in ("legacy", "do_lower_case"):
        read_tokenizer_settings(tmp_path, files, ignored=[name])


def test_added_tokens_of_older_files(spm_proto, folder):
    (folder / "sentencepiece.bpe.model").write_bytes(spm_proto)
    size = xlm_tf.XLMSentencePieceTokenizer(spm_proto).vocabulary_size()
    for name, content in (
        ("added_tokens.json", {"<ent>": size}),
        (
            "tokenizer_config.json",
            {"added_tokens_decoder": {size: {"content": "<ent>", "normalized": True}}},
        ),
        ("special_tokens_map.json", {"additional_special_tokens": ["<ent>"]}),
    ):
        write_json(folder / name, content)
        tokenizer = xlm_tf.XLMTextEmbedder.from_preset(folder).preprocessor.tokenizer
        assert tokenizer.token_to_id("<ent>") == size
        assert tokenizer.encode("<ent>") == [size]
        (folder / name).unlink()
    for content, message in (
        ({"<ent>": size + 1}, f"Expected {size}, the next"),
        ({"▁": 5}, "which is a piece of the vocabulary"),
    ):
        write_json(folder / "added_tokens.json", content)
        with pytest.raises(ValueError, match=message):
            xlm_tf.XLMTextEmbedder.from_preset(folder)
