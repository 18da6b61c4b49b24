import collections

import pytest
import tensorflow as tf

from xlm_tf.data.sampling import sample_datasets, sample_rows

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


def rows_of_epochs(alpha, epochs=4):
    languages = [name for name, size in SIZES.items() for _ in range(size)]
    of_epoch = sample_rows(range(len(languages)), languages, alpha)
    seeds = [tf.constant([7, epoch], "int64") for epoch in range(epochs)]
    rows = [of_epoch(seed).numpy().tolist() for seed in seeds]
    assert [of_epoch(seed).numpy().tolist() for seed in seeds] == rows
    return rows, languages


def test_an_epoch_by_size_is_every_row_once_in_its_order():
    rows, languages = rows_of_epochs(1.0)
    assert rows == [list(range(len(languages)))] * 4


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.7, 2.0])
def test_an_epoch_has_the_shares_of_the_languages(alpha):
    epochs, languages = rows_of_epochs(alpha)
    total = sum(SIZES.values())
    weights = {name: (size / total) ** alpha for name, size in SIZES.items()}
    for rows in epochs:
        counts = collections.Counter(languages[row] for row in rows)
        for name, weight in weights.items():
            expected = total * weight / sum(weights.values())
            assert counts[name] == max(1, round(expected))
        times = collections.Counter(rows)
        for name in SIZES:
            own = {times[row] for row, other in enumerate(languages) if other == name}
            assert max(own) - min(own) <= 1
    # What is left over is another part in every epoch.
    assert len({tuple(sorted(rows)) for rows in epochs}) > 1
