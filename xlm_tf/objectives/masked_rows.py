"""What masked objectives share: texts -> segments -> packed rows -> masked batches."""

import abc

import tensorflow as tf

from xlm_tf.data.packing import pack
from xlm_tf.objectives import masking
from xlm_tf.text.languages import language_index

# Texts that are tokenised and packed together.
WINDOW = 512


class MaskedRows(abc.ABC):
    """Base of the masked objectives: a dataset of texts -> a dataset of batches.

    Subclasses tokenise (`segments`). A batch is `(inputs, targets, weights)` with
    static shapes, the same for every objective, so that they mix in one dataset:
    inputs `token_ids`, `language_ids`, `position_ids`, `segment_ids` int32 (B, T),
    `padding_mask` bool (B, T), `mask_positions` int32 (B, P); targets int32 (B, P);
    weights float32 (B, P), 0 where a prediction is unused.

    Args:
        tokenizer: a tokenizer of `xlm_tf.text`.
        sequence_length: int, T.
        languages: list of str, the model's languages in the order of its language
            embedding; None where it has none (language ids are then 0).
        selection_rate: float, share of the tokens to predict.
        mask_rate: float, share of these that become MASK.
        random_rate: float, share of these that become a random token.
        token_weights: float tensor (V,), to select rare tokens more often
            (`masking.frequency_weights`); None selects all alike.
    """

    def __init__(
        self,
        tokenizer,
        sequence_length,
        languages=None,
        selection_rate=0.15,
        mask_rate=0.8,
        random_rate=0.1,
        token_weights=None,
    ):
        if not 0 < selection_rate < 1 or mask_rate + random_rate > 1:
            raise ValueError(
                "selection_rate must lie between 0 and 1, and mask_rate + random_rate "
                f"must not exceed 1. Received: selection_rate={selection_rate}, "
                f"mask_rate={mask_rate}, random_rate={random_rate}."
            )
        self.tokenizer = tokenizer
        self.sequence_length = sequence_length
        self.languages = None if languages is None else list(languages)
        self.selection_rate = selection_rate
        self.mask_rate = mask_rate
        self.random_rate = random_rate
        self.token_weights = token_weights
        # A function: traced once for training and for evaluation.
        self._packed = tf.function(self._pack)

    @abc.abstractmethod
    def segments(self, examples):
        """Tokenise a batch of examples; every subclass says how.

        Args:
            examples: dict of string tensors (B,).

        Returns:
            dict of `token_ids`, `language_ids`, `position_ids`, int32 RaggedTensors
            (N, None), a segment each.
        """

    def tokenize(self, texts, language):
        """Texts, string (B,), of a language each -> int32 ragged (B, None)."""
        if getattr(self.tokenizer, "reads_language", False):
            return self.tokenizer(texts, language=language)
        return self.tokenizer(texts)

    def token_counts(self, examples):
        """How often every token occurs.

        Args:
            examples: finite dataset of examples.

        Returns:
            int64 array (V,).
        """
        size = self.tokenizer.vocabulary_size()

        def add(counts, window):
            ids = self.segments(window)["token_ids"].values
            return counts + tf.math.bincount(
                ids, minlength=size, maxlength=size, dtype="int64"
            )

        counts = examples.batch(WINDOW).reduce(tf.zeros((size,), "int64"), add)
        return counts.numpy()

    def train_batches(self, examples, rows_per_batch, seed):
        """Batches for training, a function of the examples and the seed alone.

        Args:
            examples: dataset of examples, usually endless.
            rows_per_batch: int, B; a last, smaller batch is left out.
            seed: int.

        Returns:
            `tf.data.Dataset` of batches. Masks are drawn anew for every batch.
        """

        def to_rows(index, window):
            return self._packed(window, _seed(seed, index))

        def mask(index, rows):
            return self._masked(rows, _seed(seed, index), for_evaluation=False)

        windows = examples.batch(WINDOW).enumerate()
        rows = windows.map(to_rows, num_parallel_calls=tf.data.AUTOTUNE)
        rows = rows.rebatch(rows_per_batch, drop_remainder=True)
        return rows.enumerate().map(mask, num_parallel_calls=tf.data.AUTOTUNE)

    def evaluation_batches(self, groups, rows_per_batch, seed=0):
        """Batches for evaluation: the same at every call.

        Every segment with text has at least one target, and every target is MASK. The
        tokens around a text are none, unlike in training: `</s>` is easily guessed, and
        the shorter the texts, the better the scores would look (XLM's evaluation leaves
        out the last of every text; here both inside a pair are left out too). A row
        holds texts of one group, a batch rows of several. The last batch is filled with
        rows of padding that weigh nothing.

        Args:
            groups: dict from names, such as languages, to finite datasets of examples.
            rows_per_batch: int, B.
            seed: int.

        Returns:
            `tf.data.Dataset` of `(inputs, targets, weights, group)`; group int32 (B,)
            is a row's place among the names.
        """
        windows = None
        for number, examples in enumerate(groups.values()):
            own = tf.data.Dataset.zip(
                {
                    "examples": examples.batch(WINDOW),
                    "group": tf.data.Dataset.from_tensors(number).repeat(),
                }
            )
            windows = own if windows is None else windows.concatenate(own)

        def to_rows(index, window):
            rows = self._packed(window["examples"], _seed(seed, index))
            group = tf.fill(tf.shape(rows["token_ids"])[:1], window["group"])
            return {**rows, "group": group}

        def mask(index, rows):
            missing = rows_per_batch - tf.shape(rows["token_ids"])[0]
            group = tf.pad(rows.pop("group"), ((0, missing),))
            rows = {
                name: tf.ensure_shape(
                    tf.pad(values, ((0, missing), (0, 0))),
                    (rows_per_batch, self.sequence_length),
                )
                for name, values in rows.items()
            }
            masked = self._masked(rows, _seed(seed, index), for_evaluation=True)
            return *masked, tf.ensure_shape(group, (rows_per_batch,))

        rows = windows.enumerate().map(to_rows).rebatch(rows_per_batch)
        return rows.enumerate().map(mask)

    def _pack(self, examples, seed):
        seed = tf.cast(seed, "int32")
        return pack(self.segments(examples), self.sequence_length, seed)

    def _masked(self, rows, seed, for_evaluation):
        candidates = masking.maskable(rows["segment_ids"])
        num_predictions = masking.max_predictions(
            self.sequence_length, self.selection_rate
        )
        mask_rate, random_rate = self.mask_rate, self.random_rate
        if for_evaluation:
            # Short sentences have a target each: more of them than the rate says.
            num_predictions = max(num_predictions, self.sequence_length // 2)
            positions, weights = masking.select_for_evaluation(
                tf.logical_and(candidates, self._is_text(rows["token_ids"])),
                rows["segment_ids"],
                num_predictions,
                seed,
                self.selection_rate,
            )
            mask_rate, random_rate = 1.0, 0.0
        elif self.token_weights is not None:
            positions, weights = masking.select_by_frequency(
                candidates,
                rows["token_ids"],
                self.token_weights,
                num_predictions,
                seed,
                self.selection_rate,
            )
        else:
            positions, weights = masking.select_uniform(
                candidates, num_predictions, seed, self.selection_rate
            )
        token_ids, targets = masking.mask_tokens(
            rows["token_ids"],
            positions,
            weights,
            self.tokenizer.mask_token_id,
            self.tokenizer.vocabulary_size(),
            seed + 1,
            mask_rate,
            random_rate,
        )
        # Padding holds the padding token, as everywhere.
        token_ids = tf.where(
            rows["padding_mask"], token_ids, self.tokenizer.pad_token_id
        )
        inputs = {**rows, "token_ids": token_ids, "mask_positions": positions}
        return inputs, targets, weights

    def _is_text(self, token_ids):
        """Where there is a token of the text, unknown or not: bool (B, T)."""
        is_text = tf.ones_like(token_ids, "bool")
        for token in ("start", "end", "mask"):
            special = getattr(self.tokenizer, f"{token}_token_id")
            is_text = tf.logical_and(is_text, token_ids != special)
        return is_text

    def with_specials(self, ids):
        """Ragged (N, None) -> `start ids end`, ragged (N, None)."""
        column = tf.zeros((ids.nrows(), 1), ids.dtype)
        start = tf.RaggedTensor.from_tensor(column + self.tokenizer.start_token_id)
        end = tf.RaggedTensor.from_tensor(column + self.tokenizer.end_token_id)
        return tf.concat([start, ids, end], axis=1)

    def language_ids(self, language):
        """Languages, string (B,) -> rows of the language embedding, int32 (B,)."""
        if self.languages is None:
            return tf.zeros_like(language, "int32")
        return language_index(language, self.languages)


def _seed(seed, index):
    return tf.stack([tf.constant(seed, "int64"), index])
