"""The corpora of a recipe as datasets of training and evaluation batches."""

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from xlm_tf.data.sampling import repeat_shuffled, sample_datasets
from xlm_tf.data.token_examples import TokenExamples
from xlm_tf.objectives.masking import frequency_weights
from xlm_tf.objectives.mixing import choices_of, mix
from xlm_tf.objectives.packed_sequences import WINDOW
from xlm_tf.objectives.registry import OBJECTIVES
from xlm_tf.objectives.sentence_pairs import WINDOW as WINDOW_OF_PAIRS
from xlm_tf.objectives.sentence_pairs import with_decoder
from xlm_tf.objectives.stream_position import MixPosition
from xlm_tf.objectives.streams import stream_rows
from xlm_tf.text.languages import language_probabilities
from xlm_tf.training.prepared_corpora import PreparedCorpora
from xlm_tf.training.text_sources import (
    check_tokens,
    held_out_sources,
    read_corpora,
    reports_of,
    sources_by_objective,
    sources_of,
    split_sizes,
)


class PretrainingData:
    """Reads what a recipe names, and makes its batches.

    Args:
        recipe: `PretrainingRecipe`.
        tokenizer: a tokenizer of `xlm_tf.text`.
        languages: list of str, the model's languages in the order of its language
            embedding; None where it has none.
        processes: see `xlm_tf.training.text_sources.read_corpora`.

    Attributes:
        reports: list of `CorpusReport`, of every corpus file read.
        split_sizes: dict, see `xlm_tf.training.text_sources.split_sizes`; empty where
            texts are prepared.

    Raises:
        ValueError: a corpus without usable text; names it.
    """

    def __init__(self, recipe, tokenizer, languages=None, processes=1):
        self.recipe = recipe
        self.split_sizes = {}
        if recipe.data.prepared is None:
            self.prepared = None
            train, held_out, self.reports = read_corpora(recipe, processes)
            self.split_sizes = split_sizes(train)
            check_tokens(train, tokenizer)
            self.train_sources = sources_by_objective(train, recipe, recipe.starts)
        else:
            self.prepared = PreparedCorpora(recipe.data.prepared)
            self.prepared.check(tokenizer)
            held_out, self.reports = _held_out_beside(self.prepared, recipe, processes)
            self.train_sources = _prepared_by_objective(self.prepared, recipe)
        self.held_out_sources = sources_by_objective(held_out, recipe, recipe.scored)
        self.held_out_pairs = held_out["pairs"]
        training = recipe.training
        self.objectives = {
            name: OBJECTIVES[name](
                tokenizer,
                training.sequence_length,
                languages,
                **recipe.settings_of(name),
            )
            for name in OBJECTIVES
            if name in recipe.objectives
        }
        if training.selection_alpha:
            weights = frequency_weights(
                self._token_counts(),
                training.selection_alpha,
                tokenizer.special_token_ids,
            )
            for objective in self.objectives.values():
                if objective.masks:
                    objective.token_weights = weights

    def _token_counts(self):
        """How often every token occurs in the training texts, int (V,)."""
        if self.prepared is not None:
            return self.prepared.token_counts()
        return np.sum(
            [
                objective.token_counts(source.examples)
                for name, objective in self.objectives.items()
                if objective.masks
                for source in self.train_sources[name].values()
            ],
            axis=0,
        )

    def begin(self, step, states, worker=0, num_workers=1):
        """Say where the training begins, before `train_batches` is asked for.

        Args:
            step: int.
            states: what `stream_states` gave at that step.
            worker, num_workers: int, which of how many workers this is. Of several
                input streams it reads its own, and makes the rows of these alone.
        """
        if self.prepared is None:
            return
        training = self.recipe.training
        if step and not states:
            raise ValueError(
                f"{self.recipe.output} was trained to step {step} on texts that were "
                "not prepared. Choose another output."
            )
        fingerprint = self.prepared.content_fingerprint()
        if step and states["corpora"] != fingerprint:
            raise ValueError(
                f"recipe.data.prepared: {self.prepared.folder} holds other texts than "
                f"those that {self.recipe.output} was trained on to step {step}. "
                "Choose another output, or name the same corpora."
            )
        weights = list(self.recipe.objectives[name] for name in self.objectives)
        num_streams = training.num_input_streams
        of_worker = num_streams // num_workers
        own = range(worker * of_worker, (worker + 1) * of_worker)
        self._position = MixPosition(
            {
                name: None if objective.has_decoder else training.batch_size
                for name, objective in self.objectives.items()
            },
            functools.partial(
                choices_of, weights, training.seed, training.objective_weights == "loss"
            ),
            step,
            states and states["objectives"],
            num_streams,
            own if num_streams > 1 else None,
        )

    def stream_states(self, step, total=None):
        """Where the streams are at a step, of which all batches were read.

        Args:
            step: int.
            total: function that sums an int64 array over the workers, where each makes
                streams of its own.

        Returns:
            dict of plain values; None where the step says it.
        """
        if self.prepared is None:
            return None
        self._position.go_to(step)
        if total is not None:
            self._position.share(total)
        return {
            "corpora": self.prepared.content_fingerprint(),
            "objectives": self._position.states(),
        }

    def train_batches(self, step=0):
        """The endless stream of training batches: a function of recipe and data.

        Args:
            step: int, the first. Of prepared corpora nothing is read of those before,
                but by the objectives with a decoder.
        """
        training = self.recipe.training
        if self.prepared is not None:
            self._position.go_to(step)
        streams = {
            name: functools.partial(self._stream, name, training.seed + 1000 * number)
            for number, name in enumerate(self.objectives)
        }
        batches = mix(
            streams,
            self.recipe.objectives,
            training.seed,
            taking_turns=training.objective_weights == "loss",
            first_step=0 if self.prepared is None else step,
        )
        if self.prepared is None:
            batches = batches.skip(step)
        # Several workers share every batch; by default each would read other files.
        options = tf.data.Options()
        options.experimental_distribute.auto_shard_policy = (
            tf.data.experimental.AutoShardPolicy.DATA
        )
        return batches.with_options(options)

    def _stream(self, name, seed, steps):
        """The batches of an objective, which are used at these steps."""
        training, objective = self.recipe.training, self.objectives[name]
        sources = self.train_sources[name]
        counts = {key: source.count for key, source in sources.items()}
        if self.prepared is not None:
            shares = language_probabilities(counts, training.language_alpha.value(0))
            position = self._position.streams[name]
            first = position.batches
            if objective.has_decoder:
                windows = _windows(sources, shares, seed, WINDOW_OF_PAIRS)
                size = training.tokens_of_batch
                return objective.batch_windows(windows, size, seed).skip(first)
            count = position.num_streams
            size = training.batch_size // count

            def batches_of(stream, window, row):
                windows = _windows(sources, shares, seed, WINDOW, window, count)
                rows = objective.pack_windows(
                    windows, seed, window, count, row, position.note
                )
                number = first * count + stream
                return objective.mask_rows(rows, size, seed, steps, number, count)

            return self._as_others(_side_by_side(batches_of, position, size))
        examples = {key: source.examples for key, source in sources.items()}
        alpha, starts = training.language_alpha, self.recipe.starts(name)
        is_constant = alpha.is_constant and not any(starts.values())
        if objective.has_decoder:
            size = training.tokens_of_batch
            if is_constant:
                shares = language_probabilities(counts, alpha.value(0))
                examples = sample_datasets(examples, shares, seed)
                return objective.train_batches(examples, size, seed)
            # Batches of one language, for the same reason as rows below.
            shuffled = repeat_shuffled(examples, seed).values()
            return tf.data.Dataset.sample_from_datasets(
                [
                    objective.train_batches(own, size, seed + number)
                    for number, own in enumerate(shuffled)
                ],
                steps.map(_shares(counts, alpha, starts)),
                seed=seed,
            )
        streams = training.rows == "stream" and objective.reads == "texts"
        if not streams and is_constant:
            shares = language_probabilities(counts, alpha.value(0))
            rows = objective.pack_rows(sample_datasets(examples, shares, seed), seed)
        else:
            # Rows are of one language: the step at which one is used is known.
            if streams:
                own_rows = [
                    stream_rows(objective, own, seed + number)
                    for number, own in enumerate(examples.values())
                ]
            else:
                shuffled = repeat_shuffled(examples, seed)
                own_rows = [
                    objective.pack_rows(own, seed + number).unbatch().batch(1)
                    for number, own in enumerate(shuffled.values())
                ]
            by_row = steps.map(_shares(counts, alpha, starts)).flat_map(
                lambda shares: tf.data.Dataset.from_tensors(shares).repeat(
                    training.batch_size
                )
            )
            rows = tf.data.Dataset.sample_from_datasets(own_rows, by_row, seed=seed)
        batches = objective.mask_rows(rows, training.batch_size, seed, steps)
        return self._as_others(batches)

    def _as_others(self, batches):
        """Batches of an encoder's objective in the structure that the model reads."""
        if not self.recipe.has_decoder:
            return batches
        return batches.map(lambda inputs, *others: (with_decoder(inputs), *others))

    def evaluation_groups(self):
        """What is scored apart: "mlm/fr", "tlm/en-fr"..., in the batches' order."""
        return [
            f"{name}/{key}"
            for name in self._scored()
            for key in self.held_out_sources[name]
        ]

    def _scored(self):
        """The objectives whose targets have a perplexity, given their sources."""
        return {
            name: objective
            for name, objective in self.objectives.items()
            if objective.has_perplexity
        }

    def evaluation_batches(self):
        """The held-out batches of every objective; their rows tell the group.

        None where back-translation is the only objective: no source of it is given.
        """
        batches = None
        num_groups = 0
        training = self.recipe.training
        for name, objective in self._scored().items():
            sources = self.held_out_sources[name]
            examples = {key: source.examples for key, source in sources.items()}
            if objective.has_decoder:
                own = objective.evaluation_batches(examples, training.tokens_of_batch)
            else:
                own = objective.evaluation_batches(examples, training.batch_size)
                own = self._as_others(own)
            first = num_groups

            def number_on(inputs, targets, weights, group, first=first):
                return inputs, targets, weights, group + first

            own = own.map(number_on)
            batches = own if batches is None else batches.concatenate(own)
            num_groups += len(sources)
        return batches


