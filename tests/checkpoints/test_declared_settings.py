"""Every setting of a file is obeyed, refused by its name, or declared harmless."""

import base64
import json

import numpy as np
import pytest
import tokenizers
from sentencepiece import sentencepiece_model_pb2

import xlm_tf
from xlm_tf.checkpoints import model_settings
from xlm_tf.checkpoints.declared_settings import check_settings, only, read_json
from xlm_tf.checkpoints.huggingface import FAMILIES
from xlm_tf.checkpoints.sentence_transformers import read_embedding
from xlm_tf.checkpoints.tokenizer_json import read_tokenizer_json
from xlm_tf.checkpoints.tokenizer_settings import read_tokenizer_settings
from xlm_tf.models.loading import load_task

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


@pytest.fixture(scope="module")
def own_model(spm_proto, tmp_path_factory):
    """A folder with a tiny encoder, two of whose rows no piece of its own has."""
    folder = tmp_path_factory.mktemp("model")
    size = xlm_tf.XLMSentencePieceTokenizer(spm_proto).vocabulary_size() + 2
    backbone = xlm_tf.XLMBackbone(
        size, 1, 1, 8, 16, max_sequence_length=64, position_offset=2
    )
    backbone.save_to_huggingface(folder)
    return folder


@pytest.fixture
def folder(own_model, tmp_path):
    """A copy of that folder, to change."""
    for path in own_model.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def write(path, content):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize(
    ("family", "name", "value"),
    [
        ("xlm-roberta", "auto_map", {"AutoModel": "x--modeling.Model"}),
        ("xlm-roberta", "pruned_heads", {"0": [1]}),
        ("xlm-roberta", "position_embedding_type", "relative_key"),
        ("xlm-roberta", "quantization_config", {"bits": 4}),
        ("xlm-roberta", "is_encoder_decoder", True),
        ("xlm-roberta", "rope_theta", 10000.0),
        ("xlm-roberta-xl", "hidden_act", "silu"),
        ("xlm", "asm", True),
        ("xlm", "is_encoder", False),
        ("xlm", "attention_setting", "v2"),
        ("xlm", "hidden_act", "relu"),
    ],
)
def test_settings_of_models_are_refused_by_name(family, name, value):
    with pytest.raises(ValueError, match=rf"config\.json has the setting {name}="):
        check_settings("config.json", {name: value}, FAMILIES[family].settings)
    declared = FAMILIES[family].settings
    check_settings("config.json", {"model_type": family, name: None}, declared)
    check_settings("config.json", {name: value}, declared, ignored=[name])


def test_released_files_are_accepted():
    for name, family in FAMILIES.items():
        config = {
            "_name_or_path": "/somewhere",
            "architectures": ["X"],
            "model_type": name,
            **family.defaults,
            "gradient_checkpointing": False,
            "output_past": True,
            "torch_dtype": "float16",
            "transformers_version": "4.6.1",
            "use_cache": True,
            "do_sample": True,
            "classifier_dropout" if name != "xlm" else "summary_type": None,
        }
        check_settings("config.json", config, family.settings)


def test_what_a_file_does_not_say_is_transformers_default():
    arguments = FAMILIES["xlm-roberta"].backbone_arguments({"dropout": None})
    assert arguments["layer_norm_epsilon"] == 1e-12
    assert arguments["num_token_types"] == 2
    assert arguments["max_sequence_length"] == 510
    assert FAMILIES["xlm"].backbone_arguments({})["hidden_dim"] == 2048


def test_two_names_of_one_setting():
    config = {"n_words": 30, "hidden_size": 16, "pad_index": 2}
    aliases = FAMILIES["xlm"].aliases
    alike = model_settings.named_alike("config.json", config, aliases)
    assert (alike["vocab_size"], alike["emb_dim"], alike["pad_token_id"]) == (30, 16, 2)
    with pytest.raises(ValueError, match="pad_token_id=0 and pad_index=2"):
        config["pad_token_id"] = 0
        model_settings.named_alike("config.json", config, aliases)


@pytest.mark.parametrize(
    "config",
    [
        {"lang2id": {"de": 0, "en": 0}},
        {"lang2id": {"de": 0, "en": 2}},
        {"id2lang": {"0": "de", "1": "de"}},
        {"lang2id": {"de": 0, "en": 1}, "id2lang": {"0": "en", "1": "de"}},
    ],
)
def test_languages_have_an_id_each(config):
    with pytest.raises(ValueError, match=r"config\.json: .*2?"):
        model_settings.languages_of(config, "config.json")
    labels = {
        {"lang2id": "label2id", "id2lang": "id2label"}[key]: value
        for key, value in config.items()
    }
    with pytest.raises(ValueError, match=r"config\.json: .*label"):
        model_settings.labels_of(labels, "config.json")


