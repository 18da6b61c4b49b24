"""What a checkpoint asks for beside its settings and tensors."""

import numpy as np
import pytest

import xlm_tf
from tests.checkpoints.json_files import write_json
from xlm_tf.checkpoints.declared_settings import read_json


def test_an_adapter_and_other_architectures(folder):
    config = read_json(folder / "config.json")
    write_json(folder / "adapter_config.json", {"peft_type": "LORA"})
    with pytest.raises(ValueError, match="an adapter beside the weights"):
        xlm_tf.XLMBackbone.from_preset(folder)
    ignored = ["adapter_config.json", "new"]
    write_json(folder / "config.json", {**config, "new": 1})
    model = xlm_tf.XLMBackbone.from_preset(folder, ignored_settings=ignored)
    assert model(np.array([[0, 5, 2]])).shape == (1, 3, 8)
