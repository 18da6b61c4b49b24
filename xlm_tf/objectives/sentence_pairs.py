"""What the objectives with a decoder share: a source, and the target to write."""

import abc

import tensorflow as tf

from xlm_tf.data.bucketing import batch_by_tokens
from xlm_tf.objectives.token_sequences import seed_of, token_ids, with_specials
from xlm_tf.text.language_codes import match_language
from xlm_tf.text.languages import language_index

# What a batch trains, its `prediction` int32 (B,), the same in all of its rows.
MASKED, WRITTEN, BACK_TRANSLATED = range(3)
# Texts that are tokenised together.
WINDOW = 256
_IDS = ("source", "target")


class SentencePairs(abc.ABC):
    """Base of the objectives with a decoder: a dataset of texts -> one of batches.

    A subclass says what it reads and how that becomes sources and targets (`pairs`),
    and has its name in `xlm_tf.objectives.registry`. A batch is `(inputs, targets,
    weights)`, of the structure that `with_decoder` gives the batches of the encoder's
    objectives, so that all mix in one dataset:
    inputs `encoder_token_ids`, `encoder_language_ids`, `encoder_position_ids`,
    `encoder_segment_ids` int32 (B, S), `encoder_padding_mask` bool (B, S);
    `decoder_token_ids`, `decoder_language_ids` int32 (B, T), `decoder_padding_mask`
    bool (B, T); `mask_positions` int32 (B, P); `prediction` and `written_language_ids`
    int32 (B,); `sampling_draws` float32 (B, D), where D is 0 unless sources are
    sampled; targets int32 and weights float32, (B, P) where masked tokens are
    predicted and T is 0, (B, T) where texts are written and P is 0.

    Args:
        tokenizer: a tokenizer of `xlm_tf.text`.
        sequence_length: int, longest text in tokens, specials included; what is longer
            is cut.
        languages: list of str, the model's languages in the order of its language
            embedding.

    Attributes:
        reads, description, causal, masks, has_perplexity: see `PackedSequences`.
        has_decoder: bool, texts are written.
        settings: names of the arguments that recipes have for it.
        prediction: int, `WRITTEN` or `BACK_TRANSLATED`.
    """

    causal = False
    masks = False
    has_decoder = True
    has_perplexity = True
    prediction = WRITTEN
    reads: str
    description: str
    settings: tuple

    def __init__(self, tokenizer, sequence_length, languages):
        self.tokenizer = tokenizer
        self.sequence_length = sequence_length
        self.languages = list(languages)
        # A function: traced once for training and for evaluation.
        self._rows = tf.function(self._examples, autograph=False)

    @abc.abstractmethod
    def pairs(self, examples, seed):
        """Tokenise a batch of examples; every subclass says how.

        Args:
            examples: dict of string tensors (N,).
            seed: int tensor (2,).

        Returns:
            dict of `source` and `target`, int32 RaggedTensors (N, None) without special
            tokens; `source_language` and `target_language`, int32 (N,), rows of the
            language embedding.
        """

    def train_batches(self, examples, tokens_per_batch, seed):
        """Batches for training, a function of the examples and the seed alone.

        Args:
            examples: dataset of examples, usually endless.
            tokens_per_batch: int, tokens of the longer side, with padding.
            seed: int.

        Returns:
            `tf.data.Dataset` of batches of similar length.
        """
        return self.batch_windows(examples.batch(WINDOW), tokens_per_batch, seed)

    def batch_windows(self, windows, tokens_per_batch, seed):
        """As `train_batches`, of examples that are in windows, of `WINDOW`, already."""
        return self._batches(windows, tokens_per_batch, seed).map(
            self._batch, num_parallel_calls=tf.data.AUTOTUNE
        )

    def evaluation_batches(self, groups, tokens_per_batch, seed=0):
        """Batches for evaluation: the same at every call.

        Args:
            groups: dict from names to finite datasets of examples.
            tokens_per_batch: int.
            seed: int.

        Returns:
            `tf.data.Dataset` of `(inputs, targets, weights, group)`; group int32 (B,)
            is a row's place among the names.
        """
        batches = None
        for number, examples in enumerate(groups.values()):

            def grouped(batch, number=number):
                parts = self._batch(batch)
                return *parts, tf.zeros_like(parts[0]["prediction"]) + number

            windows = examples.batch(WINDOW)
            own = self._batches(windows, tokens_per_batch, seed).map(grouped)
            batches = own if batches is None else batches.concatenate(own)
        return batches

    def tokenize(self, texts, language):
        """Texts, string (N,), of a language each -> int32 ragged (N, None)."""
        ids = token_ids(self.tokenizer, texts, language)
        return ids[:, : self.sequence_length - 2]

    def language_ids(self, language):
        """Languages, string (N,) -> rows of the language embedding, int32 (N,)."""
        return language_index(language, self.languages)

    def language_row(self, language):
        """The row of the language embedding that a language, a str, has."""
        return self.languages.index(match_language(language, self.languages))

    def _batches(self, windows, tokens_per_batch, seed):
        def rows(index, window):
            return self._rows(window, seed_of(seed, index))

        def without_padding(row):
            sides = {name: row[name][: row[f"{name}_length"]] for name in _IDS}
            return {**row, **sides}

        windows = windows.enumerate()
        windows = windows.map(rows, num_parallel_calls=tf.data.AUTOTUNE)
        examples = windows.unbatch().map(without_padding)
        padding = {
            name: tf.zeros((), spec.dtype)
            for name, spec in examples.element_spec.items()
        }
        padding |= dict.fromkeys(_IDS, tf.constant(self.tokenizer.pad_token_id))
        return batch_by_tokens(
            examples,
            lambda row: tf.maximum(row["source_length"], row["target_length"]),
            tokens_per_batch,
            self.sequence_length,
            padding,
        )

    def _examples(self, examples, seed):
        """Rows of a window, padded, without those that have an empty side."""
        pairs = self.pairs(examples, tf.cast(seed, "int32"))
        has_text = tf.reduce_all(
            [pairs[name].row_lengths() > 0 for name in _IDS], axis=0
        )
        rows = {
            name: tf.ragged.boolean_mask(values, has_text)
            for name, values in pairs.items()
        }
        for name in _IDS:
            ids = with_specials(self.tokenizer, rows[name])
            rows[f"{name}_length"] = tf.cast(ids.row_lengths(), "int32")
            rows[name] = ids.to_tensor(
                self.tokenizer.pad_token_id, shape=(None, self.sequence_length)
            )
        return rows

    def _batch(self, rows):
        source = rows["source"][:, : tf.reduce_max(rows["source_length"])]
        target = rows["target"][:, : tf.reduce_max(rows["target_length"])]
        source_mask = tf.sequence_mask(rows["source_length"], tf.shape(source)[1])
        written_mask = tf.sequence_mask(
            rows["target_length"] - 1, tf.shape(target)[1] - 1
        )
        written = target[:, :-1]
        no_draws = tf.cast(written[:, :0], "float32")
        inputs = {
            "encoder_token_ids": source,
            "encoder_language_ids": _repeated(rows["source_language"], source),
            "encoder_position_ids": _positions(source),
            "encoder_segment_ids": tf.cast(source_mask, "int32"),
            "encoder_padding_mask": source_mask,
            "decoder_token_ids": written,
            "decoder_language_ids": _repeated(rows["target_language"], written),
            "decoder_padding_mask": written_mask,
            "mask_positions": written[:, :0],
            "prediction": tf.zeros_like(rows["target_language"]) + self.prediction,
            "written_language_ids": rows.get(
                "written_language", rows["target_language"]
            ),
            "sampling_draws": rows.get("sampling_draws", no_draws),
        }
        return inputs, target[:, 1:], tf.cast(written_mask, "float32")


