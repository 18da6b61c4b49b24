import math

import numpy as np
import pytest
import tensorflow as tf

from xlm_tf import XLMBackbone, XLMMaskedLM
from xlm_tf.evaluation.perplexity import MaskedLMEvaluator
from xlm_tf.objectives.mlm import MaskedLanguageModelling
from xlm_tf.objectives.tlm import TranslationLanguageModelling


@pytest.fixture
def masked_lm():
    backbone = XLMBackbone(
        vocabulary_size=20,
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=16,
        max_sequence_length=6,
        initializer_range=0.5,
    )
    return XLMMaskedLM(backbone)


def batches():
    """Two batches; rows 0 and 3 are of group "a", the rest of group "b"."""
    random = np.random.default_rng(0)
    inputs = {
        "token_ids": random.integers(4, 20, (4, 6)).astype("int32"),
        "padding_mask": np.ones((4, 6), bool),
        "mask_positions": random.integers(0, 6, (4, 2)).astype("int32"),
    }
    targets = random.integers(0, 20, (4, 2)).astype("int32")
    weights = np.array([[1, 0], [1, 1], [0, 1], [1, 1]], "float32")
    group = np.array([0, 1, 1, 0], "int32")
    return tf.data.Dataset.from_tensor_slices((inputs, targets, weights, group)).batch(
        2
    )


def test_every_target_of_a_group_weighs_the_same(masked_lm):
    inputs, targets, weights, group = next(iter(batches().unbatch().batch(4)))
    logits = masked_lm(inputs)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits).numpy()
    hits = (tf.argmax(logits, axis=-1, output_type="int32") == targets).numpy()
    scores = MaskedLMEvaluator(masked_lm, ["a", "b"], 20).evaluate(batches())
    for number, name in enumerate(["a", "b"]):
        own = (weights.numpy() > 0) & (group.numpy() == number)[:, None]
        assert scores[name].num_targets == own.sum() == 3
        assert scores[name].loss == pytest.approx(losses[own].mean(), rel=1e-5)
        assert scores[name].accuracy == pytest.approx(hits[own].mean())
        assert scores[name].perplexity == pytest.approx(math.exp(scores[name].loss))


def test_it_scores_the_weights_of_the_moment(masked_lm):
    evaluator = MaskedLMEvaluator(masked_lm, ["a", "b"], 20)
    before = evaluator.evaluate(batches())["a"].loss
    masked_lm.prediction_head.bias.assign_add(tf.range(20.0))
    assert evaluator.evaluate(batches())["a"].loss != before


@pytest.mark.parametrize(("vocabulary_size", "parts"), [(1 << 25, 1), (20, 2), (20, 9)])
def test_large_batches_are_scored_row_by_row(masked_lm, vocabulary_size, parts):
    rows = []

    def watched(inputs, training):
        rows.append(inputs["token_ids"].shape[0])
        return masked_lm(inputs, training=training)

    whole = MaskedLMEvaluator(masked_lm, ["a", "b"], 20).evaluate(batches())
    # Of 1 << 25 tokens, 2 targets of a row are 256 MB of float32.
    evaluator = MaskedLMEvaluator(watched, ["a", "b"], vocabulary_size, parts)
    own = evaluator.evaluate(batches())
    assert rows == [1]  # traced once, and called four times
    for name, scores in whole.items():
        assert own[name].num_targets == scores.num_targets
        assert own[name].loss == pytest.approx(scores.loss, rel=1e-5)
        assert own[name].accuracy == pytest.approx(scores.accuracy)


def test_a_group_without_targets_is_named(masked_lm):
    with pytest.raises(ValueError, match="held-out text of sw"):
        MaskedLMEvaluator(masked_lm, ["a", "b", "sw"], 20).evaluate(batches())


