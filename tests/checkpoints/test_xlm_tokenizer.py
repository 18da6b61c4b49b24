"""The vocabulary and merges of XLM beside a checkpoint."""

import types

import pytest

from xlm_tf.checkpoints.tokenizer_settings import read_tokenizer_settings
from xlm_tf.checkpoints.xlm_tokenizer import XLM_TOKENIZER
from xlm_tf.text.bpe_tokenizer import XLMBPETokenizer

TOKENS = ["<s>", "</s>", "<pad>", "<unk>", *(f"<special{i}>" for i in range(10)), "a"]


@pytest.fixture
def load(tmp_path):
    """Loads the tokenizer of a folder, as of a checkpoint with some settings."""
    XLMBPETokenizer([*TOKENS, "A"], []).save_assets(tmp_path)

    def load(lowercase=False, vocabulary=None, **config):
        checkpoint = types.SimpleNamespace(
            tokenizer_folder=tmp_path, config=config, vocabulary=vocabulary
        )
        settings = read_tokenizer_settings(tmp_path, XLM_TOKENIZER)
        return XLM_TOKENIZER.load(checkpoint, settings, lowercase)

    return load


def test_case_is_kept_by_models_of_many_languages_without_their_embedding(load):
    assert load(n_langs=15, use_lang_emb=True).lowercase
    assert load(n_langs=1, use_lang_emb=False).lowercase
    assert not load(n_langs=17, use_lang_emb=False).lowercase


def test_case_is_kept_by_original_models_whose_vocabulary_has_capitals(load, tmp_path):
    (tmp_path / "codes").write_text("")
    languages = {"n_langs": 2, "use_lang_emb": True}
    assert load(vocabulary=TOKENS, **languages).lowercase
    assert not load(vocabulary=[*TOKENS, "Die@@"], **languages).lowercase
    assert load(vocabulary=[*TOKENS, "\u01c5"], **languages).lowercase


def test_lower_case_before_a_tokenizer_that_keeps_case_is_refused(load):
    assert load(lowercase=True, n_langs=1).lowercase
    with pytest.raises(ValueError, match="do_lower_case"):
        load(lowercase=True, n_langs=17, use_lang_emb=False)
