"""A `tokenizer.json` is read as the tokenizers library reads it, or refused."""

import base64

import pytest
import tokenizers
from sentencepiece import sentencepiece_model_pb2

import xlm_tf
from tests.checkpoints.json_files import write_json
from xlm_tf.checkpoints.tokenizer_json import read_tokenizer_json

METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}
SPLIT = {"type": "WhitespaceSplit"}


def special(token):
    return {"SpecialToken": {"id": token, "type_id": 0}}


SINGLE = [special("<s>"), {"Sequence": {"id": "A", "type_id": 0}}, special("</s>")]
SECOND = [special("</s>"), {"Sequence": {"id": "B", "type_id": 0}}, special("</s>")]


def tokenizer_json(proto, **changes):
    """The content of a tokenizer.json of a SentencePiece model."""
    model = sentencepiece_model_pb2.ModelProto.FromString(proto)
    charsmap = base64.b64encode(model.normalizer_spec.precompiled_charsmap).decode()
    vocabulary = [["<s>", 0.0], ["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0]]
    vocabulary += [[piece.piece, piece.score] for piece in model.pieces[3:]]
    vocabulary += [["<mask>", 0.0]]
    return {
        "version": "1.0",
        "truncation": {
            "max_length": 128,
            "direction": "Right",
            "strategy": "LongestFirst",
            "stride": 0,
        },
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Precompiled", "precompiled_charsmap": charsmap},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [SPLIT, METASPACE]},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": SINGLE,
            "pair": SINGLE + SECOND,
            "special_tokens": {
                token: {"id": token, "ids": [i], "tokens": [token]}
                for token, i in (("<s>", 0), ("</s>", 2))
            },
        },
        "decoder": METASPACE,
        "model": {"type": "Unigram", "unk_id": 3, "vocab": vocabulary},
        **changes,
    }


def added(token_id, token, **changes):
    settings = {"id": token_id, "content": token, "normalized": True, "special": False}
    sides = dict.fromkeys(("single_word", "lstrip", "rstrip"), False)
    return {**settings, **sides, **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"normalizer": {"type": "NFC"}}, "normalises by NFC"),
        ({"normalizer": {"type": "Prepend", "prepend": "▁"}}, "normalises by Prepend"),
        ({"pre_tokenizer": METASPACE}, r"pre_tokenizer \['Metaspace'\]"),
        ({"pre_tokenizer": None}, "splits words by the pre_tokenizer"),
        (
            {
                "pre_tokenizer": {
                    "pretokenizers": [SPLIT, {**METASPACE, "prepend_scheme": "never"}]
                }
            },
            "prepend_scheme='never'",
        ),
        ({"post_processor": None}, "post_processor None"),
        (
            {
                "post_processor": {
                    "type": "TemplateProcessing",
                    "single": SINGLE[1:],
                    "pair": SINGLE + SECOND,
                }
            },
            "post_processor",
        ),
        ({"model": {"type": "BPE", "vocab": {}}}, "BPE vocabulary"),
        ({"dictionary": []}, r"dictionary=\[\], whose effect is not known"),
        ({"added_tokens": [added(9, "a", single_word=True)]}, "single_word=True"),
    ],
)
def test_settings_of_tokenizers_are_refused(spm_proto, tmp_path, changes, message):
    path = tmp_path / "tokenizer.json"
    write_json(path, tokenizer_json(spm_proto, **changes))
    with pytest.raises(ValueError, match=message):
        read_tokenizer_json(path)


def test_unigram_settings_are_refused(spm_proto, tmp_path):
    path = tmp_path / "tokenizer.json"
    content = tokenizer_json(spm_proto)
    for changes, message in (
        ({"unk_id": 0}, "unk_id=0"),
        ({"byte_fallback": True}, "not a token for every byte"),
        ({"other": 1}, "other=1"),
    ):
        write_json(path, {**content, "model": {**content["model"], **changes}})
        with pytest.raises(ValueError, match=message):
            read_tokenizer_json(path)


TEXTS = [
    "The quick <ent> fox",
    "a<ent>b <mask> Fuchs",
    "ＮＥＵ 5 NEU.",
    "",
    "  plain\ttext ",
    "NEUNEU",
]


@pytest.mark.parametrize("normalizer", ["Precompiled", None, "Lowercase"])
def test_ids_are_those_of_the_tokenizers_library(spm_proto, folder, normalizer):
    size = len(tokenizer_json(spm_proto)["model"]["vocab"])
    tokens = [
        added(size - 1, "<mask>", special=True, normalized=False, lstrip=True),
        added(size, "NEU", normalized=normalizer != "Lowercase"),
        added(size + 1, "<ent>", special=True, normalized=False),
    ]
    content = tokenizer_json(spm_proto, added_tokens=tokens)
    if normalizer != "Precompiled":
        content["normalizer"] = normalizer and {"type": normalizer}
    write_json(folder / "tokenizer.json", content)
    write_json(folder / "tokenizer_config.json", {"model_max_length": 20})
    preprocessor = xlm_tf.XLMTextEmbedder.from_preset(folder).preprocessor
    assert preprocessor.sequence_length == 20
    tokenizer = preprocessor.tokenizer
    reference = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    reference.no_truncation()
    expected = [reference.encode(x, add_special_tokens=False).ids for x in TEXTS]
    assert tokenizer(TEXTS).to_list() == expected
    assert [tokenizer.encode(text) for text in TEXTS] == expected


def test_bytes_of_unknown_characters(spm_proto, tmp_path):
    content = tokenizer_json(spm_proto)
    content["model"]["byte_fallback"] = True
    content["model"]["vocab"][4:4] = [[f"<0x{i:02X}>", 0.0] for i in range(256)]
    path = tmp_path / "tokenizer.json"
    write_json(path, content)
    tokenizer = xlm_tf.XLMSentencePieceTokenizer(read_tokenizer_json(path)[0])
    reference = tokenizers.Tokenizer.from_file(str(path))
    reference.no_truncation()
    text = "The ☂☂ is ñandú 漢"
    expected = reference.encode(text, add_special_tokens=False).ids
    assert tokenizer(text).numpy().tolist() == tokenizer.encode(text) == expected
    assert tokenizer.unk_token_id not in expected


def test_two_tokenizers_in_one_folder(spm_proto, folder):
    (folder / "sentencepiece.bpe.model").write_bytes(spm_proto)
    content = tokenizer_json(spm_proto)
    write_json(folder / "tokenizer.json", content)
    assert xlm_tf.XLMTextEmbedder.from_preset(folder).preprocessor is not None
    write_json(folder / "tokenizer.json", {**content, "normalizer": None})
    with pytest.raises(ValueError, match="normalise texts differently"):
        xlm_tf.XLMTextEmbedder.from_preset(folder)
