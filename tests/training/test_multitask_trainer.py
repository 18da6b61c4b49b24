"""The losses of a batch, beside the trainers of a single objective."""

import numpy as np
import pytest
import tensorflow as tf

from xlm_tf import (
    XLMMaskedLM,
    XLMSeq2SeqBackbone,
    XLMSeq2SeqLM,
    XLMSeq2SeqLMPreprocessor,
)
from xlm_tf.objectives.back_translation import BackTranslation
from xlm_tf.objectives.mlm import MaskedLanguageModelling
from xlm_tf.objectives.sentence_pairs import with_decoder
from xlm_tf.objectives.translation import MachineTranslation
from xlm_tf.training.masked_lm_trainer import MaskedLMTrainer
from xlm_tf.training.multitask_trainer import MultitaskTrainer
from xlm_tf.training.seq2seq_trainer import Seq2SeqTrainer

LANGUAGES = ["de", "en"]
TEXTS = ["The file was not found.", "Please enter a valid date.", "A date.", "No."]
OTHERS = ["Datei nicht gefunden.", "Bitte ein Datum eingeben.", "Ein Datum.", "Nein."]


@pytest.fixture(scope="module")
def model(tokenizer):
    import xlm_tf

    encoder = xlm_tf.XLMBackbone(
        vocabulary_size=tokenizer.vocabulary_size(),
        num_layers=2,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
        max_sequence_length=48,
        position_offset=2,
        num_languages=2,
        initializer_range=0.3,
        dropout=0.0,
        attention_dropout=0.0,
    )
    preprocessor = XLMSeq2SeqLMPreprocessor(tokenizer, 32, languages=LANGUAGES)
    return XLMSeq2SeqLM(XLMSeq2SeqBackbone(encoder, 1), preprocessor)


def gradients(trainer, batch):
    """The loss and gradients by the paths of the variables."""
    trainer.compile(optimizer="sgd")
    weights = trainer.trainable_weights
    found = trainer._gradients(batch, tf.reduce_sum(batch[2]))
    loss = float(trainer.get_metrics_result()["loss"])
    trainer.reset_metrics()
    return loss, {
        id(weight): gradient for weight, gradient in zip(weights, found, strict=True)
    }


def compare(one, other):
    (loss, own), (expected, others) = one, other
    assert loss == pytest.approx(expected, rel=1e-5)
    shared = own.keys() & others.keys()
    assert len(shared) > 10
    for key in shared:
        np.testing.assert_allclose(own[key], others[key], atol=1e-5)


def test_masked_tokens_cost_what_they_cost_a_masked_lm(model, tokenizer):
    examples = {"text": TEXTS, "language": ["en"] * 4}
    objective = MaskedLanguageModelling(tokenizer, 32, LANGUAGES)
    data = tf.data.Dataset.from_tensor_slices(examples)
    inputs, targets, weights = next(iter(objective.train_batches(data.repeat(), 3, 1)))
    masked_lm = XLMMaskedLM(model.backbone.encoder, head_transform=False)
    masked_lm.prediction_head.set_weights(model.prediction_head.get_weights())
    trainer = MultitaskTrainer(model, label_smoothing=0.1)
    batch = (with_decoder(inputs), targets, weights)
    compare(
        gradients(trainer, batch),
        gradients(MaskedLMTrainer(masked_lm), (inputs, targets, weights)),
    )
    np.testing.assert_allclose(trainer.call(batch[0]), masked_lm(inputs), atol=1e-5)


