"""The released models by their short names, and the one that comes with the package."""

import re
from pathlib import Path

import xlm_tf


def test_every_released_model_has_a_source_and_a_citation():
    for name, model in xlm_tf.PRESETS.items():
        assert re.fullmatch("[a-z0-9_]+", name)
        assert (
            re.match("hf://[^/]+/[^/]+$", model.source) or Path(model.source).is_dir()
        )
        assert model.citation
    assert xlm_tf.PRESETS["xlm_clm_enfr_1024"].arguments == {"causal": True}


def test_the_tiny_model_knows_something():
    tiny = xlm_tf.XLMMaskedLM.from_preset("xlm_tiny")
    ((best, *_),) = tiny.fill_mask("Cette page n'existe <mask>.")
    assert best[0] == "▁pas"
    states = tiny.last_hidden_states("Hello, world!")
    assert states.shape == (1, 16, 128)
    tokenizer = tiny.preprocessor.tokenizer
    ids = tokenizer.encode("Hello, world!")
    assert tokenizer.decode(ids) == "Hello, world!"
