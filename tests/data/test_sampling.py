import collections

import tensorflow as tf

from xlm_tf.data.sampling import sample_datasets

SIZES = {"en": 50, "fr": 20, "sw": 3}
SHARES = {"en": 0.6, "fr": 0.3, "sw": 0.1}


def corpora():
    return {
        language: tf.data.Dataset.from_tensor_slices(
            [f"{language} {number}" for number in range(size)]
        )
        for language, size in SIZES.items()
    }


def drawn(count, seed=5, skip=0, **kwargs):
    stream = sample_datasets(corpora(), SHARES, seed, **kwargs)
    return [text.decode() for text in stream.skip(skip).take(count).as_numpy_iterator()]


def of_language(texts, language):
    return [text for text in texts if text.startswith(language)]


def test_languages_come_with_their_probabilities():
    texts = drawn(6000)
    counts = collections.Counter(text.split()[0] for text in texts)
    for language, share in SHARES.items():
        # Five standard deviations of a binomial count.
        deviation = (share * (1 - share) / len(texts)) ** 0.5
        assert abs(counts[language] / len(texts) - share) < 5 * deviation


def test_small_corpora_are_repeated_without_bias():
    texts = of_language(drawn(6000), "sw")
    assert len(texts) > 10 * SIZES["sw"]
    # Every pass holds every sentence once, in an order of its own.
    size = SIZES["sw"]
    passes = [tuple(texts[i : i + size]) for i in range(0, len(texts) - size, size)]
    assert all(set(one) == {"sw 0", "sw 1", "sw 2"} for one in passes)
    assert len(set(passes)) > 1


def test_the_stream_depends_on_the_seed_alone():
    assert drawn(500) == drawn(500)
    assert drawn(500) != drawn(500, seed=6)


def test_a_skipped_stream_goes_on_where_it_stopped():
    whole = drawn(400)
    for skip in (1, 73, 250):  # within the first pass, and after several
        assert drawn(400 - skip, skip=skip) == whole[skip:]


def test_passes_are_whole_with_a_small_shuffle_buffer():
    texts = of_language(drawn(1000, shuffle_buffer=4), "en")
    first_pass = texts[: SIZES["en"]]
    assert len(set(first_pass)) == SIZES["en"]
    assert first_pass != sorted(first_pass, key=lambda text: int(text.split()[1]))


def test_datasets_and_probabilities_go_together_by_name():
    stream = sample_datasets(corpora(), {"sw": 0.0, "fr": 1.0, "en": 0.0}, seed=1).take(
        50
    )
    assert {text.decode().split()[0] for text in stream.as_numpy_iterator()} == {"fr"}
