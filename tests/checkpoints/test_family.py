"""Families of transformers: their settings and names, there and back."""

import pytest

import xlm_tf
from xlm_tf.checkpoints.huggingface import FAMILIES, family_of

SMALL = {
    "xlm": {"vocab_size": 30, "emb_dim": 8, "n_layers": 2, "n_heads": 2, "n_langs": 3},
    "xlm-roberta": {
        "vocab_size": 30,
        "hidden_size": 8,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 24,
    },
}
SMALL["xlm-roberta-xl"] = SMALL["bert"] = SMALL["xlm-roberta"]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_backbone_is_of_the_family_that_it_was_made_by(name):
    family = FAMILIES[name]
    arguments = family.backbone_arguments(SMALL[name])
    backbone = xlm_tf.XLMBackbone(**arguments)
    found, config = family_of(backbone)
    assert found is family
    assert config["model_type"] == name
    assert family.backbone_arguments(config) == arguments
    # The settings that are written are those that are read.
    assert set(config) <= set(family.settings) | set(family.aliases)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_variable_has_a_tensor_of_its_own(name):
    family = FAMILIES[name]
    backbone = xlm_tf.XLMBackbone(**family.backbone_arguments(SMALL[name]))
    names = family.backbone_tensors(SMALL[name])
    assert set(names) == {variable.path for variable in backbone.weights}
    tensors = [
        part
        for own in names.values()
        for part in (own if isinstance(own, tuple) else (own,))
    ]
    assert len(set(tensors)) == len(tensors)


def test_other_forms_are_of_no_family():
    backbone = xlm_tf.XLMBackbone(30, 1, 1, 8, 16, num_languages=2, position_offset=2)
    with pytest.raises(ValueError, match="no form in transformers"):
        family_of(backbone)
