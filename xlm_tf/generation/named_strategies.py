"""The decoding strategy that an argument of `compile` stands for."""

import keras
import keras_hub

from xlm_tf.generation.beam_search import BeamSearch
from xlm_tf.generation.sampling import NAMES, Sampling, what_samplers_there_are


def get_decoding_strategy(sampler):
    """The decoding strategy that an argument of `compile` stands for.

    Args:
        sampler: a `BeamSearch` or `Sampling`; "beam" for one of 4 beams; "greedy"; or
            a sampler of KerasHub ("top_k", "top_p", "random", or an instance); or what
            `keras.saving.serialize_keras_object` made of one of them.

    Returns:
        `BeamSearch` or `Sampling`.

    Raises:
        ValueError: anything else; says what there is.
    """
    if isinstance(sampler, BeamSearch | Sampling):
        return sampler
    if sampler == "beam":
        return BeamSearch()
    if sampler == "greedy":
        return BeamSearch(num_beams=1, early_stopping=True)
    if isinstance(sampler, dict) and "class_name" in sampler:
        return get_decoding_strategy(keras.saving.deserialize_keras_object(sampler))
    if isinstance(sampler, str) and sampler in NAMES:
        return Sampling(keras_hub.samplers.get(sampler))
    if isinstance(sampler, keras_hub.samplers.Sampler):
        return Sampling(sampler)
    raise ValueError(what_samplers_there_are(sampler))
