"""Extractive question answering: which words of a text answer a question."""

import dataclasses
import warnings
from collections.abc import Mapping

import keras
import keras_hub
import numpy as np

from xlm_tf.checkpoints.checkpoint_head import CheckpointHead, has_tensor
from xlm_tf.checkpoints.keras_hub import check_new_head
from xlm_tf.checkpoints.tensor_names import dense
from xlm_tf.generation.search_arguments import whole_number
from xlm_tf.layers.precision import at_least_float32
from xlm_tf.models.answer_spans import BestSpans
from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.losses import SpanCrossentropy
from xlm_tf.models.optional_inputs import OptionalInputs
from xlm_tf.models.packed_outputs import packed_outputs
from xlm_tf.models.question_answering_preprocessor import (
    XLMQuestionAnsweringPreprocessor,
    answering_fields,
    check_answering_fields,
)
from xlm_tf.models.saving import check_separators
from xlm_tf.models.task import XLMTask
from xlm_tf.models.text_reading import read_column
from xlm_tf.text.byte_offsets import as_strings, character_offsets

# The `no_answer_score` of a context without tokens.
NO_SPAN = 1e9


def _read_head(checkpoint, head, arguments):
    """See `CheckpointHead.read`: without a head in the file, a new one begins."""
    names = checkpoint.tensors.names
    if not any(name.startswith("qa_outputs.") for name in names):
        check_new_head(checkpoint)
        warnings.warn(
            f"{checkpoint.path} has no head for question answering: a new one begins "
            "with random weights, to be trained.",
            stacklevel=5,
        )
        return arguments, {}
    if "qa_outputs.weight" not in names:
        raise ValueError(
            f"{checkpoint.path} has transformers' beam head for question answering "
            "(XLMForQuestionAnswering), which is not supported. Expected the "
            "simple one."
        )
    return arguments, head.tensors


def _head_settings(model, family):
    check_separators(model, family)
    return {}


_HEAD = CheckpointHead(
    families=("xlm-roberta", "bert"),
    architecture="ForQuestionAnswering",
    tensors=dense("span_dense", "qa_outputs"),
    is_in=has_tensor("qa_outputs.weight"),
    read=_read_head,
    settings=_head_settings,
)
_HEAD_OF_XLM = dataclasses.replace(
    _HEAD, families=("xlm",), architecture="ForQuestionAnsweringSimple"
)


