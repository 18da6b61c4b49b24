"""The files of XLM's tokenizer: a vocabulary and the merges of byte pairs."""

import re

from xlm_tf.checkpoints.declared_settings import OBEYED, only
from xlm_tf.checkpoints.family import TokenizerFiles
from xlm_tf.checkpoints.tokenizer_settings import SHARED_SETTINGS, tokens_after
from xlm_tf.text.bpe_files import MERGES_FILE, VOCABULARY_FILE
from xlm_tf.text.bpe_tokenizer import XLMBPETokenizer

_CAPITAL = re.compile("[A-Z]")
_SPECIAL_TOKENS = {
    "bos_token": ("<s>", "</s>"),  # what a text begins with
    "cls_token": ("</s>", "<s>"),
    "eos_token": ("</s>",),
    "sep_token": ("</s>",),
    "unk_token": ("<unk>",),
    "pad_token": ("<pad>",),
    "mask_token": ("<special1>",),
}
_SETTINGS = {
    **SHARED_SETTINGS,
    **dict.fromkeys(_SPECIAL_TOKENS, OBEYED),
    "tokenizer_class": only("XLMTokenizer"),
    "padding_side": only("right"),
    "do_lowercase_and_remove_accent": OBEYED,
    "lang2id": OBEYED,
    "id2lang": OBEYED,
}


def _load(checkpoint, settings, lowercase):
    folder, config = checkpoint.tokenizer_folder, checkpoint.config
    vocabulary, merges = folder / VOCABULARY_FILE, folder / MERGES_FILE
    if checkpoint.vocabulary:
        codes = sorted(folder.glob("codes*"))
        if len(codes) != 1:
            return None
        vocabulary, merges = checkpoint.vocabulary, codes[0]
    elif not (vocabulary.is_file() and merges.is_file()):
        return None
    own = settings.lowercase
    if own is None:
        # The models of 17 and 100 languages, alone, keep case, and have no language
        # embedding.
        own = config.get("use_lang_emb", True) or config.get("n_langs", 1) == 1
        # So do models whose vocabulary has capitals, as those of translation: of texts
        # in lower case none would ever be found.
        if any(_CAPITAL.search(token) for token in checkpoint.vocabulary or ()):
            own = False
    if lowercase and not own:
        raise ValueError(
            f"{folder} asks for lower-case texts (do_lower_case) and for a tokenizer "
            "that keeps their case, which are not supported together. Delete "
            "do_lower_case there, and lower-case the texts yourself."
        )
    start = (
        {} if settings.start_token is None else {"start_token": settings.start_token}
    )
    tokenizer = XLMBPETokenizer(vocabulary, merges, lowercase=own, **start)
    added = tokens_after(
        tokenizer.get_vocabulary(), tokenizer.special_tokens, settings, folder
    )
    if added:
        raise ValueError(
            f"{folder} adds the token {added[0].content!r} to a vocabulary of byte "
            "pairs, which is not supported. Expected none but <special0> to <special9>."
        )
    return tokenizer


def _save(tokenizer, folder):
    if tokenizer.words != "moses":
        raise ValueError(
            "transformers splits the texts of XLM by Moses' rules. Received: words="
            f"{tokenizer.words!r}. Use save_to_preset, or save a task without a "
            "preprocessor."
        )
    tokenizer.save_assets(folder)
    return {
        "tokenizer_class": "XLMTokenizer",
        "do_lowercase_and_remove_accent": tokenizer.lowercase,
        "bos_token": tokenizer.start_token,
    }


XLM_TOKENIZER = TokenizerFiles(
    tokenizer_cls=XLMBPETokenizer,
    names=(VOCABULARY_FILE, MERGES_FILE),
    settings=_SETTINGS,
    special_tokens=_SPECIAL_TOKENS,
    load=_load,
    save=_save,
)
