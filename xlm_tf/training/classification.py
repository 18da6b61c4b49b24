"""The data and the model of a recipe of classification: sentiment, topics, pairs."""

import collections

import numpy as np
import tensorflow as tf

from xlm_tf.data.tables import read_table
from xlm_tf.evaluation.class_scores import columns_of
from xlm_tf.models.text_classifier import XLMTextClassifier
from xlm_tf.models.text_classifier_preprocessor import XLMTextClassifierPreprocessor
from xlm_tf.training.held_out import text_key
from xlm_tf.training.task_building import build_encoder
from xlm_tf.training.task_data import TaskData, check_classes


class ClassificationData(TaskData):
    """Texts, or pairs, with a class each, see `TaskData`."""

    def __init__(self, recipe):
        self.labels = recipe.labels
        super().__init__(recipe)

    def read_file(self, path, entry, report):
        rows, _ = read_table(path, self.recipe.columns_of(entry), report=report)
        check_classes(path, {row["label"] for row in rows}, self.labels, "classes")
        return rows

    def keys(self, row):
        return {(text_key(row["text"]), text_key(row.get("text_pair") or ""))}

    def class_of(self, row):
        """See `TaskData`."""
        return row["label"]

    def read_labels(self):
        if self.labels is not None:
            return
        self.labels = sorted({row["label"] for row in self.train})
        if len(self.labels) < 2:
            raise ValueError(
                "recipe.data must have two classes or more in the column "
                f"{self.recipe.label!r}. Received: {', '.join(self.labels)}."
            )

    def describe(self, reporter):
        counts = collections.Counter(row["label"] for row in self.train)
        classes = ", ".join(f"{x} ({counts[x]:,} texts)" for x in self.labels)
        reporter.say(f"Classes: {classes}.")

    def build_model(self):
        backbone, preprocessor = build_encoder(
            self.recipe, XLMTextClassifierPreprocessor
        )
        return XLMTextClassifier(
            backbone, preprocessor=preprocessor, labels=self.labels, compile=False
        )

    def train_inputs(self):
        return columns_of(self.train)

    def train_batches(self, model):
        count = len(self.train)
        fields = {name: tf.constant(x) for name, x in columns_of(self.train).items()}
        numbers = np.array([self.labels.index(row["label"]) for row in self.train])
        weights = np.ones(count, "float32")
        if self.recipe.training.class_weight == "balanced":
            sizes = np.bincount(numbers, minlength=len(self.labels))
            present = np.count_nonzero(sizes)
            weights = (count / (present * np.maximum(sizes, 1)))[numbers]
        labels = tf.constant(numbers, "int32")
        weights = tf.constant(weights, "float32")

        def rows(chosen):
            texts = {name: tf.gather(column, chosen) for name, column in fields.items()}
            return texts, tf.gather(labels, chosen), tf.gather(weights, chosen)

        lengths = [
            len(row["text"]) + len(row.get("text_pair") or "") for row in self.train
        ]
        return self.epochs(lengths, rows)