@keras.saving.register_keras_serializable("xlm_tf")
class XLMQuestionAnswering(OptionalInputs, XLMTask, keras_hub.models.Task):
    """A backbone that scores every token as an answer's first and last one.

    Args:
        backbone: an `XLMBackbone`.
        preprocessor: an `XLMQuestionAnsweringPreprocessor`, or None to pass token ids.
        no_answer_threshold: float, see `answer`.

    Call arguments:
        inputs: dict as for the backbone: the question, then the context.

    Returns:
        float32 logits (B, T, 2): of an answer that starts, and that ends, at a token;
        -1e9 for padding, which no answer holds.

    Example:
    ```python
    import numpy as np
    import xlm_tf
    backbone = xlm_tf.XLMBackbone(
        vocabulary_size=100, num_layers=1, num_heads=2, hidden_dim=16,
        intermediate_dim=64,
    )
    xlm_tf.XLMQuestionAnswering(backbone)(np.array([[0, 5, 2, 2, 6, 2]])).shape
    # (1, 6, 2)
    ```
    """

    backbone_cls = XLMBackbone
    preprocessor_cls = XLMQuestionAnsweringPreprocessor
    checkpoint_heads = (_HEAD, _HEAD_OF_XLM)
    input_names = XLMBackbone.input_names
    padding_output = -1e9  # never the best position
    classes_axis = 1  # the positions

    def __init__(self, backbone, preprocessor=None, no_answer_threshold=None, **kwargs):
        self.backbone = backbone
        self.preprocessor = preprocessor
        self.no_answer_threshold = _checked_threshold(no_answer_threshold)
        self.span_dense = keras.layers.Dense(
            2,
            kernel_initializer=backbone.kernel_initializer(),
            dtype=at_least_float32(backbone.dtype_policy),
            name="span_dense",
        )
        inputs = backbone.input
        super().__init__(inputs=inputs, outputs=self.forward(inputs), **kwargs)

    def forward(self, inputs):
        """From the backbone's inputs to the result, see the class."""
        logits = self.span_dense(self.backbone(inputs))  # (B, T, 2)
        return self.mask_padding(logits, inputs)

    def compile(self, optimizer="auto", loss="auto", **kwargs):
        """As `keras.Model.compile`.

        Args:
            optimizer: "auto" is Adam with a learning rate of 5e-5.
            loss: "auto" is `SpanCrossentropy`.
            **kwargs: see `keras.Model.compile`.
        """
        if optimizer == "auto":
            optimizer = keras.optimizers.Adam(5e-5)
        if loss == "auto":
            loss = SpanCrossentropy(dtype=self.span_dense.compute_dtype)
        super().compile(optimizer=optimizer, loss=loss, **kwargs)

    def _read_inputs(self, x):
        if hasattr(x, "columns") and "question" in list(x.columns):
            x = {name: x[name] for name in x.columns}
        check_answering_fields(x)
        x = super()._read_inputs(answering_fields(x))
        return (x, x) if np.shape(x) == (0,) else x  # no questions

    def _read_targets(self, y):
        if hasattr(y, "columns") and hasattr(y, "to_numpy"):  # a data frame
            y = y.to_numpy()
        elif hasattr(y, "to_list"):  # a column of pairs
            y = y.to_list()
        y = super()._read_targets(y)
        if self.preprocessor is None or not isinstance(y, np.ndarray):
            return y
        y = y.reshape(0, 2) if y.shape == (0,) else y
        if y.ndim != 2 or y.shape[1] != 2 or (y != np.floor(y)).any():
            raise ValueError(
                "Answers are rows of two whole numbers: the first character in the "
                "context, and the one behind the last; -1, -1 where there is none. "
                f"Received: an array of {y.dtype.name}, {y.shape}."
            )
        begin, end = y.T
        is_wrong = (begin > end) | ((begin < 0) & (end > 0))
        if is_wrong.any():
            row = int(np.flatnonzero(is_wrong)[0])
            raise ValueError(
                "An answer ends behind its first character; -1, -1 is none. "
                f"Row {row} of `y` is {y[row].tolist()}."
            )
        return y.astype("int32")

    def _read(self, x, y=None, sample_weight=None, method=None):
        examples = super()._read(x, y, sample_weight, method)
        texts, spans = examples.parts["x"], examples.parts.get("y")
        contexts = None
        if isinstance(texts, tuple):
            contexts = texts[1]
        elif isinstance(texts, dict):
            contexts = texts.get("text_pair")
        if contexts is not None and isinstance(spans, np.ndarray):
            sizes = np.array([len(text) for text in as_strings(contexts.tolist())])
            behind = np.flatnonzero(spans[:, 1] > sizes)
            if len(behind):
                row = int(behind[0])
                raise ValueError(
                    f"An answer ends behind its context. Row {row} of `y` is "
                    f"{spans[row].tolist()}, and the context has {sizes[row]} "
                    "characters."
                )
        return examples

    def _class_weight(self, class_weight, sample_weight):
        raise ValueError(
            "Answers have no classes to weigh: pass sample_weight, one a question. "
            f"Received: class_weight={class_weight!r}."
        )

    def _token_ids_of(self, parts):
        if self.preprocessor is None:
            return super()._token_ids_of(parts)
        inputs, _ = self.preprocessor.pack_windows(parts["x"])
        return inputs["token_ids"]

    def preprocess_samples(self, x, y=None, sample_weight=None):
        if isinstance(x, Mapping) and "token_ids" in x:  # windows, packed before
            return keras.utils.pack_x_y_sample_weight(x, y, sample_weight)
        return super().preprocess_samples(x, y, sample_weight)

    def answer(
        self,
        questions,
        contexts,
        top_k=None,
        max_answer_length=30,
        no_answer_threshold=None,
        overlap=128,
        language=None,
        batch_size=32,
    ):
        """The most probable answers, in the words of their contexts.

        Contexts may be of any length: long ones are read in windows that overlap, and
        the best span of all windows is the answer.

        Args:
            questions: str or list of str.
            contexts: str or list of str, as many.
            top_k: int, answers to a question; by default the best alone.
            max_answer_length: int, in tokens, at least 1.
            no_answer_threshold: float: there is no answer where `no_answer_score` is
                larger (0 for a model that was trained on questions without answers).
                Defaults to the model's; where that is None too, there always is one.
            overlap: int, tokens that neighbouring windows share.
            language: str, of the texts, where the model or its tokenizer has any.
            batch_size: int, windows at once.

        Returns:
            List, one entry per question, of a dict, or with `top_k` of a list of dict,
            the best first, with

            - `answer`: str, the characters `context[start:end]`; "" for no answer;
            - `start`, `end`: int, in characters of the context;
            - `score`: float, the probability of the span among all, of all windows; of
              no answer, that of the windows' first tokens;
            - `no_answer_score`: float, how much larger the logits are for no answer
              (of the window where they are smallest) than for the best span.

        Raises:
            ValueError: not as many contexts as questions, an argument that is none of
                those above, a language that the model does not have.
        """
        max_answer_length = whole_number("max_answer_length", max_answer_length)
        overlap = whole_number("overlap", overlap, 0)
        num_best = whole_number("top_k", 1 if top_k is None else top_k)
        questions, contexts = (
            as_strings(read_column(texts, name))
            for texts, name in ((questions, "questions"), (contexts, "contexts"))
        )
        if len(questions) != len(contexts):
            raise ValueError(
                "Every question needs a context of its own. Received: "
                f"{len(questions)} questions and {len(contexts)} contexts."
            )
        no_answer_threshold = _checked_threshold(no_answer_threshold)
        if no_answer_threshold is None:
            no_answer_threshold = self.no_answer_threshold
        preprocessor = self.text_preprocessor("answer")
        fields = {"question": questions, "context": contexts}
        if language is not None:
            preprocessor.check_language(language)
            fields["language"] = language
        if not questions:
            return []
        inputs, places = preprocessor.pack_windows(fields, overlap=overlap)
        places = {name: value.numpy() for name, value in places.items()}
        best = BestSpans(len(questions), num_best, max_answer_length)
        for begin, logits in packed_outputs(self, inputs, batch_size):
            rows = slice(begin, begin + len(logits))
            own = {name: value[rows] for name, value in places.items()}
            best.add(logits, own["row"], own["starts"], own["ends"])
        answers = [
            self._answers_of(context, *spans, no_answer_threshold)
            for context, spans in zip(contexts, best.results(), strict=True)
        ]
        return [own[0] for own in answers] if top_k is None else answers

    def _answers_of(self, context, spans, none, threshold):
        """See `answer`: of one question, and what `BestSpans` gives of it."""
        to_character = character_offsets(context)
        no_answer_score = none.score - spans[0].score if spans else NO_SPAN
        answers = [
            {
                "answer": context[to_character[x.start] : to_character[x.end]],
                "start": int(to_character[x.start]),
                "end": int(to_character[x.end]),
                "score": x.probability,
                "no_answer_score": no_answer_score,
            }
            for x in spans
        ]
        if not spans or (threshold is not None and no_answer_score > threshold):
            nothing = {"answer": "", "start": 0, "end": 0, "score": none.probability}
            answers.insert(0, {**nothing, "no_answer_score": no_answer_score})
        return answers

    def get_config(self):
        return {**super().get_config(), "no_answer_threshold": self.no_answer_threshold}


def _checked_threshold(value):
    """A `no_answer_threshold`: None, or a float, also infinity."""
    is_number = isinstance(value, int | float | np.number)
    if value is not None and (
        not is_number or isinstance(value, bool) or np.isnan(value)
    ):
        raise ValueError(
            "no_answer_threshold must be a number, or None for always an answer. "
            f"Received: no_answer_threshold={value!r}."
        )
    return None if value is None else float(value)
