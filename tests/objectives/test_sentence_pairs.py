"""DAE, infilling, MT and BT: from texts to batches."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from xlm_tf.objectives.back_translation import BackTranslation
from xlm_tf.objectives.denoising import DenoisingAutoEncoding
from xlm_tf.objectives.infilling import TextInfilling
from xlm_tf.objectives.mlm import MaskedLanguageModelling
from xlm_tf.objectives.sentence_pairs import (
    BACK_TRANSLATED,
    MASKED,
    WRITTEN,
    with_decoder,
)
from xlm_tf.objectives.translation import MachineTranslation

LENGTH, TOKENS = 96, 512
LANGUAGES = ["de", "en", "fr"]
SOURCES = [
    "The file was not found.",
    "Please enter a valid date.",
    "This field is required.",
    "You have new messages.",
] * 3
TARGETS = [
    "Datei nicht gefunden.",
    "Bitte ein gültiges Datum eingeben.",
    "Pflichtfeld.",
    "Neue Nachrichten.",
] * 3


def texts(language="en", sentences=SOURCES):
    return tf.data.Dataset.from_tensor_slices(
        {"text": sentences, "language": [language] * len(sentences)}
    )


def pairs():
    return tf.data.Dataset.from_tensor_slices(
        {
            "source": SOURCES,
            "target": TARGETS,
            "source_language": ["en"] * len(SOURCES),
            "target_language": ["de"] * len(SOURCES),
        }
    )


def rows(batches):
    """Every row of batches: source, target, their languages, of lists of int."""
    for tensors, targets, weights in batches:
        inputs = {name: value.numpy() for name, value in tensors.items()}
        for row in range(len(targets)):
            source = inputs["encoder_token_ids"][row][
                inputs["encoder_padding_mask"][row]
            ].tolist()
            real = weights[row].numpy() > 0
            np.testing.assert_array_equal(real, inputs["decoder_padding_mask"][row])
            given = inputs["decoder_token_ids"][row][real].tolist()
            target = targets[row].numpy()[real].tolist()
            assert given[1:] == target[:-1]
            languages = (
                set(inputs["encoder_language_ids"][row].tolist()),
                set(inputs["decoder_language_ids"][row].tolist()),
                inputs["written_language_ids"][row],
            )
            yield source, [given[0], *target], *languages


def ids_of(tokenizer, text):
    ids = tokenizer(tf.constant([text])).to_list()[0]
    return [tokenizer.start_token_id, *ids, tokenizer.end_token_id]


@pytest.mark.parametrize("kind", [DenoisingAutoEncoding, TextInfilling])
def test_a_noisy_text_is_written_whole(tokenizer, kind):
    objective = kind(tokenizer, LENGTH, LANGUAGES)
    batches = objective.train_batches(texts(), TOKENS, seed=1)
    known = [ids_of(tokenizer, text) for text in SOURCES]
    found = list(rows(batches))
    assert len(found) == len(SOURCES)
    changed = 0
    for source, target, reads, writes, written in found:
        assert target in known
        assert (reads, writes, written) == ({1}, {1}, 1)
        extra = {*source} - {*target}
        assert extra <= {tokenizer.mask_token_id}
        assert source[0] == target[0]
        assert source[-1] == target[-1]
        changed += source != target
    assert changed > len(SOURCES) // 4


def test_without_noise_the_source_is_the_text(tokenizer):
    objective = DenoisingAutoEncoding(
        tokenizer, LENGTH, LANGUAGES, word_shuffle=0, word_dropout=0, word_blank=0
    )
    for source, target, *_ in rows(objective.train_batches(texts(), TOKENS, 1)):
        assert source == target


@pytest.mark.parametrize(
    ("directions", "expected"),
    [
        (None, {(0, 1), (1, 0)}),
        ([("en", "de")], {(1, 0)}),
        ([("de", "en")], {(0, 1)}),
        ([("de", "en"), ("en", "de"), ("en", "fr")], {(0, 1), (1, 0)}),
    ],
)
def test_translations_go_the_ways_that_are_learnt(tokenizer, directions, expected):
    objective = MachineTranslation(tokenizer, LENGTH, LANGUAGES, directions)
    known = {
        (1, 0): list(zip(SOURCES, TARGETS, strict=True)),
        (0, 1): list(zip(TARGETS, SOURCES, strict=True)),
    }
    ways = set()
    for source, target, reads, writes, written in rows(
        objective.train_batches(pairs(), TOKENS, 3)
    ):
        way = (*reads, *writes)
        ways.add(way)
        assert written == way[1]
        assert (source, target) in [
            tuple(ids_of(tokenizer, text) for text in pair) for pair in known[way]
        ]
    assert ways == expected


def test_texts_are_translated_into_the_languages_that_are_read_back(tokenizer):
    directions = [("en", "de"), ("fr", "de"), ("de", "en"), ("fr", "en")]
    objective = BackTranslation(tokenizer, LENGTH, LANGUAGES, directions)
    assert objective.prediction == BACK_TRANSLATED
    both = texts("en").concatenate(texts("de", TARGETS))
    into = {0: set(), 1: set()}
    for source, target, reads, writes, written in rows(
        objective.train_batches(both, TOKENS, 5)
    ):
        assert source == target
        assert reads == writes
        into[min(writes)].add(int(written))
    assert into == {0: {1, 2}, 1: {0, 2}}


def test_batches_are_a_function_of_the_seed_and_go_on(tokenizer):
    objective = DenoisingAutoEncoding(tokenizer, LENGTH, LANGUAGES)

    def batches(seed):
        return objective.train_batches(texts().repeat(), TOKENS, seed)

    first, again = (list(batches(7).take(6)) for _ in range(2))
    later = list(batches(7).skip(4).take(2))
    for one, other in zip(first, again, strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, one, other)
    for one, other in zip(first[4:], later, strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, one, other)
    sources = [list(rows(batches(seed).take(6))) for seed in (7, 8)]
    assert sources[0] != sources[1]


def test_long_texts_are_cut_and_empty_ones_left_out(tokenizer):
    objective = DenoisingAutoEncoding(tokenizer, 16, LANGUAGES)
    long = " ".join(SOURCES)
    found = list(rows(objective.train_batches(texts("en", [long, " ", "A"]), 64, 1)))
    assert sorted(len(target) for _, target, *_ in found)[-1] == 16
    assert len(found) == 2


def test_a_batch_has_at_most_its_tokens(tokenizer):
    objective = MachineTranslation(tokenizer, LENGTH, LANGUAGES)
    for inputs, targets, _ in objective.train_batches(pairs(), TOKENS, 1):
        width = max(inputs["encoder_token_ids"].shape[1], targets.shape[1] + 1)
        assert len(targets) * width <= TOKENS


def test_all_mix_with_the_objectives_of_an_encoder(tokenizer):
    mlm = MaskedLanguageModelling(tokenizer, LENGTH, LANGUAGES)
    masked = mlm.train_batches(texts().repeat(), 4, 1)
    masked = masked.map(lambda inputs, *others: (with_decoder(inputs), *others))
    denoising = DenoisingAutoEncoding(tokenizer, LENGTH, LANGUAGES)
    written = denoising.train_batches(texts().repeat(), TOKENS, 1)
    mixed = tf.data.Dataset.choose_from_datasets(
        [masked, written], tf.data.Dataset.range(2).repeat()
    )
    kinds = []
    for inputs, targets, weights in itertools.islice(mixed, 4):
        (kind,) = set(inputs["prediction"].numpy().tolist())
        kinds.append(kind)
        width = inputs["mask_positions" if kind == MASKED else "decoder_token_ids"]
        assert targets.shape == weights.shape == width.shape
    assert kinds == [MASKED, WRITTEN] * 2


def test_evaluation_is_the_same_at_every_call_and_tells_the_groups(tokenizer):
    objective = DenoisingAutoEncoding(tokenizer, LENGTH, LANGUAGES)
    groups = {"en": texts("en"), "de": texts("de", TARGETS)}
    calls = [list(objective.evaluation_batches(groups, TOKENS)) for _ in range(2)]
    for one, other in zip(*calls, strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, one, other)
    counts = {0: 0, 1: 0}
    for inputs, _, _, group in calls[0]:
        languages = inputs["decoder_language_ids"][:, 0]
        for row, language in zip(group.numpy(), languages, strict=True):
            assert int(language) == {0: 1, 1: 0}[int(row)]
            counts[int(row)] += 1
    assert counts == {0: len(SOURCES), 1: len(TARGETS)}
