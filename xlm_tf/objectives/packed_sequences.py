"""What objectives share: texts -> segments -> packed sequences -> masked batches."""

import abc

import tensorflow as tf

from xlm_tf.data.packing import pack
from xlm_tf.objectives import masking
from xlm_tf.objectives.mixing import every_step
from xlm_tf.objectives.piecewise_linear import PiecewiseLinear
from xlm_tf.objectives.token_sequences import seed_of, token_ids, with_specials
from xlm_tf.text.languages import language_index

# Texts that are tokenised and packed together.
WINDOW = 512
# What is predicted of held-out text where the rate of the training changes.
EVALUATION_RATE = 0.15


class PackedSequences(abc.ABC):
    """Base of the objectives: a dataset of texts -> a dataset of batches.

    A subclass says what it reads and how that becomes segments (`segments`), or more,
    and has its name in `xlm_tf.objectives.registry`. A batch is `(inputs, targets,
    weights)` with static shapes, the same for every objective, so that they mix in one
    dataset:
    inputs `token_ids`, `language_ids`, `position_ids`, `segment_ids` int32 (B, T),
    `padding_mask` bool (B, T), `mask_positions` int32 (B, P); targets int32 (B, P);
    weights float32 (B, P), 0 where a prediction is unused.

    Args:
        tokenizer: a tokenizer of `xlm_tf.text`.
        sequence_length: int, T.
        languages: list of str, the model's languages in the order of its language
            embedding; None where it has none (language ids are then 0).
        selection_rate: float or `PiecewiseLinear`, share of the tokens to predict, by
            the step of the training. Where it changes, P suffices for the highest, and
            held-out text is scored at 15 %.
        mask_rate: float, share of these that become MASK.
        random_rate: float, share of these that become a random token.
        token_weights: float tensor (V,), to select rare tokens more often
            (`masking.frequency_weights`); None selects all alike.

    Attributes:
        reads: "texts" (of one language: dicts of `text` and `language`) or "pairs"
            (dicts of `source`, `target`, `source_language`, `target_language`); string
            scalars.
        description: str, a sentence for the reference of the recipes.
        causal: bool, the model must be causal, which no other objective may be with.
        masks: bool, the rates of selecting tokens have an effect.
        has_perplexity: bool, held-out targets are predicted, given their inputs.
        has_decoder: bool, see `SentencePairs`, the base of those that have one.
    """

    reads: str
    description: str
    causal = False
    masks = True
    has_decoder = False
    has_perplexity = True
    settings = ()

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
        selection_rate = PiecewiseLinear.parse(selection_rate)
        rates = selection_rate.values
        if min(rates) <= 0 or max(rates) >= 1 or mask_rate + random_rate > 1:
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
        self._packed = tf.function(self._pack, autograph=False)

    @abc.abstractmethod
    def segments(self, examples):
        """Tokenise a batch of examples; every subclass says how.

        Args:
            examples: dict of string tensors (B,).

        Returns:
            dict of `token_ids`, `language_ids`, `position_ids`, int32 RaggedTensors
            (N, None), a segment each.
        """

    def select(self, sequences, candidates, selection_rate, num_predictions, seed):
        """Which tokens a training batch predicts; an objective may choose otherwise.

        Args:
            sequences: dict of the packed sequences, int32 (B, T).
            candidates: bool tensor (B, T), the positions to choose from.
            selection_rate: float or float32 scalar tensor, of this step.
            num_predictions: int, P.
            seed: int tensor (2,).

        Returns:
            positions int32 (B, P), ascending, 0 where unused; weights float32 (B, P).
        """
        if self.token_weights is None:
            return masking.select_uniform(
                candidates, num_predictions, seed, selection_rate
            )
        return masking.select_by_frequency(
            candidates,
            sequences["token_ids"],
            self.token_weights,
            num_predictions,
            seed,
            selection_rate,
        )

    def tokenize(self, texts, language):
        """Texts, string (B,), of a language each -> int32 ragged (B, None).

        Texts of prepared corpora are token ids already, int32 ragged (B, None).
        """
        return token_ids(self.tokenizer, texts, language)

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

    def train_batches(self, examples, batch_size, seed, steps=None):
        """Batches for training, a function of the examples and the seed alone.

        Args:
            examples: dataset of examples, usually endless.
            batch_size: int, B; a last, smaller batch is left out.
            seed: int.
            steps: dataset of int64 scalars, the step of the training at which each
                batch is used; by default 0, 1, 2...

        Returns:
            `tf.data.Dataset` of batches. Masks are drawn anew for every batch.
        """
        return self.mask_rows(self.pack_rows(examples, seed), batch_size, seed, steps)

    def pack_rows(self, examples, seed):
        """The first half of `train_batches`: a dataset of packed rows, (R, T) each."""
        return self.pack_windows(examples.batch(WINDOW), seed)

    def pack_windows(self, windows, seed, first=0, step=1, row=0, note=None):
        """As `pack_rows`, of examples that are in windows already.

        Args:
            windows: dataset of dicts of examples, (B,) each.
            seed: int.
            first, step: int, the number of the first window, and what the numbers grow
                by: the order of the rows of a window depends on its number.
            row: int, the row of the first window where this begins.
            note: function that is told how many rows a window has: its number, and
                theirs.
        """

        def to_sequences(number, examples):
            sequences = self._packed(examples, seed_of(seed, number))
            if note is None:
                return sequences
            num_rows = tf.shape(sequences["token_ids"])[0]
            with tf.control_dependencies(
                [tf.numpy_function(note, [number, num_rows], [])]
            ):
                begin = tf.where(number == first, row, 0)
            # A slice would share memory, of which `rebatch` writes a line each time.
            rest = tf.range(begin, num_rows)
            return {name: tf.gather(values, rest) for name, values in sequences.items()}

        windows = tf.data.Dataset.zip(tf.data.Dataset.counter(first, step), windows)
        return windows.map(to_sequences, num_parallel_calls=tf.data.AUTOTUNE)

    def mask_rows(self, rows, batch_size, seed, steps=None, first=0, step=1):
        """The second half of `train_batches`, from batches of rows of any size.

        `first` is the number of the first batch, `step` what the numbers grow by: the
        masks of a batch depend on its number.
        """
        steps = every_step() if steps is None else steps

        def mask(index, batch):
            sequences, step = batch
            rate = self._selection_rate(step)
            return self._masked(sequences, seed_of(seed, index), rate)

        sequences = rows.rebatch(batch_size, drop_remainder=True)
        batches = tf.data.Dataset.zip(sequences, steps)
        batches = tf.data.Dataset.zip(tf.data.Dataset.counter(first, step), batches)
        return batches.map(mask, num_parallel_calls=tf.data.AUTOTUNE)

    def _selection_rate(self, step):
        if self.selection_rate.is_constant:
            return self.selection_rate.value(0)
        return tf.cast(self.selection_rate.value(step), "float32")

    def evaluation_batches(self, groups, batch_size, seed=0):
        """Batches for evaluation: the same at every call.

        Every segment with text has at least one target, and every target is MASK. The
        tokens around a text are none, unlike in training: `</s>` is easily guessed, and
        the shorter the texts, the better the scores would look (XLM's evaluation leaves
        out the last of every text; here both inside a pair are left out too). A
        sequence holds texts of one group, a batch sequences of several. The last batch
        is filled with sequences of padding that weigh nothing.

        Args:
            groups: dict from names, such as languages, to finite datasets of examples.
            batch_size: int, B.
            seed: int.

        Returns:
            `tf.data.Dataset` of `(inputs, targets, weights, group)`; group int32 (B,)
            is a sequence's place among the names.
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

        def to_sequences(index, window):
            sequences = self._packed(window["examples"], seed_of(seed, index))
            group = tf.fill(tf.shape(sequences["token_ids"])[:1], window["group"])
            return {**sequences, "group": group}

        def mask(index, sequences):
            missing = batch_size - tf.shape(sequences["token_ids"])[0]
            group = tf.pad(sequences.pop("group"), ((0, missing),))
            sequences = {
                name: tf.ensure_shape(
                    tf.pad(values, ((0, missing), (0, 0))),
                    (batch_size, self.sequence_length),
                )
                for name, values in sequences.items()
            }
            masked = self._masked(sequences, seed_of(seed, index))
            return *masked, tf.ensure_shape(group, (batch_size,))

        sequences = windows.enumerate().map(to_sequences).rebatch(batch_size)
        return sequences.enumerate().map(mask)

    def _pack(self, examples, seed):
        seed = tf.cast(seed, "int32")
        return pack(self.segments(examples), self.sequence_length, seed)

    def _masked(self, sequences, seed, train_rate=None):
        """A batch; for evaluation, where there is no rate of the training."""
        candidates = masking.maskable(sequences["segment_ids"])
        rates = self.selection_rate
        num_predictions = self._num_predictions(train_rate is None)
        mask_rate, random_rate = self.mask_rate, self.random_rate
        if train_rate is None:
            positions, weights = masking.select_for_evaluation(
                tf.logical_and(candidates, self._is_text(sequences["token_ids"])),
                sequences["segment_ids"],
                num_predictions,
                seed,
                rates.value(0) if rates.is_constant else EVALUATION_RATE,
            )
            mask_rate, random_rate = 1.0, 0.0
        else:
            positions, weights = self.select(
                sequences, candidates, train_rate, num_predictions, seed
            )
        token_ids, targets = masking.mask_tokens(
            sequences["token_ids"],
            positions,
            weights,
            self.tokenizer.mask_token_id,
            self.tokenizer.vocabulary_size(),
            seed + 1,
            mask_rate,
            random_rate,
        )
        token_ids = self._with_padding({**sequences, "token_ids": token_ids})
        inputs = {**sequences, "token_ids": token_ids, "mask_positions": positions}
        return inputs, targets, weights

    def _num_predictions(self, for_evaluation):
        """P, the same for all objectives, so that they mix."""
        highest = max(self.selection_rate.values)
        num_predictions = masking.max_predictions(self.sequence_length, highest)
        # Every short sentence has a target: more of them than the rate says.
        least = self.sequence_length // 2 if for_evaluation else 0
        return max(num_predictions, least)

    def _with_padding(self, sequences):
        """The token ids; padding holds the padding token, as everywhere."""
        return tf.where(
            sequences["padding_mask"],
            sequences["token_ids"],
            self.tokenizer.pad_token_id,
        )

    def _is_text(self, token_ids):
        """Where there is a token of the text, unknown or not: bool (B, T)."""
        is_text = tf.ones_like(token_ids, "bool")
        for token in ("start", "end", "mask"):
            special = getattr(self.tokenizer, f"{token}_token_id")
            is_text = tf.logical_and(is_text, token_ids != special)
        return is_text

    def with_specials(self, ids):
        """Ragged (N, None) -> `start ids end`, ragged (N, None)."""
        return with_specials(self.tokenizer, ids)

    def language_ids(self, language):
        """Languages, string (B,) -> rows of the language embedding, int32 (B,)."""
        if self.languages is None:
            return tf.zeros_like(language, "int32")
        return language_index(language, self.languages)
