"""The sentence pairs of a recipe as batches for the encoder-decoder."""

import tensorflow as tf

from xlm_tf.data import bitext
from xlm_tf.data.bucketing import batch_by_tokens

# Pairs in memory to draw from, and pairs that are tokenised together.
_SHUFFLED = 200_000
_TOKENIZED = 256
_MULTIPLE = 4


def read_pairs(entry):
    """The `tf.data.Dataset` of one entry of a recipe, see `read_bitext`."""
    languages = (entry.source_language, entry.target_language)
    if entry.files:
        return bitext.read_bitext(entry.files, *languages)
    return bitext.read_parallel_text(entry.source_file, entry.target_file, *languages)


def train_batches(recipe, preprocessor):
    """The endless stream of training batches: a function of recipe and data.

    Directions are drawn by their number of pairs.

    Args:
        recipe: `FinetuningRecipe`.
        preprocessor: `XLMSeq2SeqLMPreprocessor`.

    Returns:
        Dataset of `(inputs, targets, weights)`, batches by length.
    """
    training = recipe.training
    pairs = None
    for entry in recipe.data:
        own = read_pairs(entry)
        pairs = own if pairs is None else pairs.concatenate(own)
    pairs = pairs.cache().shuffle(_SHUFFLED, seed=training.seed).repeat()
    languages = {}
    if preprocessor.languages is not None:
        languages = {name: name for name in ("source_language", "target_language")}
    fields = {"text": "source", "target_text": "target", **languages}

    def tokenized(pair):
        inputs, targets, weights = preprocessor.call(
            {name: pair[key] for name, key in fields.items()}
        )
        return {**inputs, "targets": targets, "weights": weights}

    def without_padding(example):
        return {
            name: value[: _side_length(example, name)]
            for name, value in example.items()
        }

    examples = pairs.batch(_TOKENIZED).map(tokenized).unbatch().map(without_padding)
    pad = tf.constant(preprocessor.tokenizer.pad_token_id)
    padding_values = {
        name: pad
        if name.endswith("token_ids") or name == "targets"
        else tf.zeros((), spec.dtype)
        for name, spec in examples.element_spec.items()
    }
    batches = batch_by_tokens(
        examples,
        lambda example: tf.maximum(
            tf.size(example["encoder_token_ids"]), tf.size(example["targets"])
        ),
        training.tokens_per_batch,
        max(training.source_length, training.target_length),
        padding_values,
    )

    def trimmed(batch):
        batch = {
            name: value[:, : _side_length(batch, name)] for name, value in batch.items()
        }
        targets, weights = batch.pop("targets"), batch.pop("weights")
        return batch, targets, weights

    options = tf.data.Options()
    # Several workers share every batch; by default each would read other files.
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.DATA
    )
    return batches.map(trimmed).prefetch(4).with_options(options)


def _side_length(example, name):
    """The longest real text on the side that a feature belongs to.

    Of a batch in whole fours, so that a graph meets few shapes: its two sides differ
    in length.
    """
    side = "encoder" if name.startswith("encoder") else "decoder"
    mask = tf.cast(example[f"{side}_padding_mask"], "int32")
    length = tf.reduce_max(tf.reduce_sum(mask, axis=-1))
    if mask.shape.rank == 2:
        length += (-length) % _MULTIPLE
    return length