def pairs():
    return tf.data.Dataset.from_tensor_slices(
        {
            "source": TEXTS,
            "target": OTHERS,
            "source_language": ["en"] * 4,
            "target_language": ["de"] * 4,
        }
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_written_texts_cost_what_they_cost_a_translator(model, tokenizer, smoothing):
    objective = MachineTranslation(tokenizer, 32, LANGUAGES, [("en", "de")])
    batch = next(iter(objective.train_batches(pairs(), 256, 1)))
    inputs = {
        name: value
        for name, value in batch[0].items()
        if name in model.backbone.input_names
    }
    expected = (inputs, *batch[1:])
    compare(
        gradients(MultitaskTrainer(model, smoothing), batch),
        gradients(Seq2SeqTrainer(model, smoothing), expected),
    )


def next_logits(model, source, language, written, ids):
    """Of the token after those that were written: (V,)."""
    logits = model(
        {
            "encoder_token_ids": np.array([source]),
            "encoder_padding_mask": np.ones((1, len(source)), bool),
            "encoder_language_ids": np.full((1, len(source)), language),
            "decoder_token_ids": np.array([ids]),
            "decoder_padding_mask": np.ones((1, len(ids)), bool),
            "decoder_language_ids": np.full((1, len(ids)), written),
        }
    )
    return logits[0, -1]


def greedy(model, source, language, written, limit):
    """The translation of a source by the whole model, token by token: list of int."""
    tokenizer = model.preprocessor.tokenizer
    ids = [tokenizer.start_token_id]
    while len(ids) <= limit and (len(ids) == 1 or ids[-1] != tokenizer.end_token_id):
        logits = next_logits(model, source, language, written, ids)
        ids.append(int(np.argmax(logits)))
    return ids if ids[-1] == tokenizer.end_token_id else [*ids, tokenizer.end_token_id]


def test_sources_are_the_translations_of_the_model(model, tokenizer):
    objective = BackTranslation(tokenizer, 32, LANGUAGES, [("de", "en")])
    data = tf.data.Dataset.from_tensor_slices(
        {"text": TEXTS[2:], "language": ["en"] * 2}
    )
    seen = 0
    for inputs, *_ in objective.train_batches(data, 64, 1):
        changed = MultitaskTrainer(model).back_translated(inputs)
        for row in range(len(inputs["prediction"])):
            text, translation = (
                ids["encoder_token_ids"][row][ids["encoder_padding_mask"][row]]
                for ids in (inputs, changed)
            )
            text = text.numpy().tolist()
            expected = greedy(model, text, 1, 0, int(1.3 * len(text) + 5))
            assert translation.numpy().tolist() == expected
            assert set(changed["encoder_language_ids"][row].numpy()) == {0}
            seen += 1
        for name in ("decoder_token_ids", "decoder_language_ids", "prediction"):
            np.testing.assert_array_equal(changed[name], inputs[name])
    assert seen == 2


def sampled(model, source, language, written, limit, draws, temperature):
    """A translation of the whole model, token by token, each where its draw says."""
    tokenizer = model.preprocessor.tokenizer
    ids = [tokenizer.start_token_id]
    for draw in draws[:limit]:
        logits = next_logits(model, source, language, written, ids)
        scaled = np.exp(np.array(logits, "float64") / temperature)
        sums = np.cumsum(scaled / scaled.sum())
        ids.append(int(np.sum(sums <= draw)))
        if ids[-1] == tokenizer.end_token_id:
            return ids
    return [*ids, tokenizer.end_token_id]


def test_sampled_sources_are_of_their_own_draws(model, tokenizer):
    objective = BackTranslation(tokenizer, 32, LANGUAGES, [("de", "en")], 0.7)
    data = tf.data.Dataset.from_tensor_slices(
        {"text": TEXTS[2:] * 2, "language": ["en"] * 4}
    )
    trainer = MultitaskTrainer(model, sampling_temperature=0.7)
    seen = set()
    for inputs, *_ in objective.train_batches(data, 64, 1):
        assert inputs["sampling_draws"].shape[1] == int(1.3 * 32 + 5)
        changed = trainer.back_translated(inputs)
        for row in range(len(inputs["prediction"])):
            text, translation = (
                ids["encoder_token_ids"][row][ids["encoder_padding_mask"][row]]
                for ids in (inputs, changed)
            )
            text, translation = text.numpy().tolist(), translation.numpy().tolist()
            limit = int(1.3 * len(text) + 5)
            draws = inputs["sampling_draws"][row].numpy()
            assert translation == sampled(model, text, 1, 0, limit, draws, 0.7)
            seen.add(tuple(translation))
            alone = trainer.back_translated(
                {name: value[row : row + 1] for name, value in inputs.items()}
            )
            alone = alone["encoder_token_ids"][0][alone["encoder_padding_mask"][0]]
            assert alone.numpy().tolist() == translation
    assert len(seen) == 4  # each text twice, never the same


def test_other_batches_keep_their_sources(model, tokenizer):
    objective = MachineTranslation(tokenizer, 32, LANGUAGES)
    inputs, *_ = next(iter(objective.train_batches(pairs(), 256, 1)))
    changed = MultitaskTrainer(model).back_translated(inputs)
    for name, value in inputs.items():
        np.testing.assert_array_equal(changed[name], value)
