"""The data and the model of a recipe of tagging: named entities, parts of speech."""

import collections

import tensorflow as tf

from xlm_tf.data.tagged_words import read_tagged_words
from xlm_tf.models.token_classifier import XLMTokenClassifier
from xlm_tf.models.token_classifier_preprocessor import XLMTokenClassifierPreprocessor
from xlm_tf.text.tag_schemes import OUTSIDE, has_entities
from xlm_tf.training.held_out import text_key
from xlm_tf.training.task_building import build_encoder
from xlm_tf.training.task_data import TaskData, check_classes


class TaggingData(TaskData):
    """Sentences of words with tags, see `TaskData`."""

    nouns = "sentences"

    def __init__(self, recipe):
        self.labels = recipe.labels
        super().__init__(recipe)

    def read_file(self, path, entry, report):
        reading = self.recipe.reading(path, entry)
        rows, _ = read_tagged_words(path, report=report, **reading)
        found = {tag for row in rows for tag in row["tags"]}
        check_classes(path, found, self.labels, "tags")
        return rows

    def keys(self, row):
        return {text_key(" ".join(row["words"]))}

    def read_labels(self):
        if self.labels is not None:
            return
        found = {tag for row in self.train for tag in row["tags"]}
        self.labels = sorted(found, key=lambda tag: (tag != OUTSIDE, tag))
        if len(self.labels) < 2:
            raise ValueError(
                "recipe.data must have two tags or more. "
                f"Received: {', '.join(self.labels)}."
            )

    def chosen_metric(self):
        given = self.recipe.training.early_stopping_metric
        allowed = ["accuracy", "macro_f1"]
        if has_entities(self.labels):
            allowed = ["f1", "precision", "recall"]
        if given is None:
            return allowed[0]
        if given.partition("/")[0] not in allowed:
            raise ValueError(
                "recipe.training.early_stopping_metric must be one of "
                f"{', '.join(allowed)} for these tags: {', '.join(self.labels)}. "
                f"Received: {given}."
            )
        return given

    def describe(self, reporter):
        counts = collections.Counter(tag for row in self.train for tag in row["tags"])
        tags = ", ".join(f"{x} ({counts[x]:,} words)" for x in self.labels)
        reporter.say(f"Tags: {tags}.")

    def build_model(self):
        backbone, preprocessor = build_encoder(
            self.recipe, XLMTokenClassifierPreprocessor
        )
        return XLMTokenClassifier(
            backbone, preprocessor=preprocessor, labels=self.labels, compile=False
        )

    def train_inputs(self):
        fields = {"words": [row["words"] for row in self.train]}
        if "of_model" in self.train[0]:
            fields["language"] = [row["of_model"] for row in self.train]
        return fields

    def train_batches(self, model):
        number_of = {tag: number for number, tag in enumerate(self.labels)}
        columns = {
            name: tf.ragged.constant(values, tf.string)
            for name, values in self.train_inputs().items()
        }
        tags = tf.ragged.constant(
            [[number_of[tag] for tag in row["tags"]] for row in self.train], tf.int32
        )

        def rows(chosen):
            fields = {name: tf.gather(x, chosen) for name, x in columns.items()}
            return fields, tf.gather(tags, chosen)

        return self.epochs([len(row["words"]) for row in self.train], rows)
