import keras
import numpy as np
import pytest
import tensorflow as tf

import xlm_tf
from xlm_tf.layers.gradient_checkpointing import dropout_states
from xlm_tf.training.contrastive import ContrastiveTrainer, bitext_batches
from xlm_tf.training.contrastive_losses import in_batch_loss, ranking_loss

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


def make_embedder(tokenizer, dropout=0.0):
    backbone = xlm_tf.XLMBackbone(
        vocabulary_size=tokenizer.vocabulary_size(),
        num_layers=1,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
        max_sequence_length=64,
        dropout=dropout,
        attention_dropout=dropout,
        initializer_range=0.2,
    )
    preprocessor = xlm_tf.XLMTextEmbedderPreprocessor(tokenizer, 64)
    return xlm_tf.XLMTextEmbedder(backbone, preprocessor)


@pytest.fixture
def embedder(tokenizer):
    return make_embedder(tokenizer)


def batch_of(kind):
    """A batch of 7 pairs as `fit` takes it, with negatives or scores."""
    batch = {
        "source": {"text": tf.constant(ENGLISH[:7])},
        "target": {"text": tf.constant(GERMAN[:7])},
        "source_key": tf.range(7, dtype="int64"),
        "target_key": tf.range(20, 27, dtype="int64"),
    }
    if kind == "negatives":
        texts = [
            [GERMAN[n + 7], ""] if n % 2 else GERMAN[n + 7 : n + 9] for n in range(7)
        ]
        batch["negatives"] = {"text": tf.constant(texts)}
        keys = [[30 + n, -1] if n % 2 else [30 + n, 50 + n] for n in range(7)]
        batch["negatives_key"] = tf.constant(keys, "int64")
    if kind == "scores":
        batch["score"] = tf.constant([1.0, 2.0, 0.5, 4.0, 4.0, -1.0, 0.0])
    return batch


def compiled(embedder, **arguments):
    trainer = ContrastiveTrainer(embedder, **arguments)
    trainer.compile(optimizer=keras.optimizers.SGD(1.0), run_eagerly=True)
    return trainer


def one_step(tokenizer, kind, **arguments):
    """What a step makes of the weights, and what it reports."""
    keras.utils.set_random_seed(0)
    trainer = compiled(make_embedder(tokenizer), **arguments)
    data = tf.data.Dataset.from_tensors(batch_of(kind))
    history = trainer.fit(data, verbose=0, shuffle=False).history
    return trainer.embedder.get_weights(), history


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


@pytest.mark.parametrize("kind", ["negatives", "scores"])
def test_the_losses_are_those_of_the_vectors(embedder, kind):
    batch = batch_of(kind)
    trainer = compiled(
        embedder, temperature=0.1, margin=0.2, symmetric=False, matryoshka_dims=[16, 4]
    )
    data = tf.data.Dataset.from_tensors(trainer._packed(batch))
    results = trainer.evaluate(data, verbose=0, return_dict=True)

    def vectors(name):
        texts = batch[name]["text"].numpy()
        found = embedder.embed([x.decode() for x in texts.ravel()])
        return found.reshape((*texts.shape, -1))

    if kind == "scores":
        own = {name: vectors(name) for name in ("source", "target")}
        loss, accuracy = ranking_loss(own, batch["score"], 0.1, (None, 4))
    else:
        names = ("source", "target", "negatives")
        own = {name: vectors(name) for name in names}
        keys = {name: batch[f"{name}_key"] for name in names}
        losses, is_right = in_batch_loss(own, keys, 0.1, 0.2, False, (None, 4))
        loss, accuracy = np.mean(losses), np.mean(is_right)
    assert results["loss"] == pytest.approx(float(loss), rel=1e-4)
    assert results["accuracy"] == pytest.approx(float(accuracy), abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pairs", "negatives", "scores"])
def test_parts_of_a_batch_give_the_update_of_the_whole(tokenizer, kind):
    """Also where they do not divide it: 7 pairs in 3 parts."""
    weights, history = one_step(tokenizer, kind)
    assert history["loss"][0] > 0.1
    for parts in (3, 7):
        other, other_history = one_step(tokenizer, kind, accumulation_steps=parts)
        for one, two in zip(weights, other, strict=True):
            np.testing.assert_allclose(two, one, atol=2e-5)
        for name, values in history.items():
            assert other_history[name] == pytest.approx(values, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("is_checkpointed", [False, True])
def test_the_gradients_are_those_of_the_dropout_of_the_loss(tokenizer, is_checkpointed):
    embedder = make_embedder(tokenizer, dropout=0.4)
    embedder.backbone.gradient_checkpointing = is_checkpointed
    trainer = compiled(embedder, accumulation_steps=2)
    batch = {**batch_of("pairs")}
    batch = trainer._packed(batch)
    states = dropout_states(embedder)
    assert states
    begun = [np.asarray(state) for state in states]
    found = trainer._gradients_by_cache(batch)
    ended = [np.asarray(state) for state in states]
    for state, value in zip(states, begun, strict=True):
        state.assign(value)
    # One graph of the parts, 4 rows and 3: a row of padding is drawn for as well.
    embedder.backbone.gradient_checkpointing = False
    with tf.GradientTape() as tape:
        parts = []
        for begin in (0, 4):
            part = {
                side: {
                    name: tf.concat([x, tf.zeros_like(x[:1])], 0)[begin : begin + 4]
                    for name, x in batch[side].items()
                }
                for side in ("source", "target")
            }
            parts.append(trainer._vectors(part, training=True))
        vectors = {
            side: tf.concat([part[side] for part in parts], 0)[:7]
            for side in ("source", "target")
        }
        loss = trainer._loss(vectors, batch)
    variables = [variable.value for variable in trainer.trainable_weights]
    zero = tf.UnconnectedGradients.ZERO
    expected = tape.gradient(loss, variables, unconnected_gradients=zero)
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_allclose(other, tf.convert_to_tensor(one), atol=1e-5)
    for state, value in zip(states, ended, strict=True):
        np.testing.assert_array_equal(state, value)