def with_decoder(inputs):
    """The inputs of an encoder's objective, as those of an encoder-decoder.

    Args:
        inputs: dict, as `PackedSequences` gives them, and tensors (B,).

    Returns:
        dict, see `SentencePairs`, with nothing to write.
    """
    of_encoder = {
        f"encoder_{name}": inputs[name]
        for name in (
            *("token_ids", "language_ids", "position_ids", "segment_ids"),
            "padding_mask",
        )
    }
    others = {
        name: value
        for name, value in inputs.items()
        if f"encoder_{name}" not in of_encoder
    }
    nothing = inputs["token_ids"][:, :0]
    each = tf.zeros_like(inputs["token_ids"][:, 0])
    return {
        **of_encoder,
        **others,
        "decoder_token_ids": nothing,
        "decoder_language_ids": nothing,
        "decoder_padding_mask": tf.cast(nothing, "bool"),
        "prediction": each + MASKED,
        "written_language_ids": each,
        "sampling_draws": tf.cast(nothing, "float32"),
    }


def _repeated(language, ids):
    """A language for every token: int32 (B,) -> (B, T)."""
    return tf.zeros_like(ids) + language[:, None]


def _positions(ids):
    return tf.zeros_like(ids) + tf.range(tf.shape(ids)[1])[None]
