"""A new objective is one class and one name."""

import numpy as np
import tensorflow as tf
import yaml

from xlm_tf.objectives import masking
from xlm_tf.objectives.mlm import MaskedLanguageModelling
from xlm_tf.objectives.registry import OBJECTIVES
from xlm_tf.training.pretraining_data import PretrainingData
from xlm_tf.training.recipe_loader import load_recipe


class SpanMasking(MaskedLanguageModelling):
    """Whole spans of three tokens, as in SpanBERT (of one length here)."""

    description = "Masked language modelling, of spans of three tokens."

    def select(self, sequences, candidates, selection_rate, num_predictions, seed):
        batch_size, length = candidates.shape
        draws = tf.random.stateless_uniform((batch_size, -(-length // 3)), seed)
        draws = tf.repeat(draws, 3, axis=1)[:, :length]
        selected = tf.logical_and(candidates, draws < selection_rate)
        return masking.highest(tf.where(selected, 1 - draws, -1.0), num_predictions)


def test_the_objectives_say_what_they_read_and_are():
    for objective in OBJECTIVES.values():
        assert objective.reads in ("texts", "pairs")
        assert objective.description.endswith(".")


def test_a_recipe_trains_a_new_objective(tmp_path, monkeypatch, tokenizer, sentences):
    monkeypatch.setitem(OBJECTIVES, "spans", SpanMasking)
    (tmp_path / "vocabulary.model").write_bytes(tokenizer.proto)
    (tmp_path / "en.txt").write_text("\n".join(sentences * 20), encoding="utf-8")
    recipe = {
        "output": "run",
        "vocabulary": "vocabulary.model",
        "model": dict.fromkeys(
            ("num_layers", "num_heads", "hidden_dim", "intermediate_dim"), 1
        ),
        "data": {"monolingual": {"en": ["en.txt"]}},
        "held_out": {"monolingual": {"en": ["en.txt"]}},
        "objectives": {"spans": 1},
        "training": {
            "steps": 1,
            "batch_size": 4,
            "sequence_length": 48,
            "early_stopping_metric": "perplexity/spans/en",
        },
    }
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe))
    data = PretrainingData(load_recipe(path), tokenizer)
    assert data.evaluation_groups() == ["spans/en"]
    inputs, _, weights = next(iter(data.train_batches()))
    positions = inputs["mask_positions"][weights > 0].numpy()
    # Two of three selected tokens follow another, but at the ends of the texts.
    assert np.mean(np.diff(positions) == 1) > 1 / 3
