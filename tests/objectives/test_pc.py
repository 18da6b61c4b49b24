import numpy as np
import pytest
import tensorflow as tf

from xlm_tf.objectives.mixing import mix
from xlm_tf.objectives.pc import ParallelClassification
from xlm_tf.objectives.piecewise_linear import PiecewiseLinear
from xlm_tf.objectives.tlm import TranslationLanguageModelling

LENGTH = 64
LANGUAGES = ["de", "en", "fr"]


@pytest.fixture(scope="module")
def pc(tokenizer):
    return ParallelClassification(tokenizer, LENGTH, LANGUAGES)


def spelled(number):
    """Numbers in letters, which the vocabulary has."""
    return " ".join("aeionrstlu"[int(digit)] for digit in f"{number:02}")


def pairs(count=100, target_language="de", same_target=False):
    numbers = range(count)
    targets = [spelled(0 if same_target else n) for n in numbers]
    return tf.data.Dataset.from_tensor_slices(
        {
            "source": [f"{spelled(n)} {target_language}" for n in numbers],
            "target": [f"{text} {target_language}" for text in targets],
            "source_language": ["en"] * count,
            "target_language": [target_language] * count,
        }
    )


def decided(batches, tokenizer):
    """Of every pair: its texts by language, and whether it is said to be parallel."""
    for inputs, targets, weights, *_ in batches.as_numpy_iterator():
        answers = {}
        used = np.argwhere(weights > 0)
        for row, place in used:
            position = inputs["mask_positions"][row, place]
            answers[row, position] = targets[row, place]
        for row, segment_ids in enumerate(inputs["segment_ids"]):
            for segment in range(1, segment_ids.max() + 1):
                own = np.flatnonzero(segment_ids == segment)
                ids = inputs["token_ids"][row][own]
                assert ids[0] == tokenizer.start_token_id
                assert tokenizer.mask_token_id not in ids
                languages = inputs["language_ids"][row][own]
                sides = {
                    LANGUAGES[language]: tokenizer.decode(
                        ids[(languages == language) & (ids > 2)].tolist()
                    )
                    for language in set(languages.tolist())
                }
                answer = answers.pop((row, own[0]), None)
                yield sides, {0: True, tokenizer.mask_token_id: False}.get(answer)
        assert not answers


def test_half_of_the_pairs_have_another_target(pc, tokenizer):
    mixed = tf.data.Dataset.sample_from_datasets(
        [pairs(), pairs(target_language="fr")], [0.5, 0.5], seed=1
    )
    passes = []
    for seed in (1, 2):
        found = {}
        for sides, answer in decided(pc.train_batches(mixed, 2, seed), tokenizer):
            source = sides.pop("en")
            ((language, target),) = sides.items()
            # The target is of the language that the source has in its text.
            assert source.split()[2] == target.split()[2] == language
            assert answer == (source == target)
            found[source] = answer
        assert len(found) > 180
        assert 0.38 < np.mean(list(found.values())) < 0.62
        passes.append(found)
    # Another pass decides anew.
    both = set(passes[0]) & set(passes[1])
    same = np.mean([passes[0][source] == passes[1][source] for source in both])
    assert 0.35 < same < 0.65


def test_a_target_that_says_the_same_is_no_other(pc, tokenizer):
    for examples in (pairs(40, same_target=True), pairs(1).repeat(40)):
        answers = [
            own for _, own in decided(pc.train_batches(examples, 1, 5), tokenizer)
        ]
        assert answers
        assert set(answers) == {True}


def test_evaluation_is_the_same_at_every_call(pc, tokenizer):
    groups = {"en-de": pairs(50), "en-fr": pairs(50, "fr")}
    found = list(decided(pc.evaluation_batches(groups, 4), tokenizer))
    assert len(found) == 100
    assert 30 < sum(answer for _, answer in found) < 70
    again = [
        answer for _, answer in decided(pc.evaluation_batches(groups, 4), tokenizer)
    ]
    assert [answer for _, answer in found] == again


def test_it_mixes_with_others_and_goes_on_where_it_stopped(pc, tokenizer):
    objectives = {
        "tlm": TranslationLanguageModelling(tokenizer, LENGTH, LANGUAGES),
        "pc": pc,
    }

    def batches(skip):
        streams = {
            name: lambda steps, own=own: own.train_batches(
                pairs().repeat(), 4, 1, steps
            )
            for name, own in objectives.items()
        }
        weights = dict.fromkeys(streams, PiecewiseLinear.parse(1))
        mixed = mix(streams, weights, seed=0).skip(skip).take(8 - skip)
        return list(mixed.as_numpy_iterator())

    whole = batches(0)
    for batch, again in zip(whole[3:], batches(3), strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, batch, again)
    masked = [
        (batch[0]["token_ids"] == tokenizer.mask_token_id).any() for batch in whole
    ]
    assert {bool(own) for own in masked} == {True, False}
