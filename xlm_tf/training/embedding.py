"""The data and the model of a recipe of embeddings: pairs, with negatives or scores."""

import collections

import tensorflow as tf

from xlm_tf.data.pairs import (
    read_aligned_pairs,
    read_bitext_pairs,
    read_pair_table,
)
from xlm_tf.evaluation.row_languages import name_pair_languages
from xlm_tf.models.text_embedder import XLMTextEmbedder
from xlm_tf.models.text_embedder_preprocessor import (
    PROMPT_ARGUMENTS,
    XLMTextEmbedderPreprocessor,
)
from xlm_tf.text.languages import language_probabilities
from xlm_tf.training.contrastive import ContrastiveTrainer
from xlm_tf.training.contrastive_losses import NO_TEXT
from xlm_tf.training.held_out import text_key
from xlm_tf.training.task_building import (
    build_encoder,
    compile_trainer,
    read_initial_model,
)
from xlm_tf.training.task_data import TaskData

_SIDES = ("source", "target")


class EmbeddingData(TaskData):
    """Pairs of texts, see `TaskData`."""

    nouns = "pairs"

    def __init__(self, recipe):
        super().__init__(recipe)
        size = recipe.training.batch_size
        for name, count in self._counts().items():
            if count < size:
                raise ValueError(
                    f"recipe.data has {count:,} of {name} to train on, and a batch is "
                    "of one pair of languages: lower recipe.training.batch_size, "
                    f"{size}, or leave them out."
                )

    def read_entry(self, entry, report):
        """See `TaskData`."""
        if entry.bitext:
            rows, _ = read_bitext_pairs(entry.bitext, *entry.languages, report)
        elif entry.source_file:
            rows, _ = read_aligned_pairs(entry.source_file, entry.target_file, report)
        else:
            rows = super().read_entry(entry, report)
        for row in rows:
            for side, language in zip(_SIDES, entry.languages, strict=True):
                row[f"{side}_language"] = language
            row.setdefault("group", text_key(row["source"]))
        return rows

    def read_file(self, path, entry, report):
        rows, _ = read_pair_table(
            path,
            entry.source,
            entry.target,
            entry.negatives,
            entry.score,
            group=self.recipe.group_of(entry),
            report=report,
        )
        return rows

    def language_of(self, row, entry):
        """See `TaskData`."""
        return entry.name

    def spelled(self, language):
        """See `TaskData`: a pair of languages is spelled as its entry does."""
        return language

    def keys(self, row):
        """The texts; of pairs with a number, in which texts stand often, both."""
        keys = [text_key(row[side]) for side in _SIDES]
        return {tuple(keys)} if self.recipe.is_scored else set(keys)

    def read_labels(self):
        """There are none."""

    def chosen_metric(self):
        """See `TaskData`."""
        return self.recipe.training.early_stopping_metric or self.recipe.metrics[0]

    def describe(self, reporter):
        pairs = ", ".join(f"{name} ({n:,})" for name, n in self._counts().items())
        reporter.say(f"Pairs: {pairs}.")

    def name_languages(self, preprocessor):
        """See `TaskData`."""
        for rows in (self.train, self.held_out, self.test):
            name_pair_languages(rows, preprocessor)

    def build_model(self):
        recipe = self.recipe
        initial, arguments, prompts = None, {"pooling": "mean"}, {}
        if recipe.initial_model is not None:
            initial = read_initial_model(recipe)
        is_embedder = isinstance(initial, XLMTextEmbedder)
        if is_embedder:
            arguments = initial.get_config()
            for part in ("backbone", "preprocessor", "dtype"):
                arguments.pop(part, None)
            prompts = {x: getattr(initial.preprocessor, x) for x in PROMPT_ARGUMENTS}
        if recipe.pooling is not None:
            arguments["pooling"] = recipe.pooling
        backbone, preprocessor = build_encoder(
            recipe, XLMTextEmbedderPreprocessor, initial, **prompts
        )
        # Cosines are what is trained.
        arguments["normalize"] = True
        model = XLMTextEmbedder(backbone, preprocessor, compile=False, **arguments)
        if is_embedder:
            model.set_weights(initial.get_weights())
        return model

    def build_trainer(self, model):
        """See `TaskData`."""
        training = self.recipe.training
        trainer = ContrastiveTrainer(
            model,
            temperature=training.temperature,
            margin=training.margin,
            clip_norm=training.clip_norm,
            symmetric=training.symmetric,
            matryoshka_dims=training.matryoshka_dims,
            accumulation_steps=training.accumulation_steps,
        )
        return compile_trainer(trainer, model, training)

    def train_inputs(self):
        fields = {"text": [], "language": []}
        for row in self.train:
            texts = [row["source"], row["target"], *row.get("negatives", ())]
            fields["text"] += texts
            if "source_of_model" in row:
                languages = [row["source_of_model"]]
                languages += [row["target_of_model"]] * (len(texts) - 1)
                fields["language"] += languages
        return {name: values for name, values in fields.items() if values}

    def train_batches(self, model):
        columns = self._columns()

        def rows(chosen):
            return tf.nest.map_structure(lambda x: tf.gather(x, chosen), columns)

        lengths = [len(row["source"]) + len(row["target"]) for row in self.train]
        languages = {}
        for number, row in enumerate(self.train):
            languages.setdefault(row["language"], []).append(number)
        counts, training = self._counts(), self.recipe.training
        streams = [
            self.epochs(lengths, rows, chosen=languages[name]) for name in counts
        ]
        if len(streams) == 1:
            return streams[0]
        shares = language_probabilities(counts, training.language_alpha)
        return tf.data.Dataset.sample_from_datasets(
            streams, list(shares.values()), seed=training.seed
        )

    def _counts(self):
        """dict from the pairs of languages, sorted, to how many pairs are trained."""
        counts = collections.Counter(row["language"] for row in self.train)
        return dict(sorted(counts.items()))

    def _columns(self):
        """What the trainer takes, of all rows: dict of tensors (rows, ...)."""
        width = max(len(row.get("negatives", ())) for row in self.train)
        negatives = [
            [*row.get("negatives", ()), *[""] * (width - len(row.get("negatives", ())))]
            for row in self.train
        ]
        texts = {side: [row[side] for row in self.train] for side in _SIDES}
        keys = {f"{side}_key": list(map(_key, own)) for side, own in texts.items()}
        columns = {side: {"text": own} for side, own in texts.items()}
        if width:
            columns["negatives"] = {"text": negatives}
            keys["negatives_key"] = [list(map(_key, own)) for own in negatives]
        if "source_of_model" in self.train[0]:
            for side in _SIDES:
                of_side = [row[f"{side}_of_model"] for row in self.train]
                columns[side]["language"] = of_side
            if width:
                languages = [[own] * width for own in columns["target"]["language"]]
                columns["negatives"]["language"] = languages
        columns = {
            name: {field: tf.constant(x, tf.string) for field, x in own.items()}
            for name, own in columns.items()
        }
        columns |= {name: tf.constant(own, tf.int64) for name, own in keys.items()}
        if self.recipe.is_scored:
            numbers = [row["number"] for row in self.train]
            columns["score"] = tf.constant(numbers, tf.float32)
        return columns


def _key(text):
    """A number for a text, as `text_key`, that fits into an int64."""
    return text_key(text) >> 1 if text else NO_TEXT
