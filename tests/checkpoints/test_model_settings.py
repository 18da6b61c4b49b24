"""Every setting of a model's files is obeyed, refused by its name, or harmless."""

import pytest

import xlm_tf
from tests.checkpoints.json_files import write_json
from xlm_tf.checkpoints import model_settings
from xlm_tf.checkpoints.declared_settings import check_settings, read_json
from xlm_tf.checkpoints.huggingface import FAMILIES


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


def test_settings_of_searches_are_of_models_that_write(folder):
    write_json(folder / "generation_config.json", {"num_beams": 4})
    xlm_tf.XLMBackbone.from_preset(folder)
    path = folder / "generation_config.json"
    with pytest.raises(ValueError, match="num_beams=4"):
        model_settings.check_generation(path, read_json(path))
