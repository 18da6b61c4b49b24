"""Word vectors of two languages, from texts that say alike in other words."""

import numpy as np
import pytest

from xlm_tf.cli import main
from xlm_tf.data.aligned_vectors import WordVectors, align, word_vectors
from xlm_tf.data.word_vectors import read_word_vectors, vector_dimension

TOPICS, WORDS = 12, 15


def corpus(seed, translated, count=4000):
    """Sentences of one topic each; half of the words are written alike."""
    generator = np.random.default_rng(seed)
    frequencies = 1 / np.arange(1, WORDS + 1)
    sentences = []
    for _ in range(count):
        topic = generator.integers(TOPICS)
        numbers = generator.choice(
            WORDS, 8, p=frequencies / frequencies.sum(), replace=False
        )
        # Words of one topic, in an order that says something.
        numbers = sorted(numbers, key=lambda n: (n % 4, n))
        sentences.append(
            [
                f"{'fr' if translated and n % 2 else ''}word{topic:02d}x{n:02d}"
                for n in numbers
            ]
        )
    return sentences


@pytest.fixture(scope="module")
def languages():
    return [word_vectors(corpus(seed, seed == 2), 24) for seed in (1, 2)]


def test_vectors_are_of_length_one_and_the_same_again(languages):
    first, _ = languages
    assert first.vectors.shape == (TOPICS * WORDS, 24)
    np.testing.assert_allclose(np.linalg.norm(first.vectors, axis=1), 1, rtol=1e-5)
    again = word_vectors(corpus(1, False), 24)
    assert again.words == first.words
    np.testing.assert_array_equal(again.vectors, first.vectors)


def test_words_of_one_topic_are_near(languages):
    first, _ = languages
    topics = np.array([word[4:6] for word in first.words])
    cosines = first.vectors @ first.vectors.T
    np.fill_diagonal(cosines, -1)
    nearest = topics[cosines.argmax(axis=1)]
    assert np.mean(nearest == topics) > 0.95


def test_translations_are_found(languages):
    alignment = align(*languages)
    assert 80 < alignment.alike < 100
    translated = [pair for pair in alignment.dictionary if pair[0] != pair[1]]
    right = [pair for pair in translated if pair[1] == f"fr{pair[0]}"]
    assert len(right) > 0.7 * len(translated)
    assert len(right) > 50
    same_topic = [pair for pair in alignment.dictionary if pair[0][4:6] in pair[1]]
    assert len(same_topic) > 0.95 * len(alignment.dictionary)


def test_what_cannot_be_aligned_is_refused(languages):
    first, second = languages
    foreign = WordVectors([f"x{word}" for word in second.words], second.vectors)
    with pytest.raises(ValueError, match="No word is written alike"):
        align(first, foreign)
    with pytest.raises(ValueError, match="180 words occur 5 times or more, too few"):
        word_vectors(corpus(1, False), 200)


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for seed, language in ((1, "en"), (2, "fr")):
        lines = [" ".join(x) for x in corpus(seed, seed == 2, 1500)]
        (tmp_path / f"{language}.txt").write_text("\n".join(lines))
    command = ["vectors", "--dimension", "16", "--output", "vectors"]
    one = ["--corpus", f"en={tmp_path / 'en.txt'}"]
    both = [*one, "--corpus", f"fr={tmp_path / 'fr.txt'}"]
    assert main([*command, *one]) == 2
    assert "Two languages are aligned" in capsys.readouterr().err
    assert main([*command, *both, "--min-count", "9999"]) == 2
    assert "en: 0 words occur 9999 times" in capsys.readouterr().err
    assert not (tmp_path / "vectors").exists()
    assert main([*command, *both]) == 0
    said = capsys.readouterr().out
    assert "each other's nearest" in said
    # For a recipe in any folder.
    assert f"{{en: {tmp_path}/vectors/en.vec, fr: {tmp_path}/vectors/fr.vec}}" in said
    for language in ("en", "fr"):
        path = tmp_path / "vectors" / f"{language}.vec"
        assert vector_dimension(path) == 16
        words = [x for own, _ in read_word_vectors(path) for x in own]
        assert len(words) == 180
    lines = (tmp_path / "vectors" / "dictionary.tsv").read_text().splitlines()
    assert all(len(line.split("\t")) == 2 for line in lines)
    assert main([*command, *both]) == 2
    assert "exists" in capsys.readouterr().err
