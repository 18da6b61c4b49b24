"""The data and the model of a recipe of question answering."""

import numpy as np
import tensorflow as tf

from xlm_tf.data.questions import read_questions
from xlm_tf.models.question_answering import XLMQuestionAnswering
from xlm_tf.models.question_answering_preprocessor import (
    XLMQuestionAnsweringPreprocessor,
)
from xlm_tf.models.text_packing import padding_multiple
from xlm_tf.training.held_out import text_key
from xlm_tf.training.task_building import build_encoder
from xlm_tf.training.task_data import TaskData

# Questions that are cut into windows at once.
_BLOCK = 256


class QuestionAnsweringData(TaskData):
    """Questions with contexts and answers, see `TaskData`."""

    nouns = "questions"

    def read_file(self, path, entry, report):
        rows, _ = read_questions(path, report=report, **self.recipe.reading(entry))
        return rows

    def keys(self, row):
        return {(text_key(row["question"]), text_key(row["context"]))}

    def read_labels(self):
        """There are none."""

    def describe(self, reporter):
        without = sum(not row["answers"] for row in self.train)
        if without:
            reporter.say(
                f"{without:,} of {len(self.train):,} questions have no answer."
            )

    def build_model(self):
        training = self.recipe.training
        backbone, preprocessor = build_encoder(
            self.recipe,
            XLMQuestionAnsweringPreprocessor,
            max_question_length=training.max_question_length,
        )
        return XLMQuestionAnswering(
            backbone,
            preprocessor=preprocessor,
            no_answer_threshold=self.recipe.no_answer_threshold,
            compile=False,
        )

    def train_inputs(self):
        return _fields_of(self.train)

    def train_batches(self, model):
        columns = self._windows(model.preprocessor)
        columns = {name: tf.constant(values) for name, values in columns.items()}
        positions = columns.pop("positions")
        of_row = columns.pop("row").numpy()
        multiple = padding_multiple(model.preprocessor.sequence_length)

        def rows(chosen):
            inputs = {name: tf.gather(x, chosen) for name, x in columns.items()}
            lengths = tf.reduce_sum(tf.cast(inputs["padding_mask"], "int32"), axis=1)
            width = tf.reduce_max(lengths) + multiple - 1
            width -= width % multiple
            inputs = {name: x[:, :width] for name, x in inputs.items()}
            weights = tf.ones(tf.shape(chosen), "float32")
            return inputs, tf.gather(positions, chosen), weights

        lengths = tf.reduce_sum(tf.cast(columns["padding_mask"], "int32"), axis=1)
        languages = [self.train[number]["language"] for number in of_row]
        return self.epochs(lengths.numpy(), rows, languages)

    def _windows(self, preprocessor):
        """Arrays of all windows (W, T), `positions` (W, 2) and `row` (W,)."""
        parts = []
        for begin in range(0, len(self.train), _BLOCK):
            block = self.train[begin : begin + _BLOCK]
            inputs, places = preprocessor.pack_windows(
                _fields_of(block),
                [_span(row) for row in block],
                self.recipe.training.overlap,
            )
            packed = {**inputs, "positions": places["positions"]}
            packed["row"] = places["row"] + begin
            parts.append({name: value.numpy() for name, value in packed.items()})
        pad = preprocessor.tokenizer.pad_token_id
        width = max(part["token_ids"].shape[1] for part in parts)
        return {
            name: np.concatenate(
                [
                    _as_wide(part[name], width, pad * (name == "token_ids"))
                    if name not in ("positions", "row")
                    else part[name]
                    for part in parts
                ]
            )
            for name in parts[0]
        }


def _as_wide(values, width, fill):
    missing = [(0, 0), (0, width - values.shape[1])]
    return np.pad(values, missing, constant_values=fill)


def _fields_of(rows):
    """What the model reads of rows: dict of lists."""
    fields = {name: [row[name] for row in rows] for name in ("question", "context")}
    if "of_model" in rows[0]:
        fields["language"] = [row["of_model"] for row in rows]
    return fields


def _span(row):
    """The characters of the first answer, or -1, -1."""
    if not row["answers"]:
        return -1, -1
    text, start = row["answers"][0]
    return start, start + len(text)