@dataclasses.dataclass(frozen=True)
class _PreparedExamples:
    """The examples of a language, or of a pair, in prepared corpora."""

    languages: tuple
    parts: list

    @property
    def count(self):
        return sum(part.count for part in self.parts)


def _prepared_by_objective(prepared, recipe):
    texts, pairs = prepared.parts()
    read = {
        "texts": {key: _PreparedExamples((key,), own) for key, own in texts.items()},
        "pairs": {
            "-".join(pair): _PreparedExamples(pair, own) for pair, own in pairs.items()
        },
    }
    return {
        name: {
            key: own
            for key, own in read[OBJECTIVES[name].reads].items()
            if key in recipe.starts(name)
        }
        for name in recipe.objectives
    }


def _held_out_beside(prepared, recipe, processes):
    """The texts to score of a recipe with prepared corpora, and their reports."""
    if recipe.held_out is not None:
        held_out = sources_of(recipe.held_out, processes)
        return held_out, reports_of(held_out)
    return held_out_sources(prepared.held_out), []


def _side_by_side(batches_of, position, size):
    """Batches of the rows of all streams that are read, those of the first one first.

    `batches_of` makes a stream, of batches of `size` rows, of its number and the window
    and the row where it begins.
    """
    begins = [(stream, *position.places[:, stream]) for stream in position.own]
    if len(begins) == 1:
        return batches_of(*begins[0])
    # One function for all streams: making one for each takes a second.
    batches = tf.data.Dataset.from_tensor_slices(
        tuple(np.array(own) for own in zip(*begins, strict=True))
    ).interleave(batches_of, cycle_length=len(begins), block_length=1)

    def joined(*batches):
        return tf.nest.map_structure(
            lambda x: tf.reshape(x, (len(begins) * size, *x.shape[2:])), batches
        )

    return batches.batch(len(begins), drop_remainder=True).map(joined)


def _windows(sources, shares, seed, size, first=0, step=1):
    """The windows of the examples of prepared corpora, as objectives read them."""
    parts = {key: source.parts for key, source in sources.items()}
    examples = TokenExamples(parts, shares, seed)
    languages = tf.constant([source.languages for source in sources.values()])

    def name_sides(drawn, ids):
        own = tf.gather(languages, drawn)  # (B, sides)
        if len(ids) == 1:
            return {"text": ids[0], "language": own[:, 0]}
        return {
            "source": ids[0],
            "target": ids[1],
            "source_language": own[:, 0],
            "target_language": own[:, 1],
        }

    return examples.windows(size, first, step).map(name_sides)


def _shares(counts, alpha, starts):
    """How often every language is drawn at a step, those that have begun."""
    sizes = tf.constant(list(counts.values()), "float64")
    starts = tf.constant([starts[key] for key in counts], "int64")

    def by_step(step):
        has_begun = step >= starts
        largest = tf.reduce_max(tf.where(has_begun, sizes, 0.0))
        return tf.where(has_begun, (sizes / largest) ** alpha.value(step), 0.0)

    return by_step
