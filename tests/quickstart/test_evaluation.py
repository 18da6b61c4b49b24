"""Retrieval on held-out messages, with training texts as distractors."""

import numpy as np

from xlm_tf.quickstart.corpus import MessageCorpus
from xlm_tf.quickstart.evaluation import evaluate_retrieval

NUMBERS = ["one", "two", "three", "four", "five", "six"]


def corpus():
    translations = {f"the {x} house": {"de": f"das Haus {x}"} for x in NUMBERS}
    return MessageCorpus(translations, {}, {f"the {x} house" for x in NUMBERS[:3]})


def embed(texts):
    """A vector a number: translations are found, and nothing else."""
    return np.array([[float(x in text.split()) for x in NUMBERS] for text in texts])


def test_what_is_the_translation_is_found():
    found = evaluate_retrieval(embed, corpus(), ["de"])["de"]
    assert (found["from_english"], found["to_english"]) == (1.0, 1.0)
    # Held-out texts, and the training texts beside them.
    assert (found["queries"], found["candidates"], found["training_pairs"]) == (3, 6, 3)


def test_distractors_are_never_right():
    def wrong(texts):
        """Every English text is nearest to a training text."""
        return np.array(
            [[float("four" in text or text.startswith("the")), 0.1] for text in texts]
        )

    assert evaluate_retrieval(wrong, corpus(), ["de"])["de"]["from_english"] == 0