def test_labels():
    names = {"0": "bad", "1": "good"}
    placeholders = {"LABEL_0": 0, "LABEL_1": 1}
    config = {"id2label": names, "label2id": placeholders}
    labels_of = model_settings.labels_of
    assert labels_of(config, "config.json") == ["bad", "good"]
    assert labels_of({"label2id": {"good": 1, "bad": 0}}, "") == ["bad", "good"]
    assert labels_of({}, "") is None


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
    write(path, tokenizer_json(spm_proto, **changes))
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
        write(path, {**content, "model": {**content["model"], **changes}})
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
    write(folder / "tokenizer.json", content)
    write(folder / "tokenizer_config.json", {"model_max_length": 20})
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
    write(path, content)
    tokenizer = xlm_tf.XLMSentencePieceTokenizer(read_tokenizer_json(path)[0])
    reference = tokenizers.Tokenizer.from_file(str(path))
    reference.no_truncation()
    text = "The ☂☂ is ñandú 漢"
    expected = reference.encode(text, add_special_tokens=False).ids
    assert tokenizer(text).numpy().tolist() == tokenizer.encode(text) == expected
    assert tokenizer.unk_token_id not in expected


def test_added_tokens_of_older_files(spm_proto, folder):
    (folder / "sentencepiece.bpe.model").write_bytes(spm_proto)
    size = xlm_tf.XLMSentencePieceTokenizer(spm_proto).vocabulary_size()
    for name, content in (
        ("added_tokens.json", {"<ent>": size}),
        (
            "tokenizer_config.json",
            {"added_tokens_decoder": {size: added(size, "<ent>")}},
        ),
        ("special_tokens_map.json", {"additional_special_tokens": ["<ent>"]}),
    ):
        write(folder / name, content)
        tokenizer = xlm_tf.XLMTextEmbedder.from_preset(folder).preprocessor.tokenizer
        assert tokenizer.token_to_id("<ent>") == size
        assert tokenizer.encode("<ent>") == [size]
        (folder / name).unlink()
    for content, message in (
        ({"<ent>": size + 1}, f"Expected {size}, the next"),
        ({"▁": 5}, "which is a piece of the vocabulary"),
    ):
        write(folder / "added_tokens.json", content)
        with pytest.raises(ValueError, match=message):
            xlm_tf.XLMTextEmbedder.from_preset(folder)


def test_two_tokenizers_in_one_folder(spm_proto, folder):
    (folder / "sentencepiece.bpe.model").write_bytes(spm_proto)
    content = tokenizer_json(spm_proto)
    write(folder / "tokenizer.json", content)
    assert xlm_tf.XLMTextEmbedder.from_preset(folder).preprocessor is not None
    write(folder / "tokenizer.json", {**content, "normalizer": None})
    with pytest.raises(ValueError, match="normalise texts differently"):
        xlm_tf.XLMTextEmbedder.from_preset(folder)


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
    write(tmp_path / "tokenizer_config.json", settings)
    files = FAMILIES[family].tokenizer
    with pytest.raises(ValueError, match=message):
        read_tokenizer_settings(tmp_path, files)
    (name,) = settings
    if name in ("legacy", "do_lower_case"):
        read_tokenizer_settings(tmp_path, files, ignored=[name])


MODULES = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
POOLING = {"word_embedding_dimension": 8, "pooling_mode_mean_tokens": True}


def write_modules(folder, modules=MODULES):
    content = [
        {"idx": i, "name": str(i), "path": path, "type": f"x.models.{kind}"}
        for i, (path, kind) in enumerate(modules)
    ]
    write(folder / "modules.json", content)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (
            "config_sentence_transformers.json",
            {"prompts": {"q": "query: "}, "default_prompt_name": "q"},
            "default_prompt_name: 'query: '",
        ),
        ("config_sentence_transformers.json", {"truncate_dim": 4}, "truncate_dim=4"),
        ("sentence_bert_config.json", {"query_length": 9}, "query_length=9"),
        (
            "sentence_bert_config.json",
            {"transformer_task": "fill-mask"},
            "transformer_task='fill-mask'",
        ),
        (
            "sentence_bert_config.json",
            {"processing_kwargs": {"text": {"max_length": 4}}},
            "processing_kwargs=",
        ),
        ("1_Pooling/config.json", {**POOLING, "pooling_mode_cls_token": True}, "pools"),
        ("1_Pooling/config.json", {"pooling_mode": ["mean", "max"]}, "pools by"),
        ("1_Pooling/config.json", {**POOLING, "temperature": 2}, "temperature=2"),
        ("1_Pooling/config.json", {"embedding_dimension": 9}, "=9. Expected 8|pools"),
        ("2_Normalize/config.json", {"module_input_name": "x"}, "module_input_name"),
    ],
)
def test_settings_of_embedders_are_refused(tmp_path, file, content, message):
    write_modules(tmp_path)
    write(tmp_path / "1_Pooling" / "config.json", POOLING)
    assert read_embedding(tmp_path, 8).normalize
    write(tmp_path / file, content)
    with pytest.raises(ValueError, match=message):
        read_embedding(tmp_path, 8)