def sides_of(sentences, objective):
    """Examples of an objective, and the texts between special tokens in each."""
    if objective is MaskedLanguageModelling:
        examples = {"text": sentences, "language": ["en"] * len(sentences)}
        return examples, [[text] for text in sentences]
    sources, targets = sentences[:4], sentences[4:]
    examples = {"source": sources, "target": targets}
    examples |= {"source_language": ["en"] * 4, "target_language": ["de"] * 4}
    return examples, [list(pair) for pair in zip(sources, targets, strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "objective", [MaskedLanguageModelling, TranslationLanguageModelling]
)
@pytest.mark.parametrize("selection_rate", [0.15, 0.9])
def test_scores_are_of_real_tokens_counted_by_hand(
    tokenizer, sentences, objective, selection_rate
):
    examples, texts = sides_of(sentences, objective)
    backbone = XLMBackbone(
        vocabulary_size=tokenizer.vocabulary_size(),
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=16,
        max_sequence_length=128,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.5,
    )
    masked_lm = XLMMaskedLM(backbone)
    made = objective(tokenizer, 128, selection_rate=selection_rate)
    batches = made.evaluation_batches(
        {"all": tf.data.Dataset.from_tensor_slices(examples)}, 2
    )
    evaluator = MaskedLMEvaluator(masked_lm, ["all"], tokenizer.vocabulary_size())
    scores = evaluator.evaluate(batches)["all"]

    # Every segment alone, unpacked: its real tokens are those of its texts.
    specials = [tokenizer.start_token_id, tokenizer.end_token_id]
    losses, hits, real_tokens = [], [], {}
    for inputs, targets, weights, _ in batches.as_numpy_iterator():
        for row, segment_ids in enumerate(inputs["segment_ids"]):
            own_targets = {
                position: target
                for position, target, weight in zip(
                    inputs["mask_positions"][row],
                    targets[row],
                    weights[row],
                    strict=True,
                )
                if weight
            }
            for segment in range(1, segment_ids.max() + 1):
                own = np.flatnonzero(segment_ids == segment)
                token_ids = inputs["token_ids"][row][own]
                places = [x for x in own_targets if x in own]
                assert places  # at least one a segment
                whole = token_ids.copy()
                for place in places:
                    assert token_ids[place - own[0]] == tokenizer.mask_token_id
                    whole[place - own[0]] = own_targets[place]
                real = {own[0] + at for at, x in enumerate(whole) if x not in specials}
                assert set(places) <= real
                real_tokens[(row, *whole)] = (len(places), len(real))
                logits = masked_lm(
                    {
                        "token_ids": token_ids[None],
                        "padding_mask": np.ones((1, len(own)), bool),
                        "position_ids": inputs["position_ids"][row][own][None],
                        "mask_positions": np.array([places], "int32") - own[0],
                    }
                ).numpy()[0]
                for scored, place in zip(logits, places, strict=True):
                    exponentials = np.exp(scored - scored.max())
                    share = exponentials / exponentials.sum()
                    losses.append(-np.log(share[own_targets[place]]))
                    hits.append(scored.argmax() == own_targets[place])
    assert scores.num_targets == len(losses)
    assert scores.loss == pytest.approx(np.mean(losses), rel=1e-4)
    assert scores.accuracy == pytest.approx(np.mean(hits))
    # As many real tokens as the texts have, and about the share of them that is asked.
    counted = sum(len(tokenizer(text)) for sides in texts for text in sides)
    assert sum(real for _, real in real_tokens.values()) == counted
    assert len(losses) / counted == pytest.approx(selection_rate, abs=0.12)


def test_a_text_without_tokens_has_no_target(tokenizer, sentences):
    mlm = MaskedLanguageModelling(tokenizer, 64)
    examples = {"text": ["", "<mask>", sentences[0]], "language": ["en"] * 3}
    groups = {"en": tf.data.Dataset.from_tensor_slices(examples)}
    ((_, targets, weights, _),) = mlm.evaluation_batches(groups, 1)
    found = targets.numpy()[weights.numpy() > 0]
    known = set(tokenizer(sentences[0]).numpy())
    assert len(found)
    assert set(found) <= known
