import keras
import numpy as np
import pytest
import tensorflow as tf

import xlm_tf
from xlm_tf.training.contrastive import ContrastiveTrainer, bitext_batches

ENGLISH = [
    f"the {a} {b}"
    for a in ("quick", "brown", "lazy", "small")
    for b in ("fox", "dog", "model", "texts")
]
GERMAN = [
    f"{a} {b}"
    for a in ("schnelle", "braune", "faulen", "kleines")
    for b in ("Fuchs", "Hund", "Modell", "Texte")
]


def pairs(sources=ENGLISH, targets=GERMAN):
    return tf.data.Dataset.from_tensor_slices(
        {
            "source": sources,
            "target": targets,
            "source_language": ["en"] * len(sources),
            "target_language": ["de"] * len(sources),
        }
    )


@pytest.fixture
def embedder(tokenizer):
    backbone = xlm_tf.XLMBackbone(
        vocabulary_size=tokenizer.vocabulary_size(),
        num_layers=1,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
        max_sequence_length=64,
        dropout=0.0,
        attention_dropout=0.0,
        initializer_range=0.2,
    )
    preprocessor = xlm_tf.XLMTextEmbedderPreprocessor(tokenizer, 64)
    return xlm_tf.XLMTextEmbedder(backbone, preprocessor)


@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_the_loss_is_the_mean_cross_entropy_of_both_directions(embedder, margin):
    batch = next(iter(bitext_batches(embedder.preprocessor, pairs(), 16)))
    cosines = (
        np.array(embedder(batch["source"])) @ np.array(embedder(batch["target"])).T
    )
    scores = (cosines - margin * np.eye(16)) / 0.1
    losses = [
        -np.diag(tf.nn.log_softmax(direction)) for direction in (scores, scores.T)
    ]
    trainer = ContrastiveTrainer(embedder, temperature=0.1, margin=margin)
    trainer.compile(optimizer=keras.optimizers.SGD(0.0))
    results = trainer.evaluate(
        tf.data.Dataset.from_tensors(batch), verbose=0, return_dict=True
    )
    assert results["loss"] == pytest.approx(np.mean(losses), rel=1e-4)
    hits = [c.argmax(1) == np.arange(16) for c in (cosines, cosines.T)]
    assert results["accuracy"] == pytest.approx(np.mean(hits), abs=1e-6)


def test_pairs_that_share_a_text_are_not_negatives(embedder):
    """Two pairs of the same English text: each alone has no negative, and no loss."""
    batch = next(
        iter(
            bitext_batches(
                embedder.preprocessor, pairs(["the fox"] * 2, ["der Fuchs", "er"]), 2
            )
        )
    )
    trainer = ContrastiveTrainer(embedder)
    trainer.compile(optimizer=keras.optimizers.SGD(0.0))
    results = trainer.evaluate(
        tf.data.Dataset.from_tensors(batch), verbose=0, return_dict=True
    )
    assert results["loss"] == pytest.approx(0, abs=1e-5)
    assert results["accuracy"] == 1


@pytest.mark.slow
def test_translations_become_nearest(embedder):
    batches = bitext_batches(embedder.preprocessor, pairs().repeat(), 16)
    trainer = ContrastiveTrainer(embedder)
    trainer.compile(optimizer=keras.optimizers.Adam(1e-2))
    trainer.fit(batches, steps_per_epoch=60, verbose=0, shuffle=False)
    vectors = [embedder.predict(texts, verbose=0) for texts in (ENGLISH, GERMAN)]
    nearest = (vectors[0] @ vectors[1].T).argmax(1)
    assert (nearest == np.arange(16)).mean() > 0.9


def test_batches_are_of_similar_length_and_lose_a_last_part_only(embedder):
    random = np.random.default_rng(0)
    texts = ["a" * n for n in random.integers(1, 60, 330)]
    batches = list(bitext_batches(embedder.preprocessor, pairs(texts, texts), 20))
    assert len(batches) == 16
    masks = [batch["source"]["padding_mask"].numpy() for batch in batches]
    real = sum(mask.sum() for mask in masks)
    assert real / sum(mask.size for mask in masks) > 0.6
    # In the order of the texts it would be about half.
    assert real / (320 * 64) < 0.55


def test_an_embedder_of_any_length_is_refused(embedder):
    task = xlm_tf.XLMTextEmbedder(embedder.backbone, normalize=False)
    with pytest.raises(ValueError, match="normalize=True"):
        ContrastiveTrainer(task)


@pytest.mark.slow
def test_masks_hide_words_and_nothing_else(embedder, tokenizer):
    def batches(**arguments):
        examples = pairs().repeat(2)
        return list(bitext_batches(embedder.preprocessor, examples, 16, **arguments))

    whole, masked = batches(), batches(mask_rate=0.4, seed=0)
    again, other = batches(mask_rate=0.4, seed=0), batches(mask_rate=0.4, seed=1)
    shares = []
    for side in ("source", "target"):
        ids, hidden, same, new = (
            np.concatenate([b[side]["token_ids"].numpy().ravel() for b in run])
            for run in (whole, masked, again, other)
        )
        np.testing.assert_array_equal(hidden, same)
        assert hidden.tolist() != new.tolist()
        is_mask = hidden == tokenizer.mask_token_id
        np.testing.assert_array_equal(hidden[~is_mask], ids[~is_mask])
        is_special = np.isin(ids, tokenizer.special_token_ids)
        assert not (is_mask & is_special).any()
        shares.append(is_mask[~is_special].mean())
    assert np.mean(shares) == pytest.approx(0.4, abs=0.06)