def test_modules_in_another_order(tmp_path):
    for modules, message in (
        ([MODULES[0], ("2_Dense", "Dense")], "a module Dense"),
        ([MODULES[0], MODULES[2], MODULES[1]], "Transformer, Normalize, Pooling"),
        (MODULES[:1], "the modules Transformer"),
    ):
        write_modules(tmp_path, modules)
        with pytest.raises(ValueError, match=message):
            read_embedding(tmp_path, 8)


@pytest.mark.parametrize(
    ("of_embedder", "of_tokenizer", "length"),
    [(30, 20, 30), (None, 20, 20), (30, None, 30), (500, 20, 64), (None, 1e30, 64)],
)
def test_lengths(spm_proto, folder, of_embedder, of_tokenizer, length):
    (folder / "sentencepiece.bpe.model").write_bytes(spm_proto)
    write_modules(folder)
    write(folder / "1_Pooling" / "config.json", POOLING)
    write(folder / "sentence_bert_config.json", {"max_seq_length": of_embedder})
    write(folder / "tokenizer_config.json", {"model_max_length": of_tokenizer})
    assert load_task(folder).preprocessor.sequence_length == length
    tagger = xlm_tf.XLMTokenClassifier.from_preset(folder, num_classes=2)
    assert tagger.preprocessor.sequence_length == min(of_tokenizer or 64, 64)


def test_an_old_folder_of_an_embedder(spm_proto, folder, tmp_path_factory):
    root = tmp_path_factory.mktemp("old")
    (folder / "sentencepiece.bpe.model").write_bytes(spm_proto)
    folder.rename(root / "0_Transformer")
    write_modules(root, [("0_Transformer", "Transformer"), MODULES[1]])
    write(root / "1_Pooling" / "config.json", {"pooling_mode_max_tokens": True})
    path = root / "0_Transformer" / "sentence_bert_config.json"
    write(path, {"max_seq_length": 9, "do_lower_case": False})
    embedder = load_task(root)
    assert (embedder.pooling, embedder.preprocessor.sequence_length) == ("max", 9)


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
    write_modules(folder)
    write(folder / "1_Pooling" / "config.json", POOLING)
    for content in (b'{"a": ', b"\xff\xfe{", b'"text"'):
        (folder / name).write_bytes(content)
        with pytest.raises(ValueError, match=name):
            xlm_tf.XLMTextEmbedder.from_preset(folder)


def test_unreadable_files_of_keras_are_named(own_model, tmp_path):
    xlm_tf.XLMTextEmbedder.from_preset(own_model).save_to_preset(tmp_path)
    (tmp_path / "task.json").write_text("{")
    with pytest.raises(ValueError, match=r"task\.json is not JSON"):
        load_task(tmp_path)


def test_an_adapter_and_other_architectures(folder):
    config = read_json(folder / "config.json")
    write(folder / "adapter_config.json", {"peft_type": "LORA"})
    with pytest.raises(ValueError, match="asks for an adapter"):
        xlm_tf.XLMBackbone.from_preset(folder)
    ignored = ["adapter_config.json", "new"]
    write(folder / "config.json", {**config, "new": 1})
    model = xlm_tf.XLMBackbone.from_preset(folder, ignored_settings=ignored)
    assert model(np.array([[0, 5, 2]])).shape == (1, 3, 8)


def test_settings_of_searches_are_of_models_that_write(folder):
    write(folder / "generation_config.json", {"num_beams": 4})
    xlm_tf.XLMBackbone.from_preset(folder)
    path = folder / "generation_config.json"
    with pytest.raises(ValueError, match="num_beams=4"):
        model_settings.check_generation(path, read_json(path))


def test_true_is_not_one():
    check_settings("x", {"a": 1}, {"a": only(1.0)})
    with pytest.raises(ValueError, match="a=True"):
        check_settings("x", {"a": True}, {"a": only(1)})
