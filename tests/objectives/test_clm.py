import numpy as np
import pytest
import tensorflow as tf

from xlm_tf import XLMCausalLM, XLMMaskedLM
from xlm_tf.evaluation.perplexity import MaskedLMEvaluator
from xlm_tf.objectives.clm import CausalLanguageModelling

LENGTH = 48


@pytest.fixture(scope="module")
def clm(tokenizer):
    return CausalLanguageModelling(tokenizer, LENGTH)


def examples(sentences):
    return tf.data.Dataset.from_tensor_slices(
        {"text": sentences, "language": ["en"] * len(sentences)}
    )


def test_every_token_but_the_first_of_a_segment_is_predicted(clm, tokenizer, sentences):
    batches = clm.train_batches(examples(sentences).repeat(40), 4, seed=1)
    whole = {(0, *ids, 2) for ids in tokenizer(sentences).to_list()}
    inputs, targets, weights = next(batches.as_numpy_iterator())
    assert targets.shape == weights.shape == (4, LENGTH)
    assert (inputs["mask_positions"] == np.arange(LENGTH)).all()
    for row, segment_ids in enumerate(inputs["segment_ids"]):
        for segment in range(1, segment_ids.max() + 1):
            own = np.flatnonzero(segment_ids == segment)
            ids = inputs["token_ids"][row][own].tolist()  # nothing is masked
            assert tuple(ids) in whole
            assert targets[row][own[:-1]].tolist() == ids[1:]
            assert weights[row][own].tolist() == [1] * (len(own) - 1) + [0]
        assert not weights[row][segment_ids == 0].any()
    padding = inputs["token_ids"][~inputs["padding_mask"]]
    assert set(padding) <= {tokenizer.pad_token_id}


@pytest.mark.slow
def test_its_perplexity_is_that_of_the_causal_model(
    clm, tokenizer, sentences, make_backbone
):
    backbone = make_backbone(causal=True, pad_token_id=tokenizer.pad_token_id)
    masked_lm = XLMMaskedLM(backbone, head_transform=False)
    groups = {"all": examples(sentences)}
    batches = clm.evaluation_batches(groups, 3)
    evaluator = MaskedLMEvaluator(masked_lm, ["all"], tokenizer.vocabulary_size())
    scores = evaluator.evaluate(batches)["all"]

    causal_lm = XLMCausalLM.from_masked_lm(masked_lm)
    losses, hits = [], []
    for pieces in tokenizer(sentences).to_list():  # every sentence alone
        ids = [tokenizer.start_token_id, *pieces, tokenizer.end_token_id]
        for at in range(1, len(ids)):
            logits = causal_lm({"token_ids": np.array([ids[:at]])}).numpy()[0, -1]
            exponentials = np.exp(logits - logits.max())
            losses.append(-np.log(exponentials[ids[at]] / exponentials.sum()))
            hits.append(logits.argmax() == ids[at])
    assert scores.num_targets == len(losses)
    assert scores.perplexity == pytest.approx(np.exp(np.mean(losses)), rel=1e-4)
    assert scores.accuracy == pytest.approx(np.mean(hits))
