"""What a search refuses, without a model."""

import subprocess
import sys

import keras
import keras_hub
import numpy as np
import pytest

from xlm_tf.generation.beam_search import BeamSearch
from xlm_tf.generation.named_strategies import get_decoding_strategy
from xlm_tf.generation.sampling import Sampling
from xlm_tf.generation.search_arguments import real_number, whole_number

NO_COUNTS = [0, -1, 2.0, 1.5, float("nan"), "2", None, True, np.bool_(True), [2]]
NO_NUMBERS = [
    float("nan"),
    float("inf"),
    -float("inf"),
    "1",
    None,
    True,
    [1.0],
    10**400,
]
samplers = keras_hub.samplers


@pytest.mark.parametrize("value", NO_COUNTS, ids=repr)
@pytest.mark.parametrize("name", ["num_beams", "num_return"])
def test_what_is_no_count(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a whole number, 1 at least"):
        BeamSearch(**{name: value})


@pytest.mark.parametrize("name", ["min_length", "no_repeat_ngram_size"])
def test_counts_that_may_be_0(name):
    assert getattr(BeamSearch(**{name: 0}), name) == 0
    for value in (*NO_COUNTS[1:], -2):
        with pytest.raises(ValueError, match=f"{name} must be a whole number, 0 at"):
            BeamSearch(**{name: value})


@pytest.mark.parametrize("value", [*NO_NUMBERS, 11, -10.5], ids=repr)
def test_what_is_no_length_penalty(value):
    with pytest.raises(ValueError, match="length_penalty must be a finite number"):
        BeamSearch(length_penalty=value)


def test_other_fields():
    with pytest.raises(ValueError, match="early_stopping must be True or False"):
        BeamSearch(early_stopping=1)
    with pytest.raises(ValueError, match="num_return=3, num_beams=2"):
        BeamSearch(num_beams=2, num_return=3)


def test_numbers_of_numpy_are_numbers():
    search = BeamSearch(np.int64(3), np.float32(0.5), np.bool_(True))
    assert search == BeamSearch(3, 0.5, True)
    assert [type(x) for x in (search.num_beams, search.length_penalty)] == [int, float]


def test_bounds():
    assert whole_number("k", 7, 1, 7) == 7
    with pytest.raises(ValueError, match=r"1 at least and 7 at most\. Received: k=8"):
        whole_number("k", 8, 1, 7)
    with pytest.raises(ValueError, match=r"number, above 0, 1 at most\. Received: p=0"):
        real_number("p", 0, above=0, maximum=1)


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        (samplers.TopKSampler(k=0), "k of TopKSampler must be a whole number"),
        (samplers.TopKSampler(temperature=0), "temperature of TopKSampler .* above 0"),
        (samplers.RandomSampler(temperature=float("nan")), "temperature of Random"),
        (samplers.TopPSampler(p=0), "p of TopPSampler must be a finite number, above"),
        (samplers.TopPSampler(p=1.5), "1 at most"),
        (samplers.TopPSampler(k=-1), "k of TopPSampler"),
        (samplers.BeamSampler(num_beams=7), r"xlm_tf\.BeamSearch\(num_beams=7\)"),
    ],
)
def test_samplers_of_keras_hub_that_cannot_work(sampler, message):
    with pytest.raises(ValueError, match=message):
        get_decoding_strategy(sampler)


@pytest.mark.parametrize(
    "sampler",
    [
        "contrastive",
        "topk",
        "Beam",
        "",
        None,
        3,
        max,
        {},
        samplers.ContrastiveSampler(),
    ],
)
def test_the_message_lists_what_there_is(sampler):
    with pytest.raises(ValueError, match='one of "beam", "greedy", "random", "top_k"'):
        get_decoding_strategy(sampler)


def test_more_candidates_than_tokens():
    search = Sampling(samplers.TopKSampler(k=50))
    search.check_vocabulary(50)
    with pytest.raises(ValueError, match=r"49 at most. Received: k of TopKSampler=50"):
        search.check_vocabulary(49)


@pytest.mark.parametrize(
    "search",
    [
        BeamSearch(5, 0.6, True, 2, 3, 4),
        BeamSearch(stop_token_ids=[7, 3, 7]),
        Sampling(samplers.GreedySampler(), stop_token_ids=None),
        get_decoding_strategy("greedy"),
        Sampling(samplers.TopPSampler(p=0.9, k=4, seed=3, temperature=0.5)),
    ],
)
def test_searches_can_be_saved(search):
    config = keras.saving.serialize_keras_object(search)
    again = get_decoding_strategy(config)
    assert type(again) is type(search)
    assert again.stop_token_ids == search.stop_token_ids
    assert keras.saving.serialize_keras_object(again) == config


def test_checks_come_without_tensorflow():
    program = (
        "import sys, xlm_tf.generation.search_arguments as arguments\n"
        "arguments.whole_number('k', 2)\n"
        "assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
